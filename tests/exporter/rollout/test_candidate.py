from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from exporter.reference import Reference
from exporter.rollout import Candidate, Refusal, read_candidate
from exporter.rollout.candidate import MAX_WORDS, reference_of

DOCUMENT: dict[str, Any] = {
    "format": "driftgauge-candidate",
    "format_version": 1,
    "model_name": "m",
    "model_version": "2",
    "model_path": "model.bin",
    "reference_path": "two.json",
    "run_id": 7,
    "cause_key": "x" * 1_000,
    "metrics": {"auc": 0.8},
}


def write(folder: Path, **changes: Any) -> Path:
    path = folder / "candidate.json"
    path.write_text(json.dumps({**DOCUMENT, **changes}), encoding="utf-8")
    return path


def test_a_file_names_a_version(tmp_path: Path) -> None:
    """Relative paths are relative to the file; what is for people is kept short."""
    found = read_candidate(write(tmp_path))
    assert isinstance(found, Candidate)
    assert (found.version, found.model_path, found.reference_path) == (
        "2", str(tmp_path / "model.bin"), str(tmp_path / "two.json"),
    )  # fmt: skip
    assert found.about == {"run_id": 7, "cause_key": "x" * MAX_WORDS, "metrics": "{'auc': 0.8}"}
    assert Candidate.from_dict(found.to_dict(), Path()) == found


def test_an_address_stays_as_it_is(tmp_path: Path) -> None:
    """The loader knows what to do with it."""
    found = read_candidate(write(tmp_path, model_path="s3://models/2"))
    assert isinstance(found, Candidate)
    assert found.model_path == "s3://models/2"


def test_no_file_is_no_candidate(tmp_path: Path) -> None:
    """A model that was never retrained."""
    assert read_candidate(tmp_path / "candidate.json") is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "found no JSON, need a candidate"),
        (b"[" * 100_000, "found no JSON"),
        (b"\xff", "found no JSON"),
        (b"[]", "found None, need driftgauge-candidate of version 1"),
        (
            b'{"format": "driftgauge-candidate", "format_version": 2}',
            "need driftgauge-candidate of version 1",
        ),
        (json.dumps({**DOCUMENT, "model_path": None}).encode(), "model_path: found None, need a text"),
        (json.dumps({**DOCUMENT, "model_version": 2}).encode(), "model_version: found 2, need a text"),
        (json.dumps({**DOCUMENT, "model_version": "2" * 300}).encode(), "more than 256 characters"),
        (json.dumps({**DOCUMENT, "reference_path": ""}).encode(), "reference_path: found ''"),
    ],
)
def test_what_is_no_candidate_is_refused_with_words(tmp_path: Path, content: bytes, words: str) -> None:
    """Which file, what was found, what is needed."""
    path = tmp_path / "candidate.json"
    path.write_bytes(content)
    found = read_candidate(path)
    assert isinstance(found, Refusal)
    assert found.reason == "unreadable"
    assert words in found.words
    assert str(path) in found.words


def test_a_folder_is_refused(tmp_path: Path) -> None:
    """The system's own words."""
    found = read_candidate(tmp_path)
    assert isinstance(found, Refusal)
    assert "Is a directory" in found.words


def candidate(folder: Path, **changes: str) -> Candidate:
    found = read_candidate(write(folder, **changes))
    assert isinstance(found, Candidate)
    return found


def test_a_reference_of_the_same_features_is_taken(
    tmp_path: Path, references: tuple[Reference, Reference]
) -> None:
    """The candidate's own, whole as it was saved."""
    references[1].save(tmp_path / "two.json")
    found = reference_of(candidate(tmp_path), "m", references[0])
    assert isinstance(found, Reference)
    assert found.model_version == "2"


def features(*names: str) -> Reference:
    """Reference of version 2 with these features; one that begins with c has categories."""
    table = {name: ["a", "b"] * 50 if name.startswith("c") else [0.0, 1.0] * 50 for name in names}
    return Reference.fit(table, model_name="m", model_version="2")


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (("a", "b", "d"), "found d too many and c missing, need the champion's"),
        (("a", "b"), "found none too many and c missing"),
        (("b", "a", "c"), "found another order"),
    ],
)
def test_other_features_are_refused(tmp_path: Path, found: tuple[str, ...], words: str) -> None:
    """The rows of callers have the champion's columns, in its order."""
    features(*found).save(tmp_path / "two.json")
    refusal = reference_of(candidate(tmp_path), "m", features("a", "b", "c"))
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "other_features"
    assert words in refusal.words


def test_another_kind_is_another_feature(tmp_path: Path) -> None:
    """Text where the champion has numbers."""
    Reference.fit({"a": ["x", "y"] * 50}, model_name="m", model_version="2").save(tmp_path / "two.json")
    refusal = reference_of(candidate(tmp_path), "m", features("a"))
    assert isinstance(refusal, Refusal)
    assert "found another kind of a, need the champion's" in refusal.words


@pytest.mark.parametrize(
    ("changes", "reason", "words"),
    [
        ({"model_name": "other"}, "other_model", "model_name: found 'other', need 'm'"),
        ({"model_version": "3"}, "no_reference", "model_version: found '2', need '3'"),
        ({"reference_path": "none.json"}, "no_reference", "none.json"),
        ({"reference_path": "candidate.json"}, "no_reference", "candidate.json"),
    ],
)
def test_a_candidate_of_something_else_is_refused(
    tmp_path: Path,
    references: tuple[Reference, Reference],
    changes: dict[str, str],
    reason: str,
    words: str,
) -> None:
    """Another model, another version than its reference's, no reference."""
    references[1].save(tmp_path / "two.json")
    refusal = reference_of(candidate(tmp_path, **changes), "m", references[0])
    assert isinstance(refusal, Refusal)
    assert refusal.reason == reason
    assert words in refusal.words


def test_a_champion_without_a_reference_takes_none(
    tmp_path: Path, references: tuple[Reference, Reference]
) -> None:
    """Nobody could say that the features are the same."""
    references[1].save(tmp_path / "two.json")
    refusal = reference_of(candidate(tmp_path), "m", None)
    assert isinstance(refusal, Refusal)
    assert refusal.words == "the champion has none, need one to compare with"
