"""PromQL from values that come from users and their data: quoted, never pasted.

Pure. Names of metrics and labels are our own; what a model, a feature or a segment is called is not.
"""

from __future__ import annotations

from collections.abc import Iterable

_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_FIRST_PRINTABLE, _DELETE = 0x20, 0x7F


def quoted(value: str) -> str:
    r"""A PromQL string with this value.

    Examples
    --------
    >>> print(quoted('a"b'))
    "a\"b"
    """
    return '"' + "".join(map(_escaped, value)) + '"'


def matchers(**labels: str) -> str:
    """Matchers of exactly these label values, in braces.

    Examples
    --------
    >>> matchers(model_name="delay", segment="all")
    '{model_name="delay",segment="all"}'
    """
    return "{" + ",".join(f"{name}={quoted(value)}" for name, value in labels.items()) + "}"


def either(names: Iterable[str], selector: str, seconds: int) -> str:
    """Last values, within so many seconds, of all metrics of these names; their names are kept apart."""
    return " or ".join(f"last_over_time({name}{selector}[{seconds}s])" for name in names)


def _escaped(character: str) -> str:
    code = ord(character)
    if character in _ESCAPES:
        return _ESCAPES[character]
    if code < _FIRST_PRINTABLE or code == _DELETE:
        return f"\\x{code:02x}"
    # A lone surrogate is no character; it cannot be sent, and no label can hold it.
    return "\N{REPLACEMENT CHARACTER}" if 0xD800 <= code <= 0xDFFF else character
