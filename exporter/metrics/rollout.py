"""How a challenger comes into traffic: layer rollout."""

from __future__ import annotations

from .family import Family, Layer

ROLES = ("champion", "challenger")

ROLLBACK_REASONS = (
    "worse", "error_ratio", "slow_ratio", "fallback_ratio", "undecided", "manual", "unloadable",
)  # fmt: skip
"""Why a rollout ended with the champion: outcomes, a guardrail, its time or rows were up, a person, or a
worker that could not load the challenger."""

CANDIDATE_REFUSALS = ("unreadable", "other_model", "no_reference", "other_features", "no_model")
"""Why a candidate was not tried."""

ROLLOUT = Layer("rollout")

ROLLOUT_FAMILIES: tuple[Family, ...] = (
    ROLLOUT.gauge(
        "model_traffic_ratio", "Share of the rows that a version answers in a role, 0 to 1.", "role"
    ),
    ROLLOUT.gauge(
        "model_rollout_state",
        "Of the challenger: 0 none, 1 shadow, 2 canary, 3 A/B, 4 promoted, 5 rolled back.",
    ),
    ROLLOUT.gauge("model_rollout_stage", "Number of the challenger's stage from 1; 0 when it has ended."),
    ROLLOUT.gauge(
        "model_rollout_rows", "Rows with outcomes that the rollout compares, by who answered.", "role"
    ),
    ROLLOUT.gauge(
        "model_rollout_difference",
        "Mean loss of the champion less the challenger's, above zero for better; absent while unknown.",
    ),
    ROLLOUT.gauge(
        "model_rollout_difference_low", "Lower bound of the difference, which holds however often one looks."
    ),
    ROLLOUT.gauge(
        "model_rollout_difference_high", "Upper bound of the difference, which holds however often one looks."
    ),
    ROLLOUT.gauge(
        "model_rollout_margin", "Difference below zero that still counts as not worse, without its sign."
    ),
    ROLLOUT.gauge(
        "model_rollout_guard_excess",
        "Share of calls by which the challenger fails, is slow or falls back more; absent while unknown.",
        "guard",
    ),
    ROLLOUT.gauge(
        "model_rollout_guard_excess_low",
        "Lower bound of the excess, which holds however often one looks.",
        "guard",
    ),
    ROLLOUT.gauge(
        "model_rollout_guard_tolerance",
        "Excess above which a rollout is rolled back once it is sure.",
        "guard",
    ),
    ROLLOUT.counter("model_rollout_shadow_calls_total", "Calls that the challenger answered in shadow."),
    ROLLOUT.counter(
        "model_rollout_shadow_dropped_total", "Calls that the challenger had no time for in shadow."
    ),
    ROLLOUT.counter(
        "model_rollout_rescues_total", "Calls that the challenger failed and the champion answered."
    ),
    ROLLOUT.counter("model_promotions_total", "Challengers that became champion."),
    ROLLOUT.counter("model_rollbacks_total", "Challengers that were taken back, by why.", "reason"),
    ROLLOUT.counter(
        "model_rollout_refusals_total",
        "Candidates that a worker of this champion would not try, by why.",
        "reason",
    ),
    ROLLOUT.counter(
        "model_rollout_faults_total", "Faults of the rollout itself, such as a state file that is not there."
    ),
)
