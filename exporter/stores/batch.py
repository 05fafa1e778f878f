"""A batch of observations as bytes, and back: what every store outside this process keeps.

A header of JSON says what is there; float64 columns follow as they lie in memory, so that a window of
100,000 rows is read without a loop over rows. Text columns, ids and classes are JSON. A checksum tells a
batch that was cut short from a whole one. Never pickle: what is read may have been written by somebody else.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Hashable, Iterable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..errors import StoreError
from ..observation import Observations

MAGIC: Final = b"dgb1"
"""Format 1 of a batch."""

_PREFIX: Final = struct.Struct("<4sII")
"""Magic, checksum of the rest, length of the header; little-endian on every machine."""

_FLOAT: Final = np.dtype("<f8")


def encode(observations: Observations, note: Mapping[str, Any] | None = None) -> bytes:
    """Bytes of a batch, without its labels, which come later and are kept apart.

    Values of object columns become JSON: numbers, text, truth values and None stay what they are, anything
    else becomes its text. A note is what whoever appends wants to read again if, and only if, the batch is
    there: where in a stream it came from.
    """
    floats: list[NDArray[np.float64]] = [observations.times]
    features: list[list[str]] = []
    texts: dict[str, list[Any]] = {}
    for name, values in observations.features.items():
        if values.dtype == object:
            features.append([name, "objects"])
            texts[name] = values.tolist()
        else:
            features.append([name, "floats"])
            floats.append(values)
    width = 0
    if observations.scores is not None:
        floats.append(observations.scores)
    if observations.probabilities is not None:
        width = observations.probabilities.shape[1]
        floats.append(observations.probabilities.ravel())
    header = {
        "n_rows": observations.n_rows,
        "features": features,
        "objects": texts,
        "scores": observations.scores is not None,
        "n_classes": width,
        "ids": None if observations.ids is None else observations.ids.tolist(),
        "classes": None if observations.classes is None else observations.classes.tolist(),
    }
    if note is not None:
        header["note"] = note
    head = _header_text(header).encode("utf-8", "surrogatepass")
    body = b"".join([head, *(np.ascontiguousarray(column, _FLOAT).tobytes() for column in floats)])
    return _PREFIX.pack(MAGIC, zlib.crc32(body), len(head)) + body


def _header_text(header: Mapping[str, Any]) -> str:
    try:
        return _compact(header)
    except (TypeError, ValueError, RecursionError):
        # One value that JSON cannot say, such as a dict with keys of NumPy: all are looked at, one by one.
        texts = {name: [label_of(label_text(value)) for value in v] for name, v in header["objects"].items()}
        return _compact({**header, "objects": texts})


def _compact(header: Mapping[str, Any]) -> str:
    return json.dumps(header, default=_as_json, separators=(",", ":"))


def decode(data: bytes) -> Observations:
    """The observations of a batch; arrays of numbers are views of the bytes and cannot be written to.

    Raises
    ------
    StoreError
        If they are no batch of this format, or damaged.
    """
    header, body = _opened(data)
    try:
        return _decoded(header, body)
    # The checksum is right, so that somebody else has written it, or a later release.
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise _damaged(error) from error


def _decoded(header: Mapping[str, Any], body: memoryview) -> Observations:
    n_rows: int = header["n_rows"]
    columns = _Columns(np.frombuffer(body, _FLOAT), n_rows)
    times = columns.take()
    features = {
        name: objects(header["objects"][name]) if kind == "objects" else columns.take()
        for name, kind in header["features"]
    }
    return Observations(
        times=times,
        features=features,
        scores=columns.take() if header["scores"] else None,
        probabilities=columns.take(header["n_classes"]) if header["n_classes"] else None,
        ids=None if header["ids"] is None else objects(map(id_of, header["ids"])),
        classes=None if header["classes"] is None else objects(header["classes"]),
    )


def note_of(data: bytes) -> Mapping[str, Any] | None:
    """What `encode` was told to note; None where that was nothing.

    Raises
    ------
    StoreError
        As `decode`.
    """
    note: Mapping[str, Any] | None = _opened(data)[0].get("note")
    return note


def _opened(data: bytes) -> tuple[dict[str, Any], memoryview]:
    """Header and numbers of a batch that is whole."""
    if len(data) < _PREFIX.size or data[: len(MAGIC)] != MAGIC:
        raise StoreError(f"batch: found bytes that begin with {data[:4]!r}, need {MAGIC!r}")
    _, checksum, length = _PREFIX.unpack_from(data)
    body = memoryview(data)[_PREFIX.size :]
    if zlib.crc32(body) != checksum:
        raise StoreError(
            f"batch: found {len(data)} bytes with another checksum, need them as they were written"
        )
    try:
        header = json.loads(bytes(body[:length]).decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError) as error:
        raise _damaged(error) from error
    if not isinstance(header, dict):
        raise _damaged(TypeError(type(header).__name__))
    return header, body[length:]


def _damaged(error: Exception) -> StoreError:
    reason = f"{type(error).__name__} at {error!s:.100}"
    return StoreError(f"batch: found it damaged ({reason}), need it as it was written")


def objects(values: Iterable[Any]) -> NDArray[np.object_]:
    """A column of objects; NumPy would else make a matrix of equally long sequences."""
    listed = list(values)
    column = np.empty(len(listed), dtype=object)
    column[:] = listed
    return column


def key_of(prediction_id: object) -> str:
    """A prediction id as text; ids that are equal in Python have the same one, and others differ.

    Examples
    --------
    >>> key_of(7), key_of(7.0), key_of("7")
    ('n7', 'n7', 's7')
    >>> key_of((7, "a")) == key_of((np.int64(7), "a"))
    True
    """
    if isinstance(prediction_id, str):
        # NUL and halves of surrogate pairs are no text to a database.
        whole = "\0" not in prediction_id and (
            prediction_id.isascii() or not any("\ud800" <= one <= "\udfff" for one in prediction_id)
        )
        return f"s{prediction_id}" if whole else f"j{json.dumps(prediction_id)}"
    if isinstance(prediction_id, (bool, int, float, np.integer, np.floating)):
        return f"n{_plain(prediction_id)}"
    if isinstance(prediction_id, tuple):
        return f"tuple:{_plain(prediction_id)}"
    return f"{type(prediction_id).__name__}:{prediction_id}"


def id_of(value: Any) -> Hashable:  # noqa: ANN401 - any JSON
    """A prediction id as it was before JSON, which has no tuples and makes lists of them.

    Examples
    --------
    >>> id_of(["order", [7, 1]]), id_of("order")
    (('order', (7, 1)), 'order')
    """
    return tuple(map(id_of, value)) if isinstance(value, list) else value


def label_text(label: object) -> str:
    """A label as JSON, to keep beside its row; its text where JSON cannot say it."""
    try:
        return json.dumps(label, default=_as_json)
    except (TypeError, ValueError, RecursionError):
        return json.dumps(str(label))


def label_of(text: str) -> Any:  # noqa: ANN401 - labels are the user's
    """The label that `label_text` wrote."""
    return json.loads(text)


class _Columns:
    """Takes one column after the other from the numbers of a batch."""

    def __init__(self, numbers: NDArray[np.float64], n_rows: int) -> None:
        self._numbers = numbers
        self._n_rows = n_rows
        self._at = 0

    def take(self, width: int = 1) -> NDArray[np.float64]:
        end = self._at + self._n_rows * width
        part = self._numbers[self._at : end]
        self._at = end
        return part if width == 1 else part.reshape(self._n_rows, width)


def _plain(value: Any) -> Any:  # noqa: ANN401 - a part of an id
    """An id, or a part of one, such that those that are equal in Python have the same text."""
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (bool, int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        number = float(value)
        return int(number) if number.is_integer() else number
    return value


def _as_json(value: object) -> object:
    """What JSON can say of a value that it does not know."""
    return value.item() if isinstance(value, np.generic) else str(value)
