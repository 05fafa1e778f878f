"""One HTTP call with a limit on everything: time, size, redirects. Every failure becomes a sentence."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import requests

from ..errors import SourceError

CONNECT_SECONDS: Final = 2.0
READ_SECONDS: Final = 10.0
"""Longest silence: 30 days on a big Prometheus take seconds, and nobody looks at an empty page for longer."""

MAX_BYTES: Final = 16 << 20
"""Of an answer: ten times that of a thousand alerts; what is larger would stall the browser, too."""

MAX_WORDS: Final = 300
"""Characters of a foreign error message that are repeated."""

_CHUNK: Final = 64 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A program that is asked.

    Attributes
    ----------
    name : str
        What people call it.
    url : str
        Its base address.
    token_file : Path or None
        Bearer token; read at each call, so that it can be replaced.
    """

    name: str
    url: str
    token_file: Path | None = None
    session: requests.Session = field(default_factory=lambda: _session(), repr=False)  # noqa: PLW0108 - below

    def ask(self, path: str, *, method: str = "GET", **options: Any) -> Any:  # noqa: ANN401 - JSON is anything
        """The JSON of a good answer.

        Parameters
        ----------
        path : str
            After the base address.
        method : str
        **options
            As `requests` has them: params, data, json, headers.

        Raises
        ------
        SourceError
            If there is none; it names the program, what was found, and what the program said.
        """
        status, body = self._exchange(path, method, options)
        content = _json(body)
        if status >= requests.codes.bad_request:
            raise SourceError(f"{self.name}: found HTTP {status} at {self.url}{path}{_said(content)}")
        if content is None:
            raise SourceError(f"{self.name}: found no JSON at {self.url}{path}, need its HTTP API there")
        return content

    def _exchange(self, path: str, method: str, options: Mapping[str, Any]) -> tuple[int, bytes]:
        headers = {**options.get("headers", {}), **self._authorization()}
        try:
            with self.session.request(
                method,
                f"{self.url}{path}",
                **{**options, "headers": headers},
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                stream=True,
                allow_redirects=False,
            ) as answer:
                body = bytearray()
                for chunk in answer.iter_content(_CHUNK):
                    body += chunk
                    if len(body) > MAX_BYTES:
                        raise SourceError(
                            f"{self.name}: found more than {MAX_BYTES >> 20} MB at {self.url}{path}, "
                            "need a shorter time range"
                        )
                return answer.status_code, bytes(body)
        except requests.Timeout:
            raise SourceError(
                f"{self.name}: found no answer at {self.url} within {READ_SECONDS:g} s"
            ) from None
        except requests.ConnectionError:
            raise SourceError(
                f"{self.name}: found nothing that answers at {self.url}, need it to run there"
            ) from None
        except (requests.RequestException, ValueError) as error:
            raise SourceError(f"{self.name}: found {type(error).__name__} at {self.url}") from None

    def _authorization(self) -> dict[str, str]:
        if self.token_file is None:
            return {}
        try:
            token = self.token_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise SourceError(
                f"{self.name}: found no readable token in {self.token_file}, need one"
            ) from None
        if not token.isascii() or not token.isprintable() or not token:
            raise SourceError(f"{self.name}: found no token in {self.token_file}, need one line of ASCII")
        return {"Authorization": f"Bearer {token}"}


def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # neither a proxy nor a .netrc of the user's: what is asked is named by options
    return session


def _json(body: bytes) -> Any:  # noqa: ANN401 - as above
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _said(content: Any) -> str:  # noqa: ANN401 - as above
    """What a program said about its error: Prometheus and the others call it `error`, some `message`."""
    if isinstance(content, Mapping):
        words = content.get("error") or content.get("message")
        if isinstance(words, str):
            return f": {words[:MAX_WORDS]}"
    return ""
