"""A training as a task: a program that is told an order and says what it has made.

The order is that of docs/retraining.md, so that a program that works under the retraining service works here.
It never sees the rows on which its candidate is judged.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numpy as np

from ..durable import replace_file
from ..errors import EngineError, ObservationError
from ..reference import Reference
from .run_folder import Champion, Training, handed_over, plain
from .steps import Summary, Window

HOLD_OUT: Final = 0.3
"""Share of the labelled rows that a training does not see; of 1,000 rows 300, three times what
`compare_models` needs."""

TRAINING_SECONDS: Final = 6 * 3600.0
"""As the retraining service gives one."""

MAX_RESULT_BYTES: Final = 256 << 10
"""As docs/retraining.md has it: metrics and paths need a few kilobytes."""

MAX_WORDS: Final = 500
"""Of what a training said last, in the error of its task."""


def train(
    window: Window,
    champion: Champion,
    report: Summary,
    folder: str,
    *,
    command: Sequence[str],
    target: str,
    run_id: str,
    since: str,
    timestamp: str | None = None,
    timeout: float = TRAINING_SECONDS,
) -> Training:
    """Run a training on most of the labelled rows, and read what it has to say.

    Parameters
    ----------
    window, champion, report
        Of the tasks before.
    folder : str
        Of this run. An attempt that broke off is removed from it.
    command : sequence of str
        The program and its arguments; no shell reads them. It is told the order of docs/retraining.md on
        standard input and in the file DRIFTGAUGE_ORDER_FILE, with the rows as `parameters.data`.
    target : str
        Column with the truth.
    run_id : str
        Of the DAG run.
    since : str
        When the change began.
    timestamp : str, optional
        Column with times: the newest rows are then held out, else rows drawn at random.
    timeout : float
        Seconds after which it is killed with all that it started.

    Raises
    ------
    EngineError
        If it cannot be started, fails, hangs, or says nothing that can be used.
    """
    earlier = handed_over(folder)
    if earlier is not None:
        return earlier["training"]
    output = Path(folder) / "training"
    if output.exists():
        shutil.rmtree(output)  # nobody was told of what an earlier attempt has made
    output.mkdir()
    data, holdout = Path(folder) / "training.parquet", Path(folder) / "holdout.parquet"
    _split(window["path"], target, timestamp, data, holdout)
    reference = Reference.load(champion["reference_path"])
    order = {
        "run_id": run_id,
        "attempt": 1,
        "cause_key": run_id,
        "model_name": champion["model_name"],
        "model_version": champion["model_version"],
        "strategy": "full",
        "trigger": "data_drift",
        "severity": "warning",
        "by": "airflow",
        "reason": f"drift in {', '.join(report['drifted'])}",
        "alert_names": [],
        "since": since,
        "drifted_features": report["drifted"],
        "features": list(reference.features),
        "reference_path": str(Path(champion["reference_path"]).absolute()),
        "parameters": {"data": str(data.absolute()), "target": target},
        "output_directory": str(output.absolute()),
        "result_file": str((output / "result.json").absolute()),
    }
    replace_file(output / "order.json", plain(order))
    _run(command, order, output, timeout)
    return _result(output, str(holdout))


def labelled(path: str, target: str) -> Any:  # noqa: ANN401 - a table of pyarrow
    """The rows of a file whose truth is known.

    Raises
    ------
    ObservationError
        If there is no such column.
    """
    import pyarrow.parquet as pq  # noqa: PLC0415 - an extra

    table = pq.read_table(path)
    if target not in table.column_names:
        raise ObservationError(f"{path}: found no column {target!r}, need it for the truth")
    return table.filter(table.column(target).is_valid())


def _split(path: str, target: str, timestamp: str | None, data: Path, holdout: Path) -> None:
    import pyarrow.parquet as pq  # noqa: PLC0415 - an extra

    rows = labelled(path, target)
    if timestamp is None:
        order = np.random.default_rng(0).permutation(rows.num_rows)
    else:
        order = np.argsort(rows.column(timestamp).to_numpy(), kind="stable")
    seen = round((1.0 - HOLD_OUT) * rows.num_rows)
    for file, some in ((data, order[:seen]), (holdout, order[seen:])):
        pq.write_table(rows.take(np.sort(some)), file)


def _run(command: Sequence[str], order: Mapping[str, Any], output: Path, timeout: float) -> None:
    """Run a program to its end; what it writes goes into a file."""
    if not command:
        raise EngineError("training: found no command, need a program")
    told = {
        "MODEL_NAME": order["model_name"],
        "MODEL_VERSION": order["model_version"],
        "SINCE": order["since"],
        "ORDER_FILE": str((output / "order.json").absolute()),
        "OUTPUT_DIRECTORY": order["output_directory"],
        "RESULT_FILE": order["result_file"],
    }
    # env adds them to what the task's process has, which nobody reads here.
    whole = ["env", *(f"DRIFTGAUGE_{name}={value}" for name, value in told.items()), *command]
    log = output / "output.log"
    try:
        with log.open("wb") as file:
            process = subprocess.Popen(  # noqa: S603 - the program is the user's own
                whole,
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    except OSError as error:
        raise EngineError(f"training: cannot be started ({error}), need a program") from error
    try:
        process.communicate(plain(order).encode(), timeout=timeout)
    except subprocess.TimeoutExpired as error:
        raise EngineError(f"training: found no end after {timeout:g} s, see {log}") from error
    finally:  # also when the task is cancelled: nothing goes on without anybody to read its result
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.returncode != 0:
        said = log.read_text(encoding="utf-8", errors="replace").strip()[-MAX_WORDS:]
        raise EngineError(f"training: ended with {process.returncode}, need 0; it said last: {said}")


def _result(output: Path, holdout: str) -> Training:
    """What a training says of itself, with whole paths."""
    where = output / "result.json"
    try:
        raw = where.read_bytes()[: MAX_RESULT_BYTES + 1]
        document = json.loads(raw)
    except (OSError, ValueError) as error:
        raise EngineError(f"{where}: found no result ({error}), need JSON") from error
    if not isinstance(document, dict):
        raise EngineError(f"{where}: found {document!r:.80}, need an object")
    paths = {}
    for key in ("model_path", "reference_path"):
        found = document.get(key)
        if not isinstance(found, str) or not found:
            raise EngineError(f"{where}: {key}: found {found!r:.80}, need a path")
        paths[key] = found if "://" in found else str((output / found).absolute())
        if "://" not in found and not Path(paths[key]).exists():
            raise EngineError(f"{where}: {key}: found no {found!r}, need what it names")
    metrics = document.get("metrics")
    if not isinstance(metrics, dict) or not metrics or not all(map(_is_number, metrics.values())):
        raise EngineError(f"{where}: metrics: found {metrics!r:.80}, need finite numbers by name")
    return Training(
        model_path=paths["model_path"],
        reference_path=paths["reference_path"],
        metrics=metrics,
        holdout=holdout,
    )


def _is_number(value: Any) -> bool:  # noqa: ANN401 - any JSON
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
