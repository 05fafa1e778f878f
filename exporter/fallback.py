"""What to answer when the model raised: another model, the last good answer, a default. Only when asked to.

    fallback = Fallback(FallbackModel(simple_model), LastGood(max_age_seconds=3600), DefaultValue(predict=0))
    answer = fallback.answer("predict", (X,), {}, error, now)

The steps are tried in their order. When none has an answer there is none, and the caller raises the model's
own exception, as it would have without a fallback. Nothing here counts or logs: `Answer.strategy` says what
to count.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from .columns import count_rows
from .errors import ConfigError

STRATEGIES: Final = ("model", "last_good", "default", "none")
"""Values of the label `strategy`; `none` is a call that no step had an answer for."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered in the model's place.

    Attributes
    ----------
    value : object
        In the form that the model would have given.
    strategy : str
        One of `STRATEGIES`, never `none`.
    """

    value: Any
    strategy: str


@dataclass(frozen=True, slots=True)
class Failed:
    """A call of the model that raised.

    Attributes
    ----------
    method : str
        `predict`, `predict_proba`, `decision_function` or `call`.
    args, kwargs : tuple, mapping
        Of the call.
    n_rows : int or None
        Rows asked for; None where the input is no table.
    now : float
        Seconds since 1970.
    """

    method: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    n_rows: int | None
    now: float


@dataclass(frozen=True, slots=True)
class FallbackModel:
    """Asks another model with the same arguments.

    Attributes
    ----------
    model : object
        With the method that failed, or a callable for `call`. Its own exceptions lead on to the next step,
        and so does a coroutine, which nobody would await.
    """

    model: Any
    strategy: str = field(default="model", init=False)

    def answer(self, failed: Failed) -> Any:  # noqa: ANN401
        """What the other model says; it may raise anything."""
        method = self.model if failed.method == "call" else getattr(self.model, failed.method, None)
        if not callable(method) or inspect.iscoroutinefunction(method):
            raise LookupError(failed.method)
        return method(*failed.args, **failed.kwargs)


@dataclass(slots=True)
class LastGood:
    """Repeats the last row that the model itself answered, for as many rows as are asked for.

    Attributes
    ----------
    max_age_seconds : float
        Age beyond which a value is no longer good. Never unbounded: an old answer looks like a live one.
    """

    max_age_seconds: float
    strategy: str = field(default="last_good", init=False)
    _last: dict[str, tuple[float, Any]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if not 0.0 < self.max_age_seconds < math.inf:
            raise ConfigError(
                f"fallback.max_age_seconds: found {self.max_age_seconds}, need a number of seconds above 0"
            )

    def remember(self, method: str, value: Any, now: float) -> None:  # noqa: ANN401
        """Keep the last row of a good answer; cheap enough for every call."""
        if isinstance(value, np.ndarray):
            if value.ndim and len(value):
                # A copy, since the caller may write into what it was given.
                self._last[method] = (now, value[-1:].copy())
        elif isinstance(value, (list, tuple)):
            if len(value):
                self._last[method] = (now, value[-1:])
        elif isinstance(value, (int, float, str, np.generic)):
            self._last[method] = (now, value)

    def answer(self, failed: Failed) -> Any:  # noqa: ANN401
        """The last row, repeated; a single value as it is."""
        at, value = self._last[failed.method]
        # A clock that went backwards makes an age below zero: then nobody knows how old the value is.
        if not 0.0 <= failed.now - at <= self.max_age_seconds:
            raise LookupError(failed.method)
        return _repeated(value, failed.n_rows)


class DefaultValue:
    """Answers a fixed row, repeated for as many rows as are asked for.

    Parameters
    ----------
    **rows : object
        Row by method: `predict=0, predict_proba=[0.9, 0.1]`. Methods without one have no default. The value
        of `call` is answered as it is, since only its model knows what a callable returns.
    """

    def __init__(self, **rows: Any) -> None:  # noqa: ANN401
        self.strategy = "default"
        unknown = sorted(set(rows) - {"predict", "predict_proba", "decision_function", "call"})
        if unknown or not rows:
            raise ConfigError(
                f"fallback.default: found {', '.join(unknown) or 'nothing'}, need a value for predict, "
                "predict_proba, decision_function or call"
            )
        self._rows = rows

    def __repr__(self) -> str:
        return f"DefaultValue({', '.join(self._rows)})"

    def answer(self, failed: Failed) -> Any:  # noqa: ANN401
        """The row of the method, repeated."""
        row = self._rows[failed.method]
        return row if failed.method == "call" else _repeated(np.asarray(row)[None], failed.n_rows)


Step = FallbackModel | LastGood | DefaultValue


class Fallback:
    """Steps in the order in which they are tried.

    Parameters
    ----------
    *steps : FallbackModel, LastGood or DefaultValue
        At least one.
    on : type or tuple of types
        Exceptions that are answered; any other is the caller's to see. All errors by default.

    Examples
    --------
    >>> fallback = Fallback(LastGood(max_age_seconds=60), DefaultValue(predict=0))
    >>> fallback.answer("predict", ([[1.0], [2.0]],), {}, ValueError("model"), now=0.0)
    Answer(value=array([0, 0]), strategy='default')
    >>> fallback.remember("predict", np.array([3, 4]), now=10.0)
    >>> fallback.answer("predict", ([[1.0], [2.0]],), {}, ValueError("model"), now=20.0)
    Answer(value=array([4, 4]), strategy='last_good')
    """

    def __init__(self, *steps: Step, on: type[Exception] | tuple[type[Exception], ...] = Exception) -> None:
        if not steps:
            raise ConfigError(
                "fallback: found no step, need a fallback model, a last good value or a default"
            )
        self._steps = steps
        self._on = on
        self._memories = tuple(step for step in steps if isinstance(step, LastGood))

    def remember(self, method: str, value: Any, now: float) -> None:  # noqa: ANN401
        """Tell the steps what the model answered when all was well."""
        for memory in self._memories:
            memory.remember(method, value, now)

    def answer(
        self,
        method: str,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        error: BaseException,
        now: float,
        n_columns: int | None = None,
    ) -> Answer | None:
        """Answer of the first step that has one; None when the model's exception is to be raised.

        Parameters
        ----------
        method : str
            `predict`, `predict_proba`, `decision_function` or `call`.
        args, kwargs : tuple, mapping
            Of the call that failed.
        error : BaseException
            What the model raised. It is neither changed nor kept.
        now : float
            Seconds since 1970.
        n_columns : int, optional
            Features of the model: an array or list of so many numbers is one row.
        """
        if not isinstance(error, self._on):
            return None
        failed = Failed(method, args, kwargs, _rows_of(args, kwargs, n_columns), now)
        for step in self._steps:
            try:
                return Answer(step.answer(failed), step.strategy)
            except Exception:  # noqa: BLE001, S112 - the model's exception is the one that is raised in the end
                continue
        return None


def _repeated(row: Any, n_rows: int | None) -> Any:  # noqa: ANN401
    if isinstance(row, np.ndarray):
        return np.repeat(row, 1 if n_rows is None else n_rows, axis=0)
    if isinstance(row, (list, tuple)):
        return row * (1 if n_rows is None else n_rows)
    return row


def _rows_of(args: tuple[Any, ...], kwargs: Mapping[str, Any], n_columns: int | None) -> int | None:
    table = args[0] if args else next(iter(kwargs.values()), None)
    try:
        return None if table is None else count_rows(table, n_columns)
    except Exception:  # noqa: BLE001 - the input may be what the model failed on
        return None
