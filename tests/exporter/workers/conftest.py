"""Real servers with several workers, which run the examples of docs/serving.md."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "examples" / "serving"

START_SECONDS = 60.0
"""Workers import scikit-learn; a busy machine takes its time."""

Series = tuple[str, frozenset[tuple[str, str]]]


class Server:
    """A running server of an example."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, directory: Path, log: Path) -> None:
        self.process = process
        self.url = f"http://127.0.0.1:{port}"
        self.directory = directory
        self._log = log

    def post(self, path: str, body: Any) -> Any:
        """Answer to a POST; a worker that ends between two requests refuses one, which is sent again."""
        answer = self._ask("POST", path, json=body)
        answer.raise_for_status()
        return answer.json()

    def predict(self, incomes: list[float], ids: list[str]) -> int:
        """Worker that predicted a row for each income."""
        rows = [{"income": income, "age": 40.0} for income in incomes]
        worker: int = self.post("predict", {"rows": rows, "ids": ids})["worker"]
        return worker

    def get(self, path: str) -> requests.Response:
        return self._ask("GET", path)

    def _ask(self, method: str, path: str, **options: Any) -> requests.Response:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            try:
                return requests.request(method, f"{self.url}/{path}", timeout=START_SECONDS, **options)
            except requests.ConnectionError:
                time.sleep(0.1)
        raise AssertionError(self._log.read_text())

    def metrics(self, path: str = "monitoring/metrics") -> dict[Series, float]:
        """All samples of a scrape."""
        text = self.get(path).text
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def total(self, name: str, **labels: str) -> float:
        """Sum of the series of a name with these labels."""
        return sum(
            value
            for (found, given), value in self.metrics().items()
            if found == name and labels.items() <= dict(given).items()
        )

    def wait_for(self, reached: Callable[[Server], bool], seconds: float = START_SECONDS) -> None:
        end = time.monotonic() + seconds
        while not reached(self):
            assert time.monotonic() < end, "not reached in time"
            time.sleep(0.1)

    def leader(self) -> int | None:
        """Process that runs the checks: the holder of the lock."""
        for path in self.directory.glob("*.lock"):
            with path.open("rb") as file:
                asked = struct.pack("hhqqi4x", fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)
                kind, _, _, _, pid = struct.unpack("hhqqi4x", fcntl.fcntl(file, fcntl.F_GETLK, asked))
                if kind != fcntl.F_UNLCK:
                    return int(pid)
        return None

    def workers(self) -> set[int]:
        """Processes that have counted something and live."""
        found = {int(path.stem.rpartition("_")[2]) for path in self.directory.glob("counter_*.db")}
        return {pid for pid in found if Path(f"/proc/{pid}").exists()}

    def gauges(self, pid: int) -> list[Path]:
        """Files of a worker's gauges which a scrape leaves."""
        self.metrics()
        return list(self.directory.glob(f"gauge_live*_{pid}.db"))

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)


Serve = Callable[..., Server]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts a server from its command, with `{port}` in it, and stops it in the end."""
    with ExitStack() as stack:

        def start(name: str, *command: str, interval: float = 300.0) -> Server:
            folder = tmp_path / name
            directory = folder / "metrics"
            directory.mkdir(parents=True)
            environ = {
                **os.environ,
                "PROMETHEUS_MULTIPROC_DIR": str(directory),
                "DRIFTGAUGE_EXAMPLE": str(folder),
                "DRIFTGAUGE_EXAMPLE_INTERVAL": str(interval),
                "PYTHONPATH": f"{ROOT}:{EXAMPLES}",
                "OMP_NUM_THREADS": "1",
            }
            return stack.enter_context(_running(command, environ, folder / "log", directory))

        yield start


@contextmanager
def _running(
    command: tuple[str, ...], environ: Mapping[str, str], log: Path, directory: Path
) -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *(part.format(port=port) for part in command)],
            env=environ, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        server = Server(process, port, directory, log)
        try:
            yield server
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
