"""From a configuration to its store."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from exporter import InstrumentedPredictor, Reference
from exporter.config import load_config
from exporter.errors import ConfigError, StoreError
from exporter.observation import Observations
from exporter.stores.buffering import BufferingStore
from exporter.stores.memory import MemoryStore
from exporter.stores.settings import StoreSettings, open_store


def test_memory_is_the_default() -> None:
    """Nothing configured means this process's own memory, with the configured bounds."""
    store = open_store(StoreSettings(max_rows=7, retention_hours=2.0), name="m", version="1")
    assert isinstance(store, MemoryStore)
    assert (store.max_rows, store.retention_hours) == (7, 2.0)


def test_a_file_is_found_beside_the_configuration(tmp_path: Path) -> None:
    """A path is relative to the file that names it, and rows outlast the store."""
    (tmp_path / "exporter.yaml").write_text("store: {type: sqlite, path: window.sqlite3}")
    settings = load_config(tmp_path / "exporter.yaml", {}).store
    rows = Observations(times=np.array([1.0]), features={"a": np.array([2.0])})
    open_store(settings, name="m", version="1").append(rows)
    assert (tmp_path / "window.sqlite3").stat().st_mode & 0o077 == 0
    assert open_store(settings, name="m", version="1").window(0.0).features["a"].tolist() == [2.0]


def test_an_address_from_the_environment_is_in_no_repr(tmp_path: Path) -> None:
    """The address of a server may hold a password: it is read from the environment, and never shown."""
    (tmp_path / "exporter.yaml").write_text("store: {type: redis}")
    config = load_config(
        tmp_path / "exporter.yaml", {"FEATURE_STORE_URL": "redis://:hidden-word@127.0.0.1:1/0"}
    )
    assert isinstance(open_store(config.store, name="m", version="1"), BufferingStore)
    assert "hidden-word" not in repr(config)


@pytest.mark.parametrize(
    ("settings", "needed"),
    [
        (StoreSettings(type="sqlite"), r"store\.path: found nothing"),
        (StoreSettings(type="redis"), r"store\.url: found nothing.*FEATURE_STORE_URL"),
        (StoreSettings(type="influxdb"), r"store\.url: found nothing.*influxdb"),
        (StoreSettings(type="influxdb", url="http://u:hidden-word@h:8086"), r"store\.url: found no address"),
        (StoreSettings(type="influxdb", url="ftp://h/hidden-word"), r"store\.url: found no address"),
        (StoreSettings(type="redis", url="hidden-word"), r"store\.url: found no address of a Redis"),
        (StoreSettings(type="postgresql", url="hidden-word"), r"store\.url: found no connection string"),
    ],
)
def test_what_a_type_needs_is_asked_for(settings: StoreSettings, needed: str) -> None:
    """A missing or odd address is told with what is needed, and never repeated."""
    with pytest.raises(ConfigError, match=needed) as told:
        open_store(settings, name="m", version="1")
    assert "hidden-word" not in str(told.value)


def test_rows_that_had_no_room_to_wait_are_counted(value: Any, registry: CollectorRegistry) -> None:
    """A model whose store is away goes on, and the metrics say how many rows it costs."""
    settings = StoreSettings(type="redis", url="redis://127.0.0.1:1/0", max_waiting_rows=5)
    predictor = InstrumentedPredictor(
        lambda rows: [0] * len(rows), name="m", version="1", registry=registry, background=False,
        store=open_store(settings, name="m", version="1"),
    )  # fmt: skip
    predictor(np.zeros((8, 2)))
    predictor.flush()
    assert value("driftgauge_observations_dropped_total", reason="store") == 3
    assert value("model_predictions_total") == 8


def test_a_check_tells_how_many_rows_wait(value: Any, registry: CollectorRegistry, tmp_path: Path) -> None:
    """Also a check that fails because the store is away; a store in memory has nothing that could wait."""
    table = np.random.default_rng(1).normal(size=(500, 2))
    reference = Reference.fit(table, model_name="m", model_version="1")

    def predictor(settings: StoreSettings, registry: CollectorRegistry) -> InstrumentedPredictor:
        return InstrumentedPredictor(
            lambda rows: [0] * len(rows), name="m", version="1", registry=registry, background=False,
            reference=reference, store=open_store(settings, name="m", version="1"),
        )  # fmt: skip

    here = predictor(StoreSettings(), CollectorRegistry())
    here(table[:8])
    here.check_now()
    name, labels = "driftgauge_store_waiting_rows", {"model_name": "m", "model_version": "1"}
    assert here.registry.get_sample_value(name, labels) is None
    away = predictor(StoreSettings(type="sqlite", path=tmp_path / "nowhere" / "window.sqlite3"), registry)
    away(table[:8])
    with pytest.raises(StoreError):
        away.check_now()
    assert value(name) == 8
    (tmp_path / "nowhere").mkdir()
    away.check_now()
    assert value(name) == 0


def test_memory_needs_no_driver() -> None:
    """A process that keeps its window in memory imports no database's driver."""
    drivers = {"psycopg", "redis", "requests", "sqlite3"}
    program = f"import exporter, exporter.serving, sys; print({drivers} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"
