"""The real promtool, which checks and runs the rules, and the series of a fleet to run them on."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from driftgauge.resources import rules_dir

Promtool = Callable[..., subprocess.CompletedProcess[str]]

HOUR_MINUTES = 60
REFERENCE_ROWS = 10_000
TOLERANCE = 1e-9
"""Of the two numbers' relative difference: only rounding and the order of additions may part them."""


@pytest.fixture(scope="session")
def promtool() -> Promtool:
    """Runs promtool with the given arguments; its absence is a failure, since the rules are then unproven."""
    path = shutil.which("promtool")
    if path is None:
        pytest.fail("promtool is not installed; Debian has it in the package prometheus")

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run([path, *map(str, arguments)], capture_output=True, text=True, check=False)

    return run


class Fleet:
    """Input series of the replicas of one model, one sample a minute.

    Attributes
    ----------
    minutes : int
        How long they go on.
    version : str
        Of what is added from now on.
    series : list of dict
        As promtool takes them.
    """

    SPECIAL = ("__other__", "__missing__", "__inf__")

    def __init__(self, minutes: int = HOUR_MINUTES) -> None:
        self.minutes = minutes
        self.version = "1"
        self.series: list[dict[str, str]] = []

    def replica(self, instance: str, *, reference_version: str = "r", values: str = "") -> Fleet:
        """That a replica is there, and with which reference."""
        return self._add(
            "model_info", values or self._for_ever(1), instance, reference_version=reference_version
        )

    def reference(
        self, feature: str, ratios: Mapping[str, float], instance: str, *, kind: str = "numeric",
        rows: int = REFERENCE_ROWS,
    ) -> Fleet:  # fmt: skip
        """What a replica exports of the reference: shares of the values, missing and infinite beside them."""
        for name, ratio in {**dict.fromkeys(self.SPECIAL, 0.0), **ratios}.items():
            self._add(
                "model_reference_bin_ratio", self._for_ever(ratio), instance, feature_name=feature, bin=name
            )
        self._add("model_reference_samples", self._for_ever(rows), instance, feature_name=feature)
        return self._add("model_feature_info", self._for_ever(1), instance, feature_name=feature, kind=kind)

    def counts(
        self, feature: str, per_minute: Mapping[str, int], instance: str, *, values: str = ""
    ) -> Fleet:
        """Counters that grow by a number every minute, or as `values` says with `{}` for that number."""
        for name, step in {**dict.fromkeys(self.SPECIAL, 0), **per_minute}.items():
            text = self._growing(step, values)
            self._add("model_feature_bin_total", text, instance, feature_name=feature, bin=name)
        return self

    def counted(self, metric: str, feature: str, step: int, instance: str) -> Fleet:
        """Another counter of a feature."""
        return self._add(metric, self._growing(step), instance, feature_name=feature)

    def scores(
        self, edges: Sequence[str], ratios: Sequence[float], steps: Sequence[int], instance: str
    ) -> Fleet:
        """A histogram of scores, and the reference's shares of its buckets."""
        for i, (edge, ratio) in enumerate(zip(edges, ratios, strict=True)):
            where = {"output": "score", "bin": f"{i:02d}", "edge": edge}
            self._add("model_reference_prediction_ratio", self._for_ever(ratio), instance, **where)
            self._add("model_prediction_score_bucket", self._growing(sum(steps[: i + 1])), instance, le=edge)
        return self._add(
            "model_reference_prediction_samples", self._for_ever(REFERENCE_ROWS), instance, output="score"
        )

    def classes(self, ratios: Mapping[str, float], steps: Mapping[str, int], instance: str) -> Fleet:
        """Predicted classes, and the reference's shares of them."""
        for name, step in steps.items():
            self._add("model_predicted_class_total", self._growing(step), instance, predicted_class=name)
        for name, ratio in ratios.items():
            where = {"output": "class", "bin": name}
            self._add("model_reference_prediction_ratio", self._for_ever(ratio), instance, **where)
        return self._add(
            "model_reference_prediction_samples", self._for_ever(REFERENCE_ROWS), instance, output="class"
        )

    def _add(self, metric: str, values: str, instance: str, **labels: str) -> Fleet:
        own = {"model_name": "delay", "model_version": self.version, "instance": instance, **labels}
        self.series.append({"series": f"{metric}{{{pairs(own)}}}", "values": values})
        return self

    def _for_ever(self, value: float) -> str:
        return f"{value!r}x{self.minutes}"

    def _growing(self, step: int, values: str = "") -> str:
        return (values or f"0+{{}}x{self.minutes}").replace("{}", str(step))


def pairs(labels: Mapping[str, str]) -> str:
    """Labels as PromQL writes them."""
    return ", ".join(f'{name}="{value}"' for name, value in labels.items())


Expectations = Mapping[tuple[str, str], float | None]
"""(record, labels beyond those of version 1) to the value, or to None for no series."""


class Evaluation:
    """Runs a fleet's series through rules, by promtool, and compares what they record at the end."""

    def __init__(self, promtool: Promtool, folder: Path) -> None:
        self._promtool = promtool
        self._folder = folder

    def failures(
        self, fleet: Fleet, expectations: Expectations, *, rules: Path | None = None, every: str = "10m"
    ) -> str:
        """What promtool says of expectations that do not hold; nothing if they all do."""
        tests: list[dict[str, Any]] = []
        for (record, labels), value in expectations.items():
            version = "" if "model_version=" in labels else 'model_version="1", '
            own = f'model_name="delay", {version}{labels}'
            test: dict[str, Any] = {"expr": f"{record}{{{own}}}", "eval_time": f"{fleet.minutes}m"}
            if value is None:
                test["exp_samples"] = []
            else:
                # promtool 2.42 compares exactly; the tolerance has to be part of the expression.
                limit = max(TOLERANCE, abs(value) * TOLERANCE)
                test["expr"] = f"abs({test['expr']} - {value!r}) <= bool {limit!r}"
                test["exp_samples"] = [{"labels": f"{{{own}}}", "value": 1}]
            tests.append(test)
        document = {
            "rule_files": [str(rules or rules_dir() / "fleet.rules.yaml")],
            "evaluation_interval": every,
            "tests": [{"interval": "1m", "input_series": fleet.series, "promql_expr_test": tests}],
        }
        path = self._folder / "fleet.test.yaml"
        path.write_text(yaml.safe_dump(document, sort_keys=False, width=10_000), encoding="utf-8")
        result = self._promtool("test", "rules", path)
        return "" if result.returncode == 0 else result.stdout + result.stderr


@pytest.fixture
def evaluation(promtool: Promtool, tmp_path: Path) -> Evaluation:
    """The shipped rules of the fleet, run by promtool."""
    return Evaluation(promtool, tmp_path)


@pytest.fixture
def fleet() -> Fleet:
    """No replicas yet, for an hour."""
    return Fleet()


@pytest.fixture(scope="session")
def fleet_of() -> Callable[[int], Fleet]:
    """No replicas yet, for so many minutes."""
    return Fleet
