"""Every block of code in the README and in docs/ does what it shows."""

from __future__ import annotations

import ast
import asyncio
import inspect
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from exporter import InstrumentedPredictor, RolloutPredictor

from . import bodies, shell, yaml_files
from .blocks import PAGES, ROOT, Block, blocks_of
from .names import PREPARED
from .not_run import NOT_RUN, NOT_RUN_PROGRAMS, reason

if TYPE_CHECKING:
    from ..conftest import Labels

WITH_BLOCKS = [page for page in PAGES if any(blocks_of(page))]

ELSEWHERE = {"port=9108": "port=0", '"/var/lib/driftgauge/': '"'}
"""What a test may not take, and what it takes instead."""


@pytest.mark.parametrize("page", WITH_BLOCKS)
def test_the_blocks_of_a_page_hold(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, labels: Labels
) -> None:
    """Python runs, commands are parsed or print what is shown, YAML and JSON have their readers."""
    monkeypatch.chdir(tmp_path)
    for name, value in yaml_files.ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    shutil.copytree(ROOT / "config", tmp_path / "config")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    names = PREPARED[page]() if page in PREPARED else {}
    readers: dict[str, Callable[[Block], object]] = {
        "console": lambda block: shell.play(block.text),
        "json": lambda block: bodies.read(block.text, tmp_path, names),
        "promql": lambda block: labels.check(block.text),
        "python": lambda block: _run(block, names),
        "sh": lambda block: shell.check(block.text, tmp_path, names),
        "yaml": lambda block: yaml_files.read(block.text, tmp_path),
    }
    try:
        for block in blocks_of(page):
            if reason(block) is not None:
                continue
            known = ", ".join(readers)
            assert block.language in readers, (
                f"{block.place}: found the language {block.language!r}, need one of {known} behind the fence,"
                " or a reason in not_run.py"
            )
            try:
                readers[block.language](block)
            except Exception as error:
                error.add_note(f"at {block.place}")
                raise
    finally:
        for value in {id(value): value for value in names.values()}.values():
            if isinstance(value, (InstrumentedPredictor, RolloutPredictor)):
                value.close()


def test_what_is_not_run_is_there() -> None:
    """A block that was changed, or a program that nobody calls any more, leaves no excuse behind."""
    found = [block for page in WITH_BLOCKS for block in blocks_of(page)]
    for page, beginning in NOT_RUN:
        assert sum(block.page == page and block.text.startswith(beginning) for block in found) == 1, beginning
    calls = "\n".join(block.text for block in found if block.language == "sh")
    assert [program for program in NOT_RUN_PROGRAMS if program not in calls] == []


def test_a_preparation_belongs_to_a_page() -> None:
    """And the page has Python, or messages, that need it."""
    needing = {page for page in WITH_BLOCKS if any(b.language in ("json", "python") for b in blocks_of(page))}
    assert set(PREPARED) - needing == set()


def _run(block: Block, names: dict[str, Any]) -> None:
    """The block as it stands, after those before it."""
    text = "\n" * block.line + block.text
    for taken, free in ELSEWHERE.items():
        text = text.replace(taken, free)
    code = compile(text, block.page, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    waits = eval(code, names)
    if code.co_flags & inspect.CO_COROUTINE:
        asyncio.run(waits)
