from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from alerting.retraining.order import Broken, Done, Order
from alerting.retraining.policy import Retries

from .conftest import STARTED, Bench, cause, policy, train


def run(bench: Bench, key: str) -> None:
    """A run from its cause to its end, with all of its attempts."""
    bench.ask(cause(key, origin="manual", alerts=(), since=STARTED))
    bench.step()
    for _ in range(3):
        bench.runner.finish(bench)
        bench.step()
        bench.step(seconds=300)


def left(bench: Bench) -> list[str]:
    return sorted(path.name for path in bench.controller.folder.iterdir())


def broken(order: Order) -> Broken:
    """A program that wrote something and failed."""
    order.folder.mkdir(parents=True)
    (order.folder / "output.log").write_text("no memory")
    return Broken(reason="exit_code", words="exit code 1")


def test_the_newest_failed_runs_keep_their_folders(bench_of: Callable[..., Bench]) -> None:
    """Of older ones all attempts go; the runs themselves stay known."""
    bench = bench_of(policy(retries=Retries(attempts=2, backoff=60.0)))
    bench.controller.keep_attempts = 2
    bench.runner.end = broken
    names: list[str] = []
    for number in range(4):
        run(bench, f"press-{number}")
        assert bench.run(number + 1).state == "failed"
        names += [name for name in bench.runner.begun if name not in names]
    assert len(names) == 8
    assert left(bench) == sorted(names[4:])
    assert bench.ask(cause("press-0", origin="manual", alerts=(), since=STARTED)) == [(1, False)]


def test_a_candidate_stays_however_old(bench_of: Callable[..., Bench]) -> None:
    """Its model may serve; refused ones after it go."""
    bench = bench_of()
    bench.controller.keep_attempts = 1
    run(bench, "press-good")
    assert bench.run(1).state == "succeeded"
    (good,) = left(bench)
    bench.runner.end = lambda order: Done(result=train(order.folder, comparison={"verdict": "worse"}))
    for number in range(3):
        run(bench, f"press-{number}")
        assert bench.run(number + 2).state == "refused"
    assert set(left(bench)) == {good, bench.runner.begun[-1]}
    assert (bench.controller.folder / good / "model.bin").exists()


def test_another_models_folders_are_its_own(bench_of: Callable[..., Bench], tmp_path: Path) -> None:
    """What lies beside them too."""
    bench = bench_of(policy(retries=Retries(attempts=1)))
    bench.controller.keep_attempts = 1
    bench.runner.end = broken
    other = tmp_path / "attempts" / "driftgauge-other-0123456789ab-1"
    other.mkdir(parents=True)
    for number in range(3):
        run(bench, f"press-{number}")
    assert left(bench) == sorted([other.name, bench.runner.begun[-1]])
