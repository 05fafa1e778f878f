from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from exporter.multiprocess import forget_dead

WORKER = """
import sys, warnings
warnings.simplefilter("error")
import numpy as np
from exporter import InstrumentedPredictor, MemoryStore, Reference
from exporter.families import families_for
from prometheus_client import generate_latest

def model(X):
    return np.asarray(X)[:, 0]

rows = np.linspace(0, 1, 400).reshape(200, 2)
reference = Reference.fit(rows, model_name="m", model_version="1", features=["a", "b"])
predictor = InstrumentedPredictor(model, name="m", version="1", reference=reference, background=False)
families = families_for(predictor.registry)
"""
"""What each process begins with."""


def run(directory: Path, script: str, expected: int = 0) -> str:
    """Output of a worker."""
    done = subprocess.run(
        [sys.executable, "-c", WORKER + script], capture_output=True, text=True, check=False,
        env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(directory)},
    )  # fmt: skip
    assert done.returncode == expected, done.stderr
    return done.stdout if expected == 0 else done.stderr


def test_counters_of_the_dead_stay_and_their_gauges_go(tmp_path: Path) -> None:
    """Two workers that have ended, and a third: their rows add up, and only its own states are shown."""
    script = """
predictor({rows})
predictor.check_now()
families.gauge("model_drift_state", "m", "1", "a").set(2)
families.gauge("model_business_value", "m", "1", "basket").set({rows})
"""
    run(tmp_path, script.format(rows="np.zeros((3, 2))").replace("set(np.zeros((3, 2)))", "set(3)"))
    run(tmp_path, script.format(rows="np.ones((4, 2))").replace("set(np.ones((4, 2)))", "set(4)"))
    text = run(tmp_path, "print(generate_latest(predictor.registry).decode())")
    assert 'model_predictions_total{model_name="m",model_version="1"} 7.0' in text
    assert 'model_prediction_calls_total{model_name="m",model_version="1"} 2.0' in text
    assert "model_drift_state" not in text
    assert 'model_business_value{measure="basket",model_name="m",model_version="1"} 4.0' in text
    assert "model_info{" in text
    assert "_created" not in text
    assert "process_cpu" not in text
    assert "pid=" not in text


def test_what_is_not_known_any_more_has_no_series(tmp_path: Path) -> None:
    """A gauge cannot be taken out of the files, and is not shown all the same."""
    text = run(
        tmp_path,
        """
families.show("model_drift_state", 1.0, "m", "1", "a")
families.show("model_drift_state", 1.0, "m", "1", "b")
families.show("model_drift_state", None, "m", "1", "a")
families.remove("model_drift_state", "m", "1", "never")
print(families.count_series("m", "1") > 10)
print(generate_latest(predictor.registry).decode())
""",
    )
    assert text.startswith("True\n")
    assert text.count("model_drift_state{") == 1
    assert "} nan" not in text.lower()


def test_windows_of_their_own_are_warned_of(tmp_path: Path) -> None:
    """Each worker would see only its own rows."""
    script = (
        "import logging, sys; logging.basicConfig(stream=sys.stdout)\n"
        "InstrumentedPredictor(model, name='o', version='1', background=False)"
    )
    assert "need a store that workers share, such as sqlite" in run(tmp_path, script)


def test_the_scrape_is_sound_while_a_killed_worker_left_an_empty_file(tmp_path: Path) -> None:
    """As one does that was killed between making its file and filling it."""
    (tmp_path / "counter_1.db").touch()
    assert "model_info" in run(tmp_path, "print(generate_latest(predictor.registry).decode())")


@pytest.mark.skipif(sys.platform != "linux", reason="the state of a process is read from Linux")
def test_a_worker_whose_end_nobody_asked_for_is_dead(tmp_path: Path) -> None:
    """A killed process that its parent has not waited for still takes signals, and has no gauges."""
    worker = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        file = tmp_path / f"gauge_livemostrecent_{worker.pid}.db"
        file.touch()
        forget_dead(tmp_path)
        assert file.exists()
        worker.kill()
        os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT)  # ended, and left as it is
        os.kill(worker.pid, 0)
        forget_dead(tmp_path)
        assert not file.exists()
    finally:
        worker.kill()
        worker.communicate()


def test_gunicorns_hooks_forget_who_is_gone(tmp_path: Path) -> None:
    """At its start all that an earlier run left, later the gauges of the worker that ended."""
    output = run(
        tmp_path,
        """
import os, types
from pathlib import Path
from exporter.multiprocess import child_exit, on_starting
directory = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
(directory / "counter_999999.db").touch()
on_starting(None)
print(sorted(path.name.replace(str(os.getpid()), "PID") for path in directory.glob("*.db")))
child_exit(None, types.SimpleNamespace(pid=os.getpid()))
print(sorted(path.name.replace(str(os.getpid()), "PID") for path in directory.glob("*.db")))
""",
    )
    before, after = output.splitlines()
    assert before == "['counter_PID.db', 'gauge_livemostrecent_PID.db', 'histogram_PID.db']"
    assert after == "['counter_PID.db', 'histogram_PID.db']"


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("import os; os.environ['PROMETHEUS_MULTIPROC_DIR'] = '{0}/none'", "need a directory that can be"),
        (
            "import os; del os.environ['PROMETHEUS_MULTIPROC_DIR']",
            "or unset since prometheus_client was imported, need a directory for as long as",
        ),
        (
            "import os; os.environ['PROMETHEUS_MULTIPROC_DIR'] = ''",
            "found it empty, or unset",
        ),
    ],
)
def test_a_directory_that_cannot_be_used_is_named(tmp_path: Path, script: str, message: str) -> None:
    """At the start, not at the first scrape."""
    script = script.format(tmp_path) + "\nInstrumentedPredictor(model, name='o', version='1')"
    assert message in run(tmp_path, script, expected=1)


def test_a_mode_that_was_chosen_too_late_is_refused(tmp_path: Path) -> None:
    """prometheus_client looks at the variable once; counters in memory would then pass for shared ones."""
    script = f"""
import os
import exporter
os.environ["PROMETHEUS_MULTIPROC_DIR"] = {str(tmp_path)!r}
exporter.InstrumentedPredictor(len, name="m", version="1")
"""
    environ = {name: value for name, value in os.environ.items() if name != "PROMETHEUS_MULTIPROC_DIR"}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, env=environ
    )
    assert "found it set after prometheus_client was imported" in done.stderr
