from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from alerting.retraining import hand_over
from alerting.retraining.order import Done
from alerting.retraining.policy import ModelPolicy
from exporter.rollout import Candidate, read_candidate

from .conftest import STARTED, Bench, cause, policy, train


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "candidate.json"


@pytest.fixture
def handing(path: Path) -> ModelPolicy:
    """A model whose candidates are handed over."""
    return policy(hand_over=str(path))


def finish(bench: Bench) -> None:
    bench.ask()
    bench.step()
    bench.runner.finish(bench)
    bench.step()


def test_a_candidate_that_passed_is_handed_over(
    bench_of: Callable[..., Bench], handing: ModelPolicy, path: Path
) -> None:
    """With version, places, run and cause; the audit log says where to. The server's side can read it."""
    bench = bench_of(handing)
    finish(bench)
    assert bench.run().state == "succeeded"
    found = read_candidate(path)
    assert isinstance(found, Candidate)
    assert (found.model_name, found.version) == ("delay", "2")
    assert Path(found.model_path).read_bytes() == b"weights"
    assert json.loads(Path(found.reference_path).read_text("utf-8"))["model_version"] == "2"
    assert (found.about["run_id"], found.about["cause_key"], found.about["trigger"]) == (
        1, "incident-1", "drift",
    )  # fmt: skip
    with bench.state.read() as connection:
        detail = connection.execute("SELECT detail FROM events WHERE kind = 'succeeded'").fetchone()[0]
    assert json.loads(detail)["handed_over"] == str(path)
    assert sorted(entry.name for entry in path.parent.glob("*candidate*")) == ["candidate.json"]


def test_a_candidate_that_was_refused_is_not(
    bench_of: Callable[..., Bench], handing: ModelPolicy, path: Path
) -> None:
    """What was handed over before stays."""
    path.write_text("before", encoding="utf-8")
    bench = bench_of(handing)
    bench.runner.end = lambda order: Done(result=train(order.folder, comparison={"verdict": "worse"}))
    finish(bench)
    assert bench.run().state == "refused"
    assert path.read_text("utf-8") == "before"


def test_without_the_key_nobody_is_told(bench: Bench, path: Path) -> None:
    """The candidate stays in its folder, as before."""
    finish(bench)
    assert bench.run().state == "succeeded"
    assert not path.exists()


def test_while_the_file_cannot_be_written_the_run_goes_on(
    bench_of: Callable[..., Bench], handing: ModelPolicy, path: Path
) -> None:
    """It has not succeeded before somebody can have it; a minute later it is tried again."""
    path.mkdir()
    bench = bench_of(handing)
    finish(bench)
    assert bench.run().state == "evaluating"
    path.rmdir()
    bench.step(seconds=61)
    assert bench.run().state == "succeeded"
    assert isinstance(read_candidate(path), Candidate)


def test_a_service_that_was_killed_before_it_wrote_it_down_hands_over_once_more(
    bench_of: Callable[..., Bench], handing: ModelPolicy, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same candidate, whoever judges it."""
    bench = bench_of(handing)
    write = hand_over.write

    def killed(*arguments: object) -> None:
        write(*arguments)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(hand_over, "write", killed)
    with pytest.raises(KeyboardInterrupt):
        finish(bench)
    first = read_candidate(path)
    monkeypatch.setattr(hand_over, "write", write)
    again = bench_of(handing, runner=bench.runner)
    assert again.run().state == "evaluating"
    again.step()
    assert again.run().state == "succeeded"
    assert read_candidate(path) == first


def test_the_newest_replaces_the_one_before(
    bench_of: Callable[..., Bench], handing: ModelPolicy, path: Path
) -> None:
    """The reader sees one or the other."""
    bench = bench_of(handing)
    finish(bench)
    bench.ask(cause("by hand", origin="manual", alerts=(), since=STARTED))
    bench.step()
    bench.runner.finish(bench)
    bench.step()
    found = read_candidate(path)
    assert isinstance(found, Candidate)
    assert found.about["run_id"] == 2
