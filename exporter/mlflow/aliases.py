"""Which aliases a rollout asks for, and what has to be moved for them. Pure.

A registry is moved only from where the rollout began to where it stands: an alias that somebody has set to a
third version is theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from ..errors import ConfigError

Alias = Literal["champion", "challenger"]
Standing = Literal["running", "promoted", "rolled_back"]

CHAMPION: Final = "champion"
CHALLENGER: Final = "challenger"


@dataclass(frozen=True, slots=True)
class Move:
    """An alias, and the model version that it is set to; None takes it away."""

    alias: Alias
    version: str | None


def moves(
    found: Mapping[str, str], *, champion: str, challenger: str, standing: Standing
) -> tuple[Move, ...]:
    """What makes a registry say what a rollout says, in the order in which it is safe; empty if it does.

    The champion moves before the challenger is taken away, so that a process killed in between leaves a
    registry that names both versions or one, never none.

    Parameters
    ----------
    found : mapping of str to str
        Alias to model version, as the registry has it.
    champion, challenger : str
        Versions of the rollout; the champion is the one that was there before.
    standing : {"running", "promoted", "rolled_back"}

    Raises
    ------
    ConfigError
        If the champion is a version that is not of this rollout.
    """
    serving = challenger if standing == "promoted" else champion
    now = found.get(CHAMPION)
    if now not in (None, champion, challenger):
        raise ConfigError(
            f"alias {CHAMPION}: found version {now!r}, need {champion!r} or {challenger!r} of the rollout; "
            "somebody else has moved it, and it stays"
        )
    wanted = [] if now == serving else [Move(CHAMPION, serving)]
    tried = found.get(CHALLENGER)
    if standing == "running":
        # A newer candidate may have it by now; its turn comes after this rollout.
        return (*wanted, Move(CHALLENGER, challenger)) if tried is None else tuple(wanted)
    return (*wanted, Move(CHALLENGER, None)) if tried == challenger else tuple(wanted)
