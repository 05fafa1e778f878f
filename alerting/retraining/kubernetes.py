"""Trainings as Kubernetes Jobs: a manifest of yours, completed, checked and applied with kubectl.

Without kubectl the manifest is written into the attempt's folder for whoever applies it, and the result file
is waited for. The Job's name is the attempt's, so applying it twice makes one Job.
"""

from __future__ import annotations

import copy
import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from .local import DEFAULT_TIMEOUT
from .order import Absent, Broken, Busy, Done, Look, Order, read_result

MANIFEST_FILE: Final = "job.yaml"
CALL_SECONDS: Final = 30.0
"""Of one call of kubectl."""
MAX_NAME: Final = 63
"""https://kubernetes.io/docs/concepts/overview/working-with-objects/names/: an RFC 1123 label."""
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_KEPT_SECONDS: Final = 7 * 86_400
"""For which a finished Job stays, unless the manifest says otherwise."""


@dataclass(frozen=True, kw_only=True)
class KubernetesRunner:
    """Applies a Job and asks how it stands.

    Parameters
    ----------
    manifest : mapping
        A Job without a name; checked by `problems`.
    namespace : str
    kubectl : tuple of str
        The command and its first arguments; empty applies nothing.
    environment : mapping of str to str
        Of kubectl.
    timeout : float
        Seconds; becomes `activeDeadlineSeconds`.
    """

    manifest: Mapping[str, Any]
    namespace: str = "default"
    kubectl: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    timeout: float = DEFAULT_TIMEOUT

    def start(self, order: Order) -> Broken | None:
        """Write the manifest, and apply it."""
        path = order.folder / MANIFEST_FILE
        try:
            order.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.write_text(yaml.safe_dump(self.render(order), sort_keys=False), encoding="utf-8")
        except OSError as error:
            return Broken(reason="unreachable", words=f"{path}: {error.strerror}")
        if not self.kubectl:
            return None
        done = self._run("apply", "-f", str(path))
        if done is None:
            return Broken(reason="unreachable", words="kubectl: no answer")
        if done.returncode != 0:
            return Broken(reason="rejected", words=f"kubectl apply: {_words(done.stderr)}")
        return None

    def look(self, order: Order) -> Look | None:
        """How the Job stands."""
        if not self.kubectl:
            if not (order.folder / MANIFEST_FILE).is_file():
                return Absent()
            result = read_result(order.result_path)
            return Busy() if result is None else Done(result=result)
        done = self._run("get", "job", order.name, "-o", "json", "--ignore-not-found")
        if done is None or done.returncode != 0:
            return None
        if not done.stdout.strip():
            return Absent()
        try:
            status = json.loads(done.stdout).get("status", {})
            conditions = {entry["type"]: entry for entry in status.get("conditions") or () if _true(entry)}
        except (ValueError, TypeError, KeyError, AttributeError):
            return None
        if "Complete" in conditions:
            return Done(result=read_result(order.result_path))
        if "Failed" in conditions:
            reason = str(conditions["Failed"].get("reason", ""))[:100]
            if reason == "DeadlineExceeded":
                return Broken(reason="timeout", words=f"the Job took longer than {self.timeout:g} seconds")
            return Broken(reason="exit_code", words=f"Job {order.name} failed: {reason or 'no reason'}")
        return Busy()

    def stop(self, order: Order) -> None:
        """Delete the Job with its pods."""
        if self.kubectl:
            self._run("delete", "job", order.name, "--ignore-not-found", "--wait=false")

    def render(self, order: Order) -> dict[str, Any]:
        """The manifest with the name, labels, order and limits of an attempt."""
        job: dict[str, Any] = copy.deepcopy(dict(self.manifest))
        metadata = job.setdefault("metadata", {})
        metadata |= {"name": order.name[:MAX_NAME], "namespace": self.namespace}
        labels = {
            "app.kubernetes.io/managed-by": "driftgauge",
            "driftgauge/run": str(order.document["run_id"]),
        }
        metadata["labels"] = {**metadata.get("labels", {}), **labels}
        spec = job["spec"]
        # Attempts are ours to count: a Job that tries again by itself would be a second run.
        spec |= {"backoffLimit": 0, "activeDeadlineSeconds": max(1, int(self.timeout))}
        spec.setdefault("ttlSecondsAfterFinished", _KEPT_SECONDS)
        pod = spec["template"]["spec"]
        pod.setdefault("restartPolicy", "Never")
        told = order.environment()
        # A file of this machine is not in the pod: the whole order goes as text.
        del told["DRIFTGAUGE_ORDER_FILE"]
        told["DRIFTGAUGE_ORDER"] = json.dumps(order.document, ensure_ascii=False)
        for container in pod["containers"]:
            own = [entry for entry in container.get("env") or () if entry.get("name") not in told]
            container["env"] = [*own, *({"name": name, "value": value} for name, value in told.items())]
        return job

    def _run(self, *words: str) -> subprocess.CompletedProcess[str] | None:
        """Call kubectl; None if it cannot be called or does not answer."""
        try:
            return subprocess.run(  # noqa: S603 - what the configuration says, and no shell
                [*self.kubectl, "--namespace", self.namespace, *words],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                env=dict(self.environment),
                timeout=CALL_SECONDS,
                check=False,
                start_new_session=True,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None


def problems(manifest: object) -> Iterator[str]:
    """What is wrong with a manifest: key, what was found, what is needed."""
    if not isinstance(manifest, dict):
        yield f"found {type(manifest).__name__}, need a Job"
        return
    for key, needed in (("apiVersion", "batch/v1"), ("kind", "Job")):
        if manifest.get(key) != needed:
            yield f"{key}: found {str(manifest.get(key))[:40]!r}, need {needed}"
    metadata = manifest.get("metadata", {})
    if not isinstance(metadata, dict):
        yield f"metadata: found {type(metadata).__name__}, need a mapping"
    elif "name" in metadata or "generateName" in metadata:
        yield "metadata.name: found one, need none: each attempt has its own"
    pod = _at(manifest, "spec", "template", "spec")
    if not isinstance(pod, dict):
        yield "spec.template.spec: found nothing, need the pod"
        return
    if pod.get("restartPolicy", "Never") != "Never":
        found = str(pod["restartPolicy"])[:40]
        yield f"spec.template.spec.restartPolicy: found {found!r}, need Never: attempts are counted here"
    yield from _container_problems(pod.get("containers"))


def _container_problems(containers: object) -> Iterator[str]:
    if not isinstance(containers, list) or not containers:
        yield "spec.template.spec.containers: found nothing, need one"
        return
    for number, container in enumerate(containers):
        where = f"spec.template.spec.containers.{number}"
        if not isinstance(container, dict):
            yield f"{where}: found {type(container).__name__}, need a mapping"
            continue
        if not _NAME.fullmatch(str(container.get("name", ""))):
            yield f"{where}.name: found {str(container.get('name'))[:40]!r}, need small letters, digits and -"
        if not isinstance(container.get("image"), str) or not container["image"]:
            yield f"{where}.image: found nothing, need an image"


def _at(value: object, *keys: str) -> object:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _true(condition: Mapping[str, Any]) -> bool:
    return condition.get("status") == "True"


def _words(text: str) -> str:
    return " ".join(text.split())[:300] or "no words"
