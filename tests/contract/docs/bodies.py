"""JSON of the documentation: read by the code that it is for, or held against what code writes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from alerting.actions import OUTCOMES
from alerting.look import LinkPolicy
from alerting.retraining import candidate, cause
from alerting.retraining.policy import ModelPolicy
from alerting.secret import Secret
from alerting.testing import FakeWebhook
from alerting.testing.letters import NOW, letter
from alerting.webhook import Webhook, WebhookPolicy
from exporter import Reference
from exporter.rollout.candidate import Candidate, read_candidate
from exporter.stream_settings import MAX_MESSAGE_BYTES, RowColumns
from exporter.streams import alerts
from exporter.streams.messages import Message, Reader

WEEK_SECONDS: Final = 604_800.0
"""Messages of the pages say times of the week after `NOW`."""


def read(text: str, folder: Path, names: Mapping[str, Any]) -> None:
    """Read a document, or one document a line.

    Parameters
    ----------
    folder : Path
        Where the page's commands ran and left their files.
    names : mapping of str to object
        What the page's Python has; of it `reference` is the one that messages fit.
    """
    for document in _documents(text):
        _read(document, folder, names)


def _documents(text: str) -> Iterator[Any]:
    try:
        yield json.loads(text)
    except ValueError:
        for line in text.splitlines():
            yield json.loads(line)


def _read(document: Any, folder: Path, names: Mapping[str, Any]) -> None:
    match document:
        case {"kind": "incident"}:
            _same_keys(document, _webhook_body(), ("labels", "annotations"))
        case {"kind": "retraining"}:
            assert cause.from_webhook(json.dumps(document).encode("utf-8"), now=NOW)
        case {"format": "driftgauge-candidate"}:
            _a_handed_over_candidate(document, folder)
        case {"model_path": _}:
            _candidate(document, folder)
        case {"drift_detected": _}:
            _part_of(document, json.loads((folder / "report.json").read_text(encoding="utf-8")), "report")
        case {"expect": _}:
            _an_expectation(document, folder)
        case {"window": _, "column": _, "state": _}:
            model = (document["model_name"], document["model_version"])
            assert alerts.parsed(json.dumps(document).encode("utf-8"), model) is not None
        case {"prediction_id": _, "label": _}:
            outcomes, refused = _reader(names).outcomes([_message(document)])
            assert (len(outcomes.ids), refused) == (1, {})
        case {"temp": _} | [{"temp": _}, *_]:
            observations, refused = _reader(names).observations([_message(document)])
            assert refused == {}, [error.detail for error in refused.values()]
            assert observations.n_rows > 0
        case {"outcome": outcome, "message": str(), "incident": int()}:
            assert outcome in OUTCOMES
        case _:
            raise AssertionError(f"{json.dumps(document)[:80]}: found a document that no test knows")


def _webhook_body() -> Mapping[str, Any]:
    """What the bridge posts."""
    with FakeWebhook(clock=lambda: NOW) as program:
        policy = WebhookPolicy(url=program.url)
        Webhook(policy=policy, secret=Secret(program.secret), links=LinkPolicy(), clock=lambda: NOW).send(
            letter()
        )
        return program.taken[0]


def _same_keys(found: Any, needed: Any, free: tuple[str, ...], where: str = "body") -> None:
    """The keys on every level are those that the code writes; below those that are free anything may be."""
    if isinstance(needed, dict):
        assert set(found) == set(needed), (
            f"{where}: found {sorted(set(found) ^ set(needed))} on one side only"
        )
        for key in set(needed) - set(free):
            _same_keys(found[key], needed[key], free, f"{where}.{key}")
    elif isinstance(needed, list) and needed and found:
        _same_keys(found[0], needed[0], free, f"{where}.0")


def _part_of(shown: Any, whole: Any, where: str) -> None:
    """What is shown was cut from the whole and is not changed, but for the time."""
    if isinstance(shown, dict):
        assert set(shown) <= set(whole), f"{where}: found {sorted(set(shown) - set(whole))}, which it has not"
        for key in set(shown) - {"checked_at"}:
            _part_of(shown[key], whole[key], f"{where}.{key}")
    elif shown != [] or not isinstance(whole, list):
        assert shown == whole, f"{where}: found {shown!r}, need {whole!r}"


def _an_expectation(document: Mapping[str, Any], folder: Path) -> None:
    """One of those that the page's checks wrote."""
    reports = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")]
    assert any(document in report.get("expectations", []) for report in reports)


def _candidate(document: Mapping[str, Any], folder: Path) -> None:
    """What a training has to say, with the files that it names."""
    (folder / document["model_path"]).write_bytes(b"a model")
    rows = [{name: float(place) for name in document["features"]} for place in range(200)]
    Reference.fit(rows, model_name="flight_delay", model_version=document["model_version"]).save(
        folder / document["reference_path"]
    )
    policy = ModelPolicy(
        name="flight_delay", runner="local", features=tuple(document["features"]), require_comparison=True
    )
    reasons = candidate.judge(document, policy, strategy="full", folder=folder)
    assert reasons == [], reasons


def _a_handed_over_candidate(document: Mapping[str, Any], folder: Path) -> None:
    """What a server looks for, in the file that its configuration names."""
    path = folder / "candidate.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    assert isinstance(read_candidate(path), Candidate)


def _reader(names: Mapping[str, Any]) -> Reader:
    return Reader(names["reference"], RowColumns(), MAX_MESSAGE_BYTES)


def _message(document: Any) -> Message:
    return Message(value=json.dumps(document).encode("utf-8"), at=NOW + WEEK_SECONDS)
