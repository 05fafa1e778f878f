"""What can go wrong between a client and Slack, scripted."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way to fail, for some calls.

    Attributes
    ----------
    method : str
        `chat.postMessage`, `chat.update`, `conversations.history`, `conversations.replies`, `webhook`, or
        `*`.
    status : int or None
        HTTP status to answer with; None keeps 200.
    error : str or None
        Slack's name of the error, in the body.
    retry_after : str or None
        The header as it stands: `"1"`, `"1.5"`, a date, nonsense.
    when : "before" or "after"
        Whether the call takes effect first. After is what makes an outcome uncertain.
    drop : bool
        Close the connection without an answer.
    delay_seconds : float
        Wait before answering.
    times : int or None
        How many calls it hits; None is for ever.
    probability : float
        Which share of the calls it hits.
    """

    method: str = "*"
    status: int | None = None
    error: str | None = None
    retry_after: str | None = None
    when: Literal["before", "after"] = "before"
    drop: bool = False
    delay_seconds: float = 0.0
    times: int | None = 1
    probability: float = 1.0

    @property
    def answers(self) -> bool:
        """Whether the caller gets another answer than the true one."""
        return self.drop or self.status is not None or self.error is not None


@dataclass(slots=True)
class Script:
    """The faults still to come; a call meets the first that fits it.

    Parameters
    ----------
    seed : int
        Of the draws for faults with a probability.
    """

    seed: int = 0
    _faults: list[tuple[Fault, int | None]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - a test's dice

    def add(self, fault: Fault) -> None:
        """Let a fault happen from now on."""
        with self._lock:
            self._faults.append((fault, fault.times))

    def clear(self) -> None:
        """Let everything work again."""
        with self._lock:
            self._faults.clear()

    def draw(self, method: str) -> Fault | None:
        """The fault that a call meets, or None."""
        with self._lock:
            for number, (fault, left) in enumerate(self._faults):
                if fault.method not in ("*", method) or self._random.random() >= fault.probability:
                    continue
                if left is not None:
                    self._faults[number] = (fault, left - 1)
                    if left == 1:
                        del self._faults[number]
                return fault
        return None
