"""What the code never does, and where it listens: docs/security.md promises it."""

from __future__ import annotations

import ast
from functools import cache
from inspect import signature
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from alerting import action_api, intake, interactivity, payload
from alerting.config_file import ListenSection as BridgeListens
from alerting.retraining import api
from alerting.retraining.config_file import ListenSection as RetrainingListens
from alerting.testing import FakeSlack, inbox
from alerting.testing import server as fake_slack
from driftgauge.demo import ports
from driftgauge.explorer import options as explorer
from driftgauge.explorer import transport
from driftgauge.explorer.options import DEFAULT_ADDRESS
from exporter import answers, server, stream_settings
from exporter.config import load_config
from exporter.predictor import InstrumentedPredictor
from exporter.server import ServerOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("exporter", "alerting", "driftgauge", "dashboards", "scripts")

FORBIDDEN = {
    "pickle.load", "pickle.loads", "pickle.Unpickler", "cPickle.load", "cPickle.loads", "dill.load",
    "dill.loads", "cloudpickle.load", "cloudpickle.loads", "marshal.load", "marshal.loads", "shelve.open",
    "joblib.load", "pandas.read_pickle", "pd.read_pickle", "numpy.load", "np.load", "torch.load",
    "mlflow.pyfunc.load_model", "eval", "exec", "compile", "builtins.eval", "builtins.exec",
    "os.system", "os.popen",
    "yaml.load", "yaml.load_all", "yaml.full_load", "yaml.full_load_all", "yaml.unsafe_load",
    "yaml.unsafe_load_all", "yaml.Loader", "yaml.FullLoader", "yaml.UnsafeLoader", "tempfile.mktemp",
    "ssl._create_unverified_context", "ssl.CERT_NONE", "xml.etree.ElementTree.parse", "telnetlib.Telnet",
}  # fmt: skip
"""Whatever makes code or objects out of data, or trusts whoever answers."""

ALLOWED = {
    ("exporter/spark/partials.py", "pickle.loads"): "between the tasks of one Spark job; no file",
    ("exporter/mlflow/registry.py", "mlflow.pyfunc.load_model"): "the model that a registry's owner serves",
    ("driftgauge/demo/service.py", "joblib.load"): "a model that the demo's own training has just written",
    ("driftgauge/demo/training.py", "joblib.load"): "the champion that the demo's own service has written",
}
"""The exceptions, each with its reason; docs/security.md names them too."""

METHODS = {"get", "post", "put", "patch", "delete", "head", "options", "request"}


@cache
def _trees() -> dict[str, ast.AST]:
    return {
        str(path.relative_to(ROOT)): ast.parse(path.read_text(encoding="utf-8"))
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*.py"))
    }


def _nodes() -> Iterator[tuple[str, ast.AST]]:
    for name, tree in _trees().items():
        for node in ast.walk(tree):
            yield name, node


def _full_names(tree: ast.AST) -> Iterator[str]:
    """Every dotted name in a file, with what its imports call something else resolved."""
    known: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            known |= {alias.asname: alias.name for alias in node.names if alias.asname}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            known |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            first, *rest = _dotted(node)
            yield ".".join([known.get(first, first), *rest])
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield known.get(node.func.id, node.func.id)


def _dotted(node: ast.expr) -> list[str]:
    """The parts of a dotted name; what is no name at its beginning is nothing."""
    if isinstance(node, ast.Attribute):
        return [*_dotted(node.value), node.attr]
    return [node.id] if isinstance(node, ast.Name) else [""]


def test_nothing_makes_code_or_objects_of_data() -> None:
    """No pickle and its relatives, no eval, no shell, no loader of YAML but the safe one; four exceptions."""
    found = {
        (name, used) for name, tree in _trees().items() for used in _full_names(tree) if used in FORBIDDEN
    }
    assert found == set(ALLOWED)


def test_each_exception_is_named_in_the_documentation() -> None:
    """Whoever reads the page finds what the test lets pass."""
    page = (ROOT / "docs/security.md").read_text(encoding="utf-8")
    assert [name for name, _ in ALLOWED if name not in page] == []


def test_the_search_finds_what_it_is_for() -> None:
    """Another name for a module or a function does not hide it."""
    hidden = "import pickle as p\nfrom yaml import load as read\np.loads(b'')\nread('')\nexec('')"
    assert set(_full_names(ast.parse(hidden))) & FORBIDDEN == {"pickle.loads", "yaml.load", "exec"}


def test_no_argument_opens_a_shell_or_trusts_any_certificate() -> None:
    """No `shell=`, no `verify=`, no `allow_pickle=`, no `check_hostname = False` anywhere."""
    for name, node in _nodes():
        if isinstance(node, ast.keyword) and node.arg in {"shell", "verify", "allow_pickle"}:
            pytest.fail(f"{name}:{node.value.lineno}: {node.arg}=")
        if isinstance(node, ast.Assign) and "check_hostname" in ast.unparse(node):
            pytest.fail(f"{name}:{node.lineno}: check_hostname")


def _asks(node: ast.Call) -> bool:
    """Whether a call goes out over HTTP or opens a connection."""
    called = ast.unparse(node.func)
    receiver, _, method = called.rpartition(".")
    by_requests = method in METHODS and (
        receiver.split(".")[-1] in {"requests", "session", "_session"} or receiver.endswith("_connections()")
    )
    return by_requests or called.endswith(
        ("urlopen", "create_connection", "SMTP", "SMTP_SSL", "HTTPConnection")
    )


def test_every_call_to_another_program_has_a_time_out() -> None:
    """A program that does not answer holds nothing up for ever."""
    calls = [(name, node) for name, node in _nodes() if isinstance(node, ast.Call) and _asks(node)]
    for name, node in calls:
        assert "timeout" in {keyword.arg for keyword in node.keywords}, f"{name}:{node.lineno}"
    assert {"alerting/web.py", "driftgauge/explorer/transport.py", "exporter/stores/influx_server.py"} <= {
        name for name, _ in calls
    }


def test_every_listener_is_on_loopback_unless_told_otherwise(tmp_path: Path) -> None:
    """The defaults of the configuration's own models, of every option and of every constructor."""
    empty = tmp_path / "exporter.yaml"
    empty.write_text("{}")
    defaults = {
        "exporter": ServerOptions().addr,
        "exporter.yaml": load_config(empty, {}).server.addr,
        "serve()": signature(InstrumentedPredictor.serve).parameters["addr"].default,
        "bridge": BridgeListens().address,
        "retraining": RetrainingListens().address,
        "explorer": explorer.DEFAULT_ADDRESS,
        "demo": ports.HOST,
        "inbox": signature(FakeSlack).parameters["address"].default,
    }
    assert {name for name, address in defaults.items() if not ip_address(address).is_loopback} == set()


def test_no_address_of_every_network_stands_in_the_code() -> None:
    """Listening to others is a word of the configuration, never of a program."""
    for name, node in _nodes():
        if isinstance(node, ast.Constant) and node.value in ("0.0.0.0", "::"):
            pytest.fail(f"{name}:{node.lineno}: {node.value}")


def test_the_shipped_configuration_listens_on_loopback() -> None:
    """A file that is copied as it is opens nothing."""
    for name, key in (("exporter.yaml", "server"), ("bridge.yaml", "listen"), ("retraining.yaml", "listen")):
        section = yaml.safe_load((ROOT / "config" / name).read_text(encoding="utf-8")).get(key) or {}
        address = section.get("address", section.get("addr", "127.0.0.1"))
        assert ip_address(address).is_loopback, name


def test_the_inbox_program_listens_where_its_server_does() -> None:
    """Its option has the same default."""
    assert 'default="127.0.0.1"' in Path(inbox.__file__).read_text(encoding="utf-8")


def test_the_page_has_the_addresses_and_limits_of_the_code() -> None:
    """Row by row; a limit that is changed is changed there, too."""
    page = (ROOT / "docs/security.md").read_text(encoding="utf-8")
    table = page.partition("## What listens")[2].partition("## ")[0]
    rows = {line.split("|")[1].split()[0]: line for line in table.splitlines() if line.startswith("| ")}
    promised = {
        "exporter": [
            f"{DEFAULT_ADDRESS}:{server.DEFAULT_PORT}",
            f"{answers.MAX_BODY_BYTES >> 20} MiB",
            f"{answers.MAX_INTEGER_DIGITS} digits",
            f"{server.MAX_CONNECTIONS} connections",
            f"{server.SOCKET_TIMEOUT_SECONDS:g} s",
        ],
        "bridge": [
            f"{DEFAULT_ADDRESS}:{BridgeListens().port}",
            f"{intake.IntakePolicy().max_body_bytes >> 20} MiB a body",
            f"{intake.IntakePolicy().max_bytes_in_flight >> 20} MiB at once",
            f"{intake.IntakePolicy().max_requests:,} requests",
            f"{payload.MAX_ALERTS:,} alerts of {payload.MAX_LABELS} labels",
            f"actions: {action_api.MAX_BODY_BYTES >> 10} KiB",
            f"Slack: {interactivity.MAX_BODY_BYTES >> 20} MiB",
            f"each body {interactivity.BODY_SECONDS:g} s",
        ],
        "retraining": [
            f"{DEFAULT_ADDRESS}:{RetrainingListens().port}",
            f"{api.MAX_BODY_BYTES >> 20} MiB, {api.BODY_SECONDS:g} s",
        ],
        "explorer": [f"{DEFAULT_ADDRESS}:{explorer.DEFAULT_PORT}", f"{transport.MAX_BYTES >> 20} MiB"],
        "inbox": [f"port {inbox.DEFAULT_PORT}", f"{fake_slack.MAX_BODY_BYTES >> 20} MiB"],
    }
    assert f"by default {stream_settings.MAX_MESSAGE_BYTES:,}" in page
    lacking = {
        name: [words for words in limits if words not in rows[name]] for name, limits in promised.items()
    }
    assert not any(lacking.values()), lacking
