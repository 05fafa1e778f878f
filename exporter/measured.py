"""A function that calls the model and is measured: all that runs on the caller's thread.

Two clock reads, an append, and a mark for checks to wait by. The model's own exception goes on untouched; a
fault of ours never does.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np

from .giving_way import running
from .holding import held
from .recorder import Recorder


def measure_calls(recorder: Recorder, method: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as before, or the coroutine function as before, measured under the name of a method."""
    make = _measured_coroutine if _is_coroutine(function) else _measured
    return make(recorder, method, function)


def _measured(recorder: Recorder, method: str, function: Callable[..., Any]) -> Callable[..., Any]:
    keep, failed, fault = partial(recorder.buffer.add, method), recorder.failed, recorder.fault
    rescue = recorder.rescue
    waiting, max_calls = recorder.buffer.calls, recorder.buffer.max_rows
    append, array = waiting.append, np.ndarray
    began, ended = running.append, running.pop

    def measured(*args: Any, ids: Any = None, at: Any = None, **kwargs: Any) -> Any:  # noqa: ANN401
        start = perf_counter()
        began(None)
        try:
            result = function(*args, **kwargs)
        except Exception as error:
            failed(error)
            answer = rescue(method, args, kwargs, error)
            if answer is None:
                raise
            return answer.value
        finally:
            if running:  # else this is a child that the model has forked
                ended()
        end = perf_counter()
        try:
            rows = args[0] if args else next(iter(kwargs.values()))
            # Most calls of a server are one row of an array; for them a call of `keep` would cost the most.
            if type(rows) is array and len(rows) == 1 and type(result) is array and len(waiting) < max_calls:
                named, then = ids if ids is None else held(ids), at if at is None else held(at)
                append((method, rows.copy(), result.copy(), named, then, end, end - start, 1))
            else:
                keep(rows, result, ids, at, start, end)
        except Exception as error:  # noqa: BLE001 - monitoring never breaks a prediction
            fault(error, 1)
        return result

    return _named(measured, method, function)


def _measured_coroutine(recorder: Recorder, method: str, function: Callable[..., Any]) -> Callable[..., Any]:
    keep, failed, fault = partial(recorder.buffer.add, method), recorder.failed, recorder.fault
    rescue = recorder.rescue
    from asyncio import CancelledError  # noqa: PLC0415 - only where there are coroutines

    # Not marked as running: while it awaits, the interpreter is free.
    async def measured(*args: Any, ids: Any = None, at: Any = None, **kwargs: Any) -> Any:  # noqa: ANN401
        start = perf_counter()
        try:
            result = await function(*args, **kwargs)
        except CancelledError as error:
            # Whoever waited got no answer: a model that hangs would else leave no trace.
            failed(error)
            raise
        except Exception as error:
            failed(error)
            answer = rescue(method, args, kwargs, error)
            if answer is None:
                raise
            return answer.value
        end = perf_counter()
        try:
            keep(args[0] if args else next(iter(kwargs.values())), result, ids, at, start, end)
        except Exception as error:  # noqa: BLE001 - monitoring never breaks a prediction
            fault(error, 1)
        return result

    return _named(measured, method, function)


def _named(measured: Callable[..., Any], method: str, function: Callable[..., Any]) -> Callable[..., Any]:
    measured.__name__ = getattr(function, "__name__", method)
    measured.__doc__ = getattr(function, "__doc__", None)
    return measured


def _is_coroutine(function: Callable[..., Any]) -> bool:
    call = getattr(function, "__call__", None)  # noqa: B004 - an object whose __call__ is a coroutine
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)
