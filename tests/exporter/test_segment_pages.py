"""What a monitor shows of segments: pages for people and tools, and a few gauges."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest
import requests
from prometheus_client import CollectorRegistry

from exporter import InstrumentedPredictor, Policy, Reference
from exporter.config import ExporterConfig, ModelSettings
from exporter.pages import drift_answer, drift_page
from exporter.server import ServerOptions
from exporter.store_monitor import StoreMonitor
from exporter.stores.settings import StoreSettings, open_store
from exporter.windows import Window

Table = dict[str, Any]
Value = Callable[..., float | None]
WINDOWS = (Window("1h", 3600.0), Window("1d", 86400.0))


class SettableClock(Protocol):
    def __call__(self) -> float: ...

    def advance(self, seconds: float) -> None: ...


def flights(rng: np.random.Generator, rows: int, shift: float = 0.0) -> Table:
    """Flights of two carriers; `shift` moves the distances of one that has a tenth of them."""
    carrier = rng.choice(["AA", "UA"], size=rows, p=[0.9, 0.1]).astype(object)
    return {"carrier": carrier, "a/b": rng.normal(loc=np.where(carrier == "UA", shift, 0.0))}


@pytest.fixture
def reference(rng: np.random.Generator) -> Reference:
    return Reference.fit(flights(rng, 8000), model_name="m", model_version="1", segment_by="carrier")


@pytest.fixture
def predictor(
    reference: Reference, registry: CollectorRegistry, clock: SettableClock
) -> Iterator[InstrumentedPredictor]:
    with InstrumentedPredictor(
        lambda X: np.zeros(len(X["carrier"])),
        name="m",
        version="1",
        reference=reference,
        registry=registry,
        windows=WINDOWS,
        clock=clock,
        background=False,
    ) as one:
        yield one


def drift(predictor: InstrumentedPredictor, rng: np.random.Generator, checks: int = 2) -> None:
    """One carrier's distances drift, in as many checks."""
    predictor(flights(rng, 4000, shift=0.8))
    for _ in range(checks):
        predictor.check_now()


def test_the_whole_lists_its_segments(predictor: InstrumentedPredictor, rng: np.random.Generator) -> None:
    """Rows, state and ratio of each; their columns only where they are asked for."""
    drift(predictor, rng)
    server = predictor.serve(port=0)
    page = requests.get(f"{server.url}/drift", timeout=60).json()
    assert page["states"] == {"carrier": "ok", "a/b": "ok"}
    segments = page["windows"]["1h"]["segments"]
    assert {name: part["state"] for name, part in segments.items()} == {"AA": "ok", "UA": "drift"}
    assert segments["UA"]["drifted_ratio"] == 1.0
    assert segments["UA"]["drift_score"] > 1.0
    assert "features" not in segments["UA"]
    assert page["windows"]["1h"]["segment_by"]["drifted_within"] == {"a/b": ["UA"]}
    one = requests.get(f"{server.url}/drift/a%2Fb", timeout=60).json()
    assert one["segments"] == {"AA": "ok", "UA": "drift"}
    assert requests.get(f"{server.url}/drift/carrier", timeout=60).json()["segments"] == {}


def test_a_segment_answers_as_the_whole_does(
    predictor: InstrumentedPredictor, rng: np.random.Generator, reference: Reference
) -> None:
    """The same keys, of that segment's rows, columns and reference."""
    drift(predictor, rng)
    server = predictor.serve(port=0)
    page = requests.get(f"{server.url}/drift?segment=UA", timeout=60).json()
    whole = requests.get(f"{server.url}/drift", timeout=60).json()
    assert set(whole) <= set(page)
    assert page["segment"] == "UA"
    assert page["states"] == {"a/b": "drift"}
    window = page["windows"]["1d"]
    assert window["window"]["rows"] == window["rows"] < whole["windows"]["1d"]["window"]["rows"]
    assert window["features"]["a/b"]["state"] == "drift"
    one = requests.get(f"{server.url}/drift/a%2Fb?segment=UA", timeout=60).json()
    assert (one["segment"], one["feature"], one["state"]) == ("UA", "a/b", "drift")
    assert one["windows"]["1h"] == page["windows"]["1h"]["features"]["a/b"]
    assert one["reference"]["count"] == reference.by_segment["UA"].features["a/b"].count
    assert one["reference"]["edges"] == reference.features["a/b"].edges.tolist()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("drift?segment=ZZ", "segment: found 'ZZ', need one of AA, UA"),
        ("drift?segment=", "segment: found '', need one of AA, UA"),
        ("drift/none?segment=UA", "feature: found 'none', need one of a/b"),
        ("drift/carrier?segment=UA", "feature: found 'carrier', need one of a/b"),
        ("drift?segmnt=UA", "query: found 'segmnt', need segment or none"),
    ],
)
def test_what_is_not_there_is_named(predictor: InstrumentedPredictor, path: str, message: str) -> None:
    """404 with what was found and what there is, also before the first check."""
    server = predictor.serve(port=0)
    answer = requests.get(f"{server.url}/{path}", timeout=60)
    assert (answer.status_code, answer.json()) == (404, {"error": message})


def test_before_the_first_check_nothing_is_known_of_a_segment(predictor: InstrumentedPredictor) -> None:
    """It is there, and has no window yet."""
    server = predictor.serve(port=0)
    page = requests.get(f"{server.url}/drift?segment=UA", timeout=60).json()
    assert (page["windows"], page["states"]) == ({}, {})
    one = requests.get(f"{server.url}/drift/a%2Fb?segment=UA", timeout=60).json()
    assert one["state"] == "unknown"


def test_without_segments_there_are_none_to_ask_for(
    rng: np.random.Generator, registry: CollectorRegistry, reference: Reference
) -> None:
    """By a reference without them or a policy that leaves them out: the answer says so, and no series."""
    plain = Reference.fit(flights(rng, 4000), model_name="m", model_version="2")
    for version, policy, known in (("1", Policy(segments=False), reference), ("2", None, plain)):
        with InstrumentedPredictor(
            lambda X: np.zeros(len(X["carrier"])), name="m", version=version, reference=known,
            registry=registry, policy=policy, background=False,
        ) as one:  # fmt: skip
            one.check_now()
            answer = requests.get(f"{one.serve(port=0).url}/drift?segment=UA", timeout=60)
        assert answer.status_code == 404
        assert answer.json()["error"] == (
            "segment: found 'UA', need one of none, since the checks compare no segments"
        )
    names = {sample.name for metric in registry.collect() for sample in metric.samples}
    assert not [name for name in names if name.startswith("model_segment")]


def test_gauges_say_which_segment(
    predictor: InstrumentedPredictor, value: Value, rng: np.random.Generator, clock: SettableClock
) -> None:
    """Unknown from the start; then state, rows, share and score, and what the whole does not show."""
    assert value("model_segment_drift_state", segment="UA") == -1
    assert value("model_segment_rows", segment="UA", window="1h") == 0
    assert value("model_segment_own_drift", segment="UA") is None
    drift(predictor, rng)
    rows = predictor.reports["1h"].segments["UA"].rows
    assert value("model_segment_drift_state", segment="UA") == 2
    assert value("model_segment_drift_state", segment="AA") == 0
    assert value("model_segment_own_drift", segment="UA") == 1
    assert value("model_segment_own_drift", segment="AA") == 0
    assert value("model_segment_rows", segment="UA", window="1h") == rows
    assert value("model_segment_drifted_ratio", segment="UA", window="1d") == 1.0
    assert (value("model_segment_drift_score", segment="UA", window="1h") or 0.0) > 1.0
    clock.advance(2 * 86400.0)
    predictor.check_now()
    assert value("model_segment_drift_state", segment="UA") == -1
    assert value("model_segment_own_drift", segment="UA") is None
    assert value("model_segment_drifted_ratio", segment="UA", window="1d") is None
    assert value("model_segment_drift_score", segment="UA", window="1h") is None


def test_a_drift_of_everything_is_nobodys_own(
    predictor: InstrumentedPredictor, value: Value, rng: np.random.Generator
) -> None:
    """What the whole shows as well needs no second alert."""
    rows = flights(rng, 4000)
    predictor({**rows, "a/b": rows["a/b"] + 1.0})
    predictor.check_now()
    predictor.check_now()
    assert value("model_drift_detected", feature_name="a/b") == 1
    assert value("model_segment_drift_state", segment="UA") == 2
    assert value("model_segment_own_drift", segment="UA") == 0


def test_a_monitor_elsewhere_checks_segments_too(
    reference: Reference, clock: SettableClock, rng: np.random.Generator, tmp_path: Path
) -> None:
    """`driftgauge monitor` on what a replica has stored, with the reference from its file."""
    reference.save(tmp_path / "reference.json")
    config = ExporterConfig(
        model=ModelSettings(name="m", version="1", reference=tmp_path / "reference.json"),
        server=ServerOptions(port=0),
        windows=WINDOWS,
        store=StoreSettings(type="sqlite", path=tmp_path / "window.sqlite3"),
    )
    with InstrumentedPredictor(
        lambda X: np.zeros(len(X["carrier"])), name="m", version="1", reference=reference, clock=clock,
        store=open_store(config.store, name="m", version="1"), windows=WINDOWS, background=False,
    ) as replica:  # fmt: skip
        replica(flights(rng, 4000, shift=0.8))
        replica.flush()
        with StoreMonitor(config, clock=clock, background=False) as monitor:
            monitor.check_now()
            monitor.check_now()
            page = requests.get(f"{monitor.serve().url}/drift?segment=UA", timeout=60).json()
    assert page["states"] == {"a/b": "drift"}


def test_a_page_that_an_older_release_left_has_no_segments(
    predictor: InstrumentedPredictor, rng: np.random.Generator
) -> None:
    """A worker of the new release shows it all the same, while another still checks."""
    drift(predictor, rng)
    page = dict(drift_page(predictor._monitor))
    page["windows"] = {
        window: {key: value for key, value in report.items() if not key.startswith("segment")}
        for window, report in page["windows"].items()
    }
    assert "segments" not in drift_answer(page, predictor._monitor, "", {})["windows"]["1h"]
    assert drift_answer(page, predictor._monitor, "a/b", {})["segments"] == {}
    assert drift_answer(page, predictor._monitor, "", {"segment": "UA"})["windows"] == {}
