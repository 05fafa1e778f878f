"""Real servers of Debian's packages, each in a directory of its own and on a free port of this machine."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests

HERE = Path(__file__).parent
SERVERS = {"postgresql", "redis", "influxdb"}
SERVER_FIXTURES = {f"{name}_server" for name in ("postgres", "redis", "influx")} | {"guarded_influx_server"}

START_SECONDS = 60.0
"""Generous: other tests run on the same machine."""


class Server:
    """A server process that can be killed and started again on the same port and data."""

    def __init__(
        self,
        command: list[str],
        port: int,
        log: Path,
        user: str | None = None,
        ready: Callable[[], bool] = lambda: True,
    ) -> None:
        self.port = port
        self._ready = ready
        self._command = command
        self._log = log
        self._user = user if os.geteuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdout=log,
                stderr=log,
                user=self._user,
                group=self._user,
                extra_groups=[] if self._user else None,
                start_new_session=True,
                cwd=self._log.parent,
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            with socket.socket() as probe:
                listens = probe.connect_ex(("127.0.0.1", self.port)) == 0
            if listens and self._ready():
                return
            time.sleep(0.05)
        pytest.fail(f"{self._command[0]} did not start:\n{self._log.read_text()[-2000:]}")

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None and self._process.poll() is None:
            children = _children(self._process.pid)
            self._process.kill()
            self._process.wait()
            for child in children:  # PostgreSQL's would answer a little longer
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            while any(_parent(child) is not None for child in children):
                time.sleep(0.01)


def _children(parent: int) -> list[int]:
    """Processes that a process has started."""
    numbers = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]
    return [number for number in numbers if _parent(number) == parent]


def _parent(process: int) -> int | None:
    """Who started a process; None once it has ended."""
    try:
        state, parent = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[:2]
    except OSError:
        return None
    return None if state == "Z" else int(parent)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def program(*names: str) -> str:
    """The first of these programs that is installed; `make test` installs them."""
    for name in names:
        versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))  # Debian keeps them off the PATH
        found = str(versions[-1]) if versions else shutil.which(name)
        if found:
            return found
    pytest.fail(f"found none of {', '.join(names)}, need Debian's packages: run make test")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a server, so that `-m 'not stack'` leaves it out where none is installed."""
    for item in items:
        asked = {str(value) for value in getattr(getattr(item, "callspec", None), "params", {}).values()}
        fixtures = set(getattr(item, "fixturenames", ()))
        if item.path.parent == HERE and (asked & SERVERS or fixtures & SERVER_FIXTURES):
            item.add_marker(pytest.mark.stack)


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("redis")
    port = free_port()
    command = [
        program("redis-server"),
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--requirepass",
        "secret-word",
    ]
    command += ["--dir", str(directory), "--appendonly", "yes", "--appendfsync", "always"]
    server = Server(command, port, directory / "log")
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    # PostgreSQL refuses to run as root: then its own user owns a directory that it can reach.
    directory = tmp_path_factory.mktemp("postgresql")
    user = "postgres" if os.geteuid() == 0 else None
    if user:
        directory = Path(tempfile.mkdtemp(prefix="driftgauge-pg-"))
        shutil.chown(directory, user, user)
    (directory / "password").write_text("secret-word")
    if user:
        shutil.chown(directory / "password", user, user)
    data = directory / "data"
    made = subprocess.run(
        [program("initdb"), "-D", str(data), "-U", "driftgauge", "--pwfile", str(directory / "password"),
         "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync"],
        capture_output=True, user=user, group=user, extra_groups=[] if user else None, check=False,
        cwd=directory,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr.decode()
    port = free_port()
    log = directory / "log"
    log.touch()
    server = Server(
        # What the system has, it keeps when the server is killed: no need to wait for the disk.
        [program("postgres"), "-D", str(data), "-p", str(port), "-h", "127.0.0.1", "-k", str(directory),
         "-c", "fsync=off", "-c", "shared_buffers=16MB"],
        port, log, user, lambda: _postgres_answers(port),
    )  # fmt: skip
    server.start()
    yield server
    server.kill()
    shutil.rmtree(directory)


def _postgres_answers(port: int) -> bool:
    """Whether it does more than listen: at first it says that it is starting up."""
    try:
        psycopg.connect(f"postgresql://driftgauge:secret-word@127.0.0.1:{port}/postgres").close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.fixture(scope="session")
def influx_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from _influx(tmp_path_factory.mktemp("influxdb"), "")


@pytest.fixture(scope="session")
def guarded_influx_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An InfluxDB that knows one user, `driftgauge` with the password `secret-word`."""
    yield from _influx(
        tmp_path_factory.mktemp("guarded"), "auth-enabled = true", ("driftgauge", "secret-word")
    )


def _influx(directory: Path, more: str, user: tuple[str, str] | None = None) -> Iterator[Server]:
    port, inner = free_port(), free_port()
    settings = directory / "influxdb.conf"
    settings.write_text(
        f"""reporting-disabled = true
bind-address = "127.0.0.1:{inner}"
[meta]
dir = "{directory}/meta"
[data]
dir = "{directory}/data"
wal-dir = "{directory}/wal"
index-version = "inmem"
[http]
bind-address = "127.0.0.1:{port}"
log-enabled = false
{more}
"""
    )
    if shutil.which("influxd") is None:
        pytest.skip("found no influxd, need Debian's influxdb")
    server = Server([program("influxd"), "-config", str(settings)], port, directory / "log")
    server.start()
    if user:
        ask_influx(port, f"CREATE USER {user[0]} WITH PASSWORD '{user[1]}' WITH ALL PRIVILEGES")
    ask_influx(port, "CREATE DATABASE window", user)
    yield server
    server.kill()


def ask_influx(port: int, question: str, user: tuple[str, str] | None = None) -> Any:
    """What an administrator asks; the server listens a moment before it answers."""
    for _ in range(100):
        answer = requests.post(
            f"http://127.0.0.1:{port}/query", data={"q": question}, auth=user, timeout=START_SECONDS
        )
        if answer.status_code != 503:
            break
        time.sleep(0.05)
    assert answer.ok, answer.text
    return answer.json()["results"][0]


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A model of its own for each test, so that tests share a server and nothing else."""
    return str(request.node.name)


Waiting = Callable[[Callable[[], bool]], None]


@pytest.fixture
def wait_until() -> Waiting:
    """Ask until it is so: for what another process does."""

    def wait(ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            assert time.monotonic() < deadline, "it never came"
            time.sleep(0.05)

    return wait
