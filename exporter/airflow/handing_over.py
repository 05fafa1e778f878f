"""What the tasks of continuous learning do in traffic: hand a candidate over, and hear how its rollout ended.

The server that takes the candidate decides (docs/rollout.md); nothing here promotes anything.
"""

from __future__ import annotations

import hashlib
import json
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, TypedDict
from urllib.error import URLError

from ..durable import replace_file
from ..errors import ConfigError, EngineError
from ..rollout import Candidate, RolloutPolicy, StateFile, describe, read_candidate
from ..rollout.candidate import write_candidate
from .run_folder import MARKER, Champion, Handed, Marker, Training, Validated, handed_over, plain

LOOK_SECONDS: Final = 10.0
"""A server answers in milliseconds or is not there; the task looks again."""


class Outcome(TypedDict):
    """How a rollout ended."""

    model_name: str
    model_version: str
    status: Literal["promoted", "rolled_back"]
    reason: str
    note: str


def look(rollout: str, token_file: str | None = None) -> Mapping[str, Any]:
    """A rollout as `describe` has it; `status` is none while nothing was ever tried.

    Parameters
    ----------
    rollout : str
        A state file, or the address of a server with /rollout, which also tells of candidates it refused.
    token_file : str, optional
        With the token that the server's pages ask for.

    Raises
    ------
    EngineError
        If the server does not answer.
    ConfigError, StoreError
        If the file cannot be used.
    """
    if not rollout.startswith(("http://", "https://")):
        state = StateFile(rollout).read()
        return {"status": "none"} if state is None else describe(state, RolloutPolicy().alpha)
    page = f"{rollout.rstrip('/')}/rollout"
    request = urllib.request.Request(page)  # noqa: S310 - the scheme was looked at
    if token_file:
        token = Path(token_file).read_text(encoding="utf-8").strip()
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=LOOK_SECONDS) as answer:  # noqa: S310 - same
            found: dict[str, Any] = json.loads(answer.read())
    except (URLError, OSError, ValueError) as error:
        raise EngineError(f"{page}: found no answer ({error}), need the page of a rollout") from error
    return found


def hand_over(
    candidate_file: str,
    champion: Champion,
    training: Training,
    validated: Validated,
    folder: str,
    *,
    run_id: str,
    now: float,
) -> Handed:
    """Name a candidate in the file that the server looks at, once in a run however often this is called.

    Parameters
    ----------
    candidate_file : str
        The server's `rollout.candidate_file`.
    champion, training, validated
        Of the tasks before.
    folder : str
        Of this run.
    run_id : str
        Of the DAG run, for people.
    now : float
        Seconds since 1970.

    Raises
    ------
    OSError
        If the file cannot be written; it is then as it was.
    """
    path = Path(candidate_file)
    marker = handed_over(folder)
    if marker is None:
        marker = Marker(
            champion=champion,
            training=training,
            validated=validated,
            handed=Handed(
                model_name=champion["model_name"],
                model_version=validated["model_version"],
                candidate_file=str(path.absolute()),
                at=now,
            ),
            before=_checksum(path),
        )
        replace_file(Path(folder) / MARKER, plain(marker))
    elif _checksum(path) != marker["before"]:
        return marker["handed"]  # ours was there, and a server may have seen it
    made = marker["training"]
    write_candidate(
        path,
        Candidate(
            model_name=champion["model_name"],
            version=marker["handed"]["model_version"],
            model_path=made["model_path"],
            reference_path=str(Path(made["reference_path"]).absolute()),
            about={"run_id": run_id, "cause_key": run_id, "trigger": "data_drift", "by": "airflow"},
        ),
    )
    return marker["handed"]


def outcome_of(handed: Handed, rollout: str, token_file: str | None = None) -> Outcome | None:
    """How the rollout of a candidate ended; None while it waits or runs.

    Raises
    ------
    ConfigError
        If it will never be tried: the server has refused it, or a newer candidate took its place.
    EngineError, StoreError
        If nobody can tell now.
    """
    found, version = look(rollout, token_file), handed["model_version"]
    if found["status"] != "none" and found["challenger"] == version:
        if found["status"] == "running":
            return None
        last = next(event for event in reversed(found["events"]) if event["what"] == found["status"])
        return _outcome(handed, found["status"], last["reason"], last["note"])
    if found["status"] != "none" and found["champion"] == version:
        words = f"the rollout of {found['challenger']} has begun since"
        return _outcome(handed, "promoted", "", words)
    refused = found.get("refused")
    if refused is not None and refused["at"] >= handed["at"]:
        raise ConfigError(f"candidate {version}: refused ({refused['reason']}): {refused['words']}")
    waiting = read_candidate(handed["candidate_file"])
    if not isinstance(waiting, Candidate) or waiting.version != version:
        raise ConfigError(
            f"{handed['candidate_file']}: found another candidate, need {version!r}: a newer one took its "
            "place, and how it ended is not known"
        )
    return None


def explain(outcome: Outcome) -> str:
    """An outcome in one line."""
    what = "was promoted" if outcome["status"] == "promoted" else "was rolled back"
    why = "; ".join(filter(None, (outcome["reason"], outcome["note"])))
    return f"{outcome['model_name']} {outcome['model_version']} {what}" + (f": {why}" if why else "")


def _outcome(handed: Handed, status: Literal["promoted", "rolled_back"], reason: str, note: str) -> Outcome:
    return Outcome(
        model_name=handed["model_name"],
        model_version=handed["model_version"],
        status=status,
        reason=reason,
        note=note,
    )


def _checksum(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return None
