"""What the terminal shows: a live table, or plain lines where the output is no terminal."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from .processes import Part
from .status import Alert, Status, Tally

PLAIN_INTERVAL_SECONDS = 5.0
"""Between two plain lines in which nothing but numbers changed."""

LISTED_ALERTS = 6
"""Alert names that one line has room for."""


class LiveDisplay:
    """A table that is redrawn in place."""

    def __init__(self, console: Console, parts: Sequence[Part]) -> None:
        self._parts = tuple(parts)
        self._live = Live(console=console, auto_refresh=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, status: Status, now: float) -> None:  # noqa: ARG002  # as PlainDisplay
        """Redraw the table."""
        self._live.update(Group(_table_of_parts(self._parts), _table_of_numbers(status)), refresh=True)


class PlainDisplay:
    """Lines for logs and pipes: one for every change of drift or alerts, and for others now and then."""

    def __init__(self, console: Console, parts: Sequence[Part]) -> None:
        self._console = console
        self._parts = tuple(parts)
        self._shown_at = -math.inf
        self._shown: Status | None = None

    def __enter__(self) -> Self:
        for part in self._parts:
            self._print(f"{part.name + ':':<14}{part.url}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is open."""

    def show(self, status: Status, now: float) -> None:
        """Print a line when there is something new to say.

        Parameters
        ----------
        status : Status
            The newest.
        now : float
            Seconds on any clock that only moves forward.
        """
        soon = now - self._shown_at < PLAIN_INTERVAL_SECONDS
        if status == self._shown or (soon and self._shown is not None and not _news(self._shown, status)):
            return
        self._shown, self._shown_at = status, now
        self._print(" | ".join(f"{name} {value}" for name, value in lines_of(status)))

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def display_for(console: Console, parts: Sequence[Part]) -> LiveDisplay | PlainDisplay:
    """The live table on a terminal, plain lines elsewhere."""
    return LiveDisplay(console, parts) if console.is_terminal else PlainDisplay(console, parts)


def lines_of(status: Status) -> list[tuple[str, str]]:
    """The numbers of a status, each with its name."""
    progress = "" if math.isnan(status.progress) else f" ({status.progress:.0%} of the replay)"
    drifted = f"{len(status.drifted)} of {status.features}" if status.features else "not checked yet"
    return [
        ("simulated date", day_of(status.simulated_at) + progress),
        ("rows predicted", f"{status.rows:,}"),
        ("outcomes known", f"{status.outcomes:,}"),
        ("drifted features", _with_names(drifted, status.drifted)),
        ("alerts firing", _alerts(status.firing)),
        ("messages delivered", f"{status.delivered}{_updates(status)}"),
    ]


def summary_of(tally: Tally, seconds: float, missing: Sequence[str] = ()) -> list[str]:
    """What happened, in a few lines.

    Parameters
    ----------
    tally : Tally
        What the run saw.
    seconds : float
        How long it took.
    missing : sequence of str
        Programs that were not there.
    """
    status = tally.last
    began = f"up to {day_of(status.simulated_at)}" if status.rows else "and ended before the replay began"
    rows = f"{status.rows:,} rows predicted, {status.outcomes:,} outcomes known"
    counts = (
        f"{_plural(len(tally.drift_alerts), 'drift alert')}, {_plural(status.delivered, 'message')} delivered"
    )
    counts += _updates(status)
    if tally.first_message_seconds is not None:
        counts += f", the first after {tally.first_message_seconds:.0f} s"
    lines = [f"The demo ran {seconds:.0f} s {began}: {rows}.", f"{counts}."]
    alerts = Counter(name for name, _ in tally.drift_alerts)
    if alerts:
        fired = (name if count == 1 else f"{name} ({count})" for name, count in alerts.items())
        lines.append(f"Drift alerts: {', '.join(fired)}.")
    if tally.drifted:
        lines.append(f"Features that drifted: {', '.join(tally.drifted)}.")
    if missing:
        lines.append(f"Without {' and '.join(missing)} no alert could become a message.")
    return lines


def day_of(seconds: float) -> str:
    """The UTC date of a time, or that it is not known."""
    return "not yet" if math.isnan(seconds) else datetime.fromtimestamp(seconds, UTC).date().isoformat()


def _news(before: Status, after: Status) -> bool:
    """Whether something happened that nobody should wait to read."""
    return (before.drifted, before.firing, before.delivered > 0) != (
        after.drifted,
        after.firing,
        after.delivered > 0,
    )


def _table_of_parts(parts: Sequence[Part]) -> Table:
    table = Table.grid(padding=(0, 3))
    for part in parts:
        table.add_row(part.name, part.url)
    table.add_row("", "")
    return table


def _table_of_numbers(status: Status) -> Table:
    table = Table.grid(padding=(0, 3))
    for name, value in lines_of(status):
        table.add_row(name, value)
    return table


def _updates(status: Status) -> str:
    """How often messages were brought up to date, where that is known."""
    return f" and {_plural(status.updated, 'update')}" if status.updated else ""


def _alerts(firing: frozenset[Alert] | None) -> str:
    """How many alerts fire, and which. One that is a warning and critical at once is one."""
    if firing is None:
        return "unknown without Prometheus"
    alerts = sorted({(alert.name, alert.subject) for alert in firing})
    counts = Counter(name for name, _ in alerts)
    names = [name if count == 1 else f"{name} ({count})" for name, count in counts.items()]
    shown = [*names[:LISTED_ALERTS], *(["..."] if names[LISTED_ALERTS:] else [])]
    return _with_names(str(len(alerts)), shown)


def _with_names(text: str, names: Sequence[str]) -> str:
    return f"{text}: {', '.join(names)}" if names else text


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
