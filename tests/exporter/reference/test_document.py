import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exporter import Reference, ReferenceDataError
from exporter.calibrate import calibrate
from exporter.reference.document import checksum, dumps, from_document, to_document


@pytest.fixture
def reference(rng: np.random.Generator) -> Reference:
    n = 1000
    data = {
        "amount": rng.normal(size=n),
        "ünïcode\nname": rng.choice(["a", "日本", "line\nbreak", '"quoted"'], size=n).tolist(),
        "empty": np.full(n, np.nan),
        "constant": np.ones(n),
        "huge": rng.choice([-1e308, 1e308, 5e-324], size=n),
    }
    fitted = Reference.fit(
        data,
        model_name="m",
        model_version="1",
        scores=rng.random(n),
        labels=rng.integers(0, 2, size=n),
        timestamps=np.arange(n) * 600.0,
        season="day_of_week",
        importances={"amount": 0.7},
        performance={"auc": 0.81},
        clock=lambda: 1_700_000_000.0,
    )
    return calibrate(fitted, data, window_rows=[100])


def test_saved_and_loaded_are_equal(reference: Reference, tmp_path: Path) -> None:
    """A reference survives saving and loading to the last bit, with its season and calibration."""
    path = tmp_path / "reference.json"
    reference.save(path)
    loaded = Reference.load(path, "m", "1", reference.features)
    assert to_document(loaded) == to_document(reference)
    assert loaded.features["amount"].count_bins(np.array([0.1])).counts.sum() == 1
    assert loaded.season is not None
    assert loaded.calibration["100 rows"].rows == 100


def test_the_file_is_readable_and_diffable(reference: Reference, tmp_path: Path) -> None:
    """Strict JSON in UTF-8, a key a line; two saves of one reference are the same bytes."""
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    reference.save(first)
    reference.save(second)
    assert first.read_bytes() == second.read_bytes()
    text = first.read_text(encoding="utf-8")
    assert "日本" in text
    assert '    "amount": {\n' in text
    json.loads(text, parse_constant=lambda name: pytest.fail(f"found {name}"))


def test_the_size_is_bounded(rng: np.random.Generator, tmp_path: Path) -> None:
    """A hundred thousand rows of floats and of keys take no more room than the grid and the tally."""
    n = 100_000
    data = {"x": rng.normal(size=n), "key": [f"key {i}" for i in range(n)]}
    path = tmp_path / "reference.json"
    Reference.fit(data, model_name="m", model_version="1", kinds={"key": "categorical"}).save(path)
    assert path.stat().st_size < 120_000


def test_saving_is_all_or_nothing(
    reference: Reference, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A save that fails leaves the old file as it was and nothing beside it."""
    path = tmp_path / "reference.json"
    reference.save(path)
    before = path.read_bytes()

    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        reference.save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["reference.json"]


def corrupt(change: Callable[[dict[str, Any]], object]) -> Callable[[str], str]:
    """A rewriting of the file that also makes the checksum fit."""

    def rewrite(text: str) -> str:
        document = json.loads(text)
        change(document)
        document["checksum"] = checksum(document)
        return dumps(document)

    return rewrite


@pytest.mark.parametrize(
    ("rewrite", "message"),
    [
        (lambda text: text[: len(text) // 2], "damaged .no JSON"),
        (lambda text: "", "damaged .no JSON"),
        (lambda text: "[1, 2]", "format: found 'list'"),
        (lambda text: '{"format": "other"}', "format: found 'other'"),
        (lambda text: text.replace('"rows": 1000', '"rows": 1001'), "damaged: the checksum does not fit"),
        (lambda text: text.replace('"rows": 1000', '"rows": NaN'), "found NaN"),
        (lambda text: text.replace('"format_version": 1', '"format_version": 99'), "found 99, need 1"),
        (corrupt(lambda d: d.pop("features")), "damaged: KeyError"),
        (corrupt(lambda d: d["features"]["amount"].pop("edges")), "damaged: KeyError"),
        (corrupt(lambda d: d.update(settings={"n_bins": "ten"})), "n_bins: found 'ten'"),
    ],
)
def test_what_is_damaged_is_refused(
    reference: Reference, tmp_path: Path, rewrite: Callable[[str], str], message: str
) -> None:
    """A file that is cut, changed, of another format or version is refused, and the message says which."""
    path = tmp_path / "reference.json"
    reference.save(path)
    path.write_text(rewrite(path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(ReferenceDataError, match=message) as caught:
        Reference.load(path)
    assert str(path) in str(caught.value)


def test_what_is_no_text_or_not_there_is_refused(tmp_path: Path) -> None:
    """Binary files and missing files are references' errors, with the path."""
    path = tmp_path / "reference.json"
    with pytest.raises(ReferenceDataError, match=r"reference\.json: cannot be read"):
        Reference.load(path)
    path.write_bytes(b"\x80\x04pickle")
    with pytest.raises(ReferenceDataError, match="no UTF-8"):
        Reference.load(path)


@pytest.mark.parametrize(
    ("needed", "message"),
    [
        ({"model_name": "other"}, "model_name: found 'm', need 'other'"),
        ({"model_version": "2"}, "model_version: found '1', need '2'"),
        ({"features": ["amount"]}, "too many: 'ünïcode"),
        ({"features": ["amount", "z"]}, "lacking: 'z'"),
    ],
)
def test_what_belongs_to_another_model_is_refused(
    reference: Reference, tmp_path: Path, needed: dict[str, Any], message: str
) -> None:
    """A reference of another model, version or features is refused, and the message says which."""
    path = tmp_path / "reference.json"
    reference.save(path)
    with pytest.raises(ReferenceDataError, match=message):
        Reference.load(path, **needed)


def test_another_order_of_features_is_refused(tmp_path: Path) -> None:
    """An array is read by position, so the order of features matters."""
    path = tmp_path / "reference.json"
    Reference.fit({"a": [1.0], "b": [2.0]}, model_name="m", model_version="1").save(path)
    with pytest.raises(ReferenceDataError, match="another order"):
        Reference.load(path, features=["b", "a"])


def test_the_checksum_ignores_order_and_spacing(reference: Reference) -> None:
    """A file that another program formatted anew is still whole."""
    document = to_document(reference)
    shuffled = dict(sorted(document.items(), reverse=True))
    assert from_document(json.loads(json.dumps(shuffled, indent=4))).rows == 1000
