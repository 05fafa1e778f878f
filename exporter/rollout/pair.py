"""Whether two versions of a model can take each other's place."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ..errors import ConfigError
from ..metrics import METHODS
from ..predictor import InstrumentedPredictor
from ..reference import Reference


def methods_of(predictor: InstrumentedPredictor) -> dict[str, Callable[..., Any]]:
    """What can be asked of a predictor; `call` is the predictor itself."""
    own = vars(predictor)
    return {name: own[key] for name in METHODS if (key := "_call" if name == "call" else name) in own}


def require_pair(
    champion: InstrumentedPredictor, challenger: InstrumentedPredictor
) -> tuple[Reference, Reference]:
    """References of two versions that can take each other's place.

    Raises
    ------
    ConfigError
        Saying what is in the way.
    """
    if champion.name != challenger.name:
        raise ConfigError(f"challenger: found the model {challenger.name!r}, need {champion.name!r}")
    if champion.version == challenger.version:
        raise ConfigError(
            f"challenger: found version {challenger.version!r}, need another than the champion's"
        )
    if champion.registry is not challenger.registry:
        raise ConfigError(
            "challenger: found a registry of its own, need the champion's: pass registry= to both"
        )
    if champion.reference is None or challenger.reference is None:
        which = "champion" if champion.reference is None else "challenger"
        raise ConfigError(f"{which}: found no reference, need one for each: it switches with the model")
    for name, function in methods_of(champion).items():
        theirs = methods_of(challenger).get(name)
        if theirs is None:
            raise ConfigError(f"challenger: found no {name}, need every method that the champion has")
        if inspect.iscoroutinefunction(theirs) != inspect.iscoroutinefunction(function):
            raise ConfigError(f"challenger: found one of two {name} to be a coroutine, need both or none")
    return champion.reference, challenger.reference
