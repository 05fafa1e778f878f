from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alerting.errors import PayloadError
from alerting.retraining.candidate import REFERENCE_VERSIONS, judge, read_reference
from alerting.retraining.cause import Strategy
from exporter import Reference
from exporter.reference.document import READ_VERSIONS

from .conftest import FEATURES, policy, reference_document, train


def codes(
    result: dict[str, Any] | None, folder: Path, *, strategy: Strategy = "full", **own: Any
) -> list[str]:
    """Codes of the reasons against a result."""
    return [reason.code for reason in judge(result, policy(**own), strategy=strategy, folder=folder)]


def put(folder: Path, name: str = "reference.json", **changes: Any) -> str:
    """A reference in a folder."""
    (folder / name).write_text(json.dumps(reference_document(**changes)))
    return str(folder / name)


def features(*names: str, kind: str = "numeric") -> dict[str, Any]:
    """Profiles as a reference has them, as far as they are read here."""
    return {name: {"kind": kind} for name in names}


def test_a_reference_of_the_exporter_is_read_and_its_damage_found(tmp_path: Path) -> None:
    """The two packages share the format and the checksum, and no code."""
    rows = {"dep_hour": np.arange(500.0), "carrier": np.array(["AA", "UA"] * 250)}
    path = tmp_path / "reference.json"
    Reference.fit(rows, model_name="délai", model_version="3").save(path)
    found = read_reference(path)
    assert (found.model_name, found.model_version) == ("délai", "3")
    assert found.created_at is not None
    assert found.kinds == {"dep_hour": "numeric", "carrier": "categorical"}
    path.write_text(path.read_text().replace('"rows": 500', '"rows": 501'))
    with pytest.raises(PayloadError, match="the checksum does not fit the content"):
        read_reference(path)


def test_every_version_that_the_exporter_reads_is_read_here(tmp_path: Path) -> None:
    """One with profiles within segments is of a later version."""
    assert REFERENCE_VERSIONS == READ_VERSIONS
    rows = {"dep_hour": np.arange(2_000.0), "carrier": np.array(["AA", "UA"] * 1_000)}
    path = tmp_path / "reference.json"
    Reference.fit(rows, model_name="m", model_version="1", segment_by="carrier").save(path)
    assert read_reference(path).kinds == {"dep_hour": "numeric", "carrier": "categorical"}


def test_a_sound_candidate_has_nothing_against_it(tmp_path: Path) -> None:
    """A model, a reference that fits it, metrics."""
    assert codes(train(tmp_path), tmp_path) == []
    folder = tmp_path / "saved_model"
    folder.mkdir()
    assert codes(train(tmp_path, model_path="saved_model"), tmp_path) == ["no_model"]
    (folder / "weights").write_bytes(b"x")
    assert codes(train(tmp_path, model_path="saved_model"), tmp_path) == []
    assert codes(train(tmp_path, model_path="s3://models/7"), tmp_path) == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"model_path": None}, "no_model"),
        ({"model_path": "absent"}, "no_model"),
        ({"reference_path": None}, "no_reference"),
        ({"reference_path": "absent"}, "no_reference"),
        ({"reference_path": "model.bin"}, "no_reference"),
        ({"metrics": {}}, "no_metrics"),
        ({"metrics": {"auc": float("nan")}}, "no_metrics"),
        ({"metrics": {"auc": "good"}}, "no_metrics"),
        ({"model_version": "9"}, "other_model"),
        ({"features": ["dep_hour"]}, "other_features"),
        ({"features": 3}, "other_features"),
        ({"comparison": {"verdict": "worse"}}, "worse"),
        ({"comparison": "good"}, "worse"),
    ],
)
def test_what_lacks_or_does_not_fit_is_named(tmp_path: Path, changes: dict[str, Any], code: str) -> None:
    """Each with its own code, and where it stands."""
    assert code in codes(train(tmp_path, **changes), tmp_path)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"features": features("dep_hour", "distance", "tail_number")}, "other_features"),
        ({"features": features("dep_hour")}, "other_features"),
        ({"features": {}}, "other_features"),
        ({"model_name": "other"}, "other_model"),
        ({"format": "something"}, "no_reference"),
        ({"format_version": 99}, "no_reference"),
    ],
)
def test_a_reference_of_another_model_or_other_features_is_refused(
    tmp_path: Path, changes: dict[str, Any], code: str
) -> None:
    """Also one that leaves a feature out: the program that serves would not know."""
    result = train(tmp_path)
    put(tmp_path, **changes)
    assert code in codes(result, tmp_path)


def test_only_a_feature_selection_retrain_may_leave_features_out(tmp_path: Path) -> None:
    """And it may not bring new ones."""
    result = train(tmp_path)
    put(tmp_path, features=features("dep_hour"))
    assert codes(result, tmp_path, strategy="feature_selection") == []
    put(tmp_path, features=features("dep_hour", "tail_number"))
    assert codes(result, tmp_path, strategy="feature_selection") == ["other_features"]


def test_a_candidate_is_held_to_the_champions_reference(tmp_path: Path) -> None:
    """Names, kinds, and a version of its own; a champion that cannot be read lets nothing pass."""
    own: dict[str, Any] = {
        "features": (),
        "reference_path": put(tmp_path, "champion.json", model_version="1"),
    }
    result = train(tmp_path)
    assert codes(result, tmp_path, **own) == []
    put(tmp_path, "champion.json", model_version="1", features=features(*FEATURES, kind="categorical"))
    assert codes(result, tmp_path, **own) == ["other_features", "other_features"]
    put(tmp_path, "champion.json", model_version="2")
    assert codes(result, tmp_path, **own) == ["other_model"]
    (tmp_path / "champion.json").write_text("{}")
    assert codes(result, tmp_path, **own) == ["other_features"]


def test_a_comparison_can_be_required(tmp_path: Path) -> None:
    """With the verdicts that are accepted."""
    assert codes(train(tmp_path), tmp_path, require_comparison=True) == ["worse"]
    for verdict, expected in (("better", []), ("inconclusive", ["worse"])):
        result = train(tmp_path, comparison={"verdict": verdict})
        assert codes(result, tmp_path, require_comparison=True, accept=("better",)) == expected
