from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from alerting.errors import ConfigError
from alerting.retraining.airflow import AirflowRunner
from alerting.retraining.config import describe, load_config
from alerting.retraining.kubernetes import KubernetesRunner
from alerting.retraining.local import LocalRunner
from alerting.retraining.policy import Brakes, ModelPolicy, Retries
from driftgauge.resources import config_dir

SMALL: dict[str, Any] = {
    "prometheus": {"url": "http://127.0.0.1:9090"},
    "runners": {"local": {"kind": "command", "command": ["true"]}},
    "models": {
        "delay": {
            "runner": "local",
            "features": ["dep_hour", "distance"],
            "triggers": {"drift": {"kind": "data_drift"}},
        }
    },
}
JOB = """
apiVersion: batch/v1
kind: Job
spec: {template: {spec: {containers: [{name: train, image: a}]}}}
"""


def put(folder: Path, changes: dict[str, Any], *, base: dict[str, Any] | None = None) -> Path:
    """A file with changes at dotted keys."""
    document = yaml.safe_load(yaml.safe_dump(base or SMALL))
    for key, value in changes.items():
        place = document
        *path, last = key.split("/")
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    path_ = folder / "retraining.yaml"
    path_.write_text(yaml.safe_dump(document))
    return path_


def test_the_shipped_file_says_the_defaults() -> None:
    """What it shows as a default is one."""
    config = load_config(config_dir() / "retraining.yaml", {})
    model = config.models["flight_delay"]
    assert (model.brakes, model.retries) == (Brakes(), Retries())
    plain = ModelPolicy(name="", runner="")
    assert (model.accept, model.require_comparison) == (plain.accept, plain.require_comparison)
    assert [trigger.kind for trigger in model.triggers] == [
        "data_drift", "performance", "concept_drift", "age", "manual",
    ]  # fmt: skip
    assert "flight_delay: trained by local" in describe(config)


def test_a_small_file_is_enough(tmp_path: Path) -> None:
    """Loopback, the known alerts, a day of cooldown."""
    config = load_config(put(tmp_path, {}), {})
    (trigger,) = config.models["delay"].triggers
    assert (config.listen.address, config.listen.port) == ("127.0.0.1", 9120)
    assert (trigger.alert_names, trigger.cooldown) == (("ModelDriftDetected",), 86_400.0)


def test_each_kind_of_runner_is_made(tmp_path: Path) -> None:
    """With its secrets from files beside the configuration."""
    (tmp_path / "job.yaml").write_text(JOB)
    (tmp_path / "password").write_text("pass\n")
    path = put(
        tmp_path,
        {
            "runners/python": {"kind": "python", "function": "pkg.mod:train", "environment": ["MLFLOW_URI"]},
            "runners/dag": {
                "kind": "airflow", "url": "http://a:8080", "dag_id": "r", "username": "u",
                "password_file": "password", "seen_as": "/mnt",
            },
            "runners/k8s": {"kind": "kubernetes", "manifest_file": "job.yaml", "kubectl": ["kubectl"]},
        },
    )  # fmt: skip
    places = load_config(path, {"PATH": "/bin", "MLFLOW_URI": "x", "SLACK_BOT_TOKEN": "xoxb-1"}).places
    local, python = places["local"].runner, places["python"].runner
    assert isinstance(local, LocalRunner)
    assert isinstance(python, LocalRunner)
    assert local.environment == {"PATH": "/bin"}
    assert python.environment == {"PATH": "/bin", "MLFLOW_URI": "x"}
    dag = places["dag"].runner
    assert isinstance(dag, AirflowRunner)
    assert dag.password is not None
    assert dag.password.reveal() == "pass"
    assert places["dag"].seen == "/mnt"
    assert isinstance(places["k8s"].runner, KubernetesRunner)


def test_a_schedule_has_times_or_an_interval(tmp_path: Path) -> None:
    """Sundays at three in Berlin, whatever the clocks do."""
    at = {"kind": "schedule", "at": "03:00", "days": "sun", "zone": "Europe/Berlin"}
    path = put(
        tmp_path, {"models/delay/triggers": {"weekly": at, "often": {"kind": "schedule", "every": "7d"}}}
    )
    often, weekly = sorted(load_config(path, {}).models["delay"].triggers, key=lambda found: found.name)
    saturday = 1_774_652_400.0  # 2026-03-28 00:00 in Berlin; the clocks change in the night that follows
    due = weekly.next_due(saturday)
    assert due is not None
    assert due == 1_774_746_000.0  # 2026-03-29 03:00 summer time
    assert weekly.next_due(due) == due + 7 * 86_400
    assert often.next_due(due) == due + 7 * 86_400


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"models/delay/hand_over": "/none/candidate.json"},
            "models.delay.hand_over: found no folder /none, need one for this file",
        ),
        (
            {
                "models/delay/hand_over": "/tmp/c.json",
                "models/other": {**SMALL["models"]["delay"], "hand_over": "/tmp/c.json"},
            },
            "models.other.hand_over: found the file of delay, need one for each model",
        ),
        ({"runners/local/commands": []}, "local.commands: found an unknown key, did you mean command?"),
        ({"models/delay/brakes": {"cooldwn": "1d"}}, "models.delay.brakes.cooldwn: found an unknown key"),
        ({"models/delay/brakes": {"cooldwn": "1d"}}, "did you mean cooldown?"),
        ({"models/delay/triggers/drift/alerts": []}, "triggers.drift.alerts: found an unknown key"),
        ({"models/delay/triggers/drift": {"kind": "moon"}}, "need one with a kind of data_drift"),
        ({"models/delay/triggers/drift": {"kind": "age"}}, "triggers.drift.after: found nothing"),
        ({"models/delay/triggers/drift": {"kind": "age", "after": "1s"}}, "need a minute or more"),
        ({"models/delay/triggers/s": {"kind": "schedule"}}, "found both or neither of every and at"),
        ({"models/delay/triggers/drift/features": ["tail"]}, "found tail, need one of the model's features"),
        ({"models/delay/triggers": {}}, "models.delay.triggers: found {}"),
        ({"models/delay/runner": "gone"}, "models.delay.runner: found gone, need one of local"),
        ({"models/delay/features": []}, "found neither features nor reference_path"),
        ({"models/delay/brakes": {"cooldown": 60}}, "brakes.cooldown: found 60, need a span of time"),
        ({"prometheus": {}}, "brakes.minimum_labelled_rows: found 1000 and no prometheus.url"),
        ({"prometheus": {}}, "brakes.unknown_quality: found wait and no prometheus.url"),
        ({"listen": {"address": "0.0.0.0"}}, "which others can reach, and no token"),
        ({"listen": {"tls_key_file": "k"}}, "need both or neither"),
        ({"runners/local/kind": "magic"}, "need one with a kind of command, python, airflow, kubernetes"),
        ({"runners/local/directory": "/no/such/folder"}, "found no folder /no/such/folder"),
        ({"runners/f": {"kind": "python", "function": "train"}}, "runners.f.function"),
        ({"runners/k": {"kind": "kubernetes", "manifest_file": "no"}}, "need the YAML of a Job"),
        ({"runners/a": {"kind": "airflow", "url": "http://a", "dag_id": "d", "username": "u"}}, "or neither"),
        ({"webhook": {"secret_files": ["absent"]}}, "not readable, need a file with the secret"),
        ({"models": {}}, "models: found {}"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    """With the place, what was found and what is needed."""
    with pytest.raises(ConfigError) as caught:
        load_config(put(tmp_path, changes), {})
    assert words in str(caught.value)


def test_all_problems_are_told_together(tmp_path: Path) -> None:
    """Nobody should have to start it five times."""
    path = put(tmp_path, {"models/delay/runner": "gone", "models/delay/features": [], "prometheus": {}})
    with pytest.raises(ConfigError) as caught:
        load_config(path, {"RETRAINING_LISTEN_PORT": "99999"})
    assert str(caught.value).count("retraining.yaml: ") == 5


@pytest.mark.parametrize("text", ["[]", "a: [", "\xff", "models: &a [*a]"])
def test_what_is_no_such_file_is_refused(tmp_path: Path, text: str) -> None:
    """As one line."""
    path = tmp_path / "retraining.yaml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"retraining\.yaml"):
        load_config(path, {})
    with pytest.raises(ConfigError, match="not readable"):
        load_config(tmp_path / "absent.yaml", {})


def test_mlflow_is_named_once_and_models_by_their_registered_name(tmp_path: Path) -> None:
    """MLflow's own variables override address and token, and the token is never shown."""
    changes = {
        "mlflow": {"tracking_uri": "http://mlflow:5000", "token_file": "token"},
        "models/delay/registered_model": "delay-model",
    }
    (tmp_path / "token").write_text("from-file\n")
    config = load_config(put(tmp_path, changes), {})
    assert config.mlflow.tracking_uri == "http://mlflow:5000"
    assert config.mlflow_token is not None
    assert config.mlflow_token.reveal() == "from-file"
    assert config.models["delay"].registered_model == "delay-model"
    assert "delay: recorded in MLflow as delay-model" in describe(config)
    other = {"MLFLOW_TRACKING_URI": "https://other", "MLFLOW_TRACKING_TOKEN": "from-environment"}
    config = load_config(put(tmp_path, changes), other)
    assert config.mlflow.tracking_uri == "https://other"
    assert config.mlflow_token is not None
    assert config.mlflow_token.reveal() == "from-environment"
    assert "from-environment" not in repr(config)


def test_a_registered_model_needs_a_server(tmp_path: Path) -> None:
    """A local folder is none: nobody could reach it; without registered models nothing is asked of it."""
    changes = {"models/delay/registered_model": "delay-model"}
    with pytest.raises(ConfigError, match=r"models\.delay\.registered_model: found one and no mlflow"):
        load_config(put(tmp_path, changes), {})
    local = {"MLFLOW_TRACKING_URI": "sqlite:///mlflow.db"}
    with pytest.raises(ConfigError, match="MLFLOW_TRACKING_URI: found something else"):
        load_config(put(tmp_path, changes), local)
    assert load_config(put(tmp_path, {}), local).models["delay"].registered_model is None
    with pytest.raises(ConfigError, match=r"mlflow\.tracking_uri: found 'file:///x'"):
        load_config(put(tmp_path, {"mlflow": {"tracking_uri": "file:///x"}}), {})
    with pytest.raises(ConfigError, match=r"mlflow\.tracking_url: found an unknown key, did you mean"):
        load_config(put(tmp_path, {"mlflow": {"tracking_url": "http://x"}}), {})
