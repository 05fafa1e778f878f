"""One HTTP exchange, told apart by whether the request can have reached the other side.

Nothing is repeated in here, no redirect is followed, and nothing is read from ~/.netrc. Each exchange has a
connection of its own: a kept one that the other side has closed cannot be told from a request that was taken.
"""

from __future__ import annotations

import ipaddress
import json
import math
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

import requests
import urllib3
from requests.auth import AuthBase

from .calls import RetryLater, Uncertain
from .secret import Secret

MAX_ANSWER_BYTES: Final = 8 << 20
"""A page of 200 Slack messages of the largest size is about 3 MB."""
_CHUNK_BYTES: Final = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Limits of one exchange, in seconds; `total` is the longest it can take in all."""

    connect: float
    read: float

    @property
    def total(self) -> float:
        """Connecting, and reading until the deadline; a chunk that has begun may take `read` once more."""
        return self.connect + 2 * self.read


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP answer that arrived whole."""

    status: int
    headers: Mapping[str, str]
    text: str

    def document(self) -> dict[str, Any] | None:
        """The JSON object in it, or None."""
        try:
            value = json.loads(self.text)
        except (ValueError, RecursionError):
            return None
        return value if isinstance(value, dict) else None

    def retry_after(self, now: float) -> float | None:
        """Seconds to wait by its Retry-After, a number, a decimal or a date; None without a usable one."""
        value = self.headers.get("Retry-After", "").strip()
        try:
            seconds = float(value)
        except ValueError:
            try:
                seconds = parsedate_to_datetime(value).timestamp() - now
            except (ValueError, TypeError):
                return None
        return max(0.0, seconds) if math.isfinite(seconds) else None


class Bearer(AuthBase):
    """Puts a token into the request at the last moment; an explicit auth also keeps requests off ~/.netrc."""

    def __init__(self, token: Secret | None = None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """The request with the token, if there is one."""
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token.reveal()}"
        return request


def exchange(
    method: str,
    url: str,
    *,
    timeouts: Timeouts,
    token: Secret | None = None,
    body: Mapping[str, object] | bytes | None = None,
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    max_bytes: int = MAX_ANSWER_BYTES,
) -> Answer | RetryLater | Uncertain:
    """Send one request and read its answer.

    Parameters
    ----------
    method, url : str
    timeouts : Timeouts
    token : Secret, optional
        Shown as a bearer token.
    body : mapping or bytes, optional
        What becomes JSON, or JSON as it stands.
    query, headers : mapping of str to str, optional
    max_bytes : int
        A longer answer is not read.

    Returns
    -------
    Answer
        Whatever its status.
    RetryLater
        If the request surely did not leave: no address, no connection, no trust.
    Uncertain
        If the connection broke or time ran out after it may have left.
    """
    deadline = time.monotonic() + timeouts.connect + timeouts.read
    data = body if body is None or isinstance(body, bytes) else encode(body)
    content = {"Content-Type": "application/json; charset=utf-8"} if data is not None else {}
    try:
        with requests.Session() as session:
            # A proxy of the environment serves the world outside, not this machine.
            session.trust_env = not is_loopback(_host(url))
            response = session.request(
                method,
                url,
                params=query,
                data=data,
                headers={**content, **(headers or {})},
                auth=Bearer(token),
                timeout=(timeouts.connect, timeouts.read),
                allow_redirects=False,
                stream=True,
            )
            with response:
                text = b"".join(_chunks(response, deadline, max_bytes)).decode("utf-8", "replace")
            return Answer(status=response.status_code, headers=response.headers, text=text)
    # Messages of these errors hold the URL, which may be a secret: only their kind is passed on.
    except requests.ConnectTimeout:
        return RetryLater(reason="unreachable", detail="connect timeout")
    except requests.Timeout:
        return Uncertain(reason="timeout")
    except requests.RequestException as error:
        return _broken(error)


def encode(body: Mapping[str, object]) -> bytes:
    """JSON in UTF-8; what cannot be written in it becomes a question mark."""
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:  # requests will say so too, in its own way
        return ""


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own and no other can reach it."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _chunks(response: requests.Response, deadline: float, max_bytes: int) -> Iterator[bytes]:
    """The body, within limits of time and size."""
    size = 0
    for chunk in response.iter_content(_CHUNK_BYTES):
        size += len(chunk)
        if time.monotonic() > deadline:
            raise requests.Timeout
        if size > max_bytes:
            raise requests.RequestException
        yield chunk


def _broken(error: requests.RequestException) -> RetryLater | Uncertain:
    """Whether a request that failed in the transport can have left."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return RetryLater(reason="tls", detail="certificate not trusted")
        if isinstance(cause, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ProxyError):
            return RetryLater(reason="unreachable", detail="no connection")
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
        return RetryLater(reason="unreachable", detail="no usable address")
    return Uncertain(reason="dropped", detail=type(error).__name__)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what caused it; urllib3 hides the cause in an argument or in `reason`."""
    seen: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        cause = waiting.pop()
        if isinstance(cause, BaseException) and not any(cause is known for known in seen):
            seen.append(cause)
            waiting += [*cause.args, getattr(cause, "reason", None), cause.__cause__, cause.__context__]
    return iter(seen)
