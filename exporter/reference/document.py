"""A reference as one JSON file: readable, diffable, checked, never pickle.

The file is written beside its final name, forced to disk and renamed over it. Its checksum covers
everything else in it, so a changed digit or a lost tail is found; it is no signature.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..durable import replace_file
from ..errors import ReferenceDataError
from .encoding import decode, encode

if TYPE_CHECKING:
    from .reference import Reference

FORMAT: Final = "driftgauge-reference"
FORMAT_VERSION: Final = 1
SEGMENT_VERSION: Final = 2
"""Of a file with profiles by segment. Any other is still written as 1, so that older releases read it; those
refuse this one by its number, which says more than that a key is unknown."""

MAX_BYTES: Final = 256 << 20
"""Of a file; a reference of a thousand features has some 20 MB."""

READ_VERSIONS: Final = (FORMAT_VERSION, SEGMENT_VERSION)

_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "model_name": (str,), "model_version": (str,), "rows": (int,), "created_at": (int, float),
    "start": (int, float, type(None)), "end": (int, float, type(None)), "task": (str, type(None)),
    "importances": (dict, type(None)), "performance": (dict, type(None)),
}  # fmt: skip
"""Of what nothing else looks at while it is read."""


def write_document(reference: Reference, path: str | os.PathLike[str]) -> None:
    """Write a reference to a file, all or nothing."""
    replace_file(path, dumps(to_document(reference)))


def read_document(path: str | os.PathLike[str]) -> Reference:
    """The reference in a file.

    Raises
    ------
    ReferenceDataError
        If the file is absent, damaged, or of another format or version.
    """
    try:
        with Path(path).open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        if len(raw) > MAX_BYTES:
            raise ReferenceDataError(f"{path}: found more than {MAX_BYTES >> 20} MiB, need a reference file")
        text = raw.decode("utf-8")
    except OSError as error:
        raise ReferenceDataError(
            f"{path}: cannot be read ({error.strerror}), need a reference file"
        ) from error
    except UnicodeDecodeError as error:
        raise ReferenceDataError(
            f"{path}: damaged (no UTF-8 at byte {error.start}), need a reference file"
        ) from error
    try:
        document = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ReferenceDataError(f"{path}: damaged (no JSON: {error}), need a reference file") from error
    try:
        return from_document(document)
    except ReferenceDataError as error:
        raise ReferenceDataError(f"{path}: {error}") from error


def to_document(reference: Reference) -> dict[str, Any]:
    """A reference as plain values for JSON, with its checksum."""
    version = FORMAT_VERSION if reference.segments is None else SEGMENT_VERSION
    document = {"format": FORMAT, "format_version": version, **encode(reference)}
    document["checksum"] = checksum(document)
    return document


def from_document(document: Any) -> Reference:  # noqa: ANN401 - whatever the JSON held
    """The reference in a parsed document.

    Raises
    ------
    ReferenceDataError
        If it is damaged, or of another format or version.
    """
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        found = document.get("format") if isinstance(document, dict) else type(document).__name__
        raise ReferenceDataError(f"format: found {found!r}, need {FORMAT!r}")
    version = document.get("format_version")
    if version not in READ_VERSIONS:
        needed = " or ".join(map(str, READ_VERSIONS))
        raise ReferenceDataError(
            f"format_version: found {version!r}, need {needed}; build it again with this release"
        )
    try:
        # A number beyond a float's range is read as infinity, which cannot be written again: a ValueError.
        fits = document.get("checksum") == checksum(document)
    except (ValueError, RecursionError) as error:
        raise ReferenceDataError(f"damaged: {error}, need the file as it was saved") from error
    if not fits:
        raise ReferenceDataError(
            "damaged: the checksum does not fit the content, need the file as it was saved"
        )
    for key, kinds in _TYPES.items():
        if key not in document or type(document[key]) not in kinds:
            found = type(document.get(key)).__name__
            raise ReferenceDataError(f"damaged: {key}: found {found}, need the file as it was saved")
    try:
        return decode(document)
    except ReferenceDataError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise ReferenceDataError(
            f"damaged: {type(error).__name__} at {error}, need the file as it was saved"
        ) from error


def checksum(document: dict[str, Any]) -> str:
    """SHA-256 of everything in a document but the checksum, whatever its order and spacing."""
    rest = {key: value for key, value in document.items() if key != "checksum"}
    canonical = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return "sha256:" + hashlib.sha256(canonical.encode("ascii")).hexdigest()


def dumps(value: Any, indent: str = "") -> str:  # noqa: ANN401 - any JSON value
    """JSON with one key a line, lists on one line: a difference between two references is a few lines."""
    if isinstance(value, dict) and value:
        inner = indent + "  "
        items = (
            f"{inner}{json.dumps(str(key), ensure_ascii=False)}: {dumps(item, inner)}"
            for key, item in value.items()
        )
        return "{\n" + ",\n".join(items) + f"\n{indent}}}" + ("\n" if not indent else "")
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _no_constant(name: str) -> None:
    raise ValueError(f"found {name}, which is not JSON")
