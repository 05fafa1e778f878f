"""Every file that is read has a limit, and whatever stands in it ends in a clear error."""

from __future__ import annotations

import copy
import json
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import alerting.config
import alerting.retraining.candidate
import alerting.retraining.config
import alerting.yaml_file
import exporter.yaml_file
from alerting import secret_file
from alerting.errors import AlertingError
from alerting.retraining import order
from driftgauge.errors import DriftgaugeError
from driftgauge.rules.objectives import read_objectives
from exporter import Reference
from exporter.assessment.kept import KeptState
from exporter.config import MAX_SECRET_BYTES, load_config
from exporter.errors import ExporterError, ReferenceDataError, StoreError
from exporter.expectations import load_expectations
from exporter.observation import Observations
from exporter.reference import document
from exporter.rollout.candidate import Refusal, read_candidate
from exporter.rollout.state_file import StateFile
from exporter.stores import batch
from exporter.streams.alerts import parsed
from exporter.streams.ledger import begin_at
from exporter.streams.messages import PoisonError, parse

Reader = Callable[[Path], Any]

BOMB = "\n".join(
    ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    + [f"{y}: &{y} [{', '.join([f'*{x}'] * 10)}]" for x, y in zip("abcdefgh", "bcdefghi", strict=True)]
)
"""Ten lines that hold a billion values."""


@pytest.fixture(scope="module")
def reference() -> Reference:
    """A small one with most of what a reference can have."""
    rng, n = np.random.default_rng(1), 1200
    data = {"a": rng.normal(size=n), "c": rng.choice(["x", "y"], n)}
    return Reference.fit(
        data, model_name="m", model_version="1", scores=rng.random(n), labels=rng.integers(0, 2, n),
        segment_by="c", joint_rows=100, grid_points=5, n_bins=3,
    )  # fmt: skip


YAML_READERS: dict[str, Reader] = {
    "exporter.yaml": lambda path: load_config(path, {}),
    "expectations": lambda path: load_expectations(
        path, Reference.fit({"a": [1.0]}, model_name="m", model_version="1")
    ),
    "bridge.yaml": lambda path: alerting.config.load_config(path, {}),
    "retraining.yaml": lambda path: alerting.retraining.config.load_config(path, {}),
    "slo.yaml": read_objectives,
}

YAML = {
    "aliases of aliases": BOMB,
    "an alias within itself": "a: &a [*a]",
    "merged aliases": BOMB.replace("[x, x, x, x, x, x, x, x, x, x]", "{k: x}") + "\nz: {<<: *i}",
    "deep nesting": "a: " + "[" * 5_000,
    "a huge number": f"a: {'9' * 5_000}",
    "a number to the base of 60": f"a: 1{':1' * 100_000}",
    "an impossible date": "a: 2026-13-45",
    "an object": "a: !!python/object/apply:os.system ['touch planted']",
    "an object's name": "a: !!python/name:os.system",
    "not YAML": "a: [",
    "too large": "a: 1\n" + "#" * (1 << 20),
    "a NUL": "a: \0",
}


@pytest.mark.parametrize("content", YAML.values(), ids=YAML)
@pytest.mark.parametrize("read", YAML_READERS.values(), ids=YAML_READERS)
def test_hostile_yaml_is_refused_in_a_sentence(read: Reader, content: str, tmp_path: Path) -> None:
    """In every file of YAML that is read: an error of ours that names the file and is short."""
    path = tmp_path / "file.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(
        (ExporterError, AlertingError, DriftgaugeError), match=re.escape(str(path))
    ) as refused:
        read(path)
    assert len(str(refused.value)) < 2_000
    assert not list(tmp_path.glob("planted"))


@pytest.mark.parametrize("read", YAML_READERS.values(), ids=YAML_READERS)
def test_yaml_that_is_no_text_is_refused(read: Reader, tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are told as such."""
    path = tmp_path / "file.yaml"
    path.write_bytes(b"a: \xff\xfe\n")
    with pytest.raises((ExporterError, AlertingError, DriftgaugeError), match=re.escape(str(path))):
        read(path)


@pytest.mark.parametrize("text", ["a: &a [1, 2]\nb: *a", "base: &b {x: 1}\nc: {<<: *b, y: 2}", "", "- 1.5"])
def test_both_packages_read_ordinary_yaml_alike(text: str) -> None:
    """Aliases and merged keys stay what they are to people, in both readers."""
    assert exporter.yaml_file.load_yaml(text) == alerting.yaml_file.load_yaml(text)
    assert exporter.yaml_file.MAX_VALUES == alerting.yaml_file.MAX_VALUES


@pytest.mark.parametrize("read", YAML_READERS.values(), ids=YAML_READERS)
@pytest.mark.parametrize(
    "text", ["a: 1\nb: 2\na: 3\n", "a: {b: 1}\nc: [{d: 1,\n  d: 1}]\n", "1: a\n\n1: b\n"]
)
def test_a_key_that_stands_twice_is_refused(read: Reader, text: str, tmp_path: Path) -> None:
    """With its line, in every file: the first value would be lost without a word."""
    path = tmp_path / "file.yaml"
    path.write_text(text, encoding="utf-8")
    line = text.count("\n")
    with pytest.raises(
        (ExporterError, AlertingError, DriftgaugeError),
        match=f"found a key for the second time .*line {line}",
    ):
        read(path)


@pytest.mark.parametrize(
    "text",
    [
        "a: {x: 1}\nb: {x: 1}",
        "1: a\n'1': b",
        "b: &b {x: 1, y: 1}\nc: {<<: *b, x: 2}\nd: {<<: *b, <<: {z: 1}}",
    ],
)
def test_keys_that_only_look_alike_are_taken(text: str) -> None:
    """Of two mappings, of two types, or merged into a mapping that says them again."""
    assert exporter.yaml_file.load_yaml(text) == alerting.yaml_file.load_yaml(text) == yaml.safe_load(text)


JSON = {
    "deep nesting": b"[" * 100_000,
    "deep objects": b'{"a":' * 100_000,
    "a huge number": b'{"a": ' + b"9" * 5_000 + b"}",
    "NaN": b'{"a": NaN}',
    "Infinity": b'{"a": -Infinity}',
    "beyond a float": b'{"a": 1e999}',
    "no text": b'{"a": "\xff\xfe"}',
    "half a character": rb'{"a": "\ud800"}',
    "nothing": b"",
    "YAML": BOMB.encode(),
}

JSON_READERS: dict[str, Reader] = {
    "reference": Reference.load,
    "candidate's reference": alerting.retraining.candidate.read_reference,
    "rollout's state": lambda path: StateFile(path).read(),
    "state of the checks": lambda path: KeptState(path, "m", "1", None, {}).load(),
}


@pytest.mark.parametrize("content", JSON.values(), ids=JSON)
@pytest.mark.parametrize("read", JSON_READERS.values(), ids=JSON_READERS)
def test_hostile_json_is_refused_in_a_sentence(read: Reader, content: bytes, tmp_path: Path) -> None:
    """In every file of JSON that stops whoever needs it."""
    path = tmp_path / "file.json"
    path.write_bytes(content)
    with pytest.raises((ExporterError, AlertingError)) as refused:
        read(path)
    assert len(str(refused.value)) < 2_000


@pytest.mark.parametrize("content", JSON.values(), ids=JSON)
def test_hostile_json_is_no_candidate_and_no_result(content: bytes, tmp_path: Path) -> None:
    """What a training wrote is refused without an error: the champion goes on."""
    path = tmp_path / "file.json"
    path.write_bytes(content)
    assert isinstance(read_candidate(path), Refusal)
    found = order.read_result(path)
    assert found is None or set(found) == {"a"}


@pytest.mark.parametrize("content", JSON.values(), ids=JSON)
def test_hostile_messages_stop_no_stream(content: bytes) -> None:
    """Of a topic of alerts nothing is believed, of a topic of rows at most a row that is looked at next."""
    assert parsed(content, ("m", "1")) is None
    assert begin_at(70, 80, content.decode("latin-1")) == 80
    try:
        rows = parse(content, 1_000_000)
    except PoisonError:
        return
    assert [set(row) for row in rows] == [{"a"}]


@pytest.mark.parametrize("number", ["1e999", "Infinity", "NaN", "9" * 400, "null", "[]"])
def test_a_topic_of_alerts_has_no_sequence_that_breaks_its_reader(number: str) -> None:
    """Whatever stands where the sequence should."""
    said = '{"model_name": "m", "model_version": "1", "state": "drift", "severity": "x", "sequence": '
    assert parsed(f"{said}{number}}}".encode(), ("m", "1")) is None


def test_a_file_above_its_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """References, candidates, results, tokens: the limit is a number, and one byte more is too much."""
    path = tmp_path / "file"
    path.write_bytes(b" " * (MAX_SECRET_BYTES + 1))
    monkeypatch.setattr(document, "MAX_BYTES", 1_000)
    monkeypatch.setattr(alerting.retraining.candidate, "MAX_REFERENCE_BYTES", 1_000)
    with pytest.raises(ReferenceDataError, match="found more than"):
        Reference.load(path)
    with pytest.raises(AlertingError, match="found more than"):
        alerting.retraining.candidate.read_reference(path)
    assert order.parse_result(b"1" * (order.MAX_RESULT_BYTES + 1)) is None
    with pytest.raises(ExporterError, match="found more than 65,536 bytes, need its value alone"):
        load_config(_with_token(tmp_path, path), {})
    path.write_bytes(b"s" * (secret_file.MAX_SECRET_BYTES + 1))
    with pytest.raises(AlertingError, match="found more than"):
        secret_file.read(path, "SLACK_BOT_TOKEN_FILE")
    with pytest.raises(PoisonError, match="need 10 at most"):
        parse(b"[1, 2, 3, 4]", 10)


def _with_token(folder: Path, token: Path) -> Path:
    path = folder / "exporter.yaml"
    path.write_text(f"server: {{token_file: {token.name}}}")
    return path


def _places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in a document; of a list the first two."""
    if place:
        yield place
    inner = (
        value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    )
    for key, part in inner:
        yield from _places(part, (*place, key))


@pytest.mark.parametrize("hostile", [10**30, 1e999, "\ud800", -1, None, [], {"a": 1}], ids=repr)
def test_a_reference_with_anything_anywhere_is_read_or_refused(reference: Reference, hostile: Any) -> None:
    """Also when its checksum is right: whoever changes a file can compute that, too."""
    whole = document.to_document(reference)
    for place in list(_places(whole))[::3]:
        changed = copy.deepcopy(whole)
        inner: Any = changed
        for key in place[:-1]:
            inner = inner[key]
        inner[place[-1]] = hostile
        try:
            changed["checksum"] = document.checksum(changed)
        except ValueError:
            changed["checksum"] = "sha256:0"  # a number beyond floats has no checksum
        try:
            document.from_document(changed)
        except ReferenceDataError as refused:
            assert len(str(refused)) < 2_000  # noqa: PT017 - reading it is as good


HEADERS: list[Any] = [[], None, {}, {"n_rows": "x"}, {"n_rows": 10**30, "features": [], "scores": False}]


@pytest.mark.parametrize("header", HEADERS, ids=repr)
def test_a_batch_whose_checksum_is_right_and_nothing_else_is_refused(header: Any) -> None:
    """Whoever may write to the store writes checksums as we do."""
    whole = batch.encode(Observations(times=np.zeros(2), features={"a": np.zeros(2)}))
    assert batch.decode(whole).n_rows == 2
    for head in (json.dumps(header).encode(), b"[" * 100_000, b"\xff"):
        body = head + b"\0" * 16
        prefix = batch._PREFIX.pack(batch.MAGIC, zlib.crc32(body), len(head))
        with pytest.raises(StoreError, match="damaged"):
            batch.decode(prefix + body)
