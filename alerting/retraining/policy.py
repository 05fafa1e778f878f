"""What may start a retraining of a model, what holds it back, and how it is done. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from ..hours import Hours
from ..matchers import Matcher, match_all
from .cause import AlertCause, Cause, Strategy

Kind = Literal["data_drift", "performance", "concept_drift", "age", "schedule", "manual"]

ALERTS: Final[Mapping[str, tuple[str, ...]]] = {
    "data_drift": ("ModelDriftDetected",),
    "performance": ("ModelPerformanceDeclined",),
    "concept_drift": ("ModelConceptDrift",),
}
"""Alerts that mean each kind unless others are named. ModelPerformanceFell is not among them: what breaks
within an hour is repaired, not learned (docs/runbooks.md)."""

QUALITY_ALERTS: Final = ("ModelDataBroken", "ModelSchemaViolations", "ModelMissingValues")
"""While one of these fires for a model, its data is broken."""

DAY: Final = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """One kind of cause that is listened to.

    Attributes
    ----------
    alert_names : tuple of str
        Of the first three kinds.
    matchers : tuple of Matcher
        That all must match the same alert's labels.
    features : tuple of str
        The critical ones: an alert about another feature is no cause; empty means every feature.
    cooldown : float
        Seconds from the start of a run by this trigger to the next.
    every : float or None
        Seconds: the age, or the interval of a schedule.
    hours : Hours or None
        The times of a schedule: it is due when a span begins.
    strategy : str or None
        Instead of the one by severity.
    """

    name: str
    kind: Kind
    alert_names: tuple[str, ...] = ()
    matchers: tuple[Matcher, ...] = ()
    features: tuple[str, ...] = ()
    cooldown: float = DAY
    every: float | None = None
    hours: Hours | None = None
    strategy: Strategy | None = None

    def answers(self, cause: Cause) -> bool:
        """Whether a cause is one of this kind."""
        if cause.origin in ("age", "schedule"):
            return self.name == cause.trigger_name
        if cause.origin == "manual":
            return self.kind == "manual"
        return self.kind in ALERTS and any(self._hears(alert) for alert in cause.alerts)

    def next_due(self, after: float) -> float | None:
        """When a timer is due next after a time; None for triggers that are no timers."""
        if self.hours is not None:
            return self.hours.opening(self.hours.closing(after))
        return None if self.every is None else after + self.every

    def _hears(self, alert: AlertCause) -> bool:
        feature = alert.labels.get("feature_name", "")
        return (
            alert.name in self.alert_names
            and match_all(self.matchers, alert.labels)
            and (not self.features or not feature or feature in self.features)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Brakes:
    """What holds a retraining back.

    Attributes
    ----------
    cooldown : float
        Seconds from the start of any run of the model to the next; a person's wish does not wait for it.
    budget_runs : int
        Runs of the model in `budget_period` seconds.
    minimum_labelled_rows : int
        With outcomes, since the change began.
    unknown_quality : str
        What to do while nobody knows whether the data is sound: `wait` or `run`.
    quality_alerts : tuple of str
        Alerts that say that it is not.
    patience : float
        Seconds after which a cause that still may not run is refused.
    recheck : float
        Seconds between looks at a cause that waits.
    """

    cooldown: float = DAY
    budget_runs: int = 4
    budget_period: float = 30 * DAY
    minimum_labelled_rows: int = 1_000
    unknown_quality: Literal["wait", "run"] = "wait"
    quality_alerts: tuple[str, ...] = QUALITY_ALERTS
    patience: float = 7 * DAY
    recheck: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How many attempts there are, and seconds to wait after one that failed: each wait is twice the last."""

    attempts: int = 3
    backoff: float = 60.0
    longest: float = 3_600.0

    def pause(self, attempt: int) -> float:
        """Seconds to wait after an attempt, counted from 1."""
        # The exponent is bounded, since a float is not.
        return min(self.longest, self.backoff * 2.0 ** min(attempt - 1, 32))


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPolicy:
    """Everything that is decided about one model.

    Attributes
    ----------
    name : str
        The `model_name` of alerts and metrics.
    runner : str
        Who trains.
    features : tuple of str
        Those that a candidate must have; empty if `reference_path` says so.
    reference_path : str or None
        The champion's reference, read whenever a candidate is judged.
    triggers : tuple of Trigger
        In order: the first that answers a cause counts.
    strategies : mapping of str to str
        Severity to strategy; `full` where it has none.
    accept : tuple of str
        Verdicts of a comparison that a candidate may have.
    require_comparison : bool
        Whether a candidate must come with one.
    parameters : mapping
        Handed to the training as they are.
    registered_model : str or None
        Its name in MLflow, which then says how old it is and is told how retrainings have ended.
    hand_over : str or None
        The file that names the newest candidate that passed.
    """

    name: str
    runner: str
    features: tuple[str, ...] = ()
    reference_path: str | None = None
    triggers: tuple[Trigger, ...] = ()
    brakes: Brakes = field(default_factory=Brakes)
    retries: Retries = field(default_factory=Retries)
    strategies: Mapping[str, Strategy] = field(default_factory=dict)
    accept: tuple[str, ...] = ("better", "not_worse", "inconclusive")
    require_comparison: bool = False
    parameters: Mapping[str, object] = field(default_factory=dict)
    registered_model: str | None = None
    hand_over: str | None = None

    def trigger_for(self, cause: Cause) -> Trigger | None:
        """The trigger that answers a cause, or None."""
        return next((trigger for trigger in self.triggers if trigger.answers(cause)), None)

    def strategy_for(self, cause: Cause, trigger: Trigger) -> Strategy:
        """What a person chose, else what the trigger says, else by severity."""
        return cause.strategy or trigger.strategy or self.strategies.get(cause.severity, "full")
