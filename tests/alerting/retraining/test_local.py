from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alerting.retraining.controller import Place
from alerting.retraining.keeper import GROUP_FILE, OUTPUT_FILE
from alerting.retraining.local import LocalRunner
from alerting.retraining.order import Absent, Broken, Busy, Done, Look, Order, write
from alerting.retraining.policy import Retries
from alerting.retraining.runs import Run

from .conftest import STARTED, Bench, cause, policy, reference_document

ENVIRONMENT = {"PATH": os.environ["PATH"], "PYTHONWARNINGS": "error"}
PATIENCE = 30.0
"""Seconds; a busy machine needs some for a new Python."""


def order(folder: Path, *, attempt: int = 1) -> Order:
    """An attempt in a folder."""
    run = Run(
        id=1, model_name="delay", cause=cause(), requested_at=STARTED, state="running", due_at=STARTED,
        attempt=attempt, trigger_name="drift", strategy="full", runner="local", started_at=STARTED,
        attempt_started_at=STARTED, ended_at=None, reasons=(), result=None,
    )  # fmt: skip
    return write(run, policy(parameters={"depth": 3}), folder / "attempts")


def script(code: str, folder: Path, **options: Any) -> LocalRunner:
    """A runner of some Python."""
    return LocalRunner(
        command=(sys.executable, "-c", code), directory=folder, environment=ENVIRONMENT, **options
    )


def ended(runner: LocalRunner, given: Order) -> Look | None:
    """How an attempt ended."""
    deadline = time.monotonic() + PATIENCE
    while isinstance(look := runner.look(given), Busy):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return look


def wait_for(condition: Callable[[], Any]) -> Any:
    """What a condition gives once it is true."""
    deadline = time.monotonic() + PATIENCE
    while not (value := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return value


WRITES = """
import json, os, sys
order = json.load(sys.stdin)
assert order == json.load(open(os.environ["DRIFTGAUGE_ORDER_FILE"]))
told = {name: value for name, value in os.environ.items() if name.startswith("DRIFTGAUGE_")}
json.dump({"order": order, "told": told, "cwd": os.getcwd(), "secret": "TOKEN" in os.environ},
          open(os.environ["DRIFTGAUGE_RESULT_FILE"], "w"))
"""


def test_a_command_gets_its_order_three_ways_and_gives_a_result(tmp_path: Path) -> None:
    """On standard input, as a file and in the environment; nothing else of the service's environment."""
    runner, given = script(WRITES, tmp_path), order(tmp_path)
    assert runner.look(given) == Absent()
    assert runner.start(given) is None
    look = ended(runner, given)
    assert isinstance(look, Done)
    assert look.result is not None
    told = look.result["told"]
    assert look.result["order"]["parameters"] == {"depth": 3}
    assert look.result["order"]["drifted_features"] == ["dep_hour"]
    assert (told["DRIFTGAUGE_STRATEGY"], told["DRIFTGAUGE_ATTEMPT"]) == ("full", "1")
    assert look.result["cwd"] == str(tmp_path)
    assert look.result["secret"] is False


def test_an_order_is_begun_once(tmp_path: Path) -> None:
    """Given again while it runs and after it ended, it has no further effect."""
    code = f"open({str(tmp_path / 'count')!r}, 'a').write('x')"
    runner, given = script(code, tmp_path), order(tmp_path)
    for _ in range(3):
        assert runner.start(given) is None
    ended(runner, given)
    runner.start(given)
    ended(script(code, tmp_path), given)
    assert (tmp_path / "count").read_text() == "x"


def test_a_command_that_fails_says_how_with_its_last_words(tmp_path: Path) -> None:
    """The exit code, and the end of what it wrote."""
    runner, given = (
        script("import sys; print('loading'); sys.exit('no rows since Tuesday')", tmp_path),
        order(tmp_path),
    )
    runner.start(given)
    look = ended(runner, given)
    assert isinstance(look, Broken)
    assert look.reason == "exit_code"
    assert "exit code 1" in look.words
    assert "no rows since Tuesday" in look.words


def test_a_command_that_writes_nothing_has_no_result(tmp_path: Path) -> None:
    """Nor one that writes something else than an object; both ended well, and are refused later."""
    runner, given = script("pass", tmp_path), order(tmp_path)
    runner.start(given)
    assert ended(runner, given) == Done(result=None)
    other = order(tmp_path, attempt=2)
    runner = script("import os; open(os.environ['DRIFTGAUGE_RESULT_FILE'], 'w').write('[1]')", tmp_path)
    runner.start(other)
    assert ended(runner, other) == Done(result=None)


def test_a_command_that_is_not_there_is_refused_for_good(tmp_path: Path) -> None:
    """It would not be there the next time either."""
    runner, given = LocalRunner(command=("/no/such/program",), directory=tmp_path), order(tmp_path)
    runner.start(given)
    look = ended(runner, given)
    assert isinstance(look, Broken)
    assert (look.reason, look.lasting) == ("rejected", True)


HANGS = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open(sys.argv[1], "w").write(str(child.pid))
time.sleep(600)
"""


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and is not yet buried does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_command_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    """Though it does not listen to SIGTERM."""
    runner, given = script(HANGS, tmp_path, timeout=1.5, grace=0.2), order(tmp_path)
    runner.command = (*runner.command, str(tmp_path / "pid"))
    runner.start(given)
    look = ended(runner, given)
    assert isinstance(look, Broken)
    assert look.reason == "timeout"
    child = int((tmp_path / "pid").read_text())
    wait_for(lambda: not alive(child))


def test_what_a_command_leaves_behind_goes_with_it(tmp_path: Path) -> None:
    """A child that holds its output open neither keeps it going nor stays."""
    code = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, flush=True)"
    )
    runner, given = script(code, tmp_path), order(tmp_path)
    runner.start(given)
    assert ended(runner, given) == Done(result=None)
    child = int((given.folder / OUTPUT_FILE).read_text().split()[0])
    wait_for(lambda: not alive(child))


def test_output_without_end_is_cut_in_the_middle(tmp_path: Path) -> None:
    """Its beginning and its end stay, and how much is missing."""
    code = "print('first'); print('x' * 3_000_000); print('last')"
    runner, given = script(code, tmp_path, max_output_bytes=4_096), order(tmp_path)
    runner.start(given)
    ended(runner, given)
    kept = (given.folder / OUTPUT_FILE).read_text()
    assert len(kept) < 4_200
    assert kept.startswith("first")
    assert kept.endswith("last\n")
    assert "bytes left out" in kept


STARTER = """
import json, os, pathlib, signal, sys
from alerting.retraining.local import LocalRunner
from alerting.retraining.order import Order
folder = pathlib.Path(sys.argv[1])
order = Order(name=folder.name, folder=folder, document=json.loads(sys.argv[2]))
runner = LocalRunner(command=(sys.executable, "-c", sys.argv[3]), directory=folder.parent)
assert runner.start(order) is None
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_training_that_lost_its_service_runs_on_and_is_found_again(tmp_path: Path) -> None:
    """After kill -9 of who started it, another process sees it run, and then its result."""
    result = json.dumps({"a": 1})
    code = (
        f"import os, time; time.sleep(2); open(os.environ['DRIFTGAUGE_RESULT_FILE'], 'w').write({result!r})"
    )
    given = order(tmp_path)
    arguments = [str(given.folder), json.dumps(given.document), code]
    environment = {**ENVIRONMENT, "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run([sys.executable, "-c", STARTER, *arguments], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    runner = script(code, tmp_path)
    assert isinstance(runner.look(given), Busy)
    assert ended(runner, given) == Done(result={"a": 1})


def test_a_training_killed_with_its_keeper_counts_as_interrupted(tmp_path: Path) -> None:
    """And one whose keeper alone was killed is still seen to run, and can be stopped."""
    runner, given = script("import time; time.sleep(600)", tmp_path), order(tmp_path)
    runner.start(given)
    group = int(
        wait_for(lambda: (given.folder / GROUP_FILE).is_file() and (given.folder / GROUP_FILE).read_text())
    )
    keeper = runner._keepers[given.name]
    keeper.kill()
    keeper.wait()
    assert isinstance(runner.look(given), Busy)
    runner.stop(given)
    look = ended(runner, given)
    assert isinstance(look, Broken)
    assert look.reason == "interrupted"
    assert not alive(group)


def test_a_keeper_that_is_told_to_stop_takes_the_training_along(tmp_path: Path) -> None:
    """As a machine does that shuts down."""
    runner, given = script("import time; time.sleep(600)", tmp_path), order(tmp_path)
    runner.start(given)
    wait_for((given.folder / GROUP_FILE).is_file)
    runner._keepers[given.name].terminate()
    look = ended(runner, given)
    assert isinstance(look, Broken)
    assert look.reason == "interrupted"


FUNCTIONS = """
import os
def train(order):
    return {"strategy": order["strategy"], "pid": os.getpid()}
def crash(order):
    os.abort()
def nothing(order):
    return None
"""


def test_a_function_runs_in_a_process_of_its_own(tmp_path: Path) -> None:
    """It gets the order and gives the result; its crash, and its absence, are failures of the attempt."""
    (tmp_path / "trainings.py").write_text(FUNCTIONS)
    found: dict[str, Look | None] = {}
    for number, name in enumerate(("train", "crash", "nothing", "absent"), start=1):
        runner = LocalRunner(function=f"trainings:{name}", directory=tmp_path, environment=ENVIRONMENT)
        given = order(tmp_path, attempt=number)
        runner.start(given)
        found[name] = ended(runner, given)
    good = found["train"]
    assert isinstance(good, Done)
    assert good.result is not None
    assert good.result["strategy"] == "full"
    assert good.result["pid"] != os.getpid()
    for name, words in (
        ("crash", "exit code -6"),
        ("nothing", "need a dict"),
        ("absent", "no such function"),
    ):
        look = found[name]
        assert isinstance(look, Broken)
        assert words in look.words


def test_an_attempt_has_the_same_name_wherever_it_is_asked_for(tmp_path: Path) -> None:
    """From cause, model and number alone, and fit for Kubernetes: replicas without a shared state agree."""
    one, other = order(tmp_path / "a"), order(tmp_path / "b")
    assert one.name == other.name
    assert one.name != order(tmp_path, attempt=2).name
    assert len(one.name) <= 63
    assert json.dumps(one.document)


OTHER_FEATURES = """
import os, json
folder = os.environ["DRIFTGAUGE_OUTPUT_DIRECTORY"]
open(folder + "/model.bin", "w").write("weights")
open(folder + "/reference.json", "w").write({reference!r})
result = dict(model_path="model.bin", reference_path="reference.json", metrics=dict(auc=1))
json.dump(result, open(os.environ["DRIFTGAUGE_RESULT_FILE"], "w"))
"""

BAD = {
    "fails": ("import sys; sys.exit('no data')", "failed", "exit_code"),
    "hangs": ("import time; time.sleep(600)", "failed", "timeout"),
    "writes nothing": ("pass", "refused", "no_result"),
    "writes no JSON": (
        "import os; open(os.environ['DRIFTGAUGE_RESULT_FILE'], 'w').write('{')",
        "refused",
        "no_result",
    ),
    "has other features": (
        OTHER_FEATURES,
        "refused",
        "other_features",
    ),
}


@pytest.mark.parametrize("what", sorted(BAD))
def test_a_bad_training_ends_with_its_reason_and_the_champion_untouched(
    bench_of: Callable[..., Bench], tmp_path: Path, what: str
) -> None:
    """A real process under the real controller; one attempt, so that failures end at once."""
    code, state, reason = BAD[what]
    foreign = json.dumps(reference_document(features={"tail_number": {"kind": "categorical"}}))
    runner = script(code.replace("{reference!r}", repr(foreign)), tmp_path, timeout=1.0, grace=0.1)
    if what != "hangs":
        runner.timeout = PATIENCE
    champion = tmp_path / "champion.json"
    champion.write_text(json.dumps(reference_document(model_version="1")))
    before = champion.read_bytes()
    own = policy(features=(), reference_path=str(champion), retries=Retries(attempts=1))
    bench = bench_of(own, places={"fake": Place(runner=runner)})
    bench.ask()
    bench.step()

    def over() -> bool:
        bench.step()
        return bench.run().state not in ("running", "evaluating")

    wait_for(over)
    assert bench.run().state == state
    assert bench.codes() == [reason]
    assert bench.run().reasons[0].words
    assert champion.read_bytes() == before
