"""A rollout as gauges and counters. All series are there from the start."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from ..families import MetricFamilies
from ..metrics import ROLES, ROLLBACK_REASONS
from ..rollout_policy import RolloutPolicy, StageKind
from .state import GUARD_TOLERANCES, Event, RolloutState

STATE_CODES: Final[Mapping[StageKind | str, int]] = {
    "shadow": 1, "canary": 2, "ab": 3, "promoted": 4, "rolled_back": 5,
}  # fmt: skip


class RolloutPublisher:
    """Metrics of one rollout.

    Parameters
    ----------
    families : MetricFamilies
        Of the registry to publish on.
    name, champion, challenger : str
        Of the model, and the two versions.
    policy : RolloutPolicy
        Whose margins and tolerances are shown.
    """

    def __init__(
        self, families: MetricFamilies, name: str, champion: str, challenger: str, policy: RolloutPolicy
    ) -> None:
        self._families = families
        self._versions = ((name, champion), (name, challenger))
        self._model = self._versions[1]
        self._policy = policy
        self._seen: tuple[str | int, ...] = ()
        for reason in ROLLBACK_REASONS:
            self._counter("model_rollbacks_total", reason)
        for family in (
            "model_promotions_total",
            "model_rollout_shadow_calls_total",
            "model_rollout_shadow_dropped_total",
            "model_rollout_rescues_total",
            "model_rollout_faults_total",
        ):
            self._counter(family)
        self._gauge("model_rollout_margin", policy.margin)
        for guard, tolerance in GUARD_TOLERANCES.items():
            self._gauge("model_rollout_guard_tolerance", getattr(policy, tolerance), guard)

    def count(self, family: str) -> None:
        """Add one to a counter without further labels."""
        self._families.counter(family, *self._model).inc()

    def announce(self, events: Iterable[Event]) -> None:
        """Count promotions and rollbacks."""
        for event in events:
            if event.what == "promoted":
                self.count("model_promotions_total")
            elif event.what == "rolled_back":
                self._families.counter("model_rollbacks_total", *self._model, event.reason).inc()

    def publish(self, state: RolloutState) -> None:
        """Show where the rollout stands; nothing is done where that is as before."""
        rows = [evidence.rows for evidence in (state.outcomes, *state.guards.values())]
        seen: tuple[str | int, ...] = (state.key, state.status, state.stage, *rows)
        if seen == self._seen:
            return
        self._seen = seen
        running = state.status == "running"
        share = state.stages[-1].share if running else float(state.status == "promoted")
        serving = (state.champion, state.challenger).index(state.serving)
        # While it runs each has its role; afterwards one of the two is champion and the other nothing.
        ratios = {(0, 0): 1.0 - share, (1, 1): share} if running else {(serving, 0): 1.0}
        for place, version in enumerate(self._versions):
            for role, label in enumerate(ROLES):
                ratio = ratios.get((place, role), 0.0)
                self._families.gauge("model_traffic_ratio", *version, label).set(ratio)
        self._gauge("model_rollout_state", STATE_CODES[state.stages[-1].kind if running else state.status])
        self._gauge("model_rollout_stage", state.stage + 1 if running else 0)
        for role, label in enumerate(ROLES):
            self._gauge("model_rollout_rows", state.outcomes.rows_of(role), label)
        found = state.outcomes.interval(self._policy.alpha)
        known = found.difference is not None
        self._gauge("model_rollout_difference", found.difference)
        self._gauge("model_rollout_difference_low", found.low if known else None)
        self._gauge("model_rollout_difference_high", found.high if known else None)
        for guard in GUARD_TOLERANCES:
            excess = state.guards[guard].interval(self._policy.guard_alpha)
            of_challenger = None if excess.difference is None else -excess.difference
            self._gauge("model_rollout_guard_excess", of_challenger, guard)
            self._gauge(
                "model_rollout_guard_excess_low", None if of_challenger is None else -excess.high, guard
            )

    def _gauge(self, family: str, value: float | None, *labels: str) -> None:
        if value is None:
            self._families.remove(family, *self._model, *labels)
        else:
            self._families.gauge(family, *self._model, *labels).set(value)

    def _counter(self, family: str, *labels: str) -> None:
        self._families.counter(family, *self._model, *labels)
