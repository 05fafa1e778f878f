"""A value that must not be shown, and the masking of text that may hold one."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, final

HIDDEN: Final = "***"

_TOKENS: Final = re.compile(
    r"xox[a-z]-[\w-]+|xapp-[\w-]+|https?://hooks\.slack(?:-gov)?\.com/\S+|/services/\S+"
)
"""What Slack's own secrets look like: tokens (`xoxb-`, `xapp-`) and the path of an incoming webhook."""


@final
class Secret:
    """A string whose repr, str and format are ``***``; `reveal` is the one way to it.

    Parameters
    ----------
    value : str
        What two secrets are compared by.
    reread : callable, optional
        What the value is now, if it can change: a file that may be replaced.

    Examples
    --------
    >>> Secret("xoxb-1")
    ***
    >>> f"{Secret('xoxb-1')}"
    '***'
    """

    __slots__ = ("_reread", "_value")

    def __init__(self, value: str, reread: Callable[[], str] | None = None) -> None:
        self._value, self._reread = value, reread

    def reveal(self) -> str:
        """The value itself, as it is now; to be asked for at each use."""
        return self._value if self._reread is None else self._reread()

    def __repr__(self) -> str:
        return HIDDEN

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str | tuple[object, ...]:
        # A pickle would carry the value in the clear.
        raise TypeError("a Secret cannot be pickled")


def mask(text: str) -> str:
    """The text with everything that looks like a Slack secret replaced by ``***``."""
    return _TOKENS.sub(HIDDEN, text)
