"""From the writing thread to the event loop: the results of one commit arrive by one wake-up.

`asyncio.wrap_future` wakes the loop for each result. With hundreds of requests in one commit the two threads
then hand the interpreter back and forth hundreds of times.
"""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class Landing:
    """Where results of another thread wait for the event loop that asked for them."""

    _landed: deque[tuple[asyncio.Future[Any], Future[Any]]] = field(default_factory=deque)

    async def result(self, work: Future[T], seconds: float) -> T:
        """What a future of another thread gives.

        Raises
        ------
        TimeoutError
            If there is nothing after so many seconds; work that has not begun by then is never done.
        """
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[T] = loop.create_future()

        def landed(done: Future[T]) -> None:
            self._landed.append((waiter, done))
            # Above one somebody has called, and the loop has not come yet.
            if len(self._landed) == 1 and not loop.is_closed():
                loop.call_soon_threadsafe(self._hand_out)

        work.add_done_callback(landed)
        try:
            async with asyncio.timeout(seconds):
                return await waiter
        finally:
            work.cancel()

    def _hand_out(self) -> None:
        """Give what has landed to those who wait for it."""
        while self._landed:
            waiter, done = self._landed.popleft()
            if waiter.done() or done.cancelled():
                continue
            error = done.exception()
            if error is None:
                waiter.set_result(done.result())
            else:
                waiter.set_exception(error)
