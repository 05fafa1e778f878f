"""The file by which a candidate that passed is handed on to whoever serves the model.

It is replaced as a whole, before the run counts as succeeded: a service that is killed in between judges the
run again and writes the same once more. What the reader makes of it is in docs/rollout.md.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from . import candidate
from .runs import Run

FORMAT: Final = "driftgauge-candidate"
FORMAT_VERSION: Final = 1
"""As exporter.rollout reads them; a test holds the two together: neither package imports the other."""


def document(run: Run, result: Mapping[str, Any], now: float) -> dict[str, Any]:
    """What is handed on of a run.

    Parameters
    ----------
    run : Run
    result : mapping
        That was judged to be sound, with the paths of this machine.
    now : float
        Seconds since 1970.

    Raises
    ------
    PayloadError
        If the reference is not there any more.
    """
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "model_name": run.model_name,
        "model_version": candidate.read_reference(Path(result["reference_path"])).model_version,
        "model_path": result["model_path"],
        "reference_path": result["reference_path"],
        "run_id": run.id,
        "cause_key": run.cause.key,
        "trigger": run.trigger_name,
        "strategy": run.strategy,
        "by": run.cause.by,
        "reason": run.cause.words,
        "at": datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds"),
    }


def write(path: Path, values: Mapping[str, Any]) -> None:
    """Replace the file, and let the disk have it.

    Raises
    ------
    OSError
        If it cannot be written; it is then as it was.
    """
    beside = path.with_name(f".{path.name}.tmp")
    with beside.open("w", encoding="utf-8") as file:
        file.write(json.dumps(values, indent=2, ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
