"""Lets predictions go first while something else computes in their process."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

SWITCH_SECONDS: Final = 0.0005
"""How long a thread that computes keeps another waiting for the interpreter. Python's default is 5 ms, and a
prediction waits anew whenever it comes back from a library that let the interpreter go, many times a call."""

PATIENCE_SECONDS: Final = 0.02
"""How long a check waits at a time for predictions that compute; most take less."""

WAITED_SHARE: Final = 3.0
"""Seconds that a check may wait for each that it computes: where predictions never pause it takes four times
as long, and ends all the same."""

LOOK_SECONDS: Final = 0.001
"""How often it looks whether they are done; each look takes the interpreter for a moment."""

NICENESS: Final = 19
"""Of a process that only checks: the least there is. It counts where Linux groups processes by session, or
where no idle class exists. Within a group the idle class goes further: a waking prediction need not wait for
the next tick of the clock (4 ms) to get its core back."""

SESSION_FILE: Final = Path("/proc/self/autogroup")
"""Where Linux keeps the niceness of a session as a whole; without it, a process is nice to its session alone.
Source: sched(7), "The autogroup feature"."""

running: Final[list[None]] = []
"""One for each prediction that computes now, in any thread; appending and popping need no lock."""

_within: list[None] = []
"""One for each block that runs now, in any thread; without a lock, which a fork might hold."""
_chosen = [SWITCH_SECONDS]
"""What the process itself has chosen, as last seen outside of all blocks."""


@contextmanager
def giving_way() -> Iterator[None]:
    """Switch threads more often within the block, in the whole process; blocks may overlap."""
    if sys.getswitchinterval() > SWITCH_SECONDS:
        _chosen[0] = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_SECONDS)
    _within.append(None)
    try:
        yield
    finally:
        if _within:  # else this is a forked child of the block
            _within.pop()
        _give_back()


class Patience:
    """Waits while a prediction computes, within bounds; for one check at a time.

    The interpreter runs one thread at a time. A prediction gets it back soon, but many times a call, and each
    time after a wait; a check that pauses costs it none of them.
    """

    def __init__(
        self, clock: Callable[[], float] = time.perf_counter, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._left = 0.0
        self._computing_since = clock()

    def __call__(self) -> None:
        """Wait, unless nobody predicts or the check has waited enough."""
        if not running:
            return
        now = self._clock()
        computed = now - self._computing_since
        until = now + min(PATIENCE_SECONDS, self._left + WAITED_SHARE * computed)
        while running and now < until:
            self._sleep(LOOK_SECONDS)
            now = self._clock()
        self._left = until - now  # below 0 where it slept too long
        self._computing_since = now


def step_back() -> None:
    """Let the other processes of the machine go first, as far as it knows of such; what it refuses is left.

    All threads of the process, also those that libraries have started, and its session if no other process
    began it: on Linux a session gets its share of a core as a whole.
    """
    _lower_threads()
    with suppress(OSError):
        if hasattr(os, "getsid") and os.getsid(0) == os.getpid():
            SESSION_FILE.write_text(str(NICENESS), encoding="ascii")


def _lower_threads() -> None:
    """Idle class on Linux, the greatest niceness elsewhere."""
    if sys.platform == "linux":
        for thread in os.listdir("/proc/self/task"):  # noqa: PTH208 - numbers, not paths
            with suppress(OSError):  # a thread that has ended meanwhile, or a sandbox that forbids it
                os.sched_setscheduler(int(thread), os.SCHED_IDLE, os.sched_param(0))
    elif hasattr(os, "setpriority"):
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, NICENESS)


def _give_back() -> None:
    """Restore what was chosen once nobody needs ours; what somebody has chosen meanwhile stays."""
    if not _within and abs(sys.getswitchinterval() - SWITCH_SECONDS) < SWITCH_SECONDS / 100:
        sys.setswitchinterval(_chosen[0])


def _after_fork() -> None:
    """The child has none of the threads that were within, or that predicted."""
    _within.clear()
    running.clear()
    _give_back()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
