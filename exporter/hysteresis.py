"""From the evidence of one check to a state that lasts: ok, warning, drift, recovering, ok.

Pure: what is remembered goes in and comes out, as plain values that can be kept in a file or a row.
A check that could not decide shows the state unknown and leaves the memory as it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from .errors import ObservationError

if TYPE_CHECKING:
    from .policy import Hysteresis

State = Literal["ok", "warning", "drift", "recovering", "unknown"]

Evidence = Literal["unknown", "clear", "warning", "lingering", "drift"]
"""What one check found: a significant effect of at least the threshold (drift), nearly that (lingering: not
enough to begin a drift, too much to end one), half of it (warning), or less (clear)."""

SEVEREST_FIRST: Final[tuple[State, ...]] = ("drift", "recovering", "warning", "ok", "unknown")
"""Of several windows or columns. One that cannot decide hides none that can."""

LASTING: Final[frozenset[State]] = frozenset({"drift", "recovering"})
"""States in which a drift has begun and is not over."""

_SHOWN: Final[dict[Evidence, State]] = {
    "unknown": "unknown",
    "clear": "ok",
    "warning": "warning",
    "lingering": "warning",
    "drift": "drift",
}


@dataclass(frozen=True, slots=True)
class Memory:
    """What is remembered of one column between checks.

    Attributes
    ----------
    state : str
        The last state that was not unknown.
    streak : int
        Checks in a row that spoke for leaving that state: with drift before it, without drift in it.
    """

    state: State = "ok"
    streak: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"state": self.state, "streak": self.streak}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Memory:
        """The memory that `to_dict` gave.

        Raises
        ------
        ObservationError
            If the values are not such.
        """
        state, streak = values.get("state"), values.get("streak")
        known: tuple[State, ...] = ("ok", "warning", "drift", "recovering")
        for name in known:
            if state == name and isinstance(streak, int):
                return cls(state=name, streak=streak)
        raise ObservationError(f"state: found {dict(values)!r}, need one of {', '.join(known)} and a streak")


def severest(states: Iterable[State]) -> State:
    """The worst of several states; unknown if there is none."""
    return min(states, key=SEVEREST_FIRST.index, default="unknown")


def at_once(evidence: Evidence) -> State:
    """State of a single check that remembers nothing."""
    return _SHOWN[evidence]


def step(memory: Memory, evidence: Evidence, rule: Hysteresis) -> tuple[State, Memory]:
    """State after one more check, and what to remember."""
    if evidence == "unknown":
        return "unknown", memory
    if memory.state in ("drift", "recovering"):
        after = _inside(memory, evidence, rule)
    else:
        after = _outside(memory, evidence, rule)
    return after.state, after


def _outside(memory: Memory, evidence: Evidence, rule: Hysteresis) -> Memory:
    if evidence != "drift":
        return Memory(_SHOWN[evidence], 0)
    streak = memory.streak + 1
    return Memory("drift", 0) if streak >= rule.drift_after else Memory("warning", streak)


def _inside(memory: Memory, evidence: Evidence, rule: Hysteresis) -> Memory:
    if evidence == "drift" or (evidence == "lingering" and memory.state == "drift"):
        return Memory("drift", 0)
    if evidence == "lingering":  # neither a new drift nor a step towards its end
        return memory
    streak = memory.streak + 1
    return Memory(_SHOWN[evidence], 0) if streak >= rule.recover_after else Memory("recovering", streak)
