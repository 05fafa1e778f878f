"""How a challenger comes into traffic, and what stops it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

from .errors import ConfigError

StageKind = Literal["shadow", "canary", "ab"]

STAGE_KINDS: Final[tuple[StageKind, ...]] = ("shadow", "canary", "ab")

SMALLEST_SHARE: Final = 0.001
"""Of traffic. With less a thousand rows of the challenger take a million requests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One step of a rollout.

    Attributes
    ----------
    kind : {"shadow", "canary", "ab"}
        Shadow: the challenger runs beside and nobody sees its answers. Canary and A/B: a share of the rows is
        answered by it; they differ in name alone.
    share : float
        Of the rows that the challenger answers; 0 for shadow.
    min_rows : int
        Rows with outcomes before the next stage, of both together.
    min_seconds : float
        Time before the next stage.
    """

    kind: StageKind
    share: float = 0.0
    min_rows: int = 1_000
    min_seconds: float = 3_600.0

    def __post_init__(self) -> None:
        if self.kind not in STAGE_KINDS:
            raise ConfigError(f"rollout.stages: kind: found {self.kind!r}, need {', '.join(STAGE_KINDS)}")
        if self.kind == "shadow" and self.share != 0.0:
            raise ConfigError(
                f"rollout.stages: share: found {self.share} in shadow, need 0: nobody sees it there"
            )
        if self.kind != "shadow" and not SMALLEST_SHARE <= self.share <= 1.0 - SMALLEST_SHARE:
            raise ConfigError(
                f"rollout.stages: share: found {self.share}, need {SMALLEST_SHARE} to {1.0 - SMALLEST_SHARE}"
            )
        if not isinstance(self.min_rows, int) or self.min_rows < 1:
            raise ConfigError(
                f"rollout.stages: min_rows: found {self.min_rows!r}, need an integer of at least 1"
            )
        if not 0.0 <= self.min_seconds < math.inf:
            raise ConfigError(
                f"rollout.stages: min_seconds: found {self.min_seconds}, need a number from 0 on"
            )


DEFAULT_STAGES: Final = (
    Stage(kind="shadow", min_rows=1_000),
    Stage(kind="canary", share=0.05, min_rows=1_000),
    Stage(kind="canary", share=0.25, min_rows=2_000),
    Stage(kind="ab", share=0.5, min_rows=2_000),
)
"""A first harm meets one row in twenty; the comparison learns most where both have half."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutPolicy:
    """How a rollout is decided.

    Attributes
    ----------
    stages : tuple of Stage
        In their order; shadow comes before traffic, and shares never shrink.
    alpha : float
        Probability at most with which a challenger that is no better is ever called better, and one that is
        no worse worse, over the whole rollout and however often one looks.
    promote_on : {"better", "not_worse"}
        What the challenger must be shown to be after the last stage.
    margin : float
        Loss, in points of it, that still counts as not worse.
    max_rows : int
        Rows with outcomes after which an undecided rollout ends with the champion.
    max_seconds : float
        The same by time.
    guard_alpha : float
        As alpha, for each guardrail: of rolling back a challenger that is within its tolerance.
    error_tolerance, slow_tolerance, fallback_tolerance : float
        Share of calls by which the challenger may fail, be slow, or be answered by a fallback more often than
        the champion.
    slow_seconds : float
        A call that takes longer is slow.
    max_waiting_calls : int
        Calls that may wait for the challenger in shadow; more are dropped and counted.
    sync_seconds : float
        From one look at the state file to the next.
    """

    stages: tuple[Stage, ...] = DEFAULT_STAGES
    alpha: float = 0.05
    promote_on: Literal["better", "not_worse"] = "better"
    margin: float = 0.01
    max_rows: int = 20_000
    max_seconds: float = 14 * 86_400.0
    guard_alpha: float = 0.01
    error_tolerance: float = 0.01
    slow_tolerance: float = 0.05
    fallback_tolerance: float = 0.01
    slow_seconds: float = 0.5
    max_waiting_calls: int = 1_000
    sync_seconds: float = 1.0

    def __post_init__(self) -> None:
        _require_order(self.stages)
        for name in ("alpha", "guard_alpha"):
            _require_above(name, getattr(self, name), below=0.5)
        for name in ("max_seconds", "slow_seconds", "sync_seconds"):
            _require_above(name, getattr(self, name), below=math.inf)
        for name in ("margin", "error_tolerance", "slow_tolerance", "fallback_tolerance"):
            if getattr(self, name) != 0.0:
                _require_above(name, getattr(self, name), below=1.0)
        if self.promote_on not in ("better", "not_worse"):
            raise ConfigError(f"rollout.promote_on: found {self.promote_on!r}, need better or not_worse")
        for name in ("max_rows", "max_waiting_calls"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise ConfigError(
                    f"rollout.{name}: found {getattr(self, name)!r}, need an integer of at least 1"
                )
        needed = sum(stage.min_rows for stage in self.stages)
        if self.max_rows < needed:
            raise ConfigError(
                f"rollout.max_rows: found {self.max_rows}, need the {needed} of all stages or more"
            )

    @property
    def settle_seconds(self) -> float:
        """Rows of so long after a stage began are no evidence: another worker may not know of it yet."""
        return 2.0 * self.sync_seconds


def _require_order(stages: tuple[Stage, ...]) -> None:
    if not isinstance(stages, tuple) or not stages or not all(isinstance(each, Stage) for each in stages):
        raise ConfigError(f"rollout.stages: found {stages!r}, need a tuple of at least one Stage")
    shares = [stage.share for stage in stages]
    if shares != sorted(shares):
        raise ConfigError(
            f"rollout.stages: found the shares {', '.join(map(str, shares))}, need ones that never shrink"
        )
    if sum(stage.kind == "shadow" for stage in stages) > 1:
        raise ConfigError("rollout.stages: found several of kind shadow, need one at most")


def _require_above(name: str, value: float, *, below: float) -> None:
    if not isinstance(value, (int, float)) or not 0.0 < value < below:
        limit = "" if below == math.inf else f" and below {below:g}"
        raise ConfigError(f"rollout.{name}: found {value!r}, need a number above 0{limit}")
