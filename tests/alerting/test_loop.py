from __future__ import annotations

from threading import Event, Semaphore, Thread
from typing import TYPE_CHECKING

import pytest

from alerting import loop
from alerting.errors import OutboxError
from alerting.loop import Loop

if TYPE_CHECKING:
    from collections.abc import Callable


def running(step: Callable[[], float], failed: Callable[[], None] = lambda: None) -> tuple[Loop, Thread]:
    """A loop in a thread of its own."""
    made = Loop(name="errand", step=step, failed=failed)
    thread = Thread(target=made.run, daemon=True)
    thread.start()
    return made, thread


def test_new_work_wakes_a_loop_that_rests() -> None:
    """Nobody waits for the end of its pause, and it stops when told."""
    steps = Semaphore(0)

    def step() -> float:
        steps.release()
        return 3_600.0

    made, thread = running(step)
    assert steps.acquire(timeout=5)
    made.wake.set()
    assert steps.acquire(timeout=5)
    made.stop()
    thread.join(5)
    assert not thread.is_alive()


def test_an_error_does_not_end_a_loop(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What the state cannot do is a warning; what nobody expected is counted, with its traceback."""
    monkeypatch.setattr(loop, "TROUBLE_SECONDS", 0.001)
    errors: list[Exception] = [OutboxError("state: found it locked"), ValueError("a defect")]
    counted, again = Event(), Event()

    def step() -> float:
        if errors:
            raise errors.pop(0)
        again.set()
        return 3_600.0

    made, _ = running(step, counted.set)
    assert again.wait(5)
    assert counted.is_set()
    made.stop()
    assert "errand: state: found it locked" in caplog.text
    assert "ValueError: a defect" in caplog.text
