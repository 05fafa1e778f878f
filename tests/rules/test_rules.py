"""The rules are valid, and do what their promtool tests say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from driftgauge.resources import rules_dir

if TYPE_CHECKING:
    from .conftest import Promtool

TEST_FILES = sorted(Path(__file__).parent.glob("*.test.yaml"))


def test_every_rule_file_is_valid_and_no_rule_is_written_twice(promtool: Promtool) -> None:
    """Syntax, templates and duplicates, by promtool's own checks."""
    files = sorted(rules_dir().glob("*.rules.yaml"))
    assert files
    result = promtool("check", "rules", "--lint=all", "--lint-fatal", *files)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("test_file", TEST_FILES, ids=lambda path: path.name)
def test_the_alerts_fire_stay_quiet_and_resolve_as_written(promtool: Promtool, test_file: Path) -> None:
    """Each `*.test.yaml` holds, evaluated by the real rule engine."""
    result = promtool("test", "rules", test_file)
    assert result.returncode == 0, result.stdout + result.stderr
