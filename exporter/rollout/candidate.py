"""The file by which a retraining hands on a model: what it says, and why it is refused.

    {"format": "driftgauge-candidate", "format_version": 1,
     "model_name": "flight_delay", "model_version": "1.3.0",
     "model_path": "/…/model.joblib", "reference_path": "/…/reference.json", "run_id": 7, "cause_key": "…"}

The last two, and whatever else it says, are for people. The writer replaces the file as a whole.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from ..durable import replace_file
from ..errors import ConfigError, ReferenceDataError
from ..reference import Reference

if TYPE_CHECKING:
    import os

FORMAT: Final = "driftgauge-candidate"
FORMAT_VERSION: Final = 1

MAX_FILE_BYTES: Final = 1_000_000
"""A candidate says a dozen things; anything larger is another file."""

MAX_NAME: Final = 256
"""Characters of a version: it becomes a label and part of a file's name."""


MAX_ABOUT: Final = 20
MAX_WORDS: Final = 200
"""Further keys, and characters of each value: they go into the state file, which is written every second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a candidate is not tried.

    Attributes
    ----------
    reason : str
        One of `metrics.CANDIDATE_REFUSALS`.
    words : str
        What was found and what is needed.
    """

    reason: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A version that may be tried.

    Attributes
    ----------
    model_name, version : str
        Of the model.
    model_path : str
        For the loader: a path, or an address with `://`.
    reference_path : str
        Of its reference.
    about : mapping
        Which run it is of, and why: for people.
    """

    model_name: str
    version: str
    model_path: str
    reference_path: str
    about: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            **self.about,
            "model_name": self.model_name,
            "model_version": self.version,
            "model_path": self.model_path,
            "reference_path": self.reference_path,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], folder: Path) -> Self:
        """From such values; relative paths are relative to a folder.

        Raises
        ------
        ConfigError
            If something is not there.
        """
        found = {}
        for key in ("model_name", "model_version", "model_path", "reference_path"):
            text = values.get(key)
            if not isinstance(text, str) or not text:
                raise ConfigError(f"{key}: found {text!r:.40}, need a text")
            found[key] = text
        if len(found["model_version"]) > MAX_NAME:
            raise ConfigError(f"model_version: found more than {MAX_NAME} characters, need at most so many")
        model_path = found["model_path"]
        return cls(
            model_name=found["model_name"],
            version=found["model_version"],
            model_path=model_path if "://" in model_path else str(folder / model_path),
            reference_path=str(folder / found["reference_path"]),
            about=dict(
                [(key, _short(value)) for key, value in values.items() if key not in found][:MAX_ABOUT]
            ),
        )


def _short(value: Any) -> Any:  # noqa: ANN401 - any JSON
    return value if value is None or isinstance(value, (bool, int)) else str(value)[:MAX_WORDS]


def signature(path: Path) -> tuple[int, ...] | None:
    """What changes when a file is replaced; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def read_candidate(path: str | os.PathLike[str]) -> Candidate | Refusal | None:
    """The candidate that a file names; None if there is no file."""
    path = Path(path)
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        return Refusal(reason="unreadable", words=f"{path}: {error.strerror}, need a candidate")
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        return Refusal(reason="unreadable", words=f"{path}: found no JSON, need a candidate")
    found = (document.get("format"), document.get("format_version")) if isinstance(document, dict) else None
    if found != (FORMAT, FORMAT_VERSION):
        words = f"{path}: found {found!r:.80}, need {FORMAT} of version {FORMAT_VERSION}"
        return Refusal(reason="unreadable", words=words)
    about = {key: value for key, value in document.items() if key not in ("format", "format_version")}
    try:
        return Candidate.from_dict(about, path.absolute().parent)
    except ConfigError as error:
        return Refusal(reason="unreadable", words=f"{path}: {error}")


def write_candidate(path: str | os.PathLike[str], candidate: Candidate) -> None:
    """Hand a candidate over: replace the file that servers look at.

    Raises
    ------
    OSError
        If it cannot be written; it is then as it was.
    """
    document = {"format": FORMAT, "format_version": FORMAT_VERSION, **candidate.to_dict()}
    replace_file(path, json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def reference_of(candidate: Candidate, name: str, champion: Reference | None) -> Reference | Refusal:
    """The candidate's reference, if the candidate can take the champion's place on the same rows.

    Parameters
    ----------
    candidate : Candidate
    name : str
        Of the model that serves.
    champion : Reference or None
        Of the version that serves.
    """
    if candidate.model_name != name:
        words = f"model_name: found {candidate.model_name!r:.80}, need {name!r}"
        return Refusal(reason="other_model", words=words)
    try:
        reference = Reference.load(candidate.reference_path, model_name=name, model_version=candidate.version)
    except ReferenceDataError as error:
        return Refusal(reason="no_reference", words=f"reference_path: {error}")
    if champion is None:
        return Refusal(reason="no_reference", words="the champion has none, need one to compare with")
    mine, theirs = (
        {feature: str(profile.kind) for feature, profile in each.features.items()}
        for each in (reference, champion)
    )
    if list(mine.items()) != list(theirs.items()):
        return Refusal(reason="other_features", words=f"features: {_difference(mine, theirs)}")
    return reference


def _difference(found: Mapping[str, str], needed: Mapping[str, str]) -> str:
    lacking = [name for name in needed if name not in found]
    foreign = [name for name in found if name not in needed]
    if lacking or foreign:
        return f"found {_some(foreign)} too many and {_some(lacking)} missing, need the champion's"
    other = [name for name, kind in found.items() if needed[name] != kind]
    what = f"another kind of {_some(other)}" if other else "another order"
    return f"found {what}, need the champion's"


def _some(names: list[str]) -> str:
    return (", ".join(names[:5]) + (", …" if len(names) > 5 else "")) or "none"
