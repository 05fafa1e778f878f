"""Refreshing the reference of a model without losing the one before, and going back.

The archive is a folder `archive` beside the file. Nothing in it is ever overwritten or removed.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..errors import ReferenceDataError
from .reference import Reference

FOLDER: Final = "archive"

_DIGEST_CHARS: Final = 12


@dataclass(frozen=True, slots=True)
class Archived:
    """A reference that was replaced: where it is, and what it belonged to."""

    path: Path
    model_version: str
    created_at: float


def refresh(reference: Reference, path: str | os.PathLike[str]) -> Path | None:
    """Save a reference; the one that was there goes into the archive.

    Returns
    -------
    Path or None
        Of the archived one; None if there was none.
    """
    target = Path(path)
    kept = _keep(target) if target.exists() else None
    reference.save(target)
    return kept


def history(path: str | os.PathLike[str]) -> list[Archived]:
    """The archived references of a file that can be read, the youngest first."""
    target = Path(path)
    found = []
    for kept in (target.parent / FOLDER).glob(f"{target.stem}.*{target.suffix}"):
        try:
            reference = Reference.load(kept)
        except ReferenceDataError:  # it was damaged already when it was replaced, and is kept for a look
            continue
        found.append(Archived(kept, reference.model_version, reference.created_at))
    return sorted(found, key=lambda archived: (archived.created_at, archived.path.name), reverse=True)


def restore(path: str | os.PathLike[str], model_version: str | None = None) -> Reference:
    """Put an archived reference back; the one that was there goes into the archive itself.

    Parameters
    ----------
    path : path
        Of the file in use.
    model_version : str, optional
        The youngest one of this version, as a rollback of the model needs it; by default the youngest of all
        that is not what the file holds now.

    Raises
    ------
    ReferenceDataError
        If the archive has no such reference.
    """
    target = Path(path)
    now = target.read_bytes() if target.exists() else b""
    for archived in history(target):
        wanted = archived.model_version == model_version or model_version is None
        if wanted and archived.path.read_bytes() != now:
            reference = Reference.load(archived.path)
            refresh(reference, target)
            return reference
    what = "" if model_version is None else f" of model_version {model_version!r}"
    raise ReferenceDataError(
        f"{target}: found no other reference{what} in {target.parent / FOLDER}, need one"
    )


def _keep(target: Path) -> Path:
    """Path of a copy of a file in the archive, named after its content."""
    content = target.read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:_DIGEST_CHARS]
    try:
        reference = Reference.load(target)
        made = dt.datetime.fromtimestamp(reference.created_at, dt.UTC)
        label = f"{re.sub(r'[^A-Za-z0-9._-]+', '_', reference.model_version)}.{made:%Y%m%dT%H%M%SZ}"
    except ReferenceDataError:
        label = "damaged"
    folder = target.parent / FOLDER
    folder.mkdir(exist_ok=True)
    kept = folder / f"{target.stem}.{label}.{digest}{target.suffix}"
    if not kept.exists():
        beside = kept.with_name(f".{kept.name}.{os.getpid()}.tmp")
        shutil.copyfile(target, beside)
        beside.replace(kept)
    return kept
