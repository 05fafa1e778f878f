from __future__ import annotations

from pathlib import Path

import pytest

from exporter.durable import replace_file


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    """The new text is there, readable by others, and nothing is left beside it."""
    path = tmp_path / "state.json"
    replace_file(path, "one")
    replace_file(path, "größer")
    assert path.read_text("utf-8") == "größer"
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    """Text that cannot be encoded stands for a full disk: the old file stays, and no part of the new one."""
    path = tmp_path / "state.json"
    replace_file(path, "one")
    with pytest.raises(UnicodeEncodeError):
        replace_file(path, "two \ud800")
    assert path.read_text("utf-8") == "one"
    assert list(tmp_path.iterdir()) == [path]
