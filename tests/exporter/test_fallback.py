from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from exporter.errors import ConfigError
from exporter.fallback import STRATEGIES, Answer, DefaultValue, Fallback, FallbackModel, LastGood

ERROR = ValueError("the model's own")
ROWS = np.zeros((3, 2))


class Simple:
    """A model that always works."""

    def predict(self, X: Any, **options: Any) -> Any:
        return np.full(len(X), options.get("value", 7))


class Broken:
    def predict(self, X: Any) -> Any:
        raise RuntimeError("the fallback's own")


class Slow:
    async def predict(self, X: Any) -> Any:
        return np.zeros(len(X))


def ask(fallback: Fallback, method: str = "predict", rows: Any = ROWS, now: float = 0.0) -> Answer | None:
    return fallback.answer(method, (rows,), {}, ERROR, now)


def test_a_fallback_model_gets_the_same_arguments() -> None:
    """Positional ones and named ones."""
    answer = Fallback(FallbackModel(Simple())).answer("predict", (ROWS,), {"value": 9}, ERROR, 0.0)
    assert answer is not None
    assert answer.strategy == "model"
    assert answer.value.tolist() == [9, 9, 9]


def test_a_callable_stands_in_for_a_callable() -> None:
    """As the method `call`."""
    answer = ask(Fallback(FallbackModel(len)), "call")
    assert answer == Answer(3, "model")


@pytest.mark.parametrize("model", [Broken(), Slow(), object()])
def test_a_fallback_model_that_cannot_answer_leads_on(model: Any) -> None:
    """Because it raises, would have to be awaited, or has no such method."""
    answer = ask(Fallback(FallbackModel(model), DefaultValue(predict=1)))
    assert answer is not None
    assert answer.strategy == "default"


def test_without_any_answer_the_exception_is_the_callers() -> None:
    """There is no answer then, and the exception is neither changed nor chained to another."""
    error = ValueError("the model's own")
    fallback = Fallback(FallbackModel(Broken()), LastGood(60.0), DefaultValue(predict_proba=[1.0, 0.0]))
    assert fallback.answer("predict", (ROWS,), {}, error, 0.0) is None
    assert error.args == ("the model's own",)
    assert error.__cause__ is None
    assert error.__context__ is None
    assert not hasattr(error, "__notes__")


def test_only_the_named_exceptions_are_answered() -> None:
    """A wrong input stays an error when only timeouts are to be answered; so do interrupts, always."""
    fallback = Fallback(DefaultValue(predict=1), on=TimeoutError)
    assert fallback.answer("predict", (ROWS,), {}, ValueError(), 0.0) is None
    assert fallback.answer("predict", (ROWS,), {}, TimeoutError(), 0.0) is not None
    assert Fallback(DefaultValue(predict=1)).answer("predict", (ROWS,), {}, KeyboardInterrupt(), 0.0) is None


@pytest.mark.parametrize(
    ("good", "expected"),
    [
        (np.array([1.0, 2.0]), [2.0, 2.0, 2.0]),
        (np.array([[0.1, 0.9], [0.4, 0.6]]), [[0.4, 0.6]] * 3),
        (["no", "yes"], ["yes"] * 3),
    ],
)
def test_the_last_row_is_repeated_for_as_many_as_are_asked_for(good: Any, expected: Any) -> None:
    """Whatever number of rows the last good call had."""
    fallback = Fallback(LastGood(60.0))
    fallback.remember("predict", good, 10.0)
    answer = ask(fallback, now=20.0)
    assert answer is not None
    assert answer.strategy == "last_good"
    assert np.asarray(answer.value).tolist() == expected


def test_a_single_value_is_repeated_as_it_is() -> None:
    """What a callable returned for one record."""
    fallback = Fallback(LastGood(60.0))
    fallback.remember("call", 0.25, 10.0)
    assert ask(fallback, "call", {"age": 41}, 20.0) == Answer(0.25, "last_good")


def test_a_value_is_good_until_its_age_is_reached() -> None:
    """At the bound it still is, beyond it no longer; a clock that went backwards makes its age unknown."""
    fallback = Fallback(LastGood(60.0))
    fallback.remember("predict", np.array([5]), 100.0)
    assert ask(fallback, now=160.0) is not None
    assert ask(fallback, now=160.1) is None
    assert ask(fallback, now=99.0) is None


def test_each_method_has_its_own_last_value() -> None:
    """A class is no probability."""
    fallback = Fallback(LastGood(60.0))
    fallback.remember("predict", np.array([5]), 0.0)
    assert ask(fallback, "predict_proba") is None


def test_writing_into_an_answer_changes_no_later_one() -> None:
    """Neither into what the model returned nor into what the fallback did."""
    returned = np.array([[0.2, 0.8]])
    fallback = Fallback(LastGood(60.0), DefaultValue(decision_function=[0.5]))
    fallback.remember("predict_proba", returned, 0.0)
    returned[:] = -1.0
    for method in ("predict_proba", "decision_function"):
        first, second = ask(fallback, method), ask(fallback, method)
        assert first is not None
        assert second is not None
        first.value[:] = -2.0
        assert (second.value > 0.0).all()


@pytest.mark.parametrize("nothing", [np.array([]), [], None, np.float64, {"score": 1.0}])
def test_what_has_no_last_row_is_not_remembered(nothing: Any) -> None:
    """An empty batch does not replace the last good row, nor does an answer of an unknown form."""
    fallback = Fallback(LastGood(60.0))
    fallback.remember("predict", np.array([5]), 0.0)
    fallback.remember("predict", nothing, 1.0)
    answer = ask(fallback)
    assert answer is not None
    assert answer.value.tolist() == [5, 5, 5]


@pytest.mark.parametrize(
    ("rows", "n_rows"),
    [
        (ROWS, 3),
        ([{"age": 1}, {"age": 2}], 2),
        ({"age": [1, 2], "income": [3, 4]}, 2),
        (np.zeros((0, 2)), 0),
    ],
)
def test_a_default_has_a_row_for_each_row_of_any_table(rows: Any, n_rows: int) -> None:
    """Arrays, records and columns; an empty batch gets an empty answer."""
    answer = ask(Fallback(DefaultValue(predict_proba=[0.9, 0.1])), "predict_proba", rows)
    assert answer is not None
    assert answer.value.shape == (n_rows, 2)


def test_a_flat_row_is_one_row_where_the_number_of_features_says_so() -> None:
    """As everywhere in the exporter."""
    fallback = Fallback(DefaultValue(predict=1))
    answer = fallback.answer("predict", ([1.0, 2.0],), {}, ERROR, 0.0, n_columns=2)
    assert answer is not None
    assert answer.value.tolist() == [1]


def test_a_default_of_a_callable_is_answered_as_it_is() -> None:
    """Only its model knows what it returns."""
    assert ask(Fallback(DefaultValue(call="unknown")), "call") == Answer("unknown", "default")


def test_named_arguments_and_none_have_rows_too() -> None:
    """The first named argument is the table; without any table there is one row."""
    fallback = Fallback(DefaultValue(predict=1))
    for kwargs, expected in (({"X": ROWS}, 3), ({}, 1)):
        answer = fallback.answer("predict", (), kwargs, ERROR, 0.0)
        assert answer is not None
        assert len(answer.value) == expected


def test_strategies_are_those_that_the_metric_has() -> None:
    """Every step has one of them, so that all series exist from the start."""
    steps = (FallbackModel(Simple()), LastGood(1.0), DefaultValue(predict=0))
    assert (*(step.strategy for step in steps), "none") == STRATEGIES


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.inf, math.nan])
def test_an_age_without_a_bound_is_refused(seconds: float) -> None:
    """An old answer looks like a live one."""
    with pytest.raises(ConfigError, match=r"fallback\.max_age_seconds: found"):
        LastGood(seconds)


def test_a_fallback_without_steps_or_defaults_is_refused() -> None:
    """It would promise what it cannot keep."""
    with pytest.raises(ConfigError, match="fallback: found no step"):
        Fallback()
    with pytest.raises(ConfigError, match=r"fallback\.default: found nothing"):
        DefaultValue()
    with pytest.raises(ConfigError, match=r"fallback\.default: found transform"):
        DefaultValue(transform=1)


def test_a_default_is_not_shown_in_logs() -> None:
    """Its repr names methods, not values, which may be anything."""
    assert repr(DefaultValue(predict="secret")) == "DefaultValue(predict)"
