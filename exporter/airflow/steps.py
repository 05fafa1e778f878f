"""What the tasks of a monitoring pipeline do: load a window, check it, write a report, raise an alert.

Tasks may run on different workers, so rows and reports are files in a folder that all workers reach, and what
a task hands to the next is a path and a few numbers.
"""

from __future__ import annotations

import datetime as dt
import json
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypedDict
from urllib.error import URLError

import numpy as np

from ..check import check
from ..columns import Columns
from ..durable import replace_file
from ..errors import EngineError, ObservationError
from ..policy import Policy, Preset
from ..reference import Reference
from ..reference.kinds import category_text
from ..tables import open_table, read_sample
from ..tables.messages import some
from ..tables.reading import Reading, Table

MAX_ROWS: Final = 1_000_000
"""Rows of a window, drawn at random from more, as `driftgauge check` does and for its reason."""

ROLES: Final = ("prediction", "score", "target", "timestamp")
"""Columns that are no features, by the names they have on the command line."""

SEND_SECONDS: Final = 10.0
"""Alertmanager answers in milliseconds or is not there; Airflow tries the task again."""

ALERT: Final = "BatchDriftDetected"
"""Name of the alert: not that of a rule, which would resolve it."""


class Window(TypedDict):
    """A window that was loaded."""

    path: str
    rows: int
    total: int


class Part(TypedDict):
    """A report on some columns of a window."""

    path: str
    drifted: list[str]


class Summary(TypedDict):
    """A whole report, in what decides about the next step."""

    path: str
    model_name: str
    model_version: str
    rows: int
    drift_detected: bool
    drifted: list[str]


def load_window(
    data: str,
    reference_path: str,
    path: str,
    *,
    roles: Mapping[str, str],
    query: str | None = None,
    parameters: Mapping[str, str] | None = None,
    max_rows: int = MAX_ROWS,
) -> Window:
    """Rows of a file, a glob or a database as one Parquet file, of the columns that checks need.

    Parameters
    ----------
    data, query, parameters
        As in `tables.open_table`.
    reference_path : str
        Of the model's reference.
    path : str
        Of the file to write; it is there as a whole or not at all.
    roles : mapping of str to str
        Columns by role, of `ROLES`.
    max_rows : int
        More rows are sampled.

    Raises
    ------
    ObservationError
        If the data cannot be read, lacks a column, or has no rows.
    """
    reference = Reference.load(reference_path)
    table = open_table(data, query=query, parameters=parameters)
    names = _needed(table, reference, roles)
    readings = table.readings(names, _declared(reference, roles), _unseen)
    sampled = read_sample(
        table, names, readings, limit=max_rows, rng=np.random.default_rng(0), on_rows=_unseen
    )
    _write_parquet(sampled.columns, Path(path))
    return Window(path=path, rows=sampled.columns.n_rows, total=sampled.total)


def check_features(window: Window, reference_path: str, path: str, *, preset: Preset = "balanced") -> Part:
    """The report on the features of a window, as a JSON file."""
    reference, columns = Reference.load(reference_path), _read_parquet(window["path"])
    report = check(reference, _only(columns, list(reference.features)), Policy.preset(preset))
    document = report.to_dict()
    if window["total"] != window["rows"]:
        document["window"]["sampled_from"] = window["total"]
    _write_json(path, document)
    return Part(path=path, drifted=list(report.drifted_features))


def check_predictions(
    window: Window,
    reference_path: str,
    path: str,
    *,
    roles: Mapping[str, str],
    preset: Preset = "balanced",
) -> Part:
    """The report on scores, predictions and labels of a window, as a JSON file.

    Raises
    ------
    ObservationError
        If the reference and the window share none of them.
    """
    reference, columns = Reference.load(reference_path), _read_parquet(window["path"])

    def of(role: str) -> Any:  # noqa: ANN401 - an array, or None
        return columns.arrays[roles[role]] if role in roles else None

    report = check(
        reference,
        Columns(arrays={}, n_rows=columns.n_rows),
        Policy.preset(preset),
        predictions=of("prediction"),
        scores=of("score"),
        labels=of("target"),
        timestamps=of("timestamp"),
    )
    outputs = {name: column for name, column in report.columns.items() if name not in report.features}
    if not outputs:
        raise ObservationError(
            f"{window['path']}: found no prediction, score or target that the reference knows, need one of "
            f"them among the roles {some(sorted(roles))}"
        )
    document = report.to_dict()
    _write_json(path, {key: document[key] for key in ("prediction", "label")})
    return Part(path=path, drifted=[name for name, column in outputs.items() if column.state == "drift"])


def write_report(features: Part, predictions: Part, path: str) -> Summary:
    """Both reports as one JSON file, in the form of `driftgauge check --json`."""
    document = json.loads(Path(features["path"]).read_text(encoding="utf-8"))
    document.update(json.loads(Path(predictions["path"]).read_text(encoding="utf-8")))
    drifted = [*features["drifted"], *predictions["drifted"]]
    document["drift_detected"] = bool(drifted)
    _write_json(path, document)
    return Summary(
        path=path,
        model_name=document["reference"]["model_name"],
        model_version=document["reference"]["version"],
        rows=document["window"]["rows"],
        drift_detected=bool(drifted),
        drifted=drifted,
    )


def describe(summary: Summary) -> str:
    """A report in one line."""
    model = f"{summary['model_name']} {summary['model_version']}"
    found = f"drift in {some(summary['drifted'])}" if summary["drift_detected"] else "no drift"
    return f"{model}: {found} among {summary['rows']:,} rows; {summary['path']}"


def send_alert(
    summary: Summary,
    url: str,
    *,
    severity: str,
    hours: float,
    now: dt.datetime,
    timeout: float = SEND_SECONDS,
) -> None:
    """Tell Alertmanager, which routes it to the bridge, Slack and whoever else is told of drift.

    Parameters
    ----------
    summary : Summary
        Of a report that found drift.
    url : str
        Alertmanager's, for example `http://alertmanager:9093`.
    severity : str
        Its label.
    hours : float
        After which the alert resolves unless a later run sends it again.
    now : datetime
        When it began.
    timeout : float
        Seconds to wait for the answer.

    Raises
    ------
    EngineError
        If Alertmanager did not take it.
    """
    alert = {
        "labels": {
            "alertname": ALERT,
            "severity": severity,
            "model_name": summary["model_name"],
            "model_version": summary["model_version"],
        },
        "annotations": {"summary": "A batch of rows has drifted", "description": describe(summary)},
        "startsAt": now.isoformat(),
        "endsAt": (now + dt.timedelta(hours=hours)).isoformat(),
    }
    if not url.startswith(("http://", "https://")):
        raise EngineError(
            f"Alertmanager: found {url!r}, need an address that begins with http:// or https://"
        )
    request = urllib.request.Request(  # noqa: S310 - the scheme was looked at
        f"{url.rstrip('/')}/api/v2/alerts",
        data=json.dumps([alert]).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=timeout):  # noqa: S310 - same
            pass
    except (URLError, OSError) as error:
        raise EngineError(
            f"Alertmanager: found no answer to an alert ({error}), need one at {url}"
        ) from error


def _needed(table: Table, reference: Reference, roles: Mapping[str, str]) -> list[str]:
    for role, name in roles.items():
        if role not in ROLES:
            raise ObservationError(f"roles: found {role!r}, need {some(ROLES)}")
        if name not in table.columns:
            raise ObservationError(
                f"{table.name}: found no column {name!r} for {role}, need one of {some(table.columns)}"
            )
    features = [name for name in reference.features if name in table.columns]
    if not features:
        raise ObservationError(
            f"{table.name}: found columns {some(table.columns)}, need features of the reference: "
            f"{some(list(reference.features))}"
        )
    return list(dict.fromkeys([*features, *roles.values()]))


def _declared(reference: Reference, roles: Mapping[str, str]) -> dict[str, Reading]:
    """How to read each column: as the reference has it."""
    declared: dict[str, Reading] = {name: profile.kind for name, profile in reference.features.items()}
    if "target" in roles and reference.labels is not None:
        declared[roles["target"]] = reference.labels.kind
    if "prediction" in roles:
        declared[roles["prediction"]] = "numeric" if reference.predicted_classes is None else "categorical"
    if "score" in roles:
        declared[roles["score"]] = "numeric"
    if "timestamp" in roles:
        declared[roles["timestamp"]] = "time"
    return declared


def _unseen(rows: int) -> None:
    """Tell nobody of progress: a task has a log, not a terminal."""


def _only(columns: Columns, names: list[str]) -> Columns:
    found = {name: columns.arrays[name] for name in names if name in columns.arrays}
    return Columns(arrays=found, n_rows=columns.n_rows)


def _write_parquet(columns: Columns, path: Path) -> None:
    import pyarrow as pa  # noqa: PLC0415 - an extra
    import pyarrow.parquet as pq  # noqa: PLC0415 - same

    if not path.parent.is_dir():
        raise ObservationError(f"{path}: found no folder {str(path.parent)!r}, need it for this file")
    arrays = {}
    for name, array in columns.arrays.items():
        plain = array.dtype != object
        arrays[name] = pa.array(
            array if plain else [None if value is None else category_text(value) for value in array.tolist()]
        )
    part = path.with_name(f".{path.name}.tmp")
    pq.write_table(pa.table(arrays), part)
    part.replace(path)


def _read_parquet(path: str) -> Columns:
    table = open_table(path)
    names = list(table.columns)
    readings = table.readings(names, {}, _unseen)
    sampled = read_sample(
        table, names, readings, limit=table.n_rows or 1, rng=np.random.default_rng(0), on_rows=_unseen
    )
    return sampled.columns


def _write_json(path: str, document: Mapping[str, Any]) -> None:
    if not Path(path).parent.is_dir():
        raise ObservationError(f"{path}: found no folder {str(Path(path).parent)!r}, need it for this file")
    replace_file(path, json.dumps(document, indent=2, allow_nan=False) + "\n")
