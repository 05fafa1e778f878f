"""A function called by APScheduler: cron expressions, and jitter across replicas (extra `schedule`).

A scheduler and a thread of its own for each function, so that a slow one delays no other. A run that is due
while the last one still runs is skipped and counted; of runs that were missed, as of a machine that slept,
one is made up for.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from .errors import ConfigError

if TYPE_CHECKING:
    from .schedule import Schedule

GAPS_LOOKED_AT: Final = 400
"""Runs of a cron expression among which the longest gap is looked for; a daily one is followed for a year."""


class Scheduled:
    """Calls a function by a schedule until stopped.

    Parameters
    ----------
    function : callable
        What to call; one call at a time.
    schedule : Schedule
        When.
    first_seconds : float
        Of a schedule by interval: from the start to the first call.
    name : str
        Of the job.
    skipped : callable
        Told of each call that was due while the last one ran.

    Raises
    ------
    ConfigError
        If APScheduler is not installed, or the expression or its time zone is none.
    """

    def __init__(
        self,
        function: Callable[[], object],
        schedule: Schedule,
        *,
        first_seconds: float,
        name: str,
        skipped: Callable[[], None],
    ) -> None:
        self._function = function
        self._schedule = schedule
        self._first_seconds = first_seconds
        self._name = name
        self._skipped = skipped
        self._scheduler: Any = None
        trigger_of(schedule, first_seconds)  # says what is wrong before anything runs

    def start(self) -> None:
        """Start; also in a forked child, which has none of its parent's threads."""
        from apscheduler.events import EVENT_JOB_MAX_INSTANCES  # noqa: PLC0415 - an extra
        from apscheduler.executors.pool import ThreadPoolExecutor  # noqa: PLC0415 - same
        from apscheduler.schedulers.background import BackgroundScheduler  # noqa: PLC0415 - same

        self._scheduler = BackgroundScheduler(
            daemon=True, timezone=UTC, executors={"default": ThreadPoolExecutor(1)}
        )
        self._scheduler.add_listener(lambda _: self._skipped(), EVENT_JOB_MAX_INSTANCES)
        self._scheduler.add_job(
            self._function,
            trigger_of(self._schedule, self._first_seconds),
            name=self._name,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
        )
        self._scheduler.start()

    def stop(self, timeout_seconds: float) -> None:  # noqa: ARG002 - APScheduler cannot wait for so long
        """Run no more; a call that is under way ends by itself."""
        if self._scheduler is not None and self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        self._scheduler = None


def trigger_of(schedule: Schedule, first_seconds: float) -> Any:  # noqa: ANN401 - ships no types
    """APScheduler's trigger of a schedule.

    Raises
    ------
    ConfigError
        If APScheduler is not installed, or the expression or its time zone is none.
    """
    try:
        from apscheduler.triggers.cron import CronTrigger  # noqa: PLC0415 - an extra
        from apscheduler.triggers.interval import IntervalTrigger  # noqa: PLC0415 - same
    except ImportError:
        raise ConfigError(
            "checks.cron, checks.jitter_seconds: found no APScheduler, need it: pip install"
            " 'driftgauge[schedule]'"
        ) from None
    try:
        zone = ZoneInfo(schedule.timezone)
    except (ValueError, OSError, KeyError):
        raise ConfigError(
            f"checks.timezone: found {schedule.timezone!r}, need a time zone such as Europe/Berlin"
        ) from None
    jitter = schedule.jitter_seconds or None
    if schedule.cron is None:
        start = datetime.now(UTC) + timedelta(seconds=first_seconds)
        return IntervalTrigger(
            seconds=schedule.interval_seconds, start_date=start, timezone=UTC, jitter=jitter
        )
    try:
        trigger = CronTrigger.from_crontab(schedule.cron, timezone=zone)
    except (ValueError, TypeError) as error:
        raise ConfigError(
            f"checks.cron: found {schedule.cron!r} ({error}), need five fields such as '*/15 * * * *'"
        ) from None
    trigger.jitter = jitter
    return trigger


def longest_gap(schedule: Schedule) -> float:
    """Longest time in seconds from one check to the next, without jitter.

    Raises
    ------
    ConfigError
        If a cron expression never comes.
    """
    if schedule.cron is None:
        return schedule.interval_seconds
    trigger = trigger_of(schedule, 0.0)
    trigger.jitter = None
    moment = trigger.get_next_fire_time(None, datetime.now(UTC))
    longest = 0.0
    for _ in range(GAPS_LOOKED_AT):
        if moment is None:
            break
        following = trigger.get_next_fire_time(moment, moment)
        if following is not None:
            # In UTC: in local time the gap over a change of the clock would be an hour off.
            longest = max(longest, following.timestamp() - moment.timestamp())
        moment = following
    if longest == 0.0:
        raise ConfigError(f"checks.cron: found {schedule.cron!r}, which never comes, need times that do")
    return longest
