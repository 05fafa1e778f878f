"""What a predictor that serves takes by POST of JSON.

/outcomes   {"ids": ["a", ...], "y_true": [1, ...], "at": [1700003600.0, ...]}
/business   {"measure": "revenue_euros", "value": 12.5}
/exposures  {"items": ["a", ...]}
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from .errors import ObservationError

if TYPE_CHECKING:
    from .answers import Action
    from .predictor import InstrumentedPredictor


def actions_of(predictor: InstrumentedPredictor) -> dict[str, Action]:
    """Answers by path."""

    def bound(function: Callable[[InstrumentedPredictor, Any], Mapping[str, Any]]) -> Action:
        return lambda body: function(predictor, body)

    return {"outcomes": bound(outcomes), "business": bound(business), "exposures": bound(exposures)}


def outcomes(predictor: InstrumentedPredictor, body: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    """Answer to POST /outcomes: what became of each.

    Raises
    ------
    ObservationError
        If the body is not as the module says.
    """
    ids = listed(body, "ids")
    at = listed(body, "at", len(ids)) if "at" in body else None
    return dataclasses.asdict(predictor.record_outcomes(ids, listed(body, "y_true", len(ids)), at))


def business(predictor: InstrumentedPredictor, body: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    """Answer to POST /business: what was recorded.

    Raises
    ------
    ObservationError
        If the body is not as the module says, or there is no such measure.
    """
    found = body if isinstance(body, Mapping) else {}
    measure, value = found.get("measure"), found.get("value")
    if not isinstance(measure, str):
        raise ObservationError(f"measure: found {measure!r:.40}, need the name of a business metric")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ObservationError(f"value: found {value!r:.40}, need a number")
    predictor.record_business(measure, value)
    return {"measure": measure, "value": value}


def exposures(predictor: InstrumentedPredictor, body: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    """Answer to POST /exposures: how many were counted.

    Raises
    ------
    ObservationError
        If the body is not as the module says.
    ConfigError
        If there is no catalogue.
    """
    return dataclasses.asdict(predictor.record_exposures(listed(body, "items")))


def listed(body: Any, key: str, length: int | None = None) -> list[Any]:  # noqa: ANN401
    """A list of a JSON object, of a length where one is given, else not empty.

    Raises
    ------
    ObservationError
        If there is none.
    """
    values = body.get(key) if isinstance(body, Mapping) else None
    if not isinstance(values, list) or (length is None and not values):
        found = "nothing" if values is None else f"{type(values).__name__} {values!r:.40}"
        raise ObservationError(f"{key}: found {found}, need a list that is not empty")
    if length is not None and len(values) != length:
        raise ObservationError(f"{key}: found {len(values)}, need {length}, one a row")
    return values
