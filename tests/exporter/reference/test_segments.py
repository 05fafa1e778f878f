"""Profiles within segments: which rows they hold, how they are kept in a file, and what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exporter import Reference, ReferenceDataError
from exporter.reference import BuildSettings, CategoricalProfile, NumericProfile, ReferenceBuilder
from exporter.reference.document import checksum
from exporter.reference.segments import MAX_FOLLOWED, MIN_PROFILE_ROWS

Table = dict[str, Any]


def flights(rng: np.random.Generator, rows: int = 6000) -> Table:
    """Three carriers, of which one is rare; distances differ by carrier, airports too."""
    carrier = rng.choice(["AA", "UA", "ZZ"], size=rows, p=[0.6, 0.35, 0.05]).astype(object)
    return {
        "carrier": carrier,
        "distance": rng.normal(loc=np.where(carrier == "UA", 2.0, 0.0)),
        "airport": np.where(carrier == "UA", "EWR", rng.choice(["JFK", "LGA"], size=rows)).astype(object),
    }


def fit(data: Table, **options: Any) -> Reference:
    return Reference.fit(
        data, model_name="m", model_version="1", **{"segment_by": "carrier", "n_bins": 10, **options}
    )


def where(data: Table, name: str, value: str) -> np.ndarray:
    return np.asarray(data[name][data["carrier"] == value])


def test_a_segment_holds_the_rows_of_its_value(rng: np.random.Generator) -> None:
    """Counts are those of the segment's rows on the bins of the whole; a value of 300 rows has no profile."""
    data = flights(rng)
    reference = fit(data)
    assert reference.segments is not None
    assert list(reference.segments.profiles) == ["AA", "UA"]
    for segment, part in reference.segments.profiles.items():
        assert list(part.features) == ["distance", "airport"]
        distance, airport = part.features["distance"], part.features["airport"]
        assert isinstance(distance, NumericProfile)
        whole = reference.features["distance"]
        expected = whole.count_bins(where(data, "distance", segment)).counts
        assert distance.counts.tolist() == expected.tolist()
        assert distance.moments is not None
        assert distance.moments.mean == pytest.approx(where(data, "distance", segment).mean())
        assert isinstance(airport, CategoricalProfile)
        assert airport.bins == reference.features["airport"].bins
        assert airport.tally == {
            name: int(np.sum(where(data, "airport", segment) == name)) for name in airport.tally
        }


def test_rows_of_a_segment_know_the_categories_of_the_whole(rng: np.random.Generator) -> None:
    """An airport that only other carriers use is no unseen category, and none that has vanished."""
    reference = fit(flights(rng))
    airport = reference.by_segment["UA"].features["airport"]
    assert isinstance(airport, CategoricalProfile)
    assert airport.unseen_in({"EWR": 1, "JFK": 1, "new": 1}, 5) == ["new"]
    assert airport.tally["JFK"] == 0


def test_outputs_are_kept_by_segment(rng: np.random.Generator) -> None:
    """Scores, classes and labels have a profile in every segment."""
    data = flights(rng)
    scores = rng.uniform(size=6000)
    reference = fit(data, scores=scores, predictions=scores > 0.5, labels=rng.uniform(size=6000) > 0.5)
    assert reference.segments is not None
    part = reference.segments.profiles["AA"]
    assert list(part.named()) == ["__score__", "__prediction__", "__label__"]
    assert part.prediction is not None
    assert part.prediction.rows == len(where(data, "distance", "AA"))


def test_a_file_brings_everything_back(rng: np.random.Generator, tmp_path: Path) -> None:
    """Saved and loaded, the profiles are equal, digit for digit."""
    reference = fit(flights(rng), scores=rng.uniform(size=6000))
    reference.save(tmp_path / "a.json")
    loaded = Reference.load(tmp_path / "a.json")
    loaded.save(tmp_path / "b.json")
    assert (tmp_path / "a.json").read_text() == (tmp_path / "b.json").read_text()
    assert loaded.settings == reference.settings
    assert list(loaded.by_segment) == ["AA", "UA"]


def test_only_a_file_with_segments_has_the_new_version(rng: np.random.Generator, tmp_path: Path) -> None:
    """Older releases refuse it by its number, and read any other; a file of theirs is read here."""
    data = flights(rng)
    fit(data).save(tmp_path / "new.json")
    fit(data, segment_by=None).save(tmp_path / "old.json")
    assert json.loads((tmp_path / "new.json").read_text())["format_version"] == 2
    old = json.loads((tmp_path / "old.json").read_text())
    assert old["format_version"] == 1
    assert "segments" not in old
    assert "segment_by" not in old["settings"]
    assert Reference.load(tmp_path / "old.json").segments is None
    old["format_version"] = 3
    (tmp_path / "old.json").write_text(json.dumps({**old, "checksum": checksum(old)}))
    with pytest.raises(ReferenceDataError, match="found 3, need 1 or 2"):
        Reference.load(tmp_path / "old.json")


def test_segments_keep_a_file_small(rng: np.random.Generator, tmp_path: Path) -> None:
    """Twenty of them, in columns whose values all differ, make it at most two and a half times as large."""
    rows = 40_000
    data: Table = {f"x{i}": rng.normal(size=rows) for i in range(5)}
    data["carrier"] = rng.choice([f"c{i:02d}" for i in range(20)], size=rows).astype(object)
    sizes = []
    for by in (None, "carrier"):
        path = tmp_path / f"{by}.json"
        fit(data, segment_by=by).save(path)
        sizes.append(path.stat().st_size)
    assert sizes[1] < 2.5 * sizes[0]


def test_chunks_and_merged_parts_give_the_same_segments(rng: np.random.Generator) -> None:
    """Rows, moments and categories are equal; distributions are within their stated error."""
    data = flights(rng)
    whole = fit(data)
    builders = []
    for part in range(2):
        builder = ReferenceBuilder(
            model_name="m", model_version="1", settings=BuildSettings(segment_by="carrier")
        )
        for start in range(part * 3000, part * 3000 + 3000, 1000):
            builder.update({name: values[start : start + 1000] for name, values in data.items()})
        builder.condense()
        builders.append(builder)
    builders[0].merge(builders[1])
    halves = [fit({name: values[half] for name, values in data.items()})
              for half in (slice(3000), slice(3000, None))]  # fmt: skip
    for other in (builders[0].build(), halves[0].merge(halves[1])):
        assert list(other.by_segment) == list(whole.by_segment)
        for segment, part_of in whole.by_segment.items():
            mine, theirs = part_of.features["distance"], other.by_segment[segment].features["distance"]
            assert isinstance(mine, NumericProfile)
            assert isinstance(theirs, NumericProfile)
            assert mine.sample is not None
            assert theirs.sample is not None
            assert theirs.rows == mine.rows
            assert theirs.moments is not None
            assert mine.moments is not None
            assert theirs.moments.variance == pytest.approx(mine.moments.variance)
            exact = np.sort(where(data, "distance", segment))
            steps = np.searchsorted(exact, theirs.sample.values, side="right") / len(exact)
            off = np.abs(np.cumsum(theirs.sample.counts) / theirs.sample.n - steps).max()
            assert off <= theirs.sample.ks_error + 1e-9
            airports = other.by_segment[segment].features["airport"].counts
            assert airports.tolist() == part_of.features["airport"].counts.tolist()


def test_a_segment_with_rows_elsewhere_is_left_out(rng: np.random.Generator) -> None:
    """Half of its rows would be another distribution: rather no profile, and the reference says so."""
    data = flights(rng, 3 * MIN_PROFILE_ROWS)
    first = fit(data)
    few = {name: values[data["carrier"] == "UA"][:400] for name, values in data.items()}
    many = {name: values[data["carrier"] == "AA"][:600] for name, values in data.items()}
    second = fit({name: np.concatenate([few[name], many[name]]) for name in data})
    merged = first.merge(second)
    assert list(second.by_segment) == ["AA"]
    assert list(merged.by_segment) == ["AA"]
    assert any("segment 'UA' of 'carrier' was left out" in problem for problem in merged.problems)


def test_rare_values_are_let_go_while_rows_come(rng: np.random.Generator) -> None:
    """Of a feature with a thousand values the frequent ones are kept, whole."""
    rows, values = 40_000, 10 * MAX_FOLLOWED
    weights = 1.0 / np.arange(1, values + 1)
    names = rng.choice([f"v{i}" for i in range(values)], size=rows, p=weights / weights.sum()).astype(object)
    x = rng.normal(size=rows)
    builder = ReferenceBuilder(model_name="m", model_version="1", settings=BuildSettings(segment_by="name"))
    for start in range(0, rows, 8000):
        builder.update({"name": names[start : start + 8000], "x": x[start : start + 8000]})
    reference = builder.build()
    assert list(reference.by_segment)[:3] == ["v0", "v1", "v2"]
    assert all(
        part.features["x"].rows == np.sum(names == name) >= MIN_PROFILE_ROWS
        for name, part in reference.by_segment.items()
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"segment_by": "colour"}, "segment_by: found 'colour', need a feature, one of 'carrier'"),
        ({"segment_by": "distance"}, "segment_by: found the numeric feature 'distance'"),
        ({"segment_by": ""}, "segment_by: found '', need the name of a feature"),
        ({"season": "hour_of_day"}, "found 'carrier' beside season 'hour_of_day', need one of the two"),
        ({"features": ["carrier"]}, "segment_by: found 'carrier' alone"),
    ],
)
def test_what_cannot_divide_rows_is_refused(rng: np.random.Generator, options: Table, message: str) -> None:
    """The message says what was found and what is needed."""
    with pytest.raises(ReferenceDataError, match=message):
        fit(flights(rng), **options)


def test_a_feature_without_a_frequent_value_is_refused(rng: np.random.Generator) -> None:
    """Nothing would be kept, and nobody would know why."""
    with pytest.raises(ReferenceDataError, match="no value of 'carrier' with 500 rows"):
        fit(flights(rng, 700))
