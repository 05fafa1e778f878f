"""Matchers of labels as Alertmanager writes them: `severity="critical"`, `model_name=~"flight_.+"`. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from .errors import ConfigError

_MATCHER: Final = re.compile(
    r'\s*([A-Za-z_][A-Za-z0-9_]*)\s*(=~|!~|!=|=)\s*(?:"([^"]*)"|([^"\s=~!][^"\s]*)?)\s*'
)


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on a label; a label that is absent is an empty text.

    Raises
    ------
    ConfigError
        If the text is no matcher, or its pattern no regular expression.

    Examples
    --------
    >>> Matcher('severity=~"critical|warning"').matches({"severity": "warning"})
    True
    >>> Matcher("team!=ml").matches({})
    True
    """

    text: str
    name: str = field(init=False, repr=False)
    _negated: bool = field(init=False, repr=False)
    _pattern: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        match = _MATCHER.fullmatch(self.text)
        if match is None:
            raise ConfigError(f'found {self.text[:60]!r}, need a matcher such as severity="critical"')
        name, operator, quoted, bare = match.groups()
        value = (bare or "") if quoted is None else quoted
        try:
            pattern = re.compile(value if operator.endswith("~") else re.escape(value), re.DOTALL)
        except re.error as error:
            raise ConfigError(f"found {self.text[:60]!r} ({error}), need a regular expression") from None
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "_negated", operator.startswith("!"))
        object.__setattr__(self, "_pattern", pattern)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether the label has such a value; patterns are anchored at both ends, as in Alertmanager."""
        return (self._pattern.fullmatch(labels.get(self.name, "")) is not None) != self._negated


def match_all(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether every matcher matches; no matcher matches everything."""
    return all(matcher.matches(labels) for matcher in matchers)
