from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import requests
from prometheus_client import CollectorRegistry

from exporter import ConfigError, InstrumentedPredictor, ObservationError, Window
from exporter.exposure import Exposures
from exporter.feedback import even_exposure

Value = Callable[..., float | None]
CATALOG = [f"film{i}" for i in range(100)]


def recommender(registry: CollectorRegistry, clock: Any, **options: Any) -> InstrumentedPredictor:
    return InstrumentedPredictor(
        lambda rows: np.zeros(len(rows)), name="m", version="1", registry=registry, clock=clock,
        background=False, windows=(Window("1h", 3600.0), Window("1d", 86400.0)), **options,
    )  # fmt: skip


def test_exposure_is_published_with_each_check(registry: CollectorRegistry, clock: Any, value: Value) -> None:
    """Per window, beside what chance alone gives; absent before anything was shown and after it has left."""
    predictor = recommender(registry, clock, catalog=CATALOG)
    assert value("model_exposures_total", outcome="counted") == 0
    assert value("model_exposures_total", outcome="not_in_catalog") == 0
    predictor.check_now()
    assert value("model_window_exposures", window="1h") == 0
    assert value("model_exposure_gini", window="1h") is None
    counts = predictor.record_exposures(["film3"] * 300 + ["film4"] * 100 + ["old film"])
    assert (counts.counted, counts.not_in_catalog) == (400, 1)
    predictor.check_now()
    assert value("model_exposures_total", outcome="counted") == 400
    assert value("model_exposures_total", outcome="not_in_catalog") == 1
    # Of 100 items one has 300 and one 100 of 400: sum of (2i - n - 1) x over n times the sum.
    assert value("model_exposure_gini", window="1h") == pytest.approx((99 * 300 + 97 * 100) / 40_000)
    assert value("model_catalog_coverage_ratio", window="1h") == 0.02
    even = even_exposure(100, 400)
    assert value("model_exposure_gini_even", window="1h") == even.gini
    assert value("model_catalog_coverage_ratio_even", window="1h") == even.coverage
    clock.advance(7200)
    predictor.check_now()
    assert value("model_exposure_gini", window="1h") is None
    assert value("model_window_exposures", window="1h") == 0
    assert value("model_window_exposures", window="1d") == 400


def test_memory_is_bounded_and_the_newest_stay() -> None:
    """Of more items than are kept, the last ones count, also where one call brings more."""
    exposures = Exposures(["a", "b", "c"], max_shown=10)
    exposures.record(["a"] * 8, 100.0)
    exposures.record(["b"] * 4, 200.0)
    found = exposures.report(0.0, 300.0)
    assert (found.shown, found.coverage) == (10, 2 / 3)
    assert exposures.report(150.0, 300.0).shown == 4
    exposures.record(["a"] * 20 + ["c"] * 10, 300.0)
    assert exposures.report(0.0, 300.0).coverage == 1 / 3


def test_items_are_compared_as_text() -> None:
    """A catalogue of numbers from a file and numbers of a program are the same items."""
    assert Exposures(["1", "2"]).record([1, 2, 3], 0.0).counted == 2


@pytest.mark.parametrize(
    ("catalog", "message"),
    [([], "catalog: found 0 items, need 1 to"), (["a", "b", "a"], "catalog: found 'a' twice")],
)
def test_a_catalogue_that_cannot_be_used_is_refused(catalog: list[str], message: str) -> None:
    """Nothing to show, or one item under two numbers."""
    with pytest.raises(ConfigError, match=message):
        Exposures(catalog)


def test_exposures_need_a_catalogue_and_a_list(registry: CollectorRegistry, clock: Any) -> None:
    """Without one nobody knows what was never shown; a text is no list of its letters."""
    with pytest.raises(ConfigError, match="exposures: found no catalogue"):
        recommender(registry, clock).record_exposures(["a"])
    predictor = recommender(CollectorRegistry(), clock, catalog=CATALOG)
    with pytest.raises(ObservationError, match="items: found the text 'film3'"):
        predictor.record_exposures("film3")


def test_exposures_and_outcomes_come_by_http(registry: CollectorRegistry, clock: Any, value: Value) -> None:
    """A predictor that serves takes what its methods take, with its token and the same checks."""
    predictor = recommender(registry, clock, catalog=CATALOG)
    predictor([[0.0]], ids=["x"])
    server = predictor.serve(port=0, token="secret")
    header = {"Authorization": "Bearer secret"}

    def post(path: str, body: Any, **options: Any) -> requests.Response:
        return requests.post(f"{server.url}/{path}", json=body, timeout=5, **{"headers": header, **options})

    try:
        assert post("exposures", {"items": ["film1"]}, headers={}).status_code == 401
        assert post("exposures", {"items": ["film1", "x"]}).json() == {"counted": 1, "not_in_catalog": 1}
        assert post("exposures", {"items": "film1"}).status_code == 400
        assert post("outcomes", {"ids": ["x"], "y_true": [1.0]}).json()["joined"] == 1
        refused = post("outcomes", {"ids": ["x"], "y_true": []})
        assert (refused.status_code, refused.json()) == (400, {"error": "y_true: found 0, need 1, one a row"})
        predictor.check_now()
        page = requests.get(f"{server.url}/effects", headers=header, timeout=5).json()
        assert page["exposures"]["1h"]["shown"] == 1
        missing = requests.get(f"{server.url}/drift/fare", headers=header, timeout=5)
        assert missing.status_code == 404
        assert (
            missing.json()["error"] == "feature: found 'fare', need one of none, since there is no reference"
        )
    finally:
        predictor.close()
    assert value("model_exposures_total", outcome="counted") == 1


@pytest.mark.parametrize(("catalog", "checks"), [(CATALOG, 1), (None, 0)])
def test_a_catalogue_is_checked_without_a_reference(catalog: list[str] | None, checks: int) -> None:
    """A recommender whose training data nobody has can still be watched; without either, no check runs."""
    name = f"recommender_{checks}"
    with InstrumentedPredictor(lambda rows: rows, name=name, version="1", catalog=catalog):
        threads = [thread.name for thread in threading.enumerate()]
    assert threads.count(f"driftgauge-check-{name}") == checks
