"""The exporter's configuration: one YAML file, and environment variables that override it.

The only reader of either. What comes out are frozen dataclasses with the defaults of the modules that they
configure; all problems of a file come together, each with file, key, what was found and what is needed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, Field, ValidationError

from .assessment.policy import AssessmentPolicy
from .business import BusinessMeasure, business_measures
from .config_rollout import RolloutSection, RolloutSettings, rollout_settings
from .config_section import Section
from .config_stream import StreamSection, stream_settings
from .errors import ConfigError
from .policy import Policy
from .schedule import DEFAULT_ZONE, Schedule
from .server import DEFAULT_PORT, ServerOptions
from .stores.buffering import MAX_WAITING_ROWS
from .stores.memory import MAX_ROWS, RETENTION_HOURS
from .stores.settings import Kind, StoreSettings
from .stream_settings import StreamSettings
from .windows import CHECK_INTERVAL_SECONDS, DEFAULT_WINDOWS, Window, windows_of
from .yaml_file import read_yaml

SECONDS_AN_HOUR = 3600.0

MAX_CATALOG_BYTES = 64_000_000
"""A million items of 64 bytes."""

MAX_SECRET_BYTES = 64 << 10
"""A token has some dozen; a file that is larger is the wrong one."""

FOUND_CHARS = 200
"""Of a value that an error repeats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """Which model `driftgauge serve` serves.

    Attributes
    ----------
    name, version : str
        Labels of every metric.
    factory : str or None
        `package.module:function` that is called without arguments and returns the model. No model file is
        ever unpickled here: how a model is loaded is its owner's code. `driftgauge monitor` needs none.
    reference : Path or None
        Its reference, relative to the configuration file.
    """

    name: str
    version: str
    factory: str | None = None
    reference: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExporterConfig:
    """Everything that `config/exporter.yaml` says."""

    model: ModelSettings | None = None
    server: ServerOptions = field(default_factory=ServerOptions)
    policy: Policy = field(default_factory=Policy)
    windows: tuple[Window, ...] = DEFAULT_WINDOWS
    schedule: Schedule = field(default_factory=Schedule)
    store: StoreSettings = field(default_factory=StoreSettings)
    assessment: AssessmentPolicy = field(default_factory=AssessmentPolicy)
    business: Mapping[str, BusinessMeasure] = field(default_factory=dict)
    catalog: tuple[str, ...] | None = None
    state_path: Path | None = None
    stream: StreamSettings | None = None
    rollout: RolloutSettings | None = None


Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Text = Annotated[str, Field(min_length=1)]


class _Model(Section):
    name: Text
    version: Text
    factory: Annotated[str | None, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")] = None
    reference: Path | None = None


class _Server(Section):
    port: Annotated[int, Field(ge=0, le=65535)] = DEFAULT_PORT
    addr: Text = "127.0.0.1"
    token_file: Path | None = None
    certfile: Path | None = None
    keyfile: Path | None = None


class _Checks(Section):
    enabled: bool = True
    interval_seconds: Positive = CHECK_INTERVAL_SECONDS
    cron: Text | None = None
    timezone: Text = DEFAULT_ZONE
    jitter_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    windows: dict[Text, Positive] | None = None
    row_windows: dict[Text, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)
    state_file: Path | None = None


class _Policy(Section):
    preset: Literal["conservative", "balanced", "aggressive"] = "balanced"
    alpha: float | None = None
    min_samples: int | None = None
    multivariate: tuple[str, ...] | None = None
    segments: bool | None = None
    warning_ratio: float | None = None
    thresholds: dict[str, float] = Field(default_factory=dict)
    feature_thresholds: dict[str, dict[str, float]] = Field(default_factory=dict)


class _Assessment(Section):
    segment: Text | None = None
    headline: Text | None = None
    alpha: float | None = None
    calibration_margin: float | None = None
    drop_ratio: float | None = None
    min_samples: int | None = None
    tolerance: float | None = None
    quality: dict[str, float] = Field(default_factory=dict)
    stale_seconds: float | None = None
    last_rows: int | None = None
    importance_rows: int | None = None
    protected: tuple[str, ...] = ()
    min_group: int | None = None
    fairness_difference: float | None = None


class _Store(Section):
    type: Kind = "memory"
    path: Path | None = None
    url: str | None = None
    max_rows: Annotated[int, Field(ge=1)] = MAX_ROWS
    retention_hours: Positive = RETENTION_HOURS
    max_waiting_rows: Annotated[int, Field(ge=1)] = MAX_WAITING_ROWS


class _Feedback(Section):
    catalog_file: Path | None = None


class _File(Section):
    model: _Model | None = None
    server: _Server = Field(default_factory=_Server)
    checks: _Checks = Field(default_factory=_Checks)
    policy: _Policy = Field(default_factory=_Policy)
    store: _Store = Field(default_factory=_Store)
    assessment: _Assessment = Field(default_factory=_Assessment)
    business: tuple[dict[str, Any], ...] = ()
    feedback: _Feedback = Field(default_factory=_Feedback)
    stream: StreamSection | None = None
    rollout: RolloutSection | None = None


OVERRIDES: Mapping[str, tuple[str, ...]] = {
    "DRIFT_THRESHOLD": ("policy", "thresholds", "psi"),
    "DRIFT_CHECK_INTERVAL_HOURS": ("checks", "interval_seconds"),
    "DRIFT_MIN_SAMPLES": ("policy", "min_samples"),
    "FEATURE_STORE_TYPE": ("store", "type"),
    "FEATURE_STORE_URL": ("store", "url"),
    "FEATURE_RETENTION_HOURS": ("store", "retention_hours"),
    "STREAM_BOOTSTRAP_SERVERS": ("stream", "bootstrap_servers"),
    "STREAM_PASSWORD": ("stream", "security", "password"),
}
"""Environment variables and the keys that they override; `…_FILE` names a file that holds the value."""


def load_config(path: str | os.PathLike[str], environ: Mapping[str, str] | None = None) -> ExporterConfig:
    """What a configuration file and the environment say.

    Parameters
    ----------
    path : path
        A YAML file as `config/exporter.yaml`.
    environ : mapping, optional
        Environment variables; by default the process's own.

    Raises
    ------
    ConfigError
        If the file cannot be read or says something unknown or impossible; all problems together.
    """
    path = Path(path)
    return _parsed(str(path), path.parent, read_yaml(path), os.environ if environ is None else environ)


def policy_from_environment(
    preset: Literal["conservative", "balanced", "aggressive"] = "balanced",
    environ: Mapping[str, str] | None = None,
) -> Policy:
    """A preset with the environment's thresholds and minimum sample.

    Raises
    ------
    ConfigError
        If a variable cannot be used.
    """
    environment = os.environ if environ is None else environ
    return _parsed("environment", Path(), {"policy": {"preset": preset}}, environment).policy


def multiprocess_directory(environ: Mapping[str, str] | None = None) -> Path | None:
    """Where several processes keep their metrics together; None for a process of its own."""
    text = (os.environ if environ is None else environ).get("PROMETHEUS_MULTIPROC_DIR")
    return Path(text) if text else None


def _parsed(where: str, folder: Path, content: Any, environ: Mapping[str, str]) -> ExporterConfig:  # noqa: ANN401
    if content is None:
        content = {}
    if not isinstance(content, dict):
        raise ConfigError(
            f"{where}: found {type(content).__name__} at the top, need keys such as model and checks"
        )
    origins = _override(content, environ)
    try:
        file = _File.model_validate(content)
    except ValidationError as error:
        raise ConfigError(_problems(where, error, origins)) from None
    try:
        return ExporterConfig(
            model=None if file.model is None else _model(file.model, folder),
            server=_server(file.server, folder),
            policy=_policy(file.policy),
            windows=windows_of(file.checks.windows, file.checks.row_windows),
            schedule=Schedule(**file.checks.model_dump(exclude={"windows", "row_windows", "state_file"})),
            store=_store(file.store, folder),
            assessment=AssessmentPolicy(**file.assessment.model_dump(exclude_none=True)),
            business=business_measures(file.business),
            catalog=_catalog(file.feedback, folder),
            state_path=None if file.checks.state_file is None else folder / file.checks.state_file,
            stream=None if file.stream is None else stream_settings(file.stream, folder),
            rollout=None if file.rollout is None else rollout_settings(file.rollout, folder),
        )
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None


def _store(section: _Store, folder: Path) -> StoreSettings:
    path = None if section.path is None else folder / section.path
    return StoreSettings(**{**section.model_dump(), "path": path})


def _model(section: _Model, folder: Path) -> ModelSettings:
    reference = None if section.reference is None else folder / section.reference
    return ModelSettings(
        name=section.name, version=section.version, factory=section.factory, reference=reference
    )


def _server(section: _Server, folder: Path) -> ServerOptions:
    def beside(path: Path | None) -> str | None:
        return None if path is None else str(folder / path)

    if (section.certfile is None) != (section.keyfile is None):
        raise ConfigError("server: found only one of certfile and keyfile, need both or neither")
    token = None if section.token_file is None else _secret("server.token_file", folder / section.token_file)
    return ServerOptions(
        port=section.port,
        addr=section.addr,
        token=token,
        certfile=beside(section.certfile),
        keyfile=beside(section.keyfile),
    )


def _policy(section: _Policy) -> Policy:
    base = Policy.preset(section.preset)
    changes: dict[str, Any] = section.model_dump(exclude={"preset", "thresholds"}, exclude_none=True)
    thresholds: dict[Any, float] = {**base.thresholds, **section.thresholds}  # Policy checks the names
    return replace(base, thresholds=thresholds, **changes)


def _catalog(section: _Feedback, folder: Path) -> tuple[str, ...] | None:
    """Items of the file, one a line; empty lines do not count."""
    if section.catalog_file is None:
        return None
    path = folder / section.catalog_file
    where = f"feedback.catalog_file: {path}"
    try:
        if path.stat().st_size > MAX_CATALOG_BYTES:
            raise ConfigError(f"{where}: found more than {MAX_CATALOG_BYTES:,} bytes, need a list of items")
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigError(f"{where}: {reason}, need a readable text file") from None
    return tuple(item for line in lines if (item := line.strip()))


def _override(content: dict[str, Any], environ: Mapping[str, str]) -> dict[tuple[str, ...], str]:
    """Write the environment's values over the file's; which variable each such key came from."""
    origins = {}
    for variable, keys in OVERRIDES.items():
        text = environment_value(variable, environ)
        if text is None:
            continue
        value: Any = text
        if variable == "DRIFT_CHECK_INTERVAL_HOURS":
            try:
                value = float(text) * SECONDS_AN_HOUR
            except ValueError:
                raise ConfigError(f"{variable}: found {text!r}, need a number of hours") from None
        section = content
        for key in keys[:-1]:
            inner = section.get(key)
            section[key] = inner = {} if inner is None else inner
            if not isinstance(inner, dict):
                break  # the file's own mistake, which validation will report
            section = inner
        else:
            section[keys[-1]] = value
            origins[keys] = variable
    return origins


def environment_value(variable: str, environ: Mapping[str, str]) -> str | None:
    """Value of a variable, or of the file that `<variable>_FILE` names; None if neither is set.

    Raises
    ------
    ConfigError
        If the file cannot be read.
    """
    if environ.get(variable):
        return environ[variable]
    path = environ.get(f"{variable}_FILE")
    return _secret(f"{variable}_FILE", Path(path)) if path else None


def _secret(where: str, path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_SECRET_BYTES + 1)
        text = raw.decode("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigError(f"{where}: {path}: {reason}, need a readable text file") from None
    if len(raw) > MAX_SECRET_BYTES:
        raise ConfigError(
            f"{where}: {path}: found more than {MAX_SECRET_BYTES:,} bytes, need its value alone"
        )
    if not text:
        raise ConfigError(f"{where}: {path}: found an empty file, need its value in it")
    return text


def _problems(where: str, error: ValidationError, origins: Mapping[tuple[str, ...], str]) -> str:
    lines = []
    for problem in error.errors(include_url=False):
        key = tuple(str(part) for part in problem["loc"])
        place = origins.get(key) or f"{where}: {'.'.join(key)}"
        if problem["type"] == "extra_forbidden":
            lines.append(f"{place}: unknown key, need {_known(key[:-1])}")
        elif problem["type"] == "missing":
            lines.append(f"{place}: found nothing, need a value")
        else:
            lines.append(f"{place}: found {_found(problem['input'])}, {_needed(problem['msg'])}")
    return "; ".join(lines)


def _found(value: object) -> str:
    text = repr(value)
    return text if len(text) <= FOUND_CHARS else f"{text[:FOUND_CHARS]}…"


def _known(section: Sequence[str]) -> str:
    """The keys of a section; the number of a list's entry is no key."""
    model: type[BaseModel] = _File
    for part in section:
        field = model.model_fields.get(part)
        model = next(_sections(None if field is None else field.annotation), model)
    return f"one of {', '.join(model.model_fields)}"


def _sections(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 - any annotation
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _sections(part)


def _needed(message: str) -> str:
    """Pydantic's sentence in our form: `Input should be greater than 0` becomes `need … greater than 0`."""
    for start in ("Input should be ", "Value should be ", "String should "):
        if message.startswith(start):
            return f"need {message.removeprefix(start)}"
    return message[:1].lower() + message[1:]
