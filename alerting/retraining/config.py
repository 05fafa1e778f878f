"""config/retraining.yaml and the environment -> one frozen value. Nothing else reads either.

All problems of a file are told together. Secrets lie in files of their own, which are read again when they
change.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from .. import config_secrets
from ..config import MAX_PORT, Access, Listen
from ..errors import ConfigError
from ..hours import MINUTES_A_DAY, Hours
from ..secret import Secret
from ..secret_file import SecretFile
from ..web import is_loopback
from ..yaml_file import read_yaml
from . import kubernetes
from .airflow import AirflowRunner
from .config_file import (
    KIBIBYTE,
    AgeTrigger,
    AirflowSection,
    AlertTrigger,
    CommandRunner,
    File,
    KubernetesSection,
    ModelSection,
    PythonRunner,
    RunnerSection,
    ScheduleTrigger,
    TriggerSection,
    check,
)
from .controller import Place
from .kubernetes import KubernetesRunner
from .local import LocalRunner
from .mlflow import MlflowPolicy
from .policy import ALERTS, Brakes, ModelPolicy, Retries, Trigger
from .prometheus import PrometheusPolicy

DEFAULT_PATH: Final = Path("config/retraining.yaml")
PASSED_ON: Final = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV")
"""Variables that every training gets. Any other has to be named: ours may hold secrets."""
VARIABLES: Final = (
    "MLFLOW_TRACKING_TOKEN",
    "MLFLOW_TRACKING_URI",
    "PROMETHEUS_URL",
    "RETRAINING_LISTEN_ADDRESS",
    "RETRAINING_LISTEN_PORT",
    "RETRAINING_STATE_DIRECTORY",
    "RETRAINING_TOKENS_FILE",
)
"""What overrides the file. Empty is the same as absent."""
SHORTEST_SECONDS: Final = 60.0
"""Of an age and an interval: a training takes longer."""
_MIN_SECRET: Final = 16
"""Characters of what requests are signed with; 16 random ones of base 64 are 96 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainingConfig:
    """Everything that is set from outside.

    Attributes
    ----------
    webhook_secrets : tuple of Secret
        What requests may be signed with; none refuses them all.
    models : mapping of str to ModelPolicy
    places : mapping of str to Place
        By the name of the runner.
    """

    path: Path
    listen: Listen
    access: Access
    webhook_secrets: tuple[Secret, ...]
    state_directory: Path
    keep_attempts: int
    prometheus: PrometheusPolicy
    prometheus_token: Secret | None
    mlflow: MlflowPolicy
    mlflow_token: Secret | None
    models: Mapping[str, ModelPolicy]
    places: Mapping[str, Place]


def load_config(path: Path, environ: Mapping[str, str] | None = None) -> RetrainingConfig:
    """The configuration in a file, with what the environment overrides.

    Parameters
    ----------
    path : Path
    environ : mapping of str to str, optional
        Default: that of the process.

    Raises
    ------
    ConfigError
        If something is unknown, missing or out of range; the message names all of it, and no secret.
    """
    whole = os.environ if environ is None else environ
    values = {name: whole[name].strip() for name in VARIABLES if whole.get(name, "").strip()}
    file = _read(path)
    address = values.get("RETRAINING_LISTEN_ADDRESS", file.listen.address)
    url = values.get("PROMETHEUS_URL", file.prometheus.url)
    problems = list(_contradictions(file, path, values, address=address, url=url))
    if problems:
        raise ConfigError("; ".join(f"{path}: {problem}" for problem in problems))
    settings = file.prometheus.model_dump(exclude={"url", "token_file"})
    return RetrainingConfig(
        path=path,
        listen=Listen(
            address=address,
            port=int(values.get("RETRAINING_LISTEN_PORT", file.listen.port)),
            tls_certificate_file=_beside(path, file.listen.tls_certificate_file),
            tls_key_file=_beside(path, file.listen.tls_key_file),
        ),
        access=Access(
            tokens=config_secrets.token_files(_token_files(file, values), path),
            open_metrics=file.access.open_metrics,
        ),
        webhook_secrets=tuple(
            _secret(path, name, "webhook.secret_files", _MIN_SECRET) for name in file.webhook.secret_files
        ),
        state_directory=Path(values.get("RETRAINING_STATE_DIRECTORY", file.state.directory)).absolute(),
        keep_attempts=file.state.keep_attempts,
        prometheus=PrometheusPolicy(url=url, **settings),
        prometheus_token=_optional_secret(path, file.prometheus.token_file, "prometheus.token_file"),
        mlflow=MlflowPolicy(
            tracking_uri=_mlflow_uri(file, values),
            **file.mlflow.model_dump(exclude={"tracking_uri", "token_file"}),
        ),
        mlflow_token=_mlflow_token(file, path, values),
        models={name: _model(name, section) for name, section in file.models.items()},
        places={name: _place(name, section, path, whole) for name, section in file.runners.items()},
    )


def describe(config: RetrainingConfig) -> str:
    """What a configuration means, in lines."""
    by = "signed" if config.webhook_secrets else "refused: webhook.secret_files names none"
    lines = [
        f"{config.path}: in order",
        f"listens on {config.listen.address}:{config.listen.port}; requests of the bridge are {by}",
        f"state in {config.state_directory}; asks {config.prometheus.url or 'nobody'} about the data",
    ]
    for model in config.models.values():
        triggers = ", ".join(f"{trigger.name} ({trigger.kind})" for trigger in model.triggers)
        lines.append(f"{model.name}: trained by {model.runner}; triggers: {triggers}")
        if model.registered_model is not None:
            lines.append(f"{model.name}: recorded in MLflow as {model.registered_model}")
    return "\n".join(lines) + "\n"


def _read(path: Path) -> File:
    """The file as checked sections."""
    return check(read_yaml(path, "our configuration"), path)


def _contradictions(
    file: File, path: Path, values: Mapping[str, str], *, address: str, url: str | None
) -> Iterator[str]:
    """What is wrong between sections, and in the environment."""
    port = values.get("RETRAINING_LISTEN_PORT", "0")
    if not port.isdecimal() or int(port) > MAX_PORT:
        yield f"RETRAINING_LISTEN_PORT: found {port[:20]!r}, need a number from 0 to {MAX_PORT}"
    if url is not None and not re.fullmatch(r"https?://\S+", url):
        yield "PROMETHEUS_URL: found something else, need an http or https address"
    if not is_loopback(address) and not _token_files(file, values):
        yield (
            f"listen.address: found {address}, which others can reach, and no token; need access.token_files,"
            " RETRAINING_TOKENS_FILE or a loopback address"
        )
    if (file.listen.tls_certificate_file is None) != (file.listen.tls_key_file is None):
        yield "listen: found one of tls_certificate_file and tls_key_file, need both or neither"
    yield from _mlflow_contradictions(file, values)
    for name, model in file.models.items():
        yield from _model_contradictions(f"models.{name}", model, file.runners, url)
    handed: dict[Path, str] = {}
    for name, model in file.models.items():
        given = None if model.hand_over is None else Path(model.hand_over).absolute()
        if given is not None and handed.setdefault(given, name) != name:
            yield f"models.{name}.hand_over: found the file of {handed[given]}, need one for each model"
    for name, runner in file.runners.items():
        yield from _runner_contradictions(f"runners.{name}", runner, path)


def _model_contradictions(
    where: str, model: ModelSection, runners: Iterable[str], url: str | None
) -> Iterator[str]:
    if model.runner not in runners:
        yield f"{where}.runner: found {model.runner}, need one of {', '.join(sorted(runners))}"
    if not model.features and model.reference_path is None:
        yield f"{where}: found neither features nor reference_path, need one: candidates are held to them"
    if url is None and model.brakes.minimum_labelled_rows:
        yield (
            f"{where}.brakes.minimum_labelled_rows: found {model.brakes.minimum_labelled_rows} and no"
            " prometheus.url to ask, need one, or 0"
        )
    if url is None and model.brakes.unknown_quality == "wait":
        yield (
            f"{where}.brakes.unknown_quality: found wait and no prometheus.url to ask about the data, need"
            " one, or run"
        )
    if model.hand_over is not None and not Path(model.hand_over).absolute().parent.is_dir():
        folder = Path(model.hand_over).absolute().parent
        yield f"{where}.hand_over: found no folder {folder}, need one for this file"
    for name, trigger in model.triggers.items():
        yield from _trigger_contradictions(f"{where}.triggers.{name}", trigger, model.features)


def _mlflow_contradictions(file: File, values: Mapping[str, str]) -> Iterator[str]:
    registered = [name for name, model in file.models.items() if model.registered_model is not None]
    uri = _mlflow_uri(file, values)
    if registered and uri is None:
        yield (
            f"models.{registered[0]}.registered_model: found one and no mlflow.tracking_uri, need it, or"
            " MLFLOW_TRACKING_URI"
        )
    elif registered and not re.fullmatch(r"https?://\S+", uri or ""):
        yield "MLFLOW_TRACKING_URI: found something else, need the http or https address of a server"


def _token_files(file: File, values: Mapping[str, str]) -> tuple[str, ...]:
    """Files with tokens; the environment's stands for all of the file's."""
    given = values.get("RETRAINING_TOKENS_FILE")
    return tuple(file.access.token_files) if given is None else (str(Path(given).absolute()),)


def _mlflow_uri(file: File, values: Mapping[str, str]) -> str | None:
    """Where MLflow is; the environment's is MLflow's own variable, and may be there for others."""
    return values.get("MLFLOW_TRACKING_URI", file.mlflow.tracking_uri)


def _mlflow_token(file: File, path: Path, values: Mapping[str, str]) -> Secret | None:
    if "MLFLOW_TRACKING_TOKEN" in values:
        return Secret(values["MLFLOW_TRACKING_TOKEN"])
    return _optional_secret(path, file.mlflow.token_file, "mlflow.token_file")


def _trigger_contradictions(where: str, trigger: TriggerSection, features: Collection[str]) -> Iterator[str]:
    if isinstance(trigger, AlertTrigger) and features:
        for feature in trigger.features:
            if feature not in features:
                yield f"{where}.features: found {feature}, need one of the model's features"
    if isinstance(trigger, AgeTrigger) and trigger.after < SHORTEST_SECONDS:
        yield f"{where}.after: found {trigger.after:g} seconds, need a minute or more"
    if isinstance(trigger, ScheduleTrigger):
        if (trigger.every is None) == (trigger.at is None):
            yield f"{where}: found both or neither of every and at, need one"
        if trigger.every is not None and trigger.every < SHORTEST_SECONDS:
            yield f"{where}.every: found {trigger.every:g} seconds, need a minute or more"


def _runner_contradictions(where: str, runner: RunnerSection, path: Path) -> Iterator[str]:
    if isinstance(runner, AirflowSection):
        if runner.token_file is not None and runner.password_file is not None:
            yield f"{where}: found token_file and password_file, need one of them"
        if (runner.username is None) != (runner.password_file is None):
            yield f"{where}: found one of username and password_file, need both or neither"
    if isinstance(runner, KubernetesSection):
        manifest = path.parent / runner.manifest_file
        try:
            found = list(kubernetes.problems(read_yaml(manifest, "the YAML of a Job")))
        except ConfigError as error:
            yield f"{where}.manifest_file: {error}"
        else:
            yield from (f"{where}.manifest_file: {manifest}: {problem}" for problem in found)
    elif not isinstance(runner, AirflowSection) and not Path(runner.directory).is_dir():
        yield f"{where}.directory: found no folder {runner.directory}, need one"


def _model(name: str, section: ModelSection) -> ModelPolicy:
    return ModelPolicy(
        name=name,
        runner=section.runner,
        features=tuple(section.features),
        reference_path=None
        if section.reference_path is None
        else str(Path(section.reference_path).absolute()),
        triggers=tuple(_trigger(own, trigger) for own, trigger in section.triggers.items()),
        brakes=Brakes(
            **{**section.brakes.model_dump(), "quality_alerts": tuple(section.brakes.quality_alerts)}
        ),
        retries=Retries(**section.retries.model_dump()),
        strategies={str(severity): strategy for severity, strategy in section.strategies.items()},
        accept=tuple(section.accept),
        require_comparison=section.require_comparison,
        registered_model=section.registered_model,
        parameters=section.parameters,
        hand_over=None if section.hand_over is None else str(Path(section.hand_over).absolute()),
    )


def _trigger(name: str, section: TriggerSection) -> Trigger:
    common = Trigger(name=name, kind=section.kind, cooldown=section.cooldown, strategy=section.strategy)
    if isinstance(section, AlertTrigger):
        return replace(
            common,
            alert_names=tuple(section.alert_names or ALERTS[section.kind]),
            matchers=tuple(section.match),
            features=tuple(section.features),
        )
    if isinstance(section, AgeTrigger):
        return replace(common, every=section.after)
    if isinstance(section, ScheduleTrigger):
        at = section.at
        end = None if at is None else (at + 1) % MINUTES_A_DAY
        hours = (
            None
            if at is None or end is None
            else Hours(zone=section.zone, days=section.days, begin=at, end=end)
        )
        return replace(common, every=section.every, hours=hours)
    return common


def _place(name: str, section: RunnerSection, path: Path, environ: Mapping[str, str]) -> Place:
    """A runner as the configuration wants it."""
    if isinstance(section, AirflowSection):
        where = f"runners.{name}"
        return Place(
            runner=AirflowRunner(
                url=section.url,
                dag_id=section.dag_id,
                result_task=section.result_task,
                token=_optional_secret(path, section.token_file, f"{where}.token_file"),
                username=section.username,
                password=_optional_secret(path, section.password_file, f"{where}.password_file"),
                timeout=section.timeout,
            ),
            seen=section.seen_as,
        )
    passed = {
        variable: environ[variable] for variable in (*PASSED_ON, *section.environment) if variable in environ
    }
    if isinstance(section, KubernetesSection):
        manifest = read_yaml(path.parent / section.manifest_file, "the YAML of a Job")
        assert isinstance(manifest, dict)
        return Place(
            runner=KubernetesRunner(
                manifest=manifest,
                namespace=section.namespace,
                kubectl=tuple(section.kubectl),
                environment=passed,
                timeout=section.timeout,
            ),
            seen=section.seen_as,
        )
    return Place(
        runner=LocalRunner(
            command=tuple(section.command) if isinstance(section, CommandRunner) else (),
            function=section.function if isinstance(section, PythonRunner) else None,
            directory=Path(section.directory).absolute(),
            environment=passed,
            timeout=section.timeout,
            grace=section.grace,
            max_output_bytes=section.max_output_kibibytes * KIBIBYTE,
        )
    )


def _optional_secret(path: Path, name: str | None, where: str) -> Secret | None:
    return None if name is None else _secret(path, name, where, 1)


def _secret(path: Path, name: str, where: str, length: int) -> Secret:
    """A secret in a file beside the configuration, which it follows."""
    return SecretFile(path.parent / name, where, lambda text: len(text) >= length).secret()


def _beside(path: Path, name: str | None) -> Path | None:
    """A path in the file means beside the file, unless it is absolute."""
    return None if name is None else path.parent / name
