"""What each path answers, whichever server asks: our own, or one that ours is mounted into."""

from __future__ import annotations

import hmac
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from .errors import ExporterError, StoreError
from .giving_way import giving_way

logger = logging.getLogger("driftgauge.server")

MAX_BODY_BYTES = 32 * 1024 * 1024
"""Of a POST; 100,000 rows of 20 numbers as JSON. More belongs into several requests."""

MAX_LENGTH_DIGITS = 18
"""Of a Content-Length; Python refuses to read thousands of digits with an error."""

MAX_INTEGER_DIGITS = 308
"""Of a whole number in a body: one more, and it may be beyond what a float holds."""

Page = Callable[[str], Mapping[str, Any] | None]
"""Answer to the rest of a path; None where there is nothing of that name, or a `NotThereError`."""

Query = Mapping[str, str]
"""What stands behind the question mark, by name; of a name that is there twice the last."""

Action = Callable[[Any], Mapping[str, Any]]
"""Answer to a JSON body. A `StoreError` is a store that is away (503, send it again), any other
`ExporterError` the client's fault (400), anything else the model's (500)."""

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"


class NotThereError(LookupError):
    """Nothing of that name; the message says which names there are."""


@dataclass(frozen=True, slots=True)
class QueriedPage:
    """A `Page` that reads the query as well; others are answered without it."""

    answer: Callable[[str, Query], Mapping[str, Any] | None]

    def __call__(self, rest: str) -> Mapping[str, Any] | None:
        """The answer without a query."""
        return self.answer(rest, {})


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, type and body of an answer."""

    status: HTTPStatus
    content_type: str
    body: bytes

    def headers(self) -> dict[str, str]:
        """What goes before the body."""
        headers = {"Content-Type": self.content_type, "Content-Length": str(len(self.body))}
        if self.status == HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = "Bearer"
        return headers


class Answers:
    """Answers of a predictor over HTTP.

    Parameters
    ----------
    registry : CollectorRegistry
        What /metrics shows.
    pages : mapping of str to callable
        First part of a path to the function that answers a GET of it with JSON.
    actions : mapping of str to callable
        Path to the function that answers a POST of JSON to it.
    token : str or None
        Bearer token that every path but /healthz then asks for.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        pages: Mapping[str, Page],
        actions: Mapping[str, Action],
        token: str | None = None,
    ) -> None:
        self._registry = registry
        self._pages = dict(pages)
        self._actions = dict(actions)
        self._expected = None if token is None else f"Bearer {token}".encode()

    def has(self, method: str, path: str) -> bool:
        """Whether a path is one of ours."""
        first = _parts(path)[0]
        if method == "POST":
            return path.strip("/") in self._actions
        return first in self._pages or first in ("metrics", "healthz")

    def get(self, path: str, authorization: str, accept: str, query: str = "") -> Answer:
        """Answer to a GET of a path and its query, which are still quoted."""
        first, rest = _parts(path)
        if first == "healthz":
            return text(HTTPStatus.OK, "ok")
        if not self._allowed(authorization):
            return text(HTTPStatus.UNAUTHORIZED, "need a bearer token")
        if first == "metrics":
            return self._metrics(accept)
        if first in self._pages:
            return _page(self._pages[first], rest, query)
        return _not_found(("metrics", "healthz", *self._pages))

    def refused(self, path: str, authorization: str, length: str) -> Answer | None:
        """Answer to a POST whose body need not be read; None where it has to be."""
        if not self._allowed(authorization):
            return text(HTTPStatus.UNAUTHORIZED, "need a bearer token")
        if unquote(path).strip("/") not in self._actions:
            return _not_found(tuple(self._actions))
        if not length.isascii() or not length.isdigit():
            return error(HTTPStatus.LENGTH_REQUIRED, "body: found no Content-Length, need one")
        if len(length) > MAX_LENGTH_DIGITS or int(length) > MAX_BODY_BYTES:
            message = f"body: found {length[:MAX_LENGTH_DIGITS]} bytes, need at most {MAX_BODY_BYTES:,}"
            return error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message)
        return None

    def post(self, path: str, body: bytes) -> Answer:
        """Answer to a POST that was not refused."""
        try:
            content = json.loads(body, parse_constant=_no_constant, parse_int=_integer)
        except (ValueError, RecursionError) as problem:
            return error(HTTPStatus.BAD_REQUEST, f"body: {problem}, need JSON")
        try:
            return _json(self._actions[unquote(path).strip("/")](content))
        except StoreError as problem:
            return error(HTTPStatus.SERVICE_UNAVAILABLE, str(problem))
        except ExporterError as problem:
            return error(HTTPStatus.BAD_REQUEST, str(problem))
        except Exception as problem:
            logger.exception("the model failed")
            return error(HTTPStatus.INTERNAL_SERVER_ERROR, f"the model raised {type(problem).__name__}")

    def _allowed(self, authorization: str) -> bool:
        if self._expected is None:
            return True
        return hmac.compare_digest(authorization.encode("latin-1", "replace"), self._expected)

    def _metrics(self, accept: str) -> Answer:
        encode, content_type = choose_encoder(accept)
        try:
            with giving_way():
                return Answer(HTTPStatus.OK, content_type, encode(self._registry))
        except Exception:
            logger.exception("scrape failed")
            return text(HTTPStatus.INTERNAL_SERVER_ERROR, "scrape failed; the exporter's log says why")


def text(status: HTTPStatus, message: str) -> Answer:
    """An answer in plain text."""
    return Answer(status, TEXT, message.encode() + b"\n")


def error(status: HTTPStatus, message: str) -> Answer:
    """An error as JSON."""
    return Answer(status, JSON, json.dumps({"error": message}).encode() + b"\n")


def _page(page: Page, rest: str, query: str) -> Answer:
    try:
        if isinstance(page, QueriedPage):
            return _json(page.answer(rest, dict(parse_qsl(query, keep_blank_values=True))))
        return _json(page(rest))
    except NotThereError as problem:
        return error(HTTPStatus.NOT_FOUND, str(problem))
    except Exception as problem:
        logger.exception("a page failed")
        return error(
            HTTPStatus.INTERNAL_SERVER_ERROR,
            f"the page raised {type(problem).__name__}; the exporter's log says why",
        )


def _json(content: Mapping[str, Any] | None) -> Answer:
    if content is None:
        return error(HTTPStatus.NOT_FOUND, "nothing of this name")
    return Answer(HTTPStatus.OK, JSON, json.dumps(content, indent=2, allow_nan=False).encode() + b"\n")


def _no_constant(name: str) -> None:
    raise ValueError(f"found {name}, which is not JSON; null is a missing value")


def _integer(digits: str) -> int:
    if len(digits) > MAX_INTEGER_DIGITS:
        raise ValueError(f"found a number of {len(digits):,} digits, need {MAX_INTEGER_DIGITS} at most")
    return int(digits)


def _not_found(known: Sequence[str]) -> Answer:
    return text(HTTPStatus.NOT_FOUND, f"not found; here are {', '.join(f'/{name}' for name in known)}")


def _parts(path: str) -> tuple[str, str]:
    first, _, rest = unquote(path).strip("/").partition("/")
    return first, rest
