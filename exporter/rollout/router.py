"""Calls on their way to champion and challenger: what runs on a caller's thread.

`Router.route` is one immutable object that a call reads once: the models, each with its reference, and the
share. Replacing it is one assignment, so a call sees the pair before or the pair after, never a mixture.
"""

from __future__ import annotations

import asyncio
import inspect
import itertools
import os
from collections.abc import Callable, Generator
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..columns import count_rows
from ..predictor import InstrumentedPredictor
from ..recorder import RESCUED_BY
from ..rollout_policy import StageKind
from .calls import Answered, CallTally, SeenCall
from .routing import position, put_together, take_rows, to_challenger
from .shadow import Shadow

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Who answers now. Each predictor holds its model and that model's reference.

    Attributes
    ----------
    champion : InstrumentedPredictor
        Answers what the challenger does not.
    challenger : InstrumentedPredictor or None
        None when the rollout has ended.
    kind, stage, share, key : str, int, float, str
        Of the current stage.
    """

    champion: InstrumentedPredictor
    challenger: InstrumentedPredictor | None = None
    kind: StageKind = "shadow"
    stage: int = 0
    share: float = 0.0
    key: str = ""


@dataclass(frozen=True, slots=True)
class RouterCounters:
    """What the router counts."""

    shadowed: Callable[[], None]
    dropped: Callable[[], None]
    rescued: Callable[[], None]


@dataclass(frozen=True, slots=True)
class _Call:
    """A call of one model."""

    predictor: InstrumentedPredictor
    method: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    ids: Any
    at: Any

    def make(self) -> Any:  # noqa: ANN401 - the model's
        return _function(self.predictor, self.method)(*self.args, ids=self.ids, at=self.at, **self.kwargs)

    def to(self, predictor: InstrumentedPredictor) -> _Call:
        return _Call(predictor, self.method, self.args, self.kwargs, self.ids, self.at)

    def part(self, predictor: InstrumentedPredictor, chosen: Mask) -> _Call | None:
        """The call for some of the rows; None where the table cannot be cut."""
        name = None if self.args else next(iter(self.kwargs))
        table = take_rows(self.args[0] if name is None else self.kwargs[name], chosen)
        ids, at = take_rows(self.ids, chosen), self.at
        if at is not None and hasattr(at, "__len__"):
            at = take_rows(at, chosen)
            ids = None if at is None else ids
        if table is None or ids is None:
            return None
        args = (table, *self.args[1:]) if name is None else ()
        kwargs = self.kwargs if name is None else {**self.kwargs, name: table}
        return _Call(predictor, self.method, args, kwargs, ids, at)


@dataclass(frozen=True, slots=True)
class _Done:
    value: Any
    error: Exception | None
    answered: Answered


_Flow = Generator[_Call, _Done, Any]


class Router:
    """Sends calls to champion and challenger.

    Parameters
    ----------
    route : Route
        The first one; assign another to switch.
    tally : CallTally
        Told how each call went.
    shadow : Shadow
        Where the challenger runs beside.
    counters : RouterCounters
        What is counted on the way.
    clock : callable
        Seconds since 1970.
    """

    def __init__(
        self,
        route: Route,
        tally: CallTally,
        shadow: Shadow,
        counters: RouterCounters,
        clock: Callable[[], float],
    ) -> None:
        self.route = route
        self._tally = tally
        self._shadow = shadow
        self._counters = counters
        self._clock = clock
        self._numbers = itertools.count()
        self._worker = os.urandom(8).hex()

    def routed(self, method: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The method of both models as one; a coroutine function where theirs is."""
        if inspect.iscoroutinefunction(function):

            async def routed_coroutine(*args: Any, ids: Any = None, at: Any = None, **kwargs: Any) -> Any:  # noqa: ANN401
                route = self.route
                if route.challenger is None:
                    return await _function(route.champion, method)(*args, ids=ids, at=at, **kwargs)
                flow = self._flow(route, route.challenger, method, args, kwargs, ids, at)
                try:
                    call = next(flow)
                    while True:
                        call = flow.send(await _make_coroutine(call))
                except StopIteration as end:
                    return end.value

            return routed_coroutine

        def routed(*args: Any, ids: Any = None, at: Any = None, **kwargs: Any) -> Any:  # noqa: ANN401
            route = self.route
            if route.challenger is None:
                return _function(route.champion, method)(*args, ids=ids, at=at, **kwargs)
            flow = self._flow(route, route.challenger, method, args, kwargs, ids, at)
            try:
                call = next(flow)
                while True:
                    call = flow.send(_make(call))
            except StopIteration as end:
                return end.value

        return routed

    def _flow(
        self,
        route: Route,
        challenger: InstrumentedPredictor,
        method: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        ids: Any,  # noqa: ANN401
        at: Any,  # noqa: ANN401
    ) -> _Flow:
        """What to call, one after the other; the generator's value is the answer."""
        if ids is not None and not isinstance(ids, (list, tuple, np.ndarray)):
            ids = list(ids)
        whole = _Call(route.champion, method, args, kwargs, ids, at)
        if route.kind == "shadow":
            done = yield whole
            self._beside(route, challenger, whole, done.answered)
            return _value(done)
        chosen, drawn = self._draw(route, whole)
        if not chosen.any():
            done = yield whole
            self._tally.add(SeenCall(route.stage, done.answered, None, drawn))
            return _value(done)
        if chosen.all():
            return (yield from self._challenged(route, whole.to(challenger), drawn))
        theirs, ours = whole.part(route.champion, ~chosen), whole.part(challenger, chosen)
        if theirs is None or ours is None:
            return _value((yield whole))
        return (yield from self._both(route, whole, theirs, ours, chosen))

    def _challenged(self, route: Route, call: _Call, drawn: bool) -> _Flow:
        """A call of the challenger, which the champion answers if it fails."""
        done = yield call
        self._tally.add(SeenCall(route.stage, None, done.answered, drawn))
        if done.error is None:
            return done.value
        self._counters.rescued()
        return _value((yield call.to(route.champion)))

    def _both(self, route: Route, whole: _Call, theirs: _Call, ours: _Call, chosen: Mask) -> _Flow:
        """A call whose rows are shared out."""
        done = yield theirs
        mine = yield ours
        self._tally.add(SeenCall(route.stage, done.answered, mine.answered, drawn=False))
        others = _value(done)
        if mine.error is not None:
            self._counters.rescued()
            mine = yield ours.to(route.champion)
        try:
            return put_together(chosen, others, _value(mine))
        except ValueError:  # answers of two shapes, such as probabilities of other classes
            self._counters.rescued()
            return _value((yield whole))

    def _draw(self, route: Route, call: _Call) -> tuple[Mask, bool]:
        """Which rows go to the challenger, and whether the share alone decided about the call as a whole."""
        if call.ids is None:
            token = f"{self._worker}-{next(self._numbers)}"
            return np.array([position(route.key, token) < route.share]), True
        chosen = to_challenger(route.key, route.share, call.ids)
        table = call.args[0] if call.args else next(iter(call.kwargs.values()), None)
        if len(chosen) > 1 and count_rows(table) != len(chosen):
            return np.zeros(
                1, dtype=np.bool_
            ), False  # ids that fit no table; the champion is told so as ever
        return chosen, len(chosen) == 1

    def _beside(
        self, route: Route, challenger: InstrumentedPredictor, whole: _Call, answered: Answered
    ) -> None:
        """Let the challenger answer too, later and elsewhere."""
        args = tuple(value.copy() if isinstance(value, np.ndarray) else value for value in whole.args)
        at = self._clock() if whole.at is None else whole.at
        call = _Call(challenger, whole.method, args, whole.kwargs, whole.ids, at)

        def job() -> None:
            coroutine = inspect.iscoroutinefunction(_function(challenger, call.method))
            done = asyncio.run(_make_coroutine(call)) if coroutine else _make(call)
            self._counters.shadowed()
            self._tally.add(SeenCall(route.stage, answered, done.answered, drawn=False))

        if not self._shadow.submit(job):
            self._counters.dropped()


def _function(predictor: InstrumentedPredictor, method: str) -> Callable[..., Any]:
    """The predictor's own function of a method; they stand in its instance."""
    function: Callable[..., Any] = vars(predictor)["_call" if method == "call" else method]
    return function


def _make(call: _Call) -> _Done:
    RESCUED_BY.set(None)
    start = perf_counter()
    try:
        value = call.make()
    except Exception as error:  # noqa: BLE001 - the flow raises it, or lets the other model answer
        return _Done(None, error, Answered(failed=True, seconds=perf_counter() - start, fell_back=False))
    fell_back = RESCUED_BY.get() is not None
    return _Done(value, None, Answered(failed=fell_back, seconds=perf_counter() - start, fell_back=fell_back))


async def _make_coroutine(call: _Call) -> _Done:
    RESCUED_BY.set(None)
    start = perf_counter()
    try:
        value = await call.make()
    except Exception as error:  # noqa: BLE001 - as above
        return _Done(None, error, Answered(failed=True, seconds=perf_counter() - start, fell_back=False))
    fell_back = RESCUED_BY.get() is not None
    return _Done(value, None, Answered(failed=fell_back, seconds=perf_counter() - start, fell_back=fell_back))


def _value(done: _Done) -> Any:  # noqa: ANN401 - the model's
    if done.error is not None:
        raise done.error
    return done.value
