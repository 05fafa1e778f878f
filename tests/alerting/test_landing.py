from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

from alerting.errors import OutboxError
from alerting.landing import Landing


class CountingLoop(asyncio.SelectorEventLoop):
    """Counts how often another thread has woken it."""

    woken = 0

    def call_soon_threadsafe(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, **options: Any
    ) -> Any:
        self.woken += 1
        return super().call_soon_threadsafe(callback, *args, **options)


def test_the_results_of_a_commit_wake_the_loop_once() -> None:
    """A hundred requests, each with its own result."""

    async def main() -> list[int]:
        landing, work = Landing(), [Future[int]() for _ in range(100)]
        waiting = [asyncio.create_task(landing.result(future, 5.0)) for future in work]
        await asyncio.sleep(0)
        for number, future in enumerate(work):
            future.set_result(number)
        return await asyncio.gather(*waiting)

    with asyncio.Runner(loop_factory=CountingLoop) as runner:
        assert runner.run(main()) == list(range(100))
        loop = runner.get_loop()
        assert isinstance(loop, CountingLoop)
        assert loop.woken == 1


def test_an_error_reaches_the_one_who_waits_for_it() -> None:
    """And nobody else."""

    async def main() -> list[object]:
        landing, bad, good = Landing(), Future[int](), Future[int]()
        waiting = [asyncio.create_task(landing.result(future, 5.0)) for future in (bad, good)]
        await asyncio.sleep(0)
        bad.set_exception(OutboxError("full"))
        good.set_result(1)
        return await asyncio.gather(*waiting, return_exceptions=True)

    error, value = asyncio.run(main())
    assert isinstance(error, OutboxError)
    assert value == 1


def test_what_is_too_late_is_given_up_and_what_has_not_begun_is_never_done() -> None:
    """Who was told "come again" must not find that it was done after all; a late result harms nobody."""

    async def main() -> tuple[bool, bool]:
        landing, queued, begun = Landing(), Future[int](), Future[int]()
        begun.set_running_or_notify_cancel()
        for future in (queued, begun):
            with pytest.raises(TimeoutError):
                await landing.result(future, 0.01)
        begun.set_result(1)
        await asyncio.sleep(0)
        return queued.cancelled(), begun.cancelled()

    assert asyncio.run(main()) == (True, False)
