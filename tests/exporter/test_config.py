from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from exporter.config import (
    ExporterConfig,
    ModelSettings,
    load_config,
    multiprocess_directory,
    policy_from_environment,
)
from exporter.errors import ConfigError
from exporter.policy import Policy
from exporter.schedule import Schedule
from exporter.windows import Window


def write(folder: Path, text: str) -> Path:
    path = folder / "exporter.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_empty_file_is_all_defaults(tmp_path: Path) -> None:
    """Defaults live in the modules they configure, not in the file."""
    assert load_config(write(tmp_path, ""), {}) == ExporterConfig()


@pytest.mark.parametrize(
    "text",
    [
        "policy:\n  # alpha: 0.01\n",
        "server:\nchecks:\nstore:\nassessment:\nfeedback:\nbusiness:\nmodel:\nstream:\nrollout:\n",
        "checks:\n  windows:\n  row_windows:\n",
        "policy:\n  thresholds:\n  feature_thresholds:\n",
        "assessment:\n  quality:\n  protected:\n",
    ],
)
def test_what_is_left_empty_has_its_defaults(tmp_path: Path, text: str) -> None:
    """A section whose every line is a comment is one that is not there."""
    assert load_config(write(tmp_path, text), {}) == ExporterConfig()


def test_a_section_within_one_may_be_empty_too(tmp_path: Path) -> None:
    """As those of `stream`."""
    needed = "stream:\n  bootstrap_servers: a:1\n  group: g\n  observations: [o]\n"
    whole = load_config(write(tmp_path, needed), {})
    assert load_config(write(tmp_path, f"{needed}  security:\n  columns:\n  outcomes:\n"), {}) == whole


def test_the_shipped_file_is_valid() -> None:
    """What we ship loads as it is, and says what the defaults are."""
    config = load_config("config/exporter.yaml", {})
    assert config.model is not None
    defaults = ExporterConfig()
    assert (config.policy, config.windows, config.schedule, config.store) == (
        defaults.policy,
        defaults.windows,
        defaults.schedule,
        defaults.store,
    )


def test_every_section_is_read(tmp_path: Path) -> None:
    """Paths are relative to the file, secrets come from files, presets are changed key by key."""
    (tmp_path / "token").write_text("abc\n")
    path = write(
        tmp_path,
        """
        model: {name: m, version: "2", factory: "pkg.mod:make", reference: ref.json}
        server: {port: 0, addr: 0.0.0.0, token_file: token}
        checks: {interval_seconds: 60, windows: {5m: 300, 2h: 7200}}
        policy:
          {preset: aggressive, min_samples: 50, thresholds: {ks: 0.3}, feature_thresholds: {a: {psi: 1}}}
        store: {max_rows: 10, retention_hours: 1}
        """,
    )
    config = load_config(path, {})
    assert config.model == ModelSettings(
        name="m", version="2", factory="pkg.mod:make", reference=tmp_path / "ref.json"
    )
    assert config.server.token == "abc"
    assert config.windows == (Window("5m", 300.0), Window("2h", 7200.0))
    assert config.schedule.interval_seconds == 60
    aggressive = Policy.preset("aggressive")
    assert config.policy.alpha == aggressive.alpha
    assert config.policy.threshold("b", "ks") == 0.3
    assert config.policy.threshold("a", "psi") == 1
    assert config.policy.threshold("b", "psi") == aggressive.threshold("b", "psi")
    assert (config.store.max_rows, config.store.retention_hours) == (10, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "tables: {}",
            r"exporter.yaml: tables: unknown key, need one of model, server, checks, policy, store",
        ),
        ("store: {rows: 3}", r"store.rows: unknown key, need one of type, path, url, max_rows, retention"),
        ("store: {max_rows: 0}", r"store.max_rows: found 0, need greater than or equal to 1"),
        ("store: {type: paper}", r"store.type: found 'paper', need 'memory', 'sqlite', 'postgresql'"),
        ("server: {port: 99999}", r"server.port: found 99999, need less than or equal to 65535"),
        ("server: {certfile: a}", "found only one of certfile and keyfile, need both or neither"),
        ("server: {token_file: none}", r"server.token_file: .*none: No such file or directory"),
        ("checks: {interval_seconds: .inf}", r"checks.interval_seconds: found inf, need a finite number"),
        ("checks: {jitter_seconds: -1}", r"checks.jitter_seconds: found -1, need greater than or equal to 0"),
        ("checks: {windows: {1h: -1}}", r"checks.windows.1h: found -1, need greater than 0"),
        ("checks: {windows: {}}", "windows: found"),
        ("policy: {alpha: 2}", r"exporter.yaml: policy.alpha: found 2.0, need a number between 0 and 1"),
        ("policy: {thresholds: {pis: 1}}", "policy.thresholds: found 'pis', need one of psi"),
        (
            "policy: {preset: bold}",
            "policy.preset: found 'bold', need 'conservative', 'balanced' or 'aggressive'",
        ),
        ("model: {name: m, version: 1, factory: 'a:b'}", "model.version: found 1, need a valid string"),
        ("model: {name: m, version: '1', factory: 'os.system(1)'}", r"model.factory: found 'os.system\(1\)'"),
        ("checks: {interval_seconds: }", "checks.interval_seconds: found None, need a valid number"),
        ("server: {port: }", "server.port: found None, need a valid integer"),
        (
            "checks:\n  windows:\n    1h: 3600\n    1h: 60\n",
            r"exporter.yaml: found a key for the second time .* line 4, column 5.*need valid YAML",
        ),
        ("policy: {}\nstore: {}\npolicy: {}", "found a key for the second time .* line 3"),
        ("[1, 2]", "found list at the top"),
        ("a: [", "need valid YAML"),
        ("a: !!python/object:os.system {}", "need valid YAML"),
        ("[" * 5000, "need valid YAML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str) -> None:
    """File, key, what was found and what is needed."""
    with pytest.raises(ConfigError, match=message):
        load_config(write(tmp_path, text), {}).windows  # noqa: B018 - loading is what raises


def test_all_problems_come_together(tmp_path: Path) -> None:
    """One round of corrections is enough."""
    with pytest.raises(ConfigError) as error:
        load_config(write(tmp_path, "store: {max_rows: 0}\nchecks: {interval_seconds: x}\nother: 1"), {})
    assert str(error.value).count(";") == 2


@pytest.mark.parametrize(
    ("environ", "read"),
    [
        ({"DRIFT_THRESHOLD": "0.4"}, lambda c: c.policy.threshold("a", "psi") == 0.4),
        ({"DRIFT_CHECK_INTERVAL_HOURS": "0.5"}, lambda c: c.schedule.interval_seconds == 1800),
        ({"DRIFT_MIN_SAMPLES": "42"}, lambda c: c.policy.min_samples == 42),
        ({"FEATURE_RETENTION_HOURS": "3"}, lambda c: c.store.retention_hours == 3),
        ({"FEATURE_STORE_TYPE": "memory"}, lambda c: c.store.type == "memory"),
        ({"DRIFT_THRESHOLD": ""}, lambda c: c.policy.threshold("a", "psi") == 0.2),
    ],
)
def test_the_environment_overrides_the_file(tmp_path: Path, environ: dict[str, str], read: Any) -> None:
    """Each variable replaces one key; an empty one replaces nothing."""
    path = write(
        tmp_path, "policy: {min_samples: 7}\nstore: {retention_hours: 9}\nchecks: {interval_seconds: 1}"
    )
    assert read(load_config(path, environ))


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"DRIFT_THRESHOLD": "much"}, "^DRIFT_THRESHOLD: found 'much', need a valid number"),
        ({"DRIFT_THRESHOLD": "-1"}, "policy.thresholds.psi: found -1.0"),
        (
            {"DRIFT_CHECK_INTERVAL_HOURS": "soon"},
            "^DRIFT_CHECK_INTERVAL_HOURS: found 'soon', need a number of hours",
        ),
        ({"FEATURE_STORE_TYPE": "paper"}, "^FEATURE_STORE_TYPE: found 'paper', need 'memory'"),
        ({"DRIFT_MIN_SAMPLES_FILE": "/nonexistent"}, "^DRIFT_MIN_SAMPLES_FILE: /nonexistent: No such file"),
    ],
)
def test_a_bad_variable_is_named(tmp_path: Path, environ: dict[str, str], message: str) -> None:
    """The error names the variable, since the file is not at fault."""
    with pytest.raises(ConfigError, match=message):
        load_config(write(tmp_path, ""), environ)


def test_a_variable_may_be_a_file(tmp_path: Path) -> None:
    """Container secrets are files."""
    (tmp_path / "threshold").write_text("0.3\n")
    environ = {"DRIFT_THRESHOLD_FILE": str(tmp_path / "threshold")}
    assert policy_from_environment("balanced", environ).threshold("a", "psi") == 0.3


def test_a_schedule_is_read(tmp_path: Path) -> None:
    """A cron expression with its zone, jitter, and whether this process checks at all."""
    path = write(
        tmp_path,
        "checks: {enabled: false, cron: '*/15 * * * *', timezone: Europe/Berlin, jitter_seconds: 20}",
    )
    assert load_config(path, {}).schedule == Schedule(
        enabled=False, cron="*/15 * * * *", timezone="Europe/Berlin", jitter_seconds=20
    )


def test_the_workers_directory_is_prometheus_clients(tmp_path: Path) -> None:
    """It is set for all libraries of a process; empty is not set."""
    assert multiprocess_directory({"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}) == tmp_path
    assert multiprocess_directory({"PROMETHEUS_MULTIPROC_DIR": ""}) is None


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    """Binary, huge and missing files are one clear line each."""
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    huge = tmp_path / "huge"
    huge.write_text("#" * 1_000_001)
    for path, message in (
        (binary, "need valid YAML"),
        (huge, "found more than 1,000,000 bytes"),
        (tmp_path / "none", "No such file or directory, need a readable YAML file"),
        (tmp_path, "Is a directory"),
    ):
        with pytest.raises(ConfigError, match=message):
            load_config(path, {})


def test_the_models_own_judgement_is_configured(tmp_path: Path) -> None:
    """Thresholds of performance and quality, protected attributes and business measures by name."""
    path = tmp_path / "exporter.yaml"
    path.write_text(
        "assessment: {segment: place, drop_ratio: 0.1, quality: {missing: 0.2}, protected: [place]}\n"
        "business: [{name: revenue_euros, kind: counter}]\n",
        encoding="utf-8",
    )
    config = load_config(path, {})
    assert (config.assessment.segment, config.assessment.drop_ratio) == ("place", 0.1)
    assert config.assessment.quality_threshold("missing") == 0.2
    assert config.assessment.protected == ("place",)
    assert config.assessment.min_samples == 100
    assert list(config.business) == ["revenue_euros"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("assessment: {drop_ratio: 7}", r"assessment\.drop_ratio: found 7"),
        ("assessment: {smell: 1}", r"assessment\.smell: unknown key, need one of segment"),
        ("business: [{name: A, kind: counter}]", r"business\[0\]\.name: found 'A'"),
    ],
)
def test_a_judgement_that_cannot_be_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """With file, key, what was found and what is needed."""
    path = tmp_path / "exporter.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        load_config(path, {})


def test_a_catalogue_is_a_file_of_lines(tmp_path: Path) -> None:
    """Relative to the configuration, one item a line; one that cannot be read is named."""
    (tmp_path / "films.txt").write_text("film1\n\n film2 \r\nfilm3", encoding="utf-8")
    path = write(tmp_path, "feedback: {catalog_file: films.txt}")
    assert load_config(path, {}).catalog == ("film1", "film2", "film3")
    missing = write(tmp_path, "feedback: {catalog_file: none.txt}")
    with pytest.raises(ConfigError, match=r"feedback.catalog_file: .*none.txt: No such file"):
        load_config(missing, {})
    with pytest.raises(ConfigError, match=r"feedback.catalog: unknown key, need one of catalog_file"):
        load_config(write(tmp_path, "feedback: {catalog: [a]}"), {})
