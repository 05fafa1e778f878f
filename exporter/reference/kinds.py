"""Which columns are numbers and which are categories, and how values are read as either.

A float64 column is numeric and an object column is categorical (see `exporter.columns` for what becomes
which: booleans and text are categories; integers, Decimals and times are numbers); `kinds` overrides both.
Categories are compared as text, so that a reference built from integers fits rows that arrive as floats.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import Counter
from decimal import Decimal
from numbers import Real
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from ..blocks import blocks, distinct, look_up, types_of
from ..statistics.categories import OTHER

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from numpy.typing import NDArray

Kind = Literal["numeric", "categorical"]

KINDS: Final[tuple[Kind, ...]] = ("numeric", "categorical")

MISSING: Final = "__missing__"
INF: Final = "__inf__"
SPECIAL_BINS: Final = (OTHER, MISSING, INF)
"""The last three bins of every profile, in this order. The first counts as a value, the other two do not."""

TRUTH_VALUES: Final = {"True": "1", "False": "0", "1": "True", "0": "False"}
"""The two usual spellings of yes and no; a value in the other one means the same."""

MAX_CATEGORY_CHARS: Final = 200
"""A longer category keeps its start and a hash, so that labels stay readable and references small."""

_HASH_CHARS: Final = 12


def category_text(value: Any) -> str:  # noqa: ANN401 - a category may be anything
    """Name under which a value is counted as a category.

    Whole numbers read the same whatever their type (1, 1.0 and Decimal("1.00") are "1"), times are ISO 8601,
    bytes are Latin-1. A name that would be one of the special bins is put in quotes. None, NaN are
    `__missing__`, infinities `__inf__`.

    Examples
    --------
    >>> category_text(1.0), category_text(True), category_text("__other__"), category_text(None)
    ('1', 'True', "'__other__'", '__missing__')
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None:
        return MISSING
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if isinstance(value, str):
        return _bounded(value)
    if isinstance(value, (float, Decimal)):
        if value != value:  # noqa: PLR0124 - only NaN differs from itself
            return MISSING
        if abs(value) == float("inf"):
            return INF
        return str(int(value)) if value == int(value) else str(value)
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    return _bounded(str(value))


def known_name(text: str, known: Container[str]) -> str | None:
    """The one of the known names that means the same as a category; None if there is none.

    Examples
    --------
    >>> known_name("1", {"True", "False"}), known_name("1", {"1", "2"}), known_name("2", {"True"})
    ('True', '1', None)
    """
    if text in known:
        return text
    other = TRUTH_VALUES.get(text)
    return other if other is not None and other in known else None


def category_names(values: NDArray[Any]) -> list[str]:
    """Category of every value of a float64 or object array."""
    values = values.astype(object, copy=False)
    names = _text_by_value(values)
    if names is None:
        return [category_text(value) for value in values.tolist()]
    return [name for block in blocks(values) for name in map(names.__getitem__, block)]


def category_codes(values: NDArray[Any], codes: Mapping[str, int], other: int) -> NDArray[np.int64]:
    """Code of every value's category, and `other` for categories that have none."""
    values = values.astype(object, copy=False)
    names = _text_by_value(values)
    if names is None:
        each = (codes.get(category_text(value), other) for value in values.tolist())
        return np.fromiter(each, np.int64, len(values))
    return look_up(values, {value: codes.get(name, other) for value, name in names.items()}, other)


def _text_by_value(values: NDArray[np.object_]) -> dict[Any, str] | None:
    """Category of each value that occurs; None where values that are equal may have different ones.

    1 and True are equal, and so are Decimal("1.5") and Decimal("1.50"). NaN differs from itself, but each is
    found again by being the same object.
    """
    types = types_of(values) - {str, NoneType}
    if not (types <= {bool} or types <= {int, float}):
        return None
    return {value: category_text(value) for value in distinct(values)}


def tally(values: NDArray[Any]) -> dict[str, int]:
    """Rows per category of a float64 or object array, `__missing__` and `__inf__` among them."""
    if values.dtype != object:
        numbers, counts = np.unique(values, return_counts=True)
        pairs = zip(numbers.tolist(), counts.tolist(), strict=True)
        return _summed((category_text(value), count) for value, count in pairs)
    if len(types_of(values) - {str, NoneType}) > 1:
        # 1, 1.0 and True are one key of a dict, but "1" and "True" are two categories.
        return dict(Counter(map(category_text, values.tolist())))
    raw: Counter[Any] = Counter()
    try:
        for block in blocks(values):
            raw.update(block)
    except TypeError:  # lists and dicts cannot be hashed, their text can
        return dict(Counter(map(category_text, values.tolist())))
    return _summed((category_text(value), count) for value, count in raw.items())


def as_numbers(values: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.bool_] | None]:
    """Float64 values, NaN where there is no number, and where something else than a number stood.

    The second is None if everything was a number or missing. Booleans are 0 and 1, as models read them;
    text is never parsed, since a model would not parse it either.
    """
    if values.dtype != object:
        return values, None
    numbers = np.full(len(values), np.nan)
    wrong = np.zeros(len(values), dtype=np.bool_)
    for i, value in enumerate(values.tolist()):
        if value is None:
            continue
        if isinstance(value, (Real, Decimal)):
            numbers[i] = _number(value)
        else:
            wrong[i] = True
    return numbers, wrong if wrong.any() else None


def _number(value: Real | Decimal) -> float:
    try:
        return float(value)
    except OverflowError:  # an integer beyond the largest float
        return float("inf") if str(value)[0] != "-" else float("-inf")


def _summed(pairs: Any) -> dict[str, int]:  # noqa: ANN401 - an iterator of pairs
    counts: dict[str, int] = {}
    for text, count in pairs:
        counts[text] = counts.get(text, 0) + count
    return counts


def _bounded(text: str) -> str:
    if text in SPECIAL_BINS:
        return f"'{text}'"
    if not text.isascii():
        # A lone surrogate cannot be written as UTF-8, neither to a file nor in a metric's label.
        text = text.encode("utf-8", "replace").decode("utf-8")
    if len(text) > MAX_CATEGORY_CHARS:
        digest = hashlib.sha256(text.encode()).hexdigest()[:_HASH_CHARS]
        text = f"{text[: MAX_CATEGORY_CHARS - _HASH_CHARS - 1]}~{digest}"
    return text
