import datetime as dt
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from exporter import ObservationError, Reference, ReferenceBuilder, ReferenceDataError
from exporter.reference import BuildSettings, CategoricalProfile, NumericProfile
from exporter.reference.document import to_document


def fit(data: Any, **options: Any) -> Reference:
    return Reference.fit(data, model_name="m", model_version="1", clock=lambda: 0.0, **options)


def contents(reference: Reference) -> dict[str, Any]:
    return to_document(reference)


def table(rng: np.random.Generator, n: int = 400) -> dict[str, Any]:
    return {
        "amount": rng.normal(size=n),
        "carrier": rng.choice(["AA", "UA", "DL"], size=n).tolist(),
        "late": rng.random(n) < 0.2,
        "hour": rng.integers(0, 24, size=n),
    }


def test_kinds_of_columns(rng: np.random.Generator) -> None:
    """Text and booleans are categories, integers are numbers, unless `kinds` says otherwise."""
    data = table(rng)
    kinds = {name: profile.kind for name, profile in fit(data).features.items()}
    assert kinds == {"amount": "numeric", "carrier": "categorical", "late": "categorical", "hour": "numeric"}
    assert fit(data, kinds={"hour": "categorical"}).features["hour"].kind == "categorical"


def test_every_library_builds_the_same_reference(rng: np.random.Generator) -> None:
    """Dicts, pandas, polars and pyarrow tables of the same rows give the same document."""
    data = table(rng)
    expected = contents(fit(data))
    for other in (pd.DataFrame(data), pl.DataFrame(data), pa.table(data)):
        assert contents(fit(other)) == expected


def test_chunks_equal_the_whole_while_exact(rng: np.random.Generator) -> None:
    """A reference built in five chunks equals one built at once, where the columns fit the grid."""
    data = table(rng, 1000)
    builder = ReferenceBuilder(model_name="m", model_version="1", clock=lambda: 0.0)
    for i in range(0, 1000, 200):
        builder.update({name: column[i : i + 200] for name, column in data.items()})
    left, right = contents(fit(data)), contents(builder.build())
    for document in (left, right):  # equal up to rounding in the last digits
        moments = document["features"]["amount"].pop("moments")
        assert moments["mean"] == pytest.approx(np.mean(data["amount"]), abs=1e-12)
        document["features"]["hour"].pop("moments")
        document.pop("checksum")
    assert left == right


def test_merge_equals_building_from_both(rng: np.random.Generator) -> None:
    """Two references merge to the one of all rows; counts, categories and distributions are equal."""
    data = table(rng, 1000)
    first = fit({name: column[:300] for name, column in data.items()}, labels=data["late"][:300])
    second = fit({name: column[300:] for name, column in data.items()}, labels=data["late"][300:])
    merged, whole = first.merge(second), fit(data, labels=data["late"])
    assert merged.rows == whole.rows
    for name, profile in {**whole.features, **whole.profiles.named()}.items():
        other = {**merged.features, **merged.profiles.named()}[name]
        np.testing.assert_array_equal(other.counts, profile.counts)
        assert other.bins == profile.bins
        if isinstance(profile, NumericProfile):
            assert isinstance(other, NumericProfile)
            assert other.sample == profile.sample


def test_merge_of_compressed_references_stays_within_its_error(rng: np.random.Generator) -> None:
    """Where both are compressed, the merged bins are within the stated error of the exact ones."""
    values = rng.normal(size=40_000)
    merged = fit({"x": values[:15_000]}, grid_points=200).merge(fit({"x": values[15_000:]}, grid_points=200))
    profile = merged.features["x"]
    assert isinstance(profile, NumericProfile)
    assert profile.sample is not None
    assert 0.0 < profile.sample.ks_error < 0.015
    exact = profile.count_bins(values).counts / 40_000
    assert np.abs(np.cumsum(exact - profile.counts / 40_000)).max() <= profile.sample.ks_error
    assert profile.moments is not None
    assert profile.moments.mean == pytest.approx(values.mean(), abs=1e-12)


def test_merge_with_an_all_missing_part(rng: np.random.Generator) -> None:
    """A part in which a column is missing throughout adds its missing rows, whatever the other's kind."""
    empty = fit({"x": [None] * 50, "y": [None] * 50})
    full = fit({"x": rng.normal(size=150), "y": ["a", "b", "c"] * 50})
    for merged in (empty.merge(full), full.merge(empty)):
        assert {name: p.missing_ratio for name, p in merged.features.items()} == {"x": 0.25, "y": 0.25}
        assert merged.features["y"].kind == "categorical"


def test_builders_merge(rng: np.random.Generator) -> None:
    """Two builders on two cores give the same counts as one."""
    data = table(rng, 600)
    builders = [ReferenceBuilder(model_name="m", model_version="1") for _ in range(2)]
    for i, builder in enumerate(builders):
        builder.update({name: column[i * 300 : (i + 1) * 300] for name, column in data.items()})
    builders[0].merge(builders[1])
    merged, whole = builders[0].build(), fit(data)
    for name, profile in whole.features.items():
        np.testing.assert_array_equal(merged.features[name].counts, profile.counts)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_name": "other"}, "model_name 'other'"),
        ({"model_version": "2"}, "model_version '2'"),
        ({"n_bins": 5}, "settings"),
    ],
)
def test_merge_refuses_what_does_not_belong_together(change: dict[str, Any], message: str) -> None:
    """References of other models, versions or settings do not merge, and the message says which."""
    options: dict[str, Any] = {"model_name": "m", "model_version": "1", **change}
    first = Reference.fit({"x": [1.0, 2.0]}, model_name="m", model_version="1")
    with pytest.raises(ReferenceDataError, match=message):
        first.merge(Reference.fit({"x": [1.0, 2.0]}, **options))
    with pytest.raises(ReferenceDataError, match="features"):
        first.merge(Reference.fit({"y": [1.0]}, model_name="m", model_version="1"))
    with pytest.raises(ReferenceDataError, match="one kind"):
        first.merge(Reference.fit({"x": ["a"]}, model_name="m", model_version="1"))


def test_predictions_of_a_classifier(rng: np.random.Generator) -> None:
    """Scores, predicted classes and labels get profiles; of two probabilities the positive one counts."""
    probabilities = rng.dirichlet([1, 1], size=300)
    reference = fit(
        {"x": rng.normal(size=300)},
        scores=probabilities,
        predictions=(probabilities[:, 1] > 0.5).astype(int),
        labels=rng.integers(0, 2, size=300),
    )
    assert reference.task == "classification"
    assert reference.prediction is not None
    assert reference.prediction.moments is not None
    assert reference.prediction.moments.mean == pytest.approx(probabilities[:, 1].mean())
    assert reference.predicted_classes is not None
    assert set(reference.predicted_classes.categories) == {"0", "1"}
    assert isinstance(reference.labels, CategoricalProfile)


def test_predictions_of_a_regression(rng: np.random.Generator) -> None:
    """Predicted values are the prediction's profile, and labels are numeric."""
    reference = fit(
        {"x": rng.normal(size=300)}, predictions=rng.normal(size=300), labels=rng.normal(size=300)
    )
    assert reference.task == "regression"
    assert reference.prediction is not None
    assert reference.predicted_classes is None
    assert isinstance(reference.labels, NumericProfile)
    counts = fit({"x": np.arange(300.0)}, predictions=np.arange(300) % 7, task="regression")
    assert counts.prediction is not None  # whole numbers that are no classes


def test_timestamps_give_the_span() -> None:
    """The reference knows from when to when its rows are; missing times do not count."""
    times = [dt.datetime(2013, 1, 1, tzinfo=dt.UTC), None, dt.datetime(2013, 3, 31, tzinfo=dt.UTC)]
    reference = fit({"x": [1.0, 2.0, 3.0]}, timestamps=times)
    assert (reference.start, reference.end) == (1356998400.0, 1364688000.0)


def test_features_are_chosen_and_ordered() -> None:
    """`features` picks and orders columns of a table, and names those of an array."""
    assert list(fit({"a": [1], "b": [2], "c": [3]}, features=["c", "a"]).features) == ["c", "a"]
    assert list(fit(np.zeros((3, 2)), features=["u", "v"]).features) == ["u", "v"]


def test_duplicated_columns_are_told_apart_and_noted() -> None:
    """A name that stands twice is read under two names, and the reference says so."""
    frame = pd.DataFrame([[1.0, 2.0], [3.0, 4.0]], columns=["x", "x"])
    reference = fit(frame)
    assert list(reference.features) == ["x", "x.2"]
    assert "stands 2 times" in reference.problems[0]


def test_mixed_types_are_categories_and_noted() -> None:
    """Numbers and text in one column are categories by default, and the reference says so."""
    reference = fit({"x": ["a", 1, 2.5, None] * 10})
    assert reference.features["x"].kind == "categorical"
    assert "types float, int, str" in reference.problems[0]


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        ({"x": []}, {}, "found 0 rows"),
        ({}, {}, "found no columns"),
        ({"x": [1.0]}, {"features": ["y"]}, "found no column 'y' among 'x'"),
        ({"x": [1.0]}, {"features": ["x", "x"]}, r"\['x'\] twice"),
        ({"x": [1.0]}, {"kinds": {"y": "numeric"}}, "'y'"),
        ({"x": [1.0]}, {"kinds": {"x": "number"}}, "found 'number', need one of numeric, categorical"),
        ({"x": [1.0]}, {"n_bins": 1}, "n_bins: found 1"),
        ({"x": [1.0]}, {"grid_points": 5}, "grid_points: found 5"),
        ({"x": [1.0]}, {"importances": {"x": float("nan")}}, "importances: x: found nan"),
        ({"x": [1.0]}, {"importances": [1, 2]}, "importances: found list, need a mapping"),
        ({"x": [1.0]}, {"importances": np.ones(2)}, "importances: found ndarray, need a mapping"),
        ({"x": [1.0]}, {"performance": {"auc": "high"}}, "performance: auc: found 'high', need a number"),
        ({"x": [1.0]}, {"kinds": ["numeric"]}, "kinds: found list, need a mapping"),
        ({"x": [1.0]}, {"task": "ranking"}, "task: found 'ranking'"),
        ({"x": [1.0]}, {"season": "hour_of_day"}, "timestamps: found none"),
        ({"x": [1.0]}, {"season": "monthly", "timestamps": [0.0]}, "season: found 'monthly'"),
        ({"x": [1.0]}, {"season": "hour_of_day", "timestamps": [0.0], "zone": "Mars"}, "zone: found 'Mars'"),
        ({"id": [f"k{i}" for i in range(200)]}, {}, "looks like a key"),
    ],
)
def test_what_cannot_be_a_reference_is_refused(data: Any, options: dict[str, Any], message: str) -> None:
    """Each bad argument is refused with what was found and what is needed."""
    with pytest.raises(ReferenceDataError, match=message):
        fit(data, **options)


def test_columns_of_another_length_are_refused() -> None:
    """Scores, labels and times must be as many as the rows, and times must be times."""
    with pytest.raises(ObservationError, match="scores: found 2 values for 1 rows"):
        fit({"x": [1.0]}, scores=[0.1, 0.2])
    with pytest.raises(ObservationError, match="timestamps: found text"):
        fit({"x": [1.0]}, timestamps=["yesterday"])


@pytest.mark.parametrize("nested", [False, True])
def test_probabilities_may_be_lists(rng: np.random.Generator, nested: bool) -> None:
    """As `predict_proba(x).tolist()` gives them: scores and measures are those of the array."""
    for n_classes in (2, 3):
        scores = rng.dirichlet(np.ones(n_classes), size=300)
        labels = scores.argmax(axis=1)
        reference = fit(
            {"x": rng.normal(size=300)}, scores=scores.tolist() if nested else scores, labels=labels
        )
        assert reference.prediction is not None
        assert reference.prediction.count == 300
        assert reference.prediction.counts[-3:].tolist() == [0, 0, 0]
        assert reference.performance["accuracy"] == 1.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scores": ["a", "b"]}, "scores: found 'a' and no number"),
        ({"scores": [None, "0.5"]}, "scores: found '0.5' and no number"),
        ({"predictions": ["a", "b"], "task": "regression"}, "predictions: found 'a' and no number"),
        ({"labels": ["a", "b"], "task": "regression"}, "labels: found 'a' and no number"),
    ],
)
def test_what_must_be_numbers_and_is_none_is_refused(options: dict[str, Any], message: str) -> None:
    """A profile of which every row is a value of another type would compare with nothing."""
    with pytest.raises(ObservationError, match=message):
        fit({"x": [1.0, 2.0]}, **options)


def test_single_scores_that_are_no_numbers_are_counted() -> None:
    """They cost the others nothing, as in any numeric column."""
    reference = fit({"x": [1.0, 2.0, 3.0]}, scores=[0.5, "x", None])
    assert reference.prediction is not None
    assert reference.prediction.counts[-3:].tolist() == [1, 1, 0]


@pytest.mark.parametrize("argument", ["labels", "predictions"])
@pytest.mark.parametrize("value", [1.797e308, -1.797e308, 1e160])
def test_values_whose_errors_are_no_numbers_are_refused(
    argument: str, value: float, rng: np.random.Generator, tmp_path: Path
) -> None:
    """When the reference is built, by name, and not when it is saved; a large one that is squared is fine."""
    columns = {"labels": rng.normal(size=300), "predictions": rng.normal(size=300)}
    columns[argument][7] = value
    data = {"x": rng.normal(size=300)}
    message = rf"^{argument}: found {re.escape(repr(value))}, need numbers within ±1e\+150"
    with pytest.raises(ReferenceDataError, match=message):
        fit(data, task="regression", **columns)
    columns["labels"][7] = columns["predictions"][7] = 1e150
    columns["predictions"][8] = -1e150
    fit(data, task="regression", **columns).save(tmp_path / "r.json")
    assert Reference.load(tmp_path / "r.json").performance["mae"] > 1e147


def test_a_declared_key_is_accepted() -> None:
    """Who says that a column of keys is categorical gets it: the top ones and __other__."""
    keys = [f"k{i}" for i in range(5000)]
    profile = fit({"x": keys}, kinds={"x": "categorical"}).features["x"]
    assert len(profile.bins) == 50 + 3
    assert profile.counts[-3] == 4950


def test_a_later_chunk_may_not_lack_a_feature() -> None:
    """A chunk without a feature is refused; another order is not."""
    builder = ReferenceBuilder(model_name="m", model_version="1", settings=BuildSettings(n_bins=2))
    builder.update({"a": [1.0, 2.0], "b": [1.0, 2.0]})
    builder.update({"b": [3.0], "a": [4.0]})
    with pytest.raises(ReferenceDataError, match="no column 'b'"):
        builder.update({"a": [1.0]})
    profile = builder.build().features["a"]
    assert isinstance(profile, NumericProfile)
    assert profile.maximum == 4.0


def test_parts_that_have_travelled_merge_to_the_whole(rng: np.random.Generator) -> None:
    """Condensed parts have the rows, categories and moments of the whole, and a stated KS error."""
    x, c = rng.normal(size=90_000), rng.choice(["a", "b"], size=90_000).astype(object)
    whole = Reference.fit({"x": x, "c": c}, model_name="m", model_version="1")
    merged = ReferenceBuilder(model_name="m", model_version="1")
    for seed, chosen in enumerate(np.array_split(np.arange(90_000), 6)):
        part = ReferenceBuilder(model_name="m", model_version="1", sample_seed=seed, sample_share=0.5)
        part.update({"x": x[chosen], "c": c[chosen]})
        part.condense()
        merged.merge(part)
    built = merged.build()
    assert built.rows == whole.rows
    assert built.features["c"].counts.tolist() == whole.features["c"].counts.tolist()
    profile, exact = built.features["x"], whole.features["x"]
    assert isinstance(profile, NumericProfile)
    assert isinstance(exact, NumericProfile)
    assert profile.moments is not None
    assert exact.moments is not None
    assert profile.moments.std == pytest.approx(exact.moments.std, rel=1e-12)
    assert profile.sample is not None
    at = np.searchsorted(np.sort(x), profile.sample.values, side="right") / len(x)
    assert np.abs(profile.sample.cumulative / len(x) - at).max() <= profile.sample.ks_error < 0.002


def test_parts_of_two_tasks_do_not_merge(rng: np.random.Generator) -> None:
    """Predictions that look like classes in one part and like values in another need to be declared."""
    parts = []
    for predictions in (np.arange(200) % 3, rng.normal(size=200)):
        part = ReferenceBuilder(model_name="m", model_version="1")
        part.update({"x": rng.normal(size=200)}, predictions=predictions)
        parts.append(part)
    with pytest.raises(ReferenceDataError, match=r"task: found predictions of a classification in one part"):
        parts[0].merge(parts[1])
