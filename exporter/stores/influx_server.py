"""An InfluxDB server over HTTP: writes lines, and asks questions in InfluxQL with parameters."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from ..errors import ConfigError, ObservationError, StoreError
from .forks import hold_across_forks

try:
    import requests
except ImportError as error:  # pragma: no cover - told to whoever configures the store
    raise ConfigError(
        "store.type: found influxdb and no requests, need: pip install 'driftgauge[influxdb]'"
    ) from error

CONNECT_SECONDS: Final = 5.0
"""How long to wait for a connection. Longer, and what waits to be stored would pile up behind one call."""
ANSWER_SECONDS: Final = 30.0
"""Between two pieces of an answer; the longest honest silence is before that of a day's window."""
REFUSED: Final = frozenset({400, 413, 422})
"""Statuses of a write that say that these points can never be kept: not points, of another type than those
that are there, too many or too long. The same points would be refused again and again."""
CHUNK_ROWS: Final = 5_000
"""Rows that the server sends at once; a whole window would lie in its memory as text."""
READ_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A part of an answer: the rows of one statement that have the same tags."""

    statement: int
    tags: Mapping[str, str]
    columns: Sequence[str]
    values: Sequence[Sequence[Any]]


class InfluxServer:
    """A database of an InfluxDB 1.x, or of a server that speaks as it does.

    Parameters
    ----------
    url : str
        http://user:password@host:8086/database; its password is in no message of ours.
    """

    def __init__(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port or 8086
        except ValueError:
            parts, host, port = urlsplit(""), None, 0
        self._database = unquote(parts.path.strip("/"))
        if parts.scheme not in ("http", "https") or not host or not self._database:
            raise ConfigError(
                "store.url: found no address of an InfluxDB, need http://user:password@host:8086/database"
            )
        named = f"[{host}]" if ":" in host else host
        self._base = f"{parts.scheme}://{named}:{port}"
        self._auth = (
            None if parts.username is None else (unquote(parts.username), unquote(parts.password or ""))
        )
        self.place = f"influxdb {named}:{port}/{self._database}"
        self._lock = threading.Lock()
        hold_across_forks(self._lock)
        self._session: requests.Session | None = None
        self._process = 0

    def write(self, lines: Sequence[str]) -> None:
        """Keep these points; a point that is there already is replaced.

        Raises
        ------
        StoreError
            If the server is away, or refuses this user, or has no such database.
        ObservationError
            If it refuses these points.
        """
        with self._answer(
            "write", {"db": self._database, "precision": "ns"}, "\n".join(lines).encode(), stream=False
        ) as answer:
            # Points that the server's own retention policy has no room for are as good as dropped by ours.
            if answer.status_code == 400 and "beyond retention policy" in answer.text:
                return
            if answer.status_code in REFUSED:
                raise ObservationError(
                    f"{self.place}: found that it refuses these points (HTTP {answer.status_code}:"
                    f" {_reason(answer)}), need points that it takes"
                )
            self._refuse(answer)

    def ask(self, statements: Sequence[str], values: Mapping[str, object]) -> Iterator[Series]:
        """Answers to statements with $names for values, piece by piece."""
        form = {
            "q": "; ".join(statements),
            "db": self._database,
            "epoch": "ns",
            "params": json.dumps(values),
            "chunked": "true",
            "chunk_size": str(CHUNK_ROWS),
        }
        with self._answer("query", {}, form, stream=True) as answer:
            self._refuse(answer)
            for line in answer.iter_lines(READ_BYTES):
                for result in json.loads(line)["results"]:
                    if "error" in result:
                        raise self._trouble(str(result["error"]))
                    for series in result.get("series", ()):
                        yield Series(
                            statement=result["statement_id"],
                            tags=series.get("tags", {}),
                            columns=series["columns"],
                            values=series["values"],
                        )

    def close(self) -> None:
        """Close all connections; the next use opens one again."""
        with self._lock:
            if self._session is not None:
                self._session.close()
                self._session = None

    @contextmanager
    def _answer(
        self,
        path: str,
        query: Mapping[str, str],
        body: bytes | Mapping[str, str],
        *,
        stream: bool,
    ) -> Iterator[requests.Response]:
        """The answer to a POST; what fails while it is read too is told as `StoreError`."""
        try:
            with self._connections().post(
                f"{self._base}/{path}",
                params=query,
                data=body,
                # The server would spend more on squeezing a window than a network takes to carry it.
                headers={"Accept-Encoding": "identity"},
                auth=self._auth,
                timeout=(CONNECT_SECONDS, ANSWER_SECONDS),
                allow_redirects=False,
                stream=stream,
            ) as answer:
                yield answer
        except (requests.RequestException, json.JSONDecodeError, KeyError) as error:
            raise StoreError(
                f"{self.place}: found it not reachable ({type(error).__name__}), need a running InfluxDB 1.x"
            ) from error

    def _connections(self) -> requests.Session:
        """The session of this process: a forked child may not use its parent's."""
        with self._lock:
            if self._session is None or self._process != os.getpid():
                self._process = os.getpid()
                self._session = requests.Session()
            return self._session

    def _refuse(self, answer: requests.Response) -> None:
        if answer.status_code in (401, 403):
            raise StoreError(
                f"{self.place}: found that it refuses ({_reason(answer)}), need the name and password of a"
                " user who may read and write the database"
            )
        if not answer.ok or answer.is_redirect:
            raise self._trouble(f"HTTP {answer.status_code}: {_reason(answer)}")

    def _trouble(self, reason: str) -> StoreError:
        return StoreError(
            f"{self.place}: found it unusable for now ({reason}), need a database that takes points"
        )


def _reason(answer: requests.Response) -> str:
    """What the server says of its refusal."""
    try:
        return str(answer.json()["error"])[:500]
    except (ValueError, KeyError, TypeError):
        return answer.text[:200]
