"""Trainings as runs of an Airflow DAG, by its REST API of version 2 (Airflow 3).

https://airflow.apache.org/docs/apache-airflow/stable/stable-rest-api-ref.html. The order is the run's `conf`,
the attempt's name its `dag_run_id`: asked for twice, Airflow answers 409 and runs it once. The result is what
the last task returns (its XCom `return_value`), or the file `result_file` of the order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from urllib.parse import quote

from .. import web
from ..calls import RetryLater, Uncertain
from ..secret import Secret
from .local import DEFAULT_TIMEOUT
from .order import Absent, Broken, Busy, Done, Look, Order, parse_result, read_result

_CREATED: Final = frozenset({200, 201})
_OK: Final = 200
_UNAUTHORIZED: Final = 401
_NOT_FOUND: Final = 404
_CONFLICT: Final = 409
_SERVER_ERRORS: Final = 500
_REFUSALS: Final = frozenset({400, 404, 405, 422})
"""Not 401 and 403: a token that has run out is replaced, and then it goes on."""


@dataclass(kw_only=True)
class AirflowRunner:
    """Starts a DAG and asks how it stands.

    Parameters
    ----------
    url : str
        Of the API server, without /api.
    dag_id : str
    result_task : str or None
        The task whose return value is the result; None reads the file that the order names.
    token : Secret or None
        A bearer token (a JWT of /auth/token, or of what stands in front).
    username : str or None
    password : Secret or None
        Instead of a token: one is fetched from /auth/token, and again when it is no longer taken.
    timeout : float
    timeouts : web.Timeouts
        Of one call.
    """

    url: str
    dag_id: str
    result_task: str | None = None
    token: Secret | None = None
    username: str | None = None
    password: Secret | None = None
    timeout: float = DEFAULT_TIMEOUT
    timeouts: web.Timeouts = field(default_factory=lambda: web.Timeouts(connect=5.0, read=15.0))
    _fetched: Secret | None = None

    def start(self, order: Order) -> Broken | None:
        """Trigger the DAG, unless it has been for this order."""
        try:
            order.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            return Broken(reason="unreachable", words=f"{order.folder}: {error.strerror}")
        body = {"dag_run_id": order.name, "logical_date": None, "conf": dict(order.document)}
        answer = self._call("POST", "", body=body)
        if not isinstance(answer, web.Answer):
            # Whether it arrived will show: the next look asks for it by its name.
            return None if isinstance(answer, Uncertain) else _unreachable(answer)
        if answer.status in _CREATED or answer.status == _CONFLICT:
            return None
        return _refused(answer)

    def look(self, order: Order) -> Look | None:
        """How the DAG run stands."""
        answer = self._call("GET", f"/{quote(order.name, safe='')}")
        if not isinstance(answer, web.Answer):
            return None
        if answer.status == _NOT_FOUND:
            return Absent()
        if answer.status != _OK:
            # A token that is no longer taken says nothing about the DAG run, which goes on.
            return None
        state = (answer.document() or {}).get("state")
        if state == "failed":
            return Broken(reason="exit_code", words=f"DAG run {order.name}: failed; its log is in Airflow")
        if state == "success":
            return self._result(order)
        return Busy()

    def stop(self, order: Order) -> None:
        """Mark the DAG run as failed, which ends its tasks."""
        self._call("PATCH", f"/{quote(order.name, safe='')}", body={"state": "failed"})

    def _result(self, order: Order) -> Look | None:
        if self.result_task is None:
            return Done(result=read_result(order.result_path))
        task = quote(self.result_task, safe="")
        path = f"/{quote(order.name, safe='')}/taskInstances/{task}/xcomEntries/return_value"
        answer = self._call("GET", path)
        if not isinstance(answer, web.Answer) or answer.status not in (_OK, _NOT_FOUND):
            return None
        value = (answer.document() or {}).get("value")
        # Airflow hands the value out as JSON or, asked to or in older releases, as text with JSON in it.
        if isinstance(value, str):
            return Done(result=parse_result(value))
        return Done(result=parse_result(json.dumps(value)))

    def _call(
        self, method: str, path: str, *, body: Mapping[str, Any] | None = None
    ) -> web.Answer | RetryLater | Uncertain:
        """One call to the DAG's runs, with a fresh token if the old one is no longer taken."""
        url = f"{self.url.rstrip('/')}/api/v2/dags/{quote(self.dag_id, safe='')}/dagRuns{path}"
        answer = web.exchange(method, url, timeouts=self.timeouts, token=self._bearer(), body=body)
        if isinstance(answer, web.Answer) and answer.status == _UNAUTHORIZED and self.password is not None:
            self._fetched = None
            answer = web.exchange(method, url, timeouts=self.timeouts, token=self._bearer(), body=body)
        return answer

    def _bearer(self) -> Secret | None:
        """The token, fetched with the password if there is one."""
        if self.password is None or self.username is None:
            return self.token
        if self._fetched is None:
            answer = web.exchange(
                "POST",
                f"{self.url.rstrip('/')}/auth/token",
                timeouts=self.timeouts,
                body={"username": self.username, "password": self.password.reveal()},
            )
            document = answer.document() if isinstance(answer, web.Answer) else None
            token = (document or {}).get("access_token")
            self._fetched = Secret(token) if isinstance(token, str) and token else None
        return self._fetched


def _unreachable(answer: RetryLater) -> Broken:
    return Broken(reason="unreachable", words=f"Airflow: {answer.detail or answer.reason}")


def _refused(answer: web.Answer) -> Broken:
    """What Airflow does not take; its own words are not repeated anywhere."""
    lasting = answer.status in _REFUSALS
    reason: Literal["rejected", "unreachable"] = (
        "rejected" if answer.status < _SERVER_ERRORS else "unreachable"
    )
    return Broken(reason=reason, words=f"Airflow answered {answer.status}", lasting=lasting)
