"""The shape of config/retraining.yaml: its sections, their bounds, and words for what does not fit.

A default that a policy has is written there; here are the checks, and the defaults that belong to the file
alone.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

import pydantic
from pydantic import ConfigDict, Discriminator, Field, StringConstraints, Tag

from .. import config_words
from ..config_fields import Clock, Days, MatcherText, Name, Span, Zone
from ..config_words import Location
from ..hours import DAYS
from .candidate import VERDICTS
from .local import DEFAULT_GRACE, DEFAULT_OUTPUT, DEFAULT_TIMEOUT
from .mlflow import MlflowPolicy
from .policy import DAY, Brakes, ModelPolicy, Retries
from .prometheus import QUALITY_QUERY, ROWS_QUERY, PrometheusPolicy
from .retention import KEPT_RUNS


class Section(pydantic.BaseModel):
    """What all sections share: unknown keys and values of another type are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, arbitrary_types_allowed=True)


_Text = Annotated[str, StringConstraints(min_length=1, max_length=500)]
_Label = Annotated[str, StringConstraints(min_length=1, max_length=256)]
_Query = Annotated[str, StringConstraints(min_length=1, max_length=2_000)]
_Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+$", max_length=2_000)]
_Variable = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
_Function = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
_Namespace = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
_Strategy = Literal["full", "incremental", "feature_selection"]
_Verdict = Literal["better", "not_worse", "worse", "inconclusive"]
_Timeout = Annotated[float, Field(gt=0, le=300)]
_Port = Annotated[int, Field(ge=0, le=65_535)]

_BRAKES, _RETRIES, _PROMETHEUS = Brakes(), Retries(), PrometheusPolicy()
_MLFLOW = MlflowPolicy()
_MODEL = ModelPolicy(name="", runner="")
EVERY_DAY: Final = frozenset(range(len(DAYS)))
KIBIBYTE: Final = 1 << 10


class ListenSection(Section):
    """Where the service listens."""

    address: _Text = "127.0.0.1"
    port: _Port = 9120
    tls_certificate_file: _Text | None = None
    tls_key_file: _Text | None = None


class AccessSection(Section):
    """Who may ask by hand, and read."""

    token_files: list[_Text] = []
    open_metrics: bool = False


class WebhookSection(Section):
    """What the bridge's requests are signed with."""

    secret_files: list[_Text] = []


class StateSection(Section):
    """Where the state and the attempts lie."""

    directory: _Text = ".driftgauge/retraining"
    keep_attempts: Annotated[int, Field(ge=1, le=100_000)] = KEPT_RUNS


class PrometheusSection(Section):
    """Who is asked about data, labels and alerts."""

    url: _Url | None = None
    token_file: _Text | None = None
    quality_query: _Query = QUALITY_QUERY
    rows_query: _Query = ROWS_QUERY
    connect_timeout_seconds: _Timeout = _PROMETHEUS.connect_timeout_seconds
    read_timeout_seconds: _Timeout = _PROMETHEUS.read_timeout_seconds


class MlflowSection(Section):
    """Where MLflow is."""

    tracking_uri: _Url | None = None
    token_file: _Text | None = None
    connect_timeout_seconds: _Timeout = _MLFLOW.connect_timeout_seconds
    read_timeout_seconds: _Timeout = _MLFLOW.read_timeout_seconds


class _TriggerSection(Section):
    """What all triggers share."""

    cooldown: Span = DAY
    strategy: _Strategy | None = None


class AlertTrigger(_TriggerSection):
    """Alerts of the three kinds."""

    kind: Literal["data_drift", "performance", "concept_drift"]
    alert_names: Annotated[list[_Label], Field(min_length=1)] | None = None
    match: list[MatcherText] = []
    features: list[_Label] = []


class AgeTrigger(_TriggerSection):
    """So long after the champion was trained, or the last candidate passed."""

    kind: Literal["age"]
    after: Span


class ScheduleTrigger(_TriggerSection):
    """At times of the week, or every so often."""

    kind: Literal["schedule"]
    every: Span | None = None
    at: Clock | None = None
    days: Days = EVERY_DAY
    zone: Zone = ZoneInfo("UTC")


class ManualTrigger(_TriggerSection):
    """People, with the button, the command or a request."""

    kind: Literal["manual"]
    cooldown: Span = 0.0


_ALERT_KINDS: Final = ("data_drift", "performance", "concept_drift")
TRIGGERS: Final[dict[str, type[_TriggerSection]]] = {
    **dict.fromkeys(_ALERT_KINDS, AlertTrigger),
    "age": AgeTrigger,
    "schedule": ScheduleTrigger,
    "manual": ManualTrigger,
}


class _ProgramSection(Section):
    """What programs of this machine share."""

    directory: _Text = "."
    environment: list[_Variable] = []
    timeout: Span = DEFAULT_TIMEOUT
    grace: Span = DEFAULT_GRACE
    max_output_kibibytes: Annotated[int, Field(ge=1, le=1 << 20)] = DEFAULT_OUTPUT // KIBIBYTE


class CommandRunner(_ProgramSection):
    """A program."""

    kind: Literal["command"]
    command: Annotated[list[_Text], Field(min_length=1)]


class PythonRunner(_ProgramSection):
    """A function."""

    kind: Literal["python"]
    function: _Function


class AirflowSection(Section):
    """A DAG."""

    kind: Literal["airflow"]
    url: _Url
    dag_id: _Label
    result_task: _Label | None = None
    token_file: _Text | None = None
    username: _Label | None = None
    password_file: _Text | None = None
    seen_as: _Text | None = None
    timeout: Span = DEFAULT_TIMEOUT


class KubernetesSection(Section):
    """A Job."""

    kind: Literal["kubernetes"]
    manifest_file: _Text
    namespace: _Namespace = "default"
    kubectl: list[_Text] = []
    environment: list[_Variable] = []
    seen_as: _Text | None = None
    timeout: Span = DEFAULT_TIMEOUT


RUNNERS: Final[dict[str, type[Section]]] = {
    "command": CommandRunner,
    "python": PythonRunner,
    "airflow": AirflowSection,
    "kubernetes": KubernetesSection,
}


def _kind(value: object) -> str | None:
    """What a trigger or runner says that it is."""
    kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    if kind in _ALERT_KINDS:
        return "alert"
    return kind if isinstance(kind, str) else None


TriggerSection = Annotated[
    Annotated[AlertTrigger, Tag("alert")]
    | Annotated[AgeTrigger, Tag("age")]
    | Annotated[ScheduleTrigger, Tag("schedule")]
    | Annotated[ManualTrigger, Tag("manual")],
    Discriminator(
        _kind,
        custom_error_type="kind",
        custom_error_message=f"one with a kind of {', '.join(TRIGGERS)}",
    ),
]
RunnerSection = Annotated[
    Annotated[CommandRunner, Tag("command")]
    | Annotated[PythonRunner, Tag("python")]
    | Annotated[AirflowSection, Tag("airflow")]
    | Annotated[KubernetesSection, Tag("kubernetes")],
    Discriminator(
        _kind,
        custom_error_type="kind",
        custom_error_message=f"one with a kind of {', '.join(RUNNERS)}",
    ),
]


class BrakesSection(Section):
    """What holds a retraining back."""

    cooldown: Span = _BRAKES.cooldown
    budget_runs: Annotated[int, Field(ge=1, le=10_000)] = _BRAKES.budget_runs
    budget_period: Span = _BRAKES.budget_period
    minimum_labelled_rows: Annotated[int, Field(ge=0, le=10**12)] = _BRAKES.minimum_labelled_rows
    unknown_quality: Literal["wait", "run"] = _BRAKES.unknown_quality
    quality_alerts: list[_Label] = list(_BRAKES.quality_alerts)
    patience: Span = _BRAKES.patience
    recheck: Span = _BRAKES.recheck


class RetriesSection(Section):
    """How often an attempt is made."""

    attempts: Annotated[int, Field(ge=1, le=100)] = _RETRIES.attempts
    backoff: Span = _RETRIES.backoff
    longest: Span = _RETRIES.longest


class ModelSection(Section):
    """A model."""

    runner: Name
    features: list[_Label] = []
    reference_path: _Text | None = None
    triggers: Annotated[dict[Name, TriggerSection], Field(min_length=1)]
    brakes: BrakesSection = BrakesSection()
    retries: RetriesSection = RetriesSection()
    strategies: dict[Literal["critical", "warning", "info"], _Strategy] = {}
    accept: Annotated[list[_Verdict], Field(min_length=1)] = [
        verdict for verdict in VERDICTS if verdict in _MODEL.accept
    ]
    require_comparison: bool = _MODEL.require_comparison
    registered_model: _Label | None = None
    parameters: dict[str, Any] = {}
    hand_over: _Text | None = None


class File(Section):
    """The whole file."""

    listen: ListenSection = ListenSection()
    access: AccessSection = AccessSection()
    webhook: WebhookSection = WebhookSection()
    state: StateSection = StateSection()
    prometheus: PrometheusSection = PrometheusSection()
    mlflow: MlflowSection = MlflowSection()
    runners: Annotated[dict[Name, RunnerSection], Field(min_length=1)]
    models: Annotated[dict[_Label, ModelSection], Field(min_length=1)]


def check(document: object, path: object) -> File:
    """A parsed file as sections.

    Raises
    ------
    ConfigError
        With every problem: key, what was found, what is needed; never a value that may be a secret.
    """
    return config_words.check(
        File,
        document,
        path,
        sections="models: and runners:",
        place=_place,
        known=_known_keys,
        secrets="files of their own",
    )


def _place(loc: Location) -> tuple[Location, str | None]:
    """Where, without the kind that pydantic names after a trigger or runner; and that kind."""
    for depth, head in ((2, "runners"), (4, "triggers")):
        if len(loc) > depth and loc[depth - 2] == head:
            return (*loc[:depth], *loc[depth + 1 :]), str(loc[depth])
    return loc, None


def _known_keys(place: Location, kind: str | None) -> list[str]:
    """The keys that are allowed at a place in the file."""
    if kind is not None:
        sections: dict[str, type[Section]] = {**RUNNERS, **TRIGGERS, "alert": AlertTrigger}
        return sorted(sections[kind].model_fields) if kind in sections else ["kind"]
    section: Any = ModelSection if place[:1] == ("models",) and len(place) > 1 else File
    for part in place[2:] if section is ModelSection else place:
        field = section.model_fields.get(part)
        if field is not None and hasattr(field.annotation, "model_fields"):
            section = field.annotation
    return sorted(section.model_fields)
