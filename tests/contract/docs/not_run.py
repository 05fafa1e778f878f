"""The blocks that no test runs, each with the reason. An entry without its block fails."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Final

from .blocks import Block

DRAWING: Final = "a drawing"
PRINTED: Final = "printed by an example; tests/examples runs it, and compares"
MLFLOW: Final = "needs MLflow and a server of it; tests/engines/mlflow makes these calls"

NOT_RUN: Final[Mapping[tuple[str, str], str]] = {
    ("docs/airflow.md", "load ─┬─"): DRAWING,
    ("docs/airflow.md", "champion ─ load"): DRAWING,
    ("docs/bridge.md", "Alertmanager ──"): DRAWING,
    ("docs/concepts.md", "flowchart LR"): DRAWING,
    ("docs/command-line.md", "$ driftgauge rollout status"): "needs a rollout that has run for days",
    ("docs/command-line.md", "driftgauge check: e.yaml:"): (
        "one line of an error; tests/exporter/test_expectations.py has it"
    ),
    (
        "docs/getting-started.md",
        "import torch",
    ): "PyTorch is too large for the tests",
    ("docs/mlflow.md", "from functools import partial"): MLFLOW,
    ("docs/mlflow.md", 'champion = registry.load("champion"'): MLFLOW,
    ("docs/mlflow.md", "from exporter.mlflow import AliasKeeper"): MLFLOW,
    ("docs/retraining.md", "2013-05-16  alert"): (
        "two minutes of the demo; tests/stack/test_retraining_loop.py reads what it prints"
    ),
    ("docs/retraining.md", "requested -> running"): DRAWING,
    ("docs/spark.md", "from exporter.spark import"): (
        "needs PySpark and Java; tests/engines/spark makes these calls"
    ),
    ("docs/stores.md", 'SELECT MEAN("f.price")'): (
        "needs InfluxDB; tests/exporter/stores asks one where there is one"
    ),
    ("examples/credit/README.md", "$ sh examples/credit/train.sh"): PRINTED,
    ("examples/credit/README.md", "$ sh examples/credit/monthly.sh /tmp/loans 2026-01"): PRINTED,
    ("examples/credit/README.md", "$ sh examples/credit/monthly.sh /tmp/loans 2026-03"): PRINTED,
    ("examples/credit/README.md", "$ sh examples/credit/monthly.sh /tmp/loans 2026-04"): PRINTED,
    ("examples/fraud/README.md", "     declines"): PRINTED,
    ("examples/recommender/README.md", "     greedy"): PRINTED,
}
"""Page and how the block begins, to reason."""

NEEDS: Final[Mapping[tuple[str, str], str]] = {("docs/getting-started.md", "import torch"): "torch"}
"""Those that run all the same where this package is installed."""

NOT_RUN_PROGRAMS: Final[Mapping[str, str]] = {
    "docker": "no Docker in the tests; tests/contract/test_compose.py reads the Compose file",
    "mimirtool": "Grafana Mimir is not installed",
    "mlflow": "MLflow has an environment of its own; tests/engines/mlflow starts its server",
    "thanos": "Thanos is not installed",
}
"""Programs that shell blocks call and the tests do not have, to reason."""


def reason(block: Block) -> str | None:
    """Why a block is not run; None if it is."""
    for (page, beginning), words in NOT_RUN.items():
        if block.page == page and block.text.startswith(beginning):
            package = NEEDS.get((page, beginning))
            return words if package is None or find_spec(package) is None else None
    return None
