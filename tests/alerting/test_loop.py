from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from alerting import loop
from alerting.errors import OutboxError
from alerting.loop import Loop

if TYPE_CHECKING:
    from collections.abc import Callable


def running(step: Callable[[], float], failed: Callable[[], None] = lambda: None) -> Loop:
    """A loop in a thread of its own."""
    made = Loop(name="errand", step=step, failed=failed)
    threading.Thread(target=made.run, daemon=True).start()
    return made


def test_new_work_wakes_a_loop_that_rests() -> None:
    """Nobody waits for the end of its pause, and it stops when told."""
    steps, done = threading.Semaphore(0), threading.Event()

    def step() -> float:
        steps.release()
        return 3_600.0

    made = Loop(name="errand", step=step)
    thread = threading.Thread(target=lambda: (made.run(), done.set()), daemon=True)
    thread.start()
    assert steps.acquire(timeout=5)
    made.wake.set()
    assert steps.acquire(timeout=5)
    made.stop()
    assert done.wait(5)


def test_an_error_does_not_end_a_loop(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What the state cannot do is a warning; what nobody expected is counted, with its traceback."""
    monkeypatch.setattr(loop, "TROUBLE_SECONDS", 0.001)
    errors: list[Exception] = [OutboxError("state: found it locked"), ValueError("a defect")]
    counted, again = threading.Event(), threading.Event()

    def step() -> float:
        if errors:
            raise errors.pop(0)
        again.set()
        return 3_600.0

    made = running(step, counted.set)
    assert again.wait(5)
    assert counted.is_set()
    made.stop()
    assert "errand: state: found it locked" in caplog.text
    assert "ValueError: a defect" in caplog.text
