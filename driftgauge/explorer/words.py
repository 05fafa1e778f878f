"""Numbers, times and figures in words: for tables, and for those who hear the page. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from .distribution import Distribution
from .performance import Performance
from .performance import name_of as measure_name
from .scores import ScoreHistory
from .scores import name_of as test_name

UNKNOWN: Final = "\N{EN DASH}"
MINUS: Final = "\N{MINUS SIGN}"
_MINUTE, _HOUR, _DAY = 60.0, 3_600.0, 86_400.0
_SMALL_P: Final = 1e-4
"""Below it a p-value says no more than that it is small."""


def number(value: float | None) -> str:
    """Three digits, or a dash for what is not known.

    Examples
    --------
    >>> number(0.12345), number(1234567.0)
    ('0.123', '1,234,567')
    """
    if value is None:
        return UNKNOWN
    text = f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"
    return text.replace("-", MINUS)


def share(value: float | None) -> str:
    """A percentage.

    Examples
    --------
    >>> share(0.1234), share(0.0)
    ('12.3 %', '0 %')
    """
    return UNKNOWN if value is None else f"{100.0 * value:.3g} %".replace("-", MINUS)


def change(value: float | None, *, percent: bool = False) -> str:
    """A difference with its sign."""
    if value is None:
        return UNKNOWN
    text = share(value) if percent else number(value)
    return f"+{text}" if value > 0 else text


def p_value(value: float | None) -> str:
    """A p-value."""
    return f"<\N{NO-BREAK SPACE}{_SMALL_P}" if value is not None and value < _SMALL_P else number(value)


def times(value: float | None) -> str:
    """A score as a multiple of its threshold."""
    return UNKNOWN if value is None else f"{number(value)} \N{MULTIPLICATION SIGN}"


def moment(seconds: float | None) -> str:
    """A time in UTC."""
    return UNKNOWN if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"


def ago(seconds: float | None) -> str:
    """How long something is ago.

    Examples
    --------
    >>> ago(12.0), ago(300.0), ago(200_000.0)
    ('12 s ago', '5 min ago', '2 d ago')
    """
    if seconds is None:
        return UNKNOWN
    seconds = max(seconds, 0.0)
    for unit, length in (("d", _DAY), ("h", _HOUR), ("min", _MINUTE)):
        if seconds >= 2 * length:  # two of a unit say more than one
            return f"{seconds / length:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"


def of_distribution(found: Distribution, feature: str) -> str:
    """What the figure of a distribution shows."""
    if not found.known:
        return f"No values of {feature} were counted in this time range."
    most = found.largest
    return (
        f"{number(found.rows)} values of {feature}. It differs most in \N{LEFT DOUBLE QUOTATION MARK}"
        f"{most.label}\N{RIGHT DOUBLE QUOTATION MARK}: {share(most.current)} of the values now, "
        f"{share(most.reference)} in the reference."
    )


def of_history(found: ScoreHistory) -> str:
    """What the figure of a score shows."""
    name = test_name(found.test)
    if found.latest is None:
        return f"No score of {name or 'any test'} in this time range."
    words = f"{name} is {number(found.latest)}"
    if found.ratio is not None:
        words += f", {number(found.ratio)} times its threshold of {number(found.threshold.values[-1])}"
    else:
        words += "; this test explains, and has no threshold"
    if found.noise_floor.values:
        words += f". Chance alone reaches {number(found.noise_floor.values[-1])}"
    return words + "."


def of_performance(found: Performance) -> str:
    """What the figure of a measure shows."""
    name = measure_name(found.measure)
    if not found.known:
        return "No outcomes and no estimate in this range." if found.measure else "No measure is known."
    words = [f"{name} of {'all rows' if found.segment == 'all' else found.segment}"]
    if found.real.values:
        words.append(f"is {number(found.real.values[-1])}")
    if found.reference is not None:
        words.append(f"against {number(found.reference)} at training time")
    text = " ".join(words)
    if found.estimated.values:
        believed = {True: "reliable", False: "not to be believed", None: "of unknown reliability"}
        text += (
            f"; estimated without outcomes {number(found.estimated.values[-1])}, {believed[found.reliable]}"
        )
    if found.coverage is not None:
        text += f". Outcomes are known for {share(found.coverage)} of the rows"
    return text + "."
