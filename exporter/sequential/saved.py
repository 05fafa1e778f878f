"""Detectors by name, from a configuration; and their state as plain values, for a file or a row."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final

from ..errors import ConfigError, ObservationError
from .adwin import ADWIN
from .ddm import DDM
from .eddm import EDDM
from .hddm import HDDMW
from .kswin import KSWIN
from .page_hinkley import PageHinkley

Detector = ADWIN | DDM | EDDM | HDDMW | KSWIN | PageHinkley

DETECTORS: Final[dict[str, type[Detector]]] = {
    "adwin": ADWIN,
    "ddm": DDM,
    "eddm": EDDM,
    "hddm_w": HDDMW,
    "kswin": KSWIN,
    "page_hinkley": PageHinkley,
}
"""By the value of the label `detector`."""

STATE: Final = "state"
"""The first field that is state; those before it are parameters."""


def create(name: str, **parameters: float | str) -> Detector:
    """New detector by its name.

    Raises
    ------
    ConfigError
        If there is no such detector or parameter, or its value cannot be used.
    """
    detector = DETECTORS.get(name)
    if detector is None:
        raise ConfigError(f"detector: found {name!r}, need one of {', '.join(DETECTORS)}")
    known = parameters_of(detector)
    for parameter in parameters:
        if parameter not in known:
            raise ConfigError(f"{name}: found {parameter!r}, need one of {', '.join(known)}")
    try:
        return detector(**parameters)  # type: ignore[arg-type]  # names are checked here, values by the class
    except TypeError as error:  # a text where a number belongs
        raise ConfigError(f"{name}: {error}; need numbers") from error


def parameters_of(detector: type[Detector]) -> tuple[str, ...]:
    """Names of what can be set."""
    names = [field.name for field in dataclasses.fields(detector)]
    return tuple(names[: names.index(STATE)])


def save(detector: Detector) -> dict[str, Any]:
    """Name, parameters and state as plain values that JSON can hold."""
    names = {kind: name for name, kind in DETECTORS.items()}
    return {"detector": names[type(detector)], **dataclasses.asdict(detector)}


def restore(values: Mapping[str, Any]) -> Detector:
    """The detector that `save` was given, to go on where it stood.

    Raises
    ------
    ObservationError
        If the values are not those of a detector.
    """
    fields = dict(values)
    detector = DETECTORS.get(str(fields.pop("detector", None)))
    if detector is None:
        found = values.get("detector")
        raise ObservationError(f"saved detector: found {found!r}, need one of {', '.join(DETECTORS)}")
    known = {field.name for field in dataclasses.fields(detector)}
    if known != set(fields):
        raise ObservationError(
            f"saved detector: found the fields {sorted(fields)}, need {sorted(known)} as `save` gives them"
        )
    try:
        return detector(**fields)
    except (ConfigError, TypeError) as error:
        raise ObservationError(f"saved detector: {error}") from error
