"""What MLflow knows of a model, and what is recorded there of its retrainings, by MLflow's REST API.

https://mlflow.org/docs/latest/rest-api.html; tried with 3.17. Trainings publish their versions themselves
(`exporter.mlflow`); this side needs no MLflow installed, and every call ends within its time limits.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from .. import web
from ..errors import RegistryError, RegistryRefusedError
from ..secret import Secret
from .listing import run_json
from .runs import Run

PREFIX: Final = "driftgauge."
"""Of every tag of ours, as `exporter.mlflow` writes them; a test holds the two together."""
TRAINED_AT: Final = f"{PREFIX}trained_at"
CAUSE_KEY: Final = f"{PREFIX}cause_key"
CHAMPION: Final = "champion"
CHALLENGER: Final = "challenger"
RECORD_FILE: Final = "driftgauge/retraining.json"
MAX_TAG: Final = 5_000
"""Characters, below MLflow's MAX_TAG_VAL_LENGTH."""
PROXIED: Final = "mlflow-artifacts:/"
"""Artifacts that the server itself takes (--serve-artifacts, its default)."""
_OK: Final = 200
_NOT_FOUND: Final = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class MlflowPolicy:
    """Where MLflow is.

    Attributes
    ----------
    tracking_uri : str or None
        Of the server, without /api; None asks nobody.
    """

    tracking_uri: str | None = None
    connect_timeout_seconds: float = 3.0
    read_timeout_seconds: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A registered version: MLflow's number, its run, and its tags."""

    number: str
    run_id: str
    created_at: float
    tags: Mapping[str, str]


class Mlflow:
    """An MLflow server.

    Parameters
    ----------
    policy : MlflowPolicy
    token : Secret, optional
        Sent as bearer.
    """

    def __init__(self, policy: MlflowPolicy, token: Secret | None = None) -> None:
        self._base = f"{(policy.tracking_uri or '').rstrip('/')}/api/2.0"
        self._token = token
        self._timeouts = web.Timeouts(
            connect=policy.connect_timeout_seconds, read=policy.read_timeout_seconds
        )

    def trained_at(self, registered: str) -> float | None:
        """When the champion or the challenger was trained, whichever is newer; None if there is neither.

        A version that was registered without that time counts from its registration.

        Raises
        ------
        RegistryError
            If MLflow does not answer, or has no such registered model.
        """
        aliases = self._aliases(registered)
        versions = [
            self._version(registered, aliases[alias]) for alias in (CHAMPION, CHALLENGER) if alias in aliases
        ]
        return max((_trained_at(version) for version in versions), default=None)

    def record(self, registered: str, run: Run, events: list[dict[str, Any]]) -> str:
        """Write down how a retraining has ended, and take the alias from a candidate that may not have it.

        Again has no further effect.

        Parameters
        ----------
        registered : str
            Name of the registered model, and of the experiment for runs whose training has left none.
        run : Run
            That has ended.
        events : list of dict
            All that happened to it.

        Returns
        -------
        str
            MLflow's run.

        Raises
        ------
        RegistryError
            If MLflow does not answer.
        """
        candidate = self._candidate(registered, run)
        told = (run.result or {}).get("mlflow")
        own = told.get("run_id") if isinstance(told, dict) else None
        found = candidate.run_id if candidate is not None else own if isinstance(own, str) else None
        mlflow_run = found or self._own_run(registered, run)
        self._call("POST", "runs/log-batch", {"run_id": mlflow_run, "tags": _pairs(record_tags(run))})
        self._put(mlflow_run, json.dumps(run_json(run, events), ensure_ascii=False, indent=1))
        if candidate is not None and run.state != "succeeded":
            alias = {"name": registered, "alias": CHALLENGER}
            self._call("DELETE", "registered-models/alias", alias)
        return mlflow_run

    def _candidate(self, registered: str, run: Run) -> Version | None:
        """The challenger, if it is of this retraining."""
        try:
            number = self._aliases(registered).get(CHALLENGER)
        except _AbsentError:
            return None
        version = None if number is None else self._version(registered, number)
        if version is None or not version.run_id:
            return None
        data = self._run(version.run_id).get("data")
        tags = _tags(data.get("tags") if isinstance(data, dict) else None)
        return version if tags.get(CAUSE_KEY) == run.cause.key else None

    def _own_run(self, registered: str, run: Run) -> str:
        """A run for a retraining that has left none, made if it has not been."""
        experiment = self._experiment(registered)
        key = run.cause.key.replace("'", "''")
        if "'" not in run.cause.key:
            body = {"experiment_ids": [experiment], "filter": f"tags.`{CAUSE_KEY}` = '{key}'"}
            found = self._call("POST", "runs/search", {**body, "max_results": 1}).get("runs")
            if isinstance(found, list) and found:
                return str(found[0]["info"]["run_id"])
        made = self._call(
            "POST",
            "runs/create",
            {
                "experiment_id": experiment,
                "run_name": f"retraining {run.id}",
                "start_time": _milliseconds(run.started_at or run.requested_at),
                "tags": _pairs(record_tags(run)),
            },
        )
        mlflow_run = str(_object(made, "run")["info"]["run_id"])
        ended = {"end_time": _milliseconds(run.ended_at or run.requested_at)}
        status = "FINISHED" if run.state == "succeeded" else "FAILED"
        self._call("POST", "runs/update", {"run_id": mlflow_run, "status": status, **ended})
        return mlflow_run

    def _experiment(self, name: str) -> str:
        try:
            found = self._call("GET", "experiments/get-by-name", query={"experiment_name": name})
            return str(_object(found, "experiment")["experiment_id"])
        except _AbsentError:
            return str(self._call("POST", "experiments/create", {"name": name})["experiment_id"])

    def _aliases(self, registered: str) -> dict[str, str]:
        """Alias to MLflow's number."""
        found = self._call("GET", "registered-models/get", query={"name": registered})
        listed = _object(found, "registered_model").get("aliases")
        return {str(each["alias"]): str(each["version"]) for each in listed or []}

    def _version(self, registered: str, number: str) -> Version:
        query = {"name": registered, "version": number}
        found = _object(self._call("GET", "model-versions/get", query=query), "model_version")
        return Version(
            number=number,
            run_id=str(found.get("run_id") or ""),
            created_at=float(found.get("creation_timestamp") or 0) / 1_000,
            tags=_tags(found.get("tags")),
        )

    def _run(self, mlflow_run: str) -> Mapping[str, Any]:
        return _object(self._call("GET", "runs/get", query={"run_id": mlflow_run}), "run")

    def _put(self, mlflow_run: str, text: str) -> None:
        """Store the record as an artifact, where the server takes artifacts."""
        place = str(self._run(mlflow_run)["info"].get("artifact_uri", ""))
        if place.startswith(PROXIED) and not place.startswith(f"{PROXIED}/"):
            path = quote(f"{place.removeprefix(PROXIED)}/{RECORD_FILE}")
            self._call("PUT", f"mlflow-artifacts/artifacts/{path}", text.encode("utf-8"), version="")

    def _call(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | bytes | None = None,
        *,
        query: Mapping[str, str] | None = None,
        version: str = "mlflow/",
    ) -> Mapping[str, Any]:
        """What the server answers."""
        url = f"{self._base}/{version}{path}"
        answer = web.exchange(method, url, timeouts=self._timeouts, token=self._token, body=body, query=query)
        if not isinstance(answer, web.Answer):
            raise RegistryError(f"MLflow: {path}: {answer.detail or answer.reason}, need an answer")
        if answer.status == _NOT_FOUND:
            raise _AbsentError(f"MLflow: {path}: found nothing such ({_said(answer)}), need one")
        if answer.status != _OK:
            raise RegistryRefusedError(
                f"MLflow: {path}: answered {answer.status} ({_said(answer)}), need 200"
            )
        return answer.document() or {}


class _AbsentError(RegistryRefusedError):
    """MLflow has no such thing."""


def record_tags(run: Run) -> dict[str, str]:
    """What a run of MLflow is found by: why it was trained, and what came of it."""
    values = {
        "retraining": run.state,
        "retraining_reasons": "; ".join(f"{reason.code}: {reason.words}" for reason in run.reasons),
        "run_id": str(run.id),
        "attempt": str(run.attempt),
        "cause_key": run.cause.key,
        "origin": run.cause.origin,
        "trigger": run.trigger_name,
        "strategy": run.strategy or "",
        "severity": run.cause.severity,
    }
    return {f"{PREFIX}{name}": text[:MAX_TAG] for name, text in values.items() if text}


def _trained_at(version: Version) -> float:
    try:
        found = float(version.tags.get(TRAINED_AT, ""))
    except ValueError:
        return version.created_at
    return found if math.isfinite(found) else version.created_at


def _pairs(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]


def _tags(listed: object) -> dict[str, str]:
    return {
        str(each.get("key")): str(each.get("value"))
        for each in (listed if isinstance(listed, list) else [])
        if isinstance(each, dict)
    }


def _object(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = document.get(key)
    if not isinstance(found, dict):
        raise RegistryRefusedError(f"MLflow: found no {key} in an answer, need MLflow's API")
    return found


def _said(answer: web.Answer) -> str:
    return str((answer.document() or {}).get("error_code", "no reason"))[:80]


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1_000)
