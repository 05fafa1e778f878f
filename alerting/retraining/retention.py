"""Folders of attempts that nobody needs any more.

Those of runs that succeeded stay: their models may serve, and only a person knows which do not. So do all
runs in the state: a known cause must stay known.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Final

from . import runs
from .order import write
from .policy import ModelPolicy
from .state import State

KEPT_RUNS: Final = 20
"""Failed and refused runs of a model whose folders stay: those of five months at the default budget."""


def tidy(state: State, model: str, folder: Path, *, keep: int) -> int:
    """Remove the folders of a model's failed and refused runs but for the newest; how many are gone.

    Parameters
    ----------
    state : State
    model : str
    folder : Path
        Of all attempts.
    keep : int
        Runs whose folders stay.
    """
    with state.read() as connection:
        ended = runs.without_candidate(connection, model, after=keep)
    removed = 0
    for run in ended:
        for attempt in range(1, run.attempt + 1):
            own = write(replace(run, attempt=attempt), ModelPolicy(name=model, runner=""), folder).folder
            if own.is_dir():
                # What cannot be removed now is tried again when the next run ends.
                shutil.rmtree(own, ignore_errors=True)
                removed += 1
    return removed
