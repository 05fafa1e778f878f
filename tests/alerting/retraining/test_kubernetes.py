from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from alerting.retraining.kubernetes import KubernetesRunner, problems
from alerting.retraining.order import Absent, Broken, Busy, Done, Order, write
from alerting.retraining.runs import Run

from .conftest import STARTED, cause, policy

MANIFEST = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"labels": {"team": "ml"}},
    "spec": {
        "template": {
            "spec": {
                "containers": [
                    {"name": "train", "image": "registry/train:1", "env": [{"name": "A", "value": "b"}]}
                ],
            }
        }
    },
}

KUBECTL = """
import json, os, pathlib, sys
folder = pathlib.Path(os.environ["FAKE"])
words = sys.argv[1:]
assert words[:2] == ["--namespace", "ml"], words
with (folder / "calls").open("a") as calls:
    calls.write(" ".join(words[2:4]) + "\\n")
if words[2] == "apply":
    if (folder / "refuse").exists():
        sys.exit("error: denied by admission webhook")
    text = pathlib.Path(words[4]).read_text()
    (folder / "applied.yaml").write_text(text)
    (folder / "status.json").write_text("{}")
elif words[2] == "get" and (folder / "status.json").exists():
    print(json.dumps({"kind": "Job", "status": json.loads((folder / "status.json").read_text())}))
elif words[2] == "delete":
    (folder / "status.json").unlink()
"""
"""As much of kubectl as is called."""


@pytest.fixture
def order(tmp_path: Path) -> Order:
    """An attempt whose folder is mounted elsewhere for the training."""
    run = Run(
        id=7, model_name="delay", cause=cause(), requested_at=STARTED, state="running", due_at=STARTED,
        attempt=1, trigger_name="drift", strategy="full", runner="k8s", started_at=STARTED,
        attempt_started_at=STARTED, ended_at=None, reasons=(), result=None,
    )  # fmt: skip
    return write(run, policy(), tmp_path / "attempts", seen="/mnt/attempts/")


def runner(folder: Path, **options: Any) -> KubernetesRunner:
    """A runner with a fake kubectl."""
    (folder / "kubectl.py").write_text(KUBECTL)
    return KubernetesRunner(
        manifest=MANIFEST,
        namespace="ml",
        kubectl=(sys.executable, str(folder / "kubectl.py")),
        environment={"PATH": os.environ["PATH"], "FAKE": str(folder)},
        timeout=600.0,
        **options,
    )


def test_the_manifest_gets_the_name_the_order_and_the_limits(tmp_path: Path, order: Order) -> None:
    """Its own labels and variables stay; paths are those that the pod sees."""
    job = runner(tmp_path).render(order)
    assert job["metadata"]["name"] == order.name
    assert job["metadata"]["labels"]["team"] == "ml"
    assert job["metadata"]["labels"]["driftgauge/run"] == "7"
    assert job["spec"]["backoffLimit"] == 0
    assert job["spec"]["activeDeadlineSeconds"] == 600
    assert job["spec"]["template"]["spec"]["restartPolicy"] == "Never"
    (container,) = job["spec"]["template"]["spec"]["containers"]
    told = {entry["name"]: entry["value"] for entry in container["env"]}
    assert told["A"] == "b"
    assert told["DRIFTGAUGE_RESULT_FILE"] == f"/mnt/attempts/{order.name}/result.json"
    assert json.loads(told["DRIFTGAUGE_ORDER"]) == order.document
    assert not list(problems({**job, "metadata": {}}))
    assert "name" not in MANIFEST["metadata"]


def test_a_job_is_applied_and_followed(tmp_path: Path, order: Order) -> None:
    """Absent, busy, complete with the result from the shared folder."""
    there = runner(tmp_path)
    assert there.look(order) == Absent()
    assert there.start(order) is None
    assert there.start(order) is None
    assert yaml.safe_load((tmp_path / "applied.yaml").read_text())["metadata"]["name"] == order.name
    assert there.look(order) == Busy()
    order.result_path.write_text('{"a": 1}')
    status = {"conditions": [{"type": "Complete", "status": "True"}]}
    (tmp_path / "status.json").write_text(json.dumps(status))
    assert there.look(order) == Done(result={"a": 1})
    there.stop(order)
    assert there.look(order) == Absent()


@pytest.mark.parametrize(
    ("why", "reason"), [("DeadlineExceeded", "timeout"), ("BackoffLimitExceeded", "exit_code")]
)
def test_a_job_that_failed_says_why(tmp_path: Path, order: Order, why: str, reason: str) -> None:
    """Out of time, or out of luck."""
    there = runner(tmp_path)
    there.start(order)
    status = {"conditions": [{"type": "Failed", "status": "True", "reason": why}]}
    (tmp_path / "status.json").write_text(json.dumps(status))
    look = there.look(order)
    assert isinstance(look, Broken)
    assert look.reason == reason


def test_a_cluster_that_refuses_or_is_away_is_told_apart(tmp_path: Path, order: Order) -> None:
    """What kubectl says is part of the reason."""
    there = runner(tmp_path)
    (tmp_path / "refuse").touch()
    refused = there.start(order)
    assert refused is not None
    assert refused.words == "kubectl apply: error: denied by admission webhook"
    absent = KubernetesRunner(manifest=MANIFEST, kubectl=("/no/such/kubectl",))
    away = absent.start(order)
    assert away is not None
    assert away.reason == "unreachable"
    assert absent.look(order) is None


def test_without_kubectl_the_manifest_waits_for_somebody(tmp_path: Path, order: Order) -> None:
    """And the result is the file."""
    there = KubernetesRunner(manifest=MANIFEST)
    assert there.look(order) == Absent()
    assert there.start(order) is None
    assert (order.folder / "job.yaml").is_file()
    assert there.look(order) == Busy()
    order.result_path.write_text("{}")
    assert there.look(order) == Done(result={})


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        ([], "found list, need a Job"),
        ({**MANIFEST, "kind": "Pod"}, "kind: found 'Pod', need Job"),
        ({**MANIFEST, "apiVersion": "v1"}, "apiVersion: found 'v1', need batch/v1"),
        ({**MANIFEST, "metadata": {"name": "mine"}}, "metadata.name: found one"),
        ({**MANIFEST, "metadata": 3}, "metadata: found int"),
        ({**MANIFEST, "spec": {}}, "spec.template.spec: found nothing"),
        (
            {**MANIFEST, "spec": {"template": {"spec": {"containers": []}}}},
            "spec.template.spec.containers: found nothing",
        ),
        (
            {**MANIFEST, "spec": {"template": {"spec": {"containers": [3, {"name": "A B"}]}}}},
            "containers.1.image: found nothing",
        ),
        (
            {**MANIFEST, "spec": {"template": {"spec": {"containers": [3], "restartPolicy": "Always"}}}},
            "restartPolicy: found 'Always'",
        ),
    ],
)
def test_a_manifest_that_cannot_work_is_refused_at_the_start(manifest: object, words: str) -> None:
    """Each problem with its place."""
    assert any(words in problem for problem in problems(manifest)), list(problems(manifest))
