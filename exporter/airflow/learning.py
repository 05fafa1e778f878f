"""What continuous learning asks first: which version serves, and whether anything is to be retrained."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ..errors import ObservationError
from ..reference import Reference
from .handing_over import look
from .run_folder import Champion, handed_over
from .steps import Summary, Window
from .training import labelled

LABELLED_ROWS: Final = 1_000
"""As the retraining service asks for."""


def find_champion(
    rollout: str, folder: str, *, reference_path: str, model_path: str, token_file: str | None = None
) -> Champion:
    """The version that serves, as its rollout says; also makes the folder of the run.

    Parameters
    ----------
    rollout : str
        The state file of the rollout, or the address of a server with /rollout.
    folder : str
        Of this run; the one above must be there.
    reference_path, model_path : str
        Of the version that was there before any rollout.
    token_file : str, optional
        With the token that the server's pages ask for.

    Raises
    ------
    EngineError
        If the server does not answer.
    ReferenceDataError
        If the champion has no reference of its own.
    """
    earlier = handed_over(folder)
    if earlier is not None:
        return earlier["champion"]
    if not Path(folder).parent.is_dir():
        raise ObservationError(
            f"{folder}: found no folder {str(Path(folder).parent)!r}, need it for this run"
        )
    found = look(rollout, token_file)
    first = Reference.load(reference_path)
    name = found.get("name", first.model_name)
    version = str(found.get("serving", first.model_version))
    origin = found.get("origins", {}).get(version, {})
    paths = {"model_path": model_path, "reference_path": reference_path, **origin}
    Reference.load(paths["reference_path"], model_name=name, model_version=version)
    Path(folder).mkdir(exist_ok=True)
    return Champion(
        model_name=name,
        model_version=version,
        model_path=paths["model_path"],
        reference_path=paths["reference_path"],
        challenger=found["challenger"] if found["status"] == "running" else None,
        known=sorted({version, *found.get("origins", ()), found.get("challenger", version)}),
    )


def why_not(
    report: Summary, window: Window, champion: Champion, *, target: str, minimum: int = LABELLED_ROWS
) -> str | None:
    """Why nothing is retrained now; None if it is.

    Parameters
    ----------
    report : Summary
        On the features and predictions of the window.
    window : Window
        Its rows.
    champion : Champion
        With the challenger that is tried now, if any.
    target : str
        Column with the truth, empty where it is not known yet.
    minimum : int
        Labelled rows that are enough.
    """
    if not report["drift_detected"]:
        return "no drift"
    if champion["challenger"] is not None:
        return f"version {champion['challenger']!r} is being tried, need its end first"
    rows = len(labelled(window["path"], target))
    if rows < minimum:
        return f"found {rows:,} labelled rows, need {minimum:,}"
    return None
