from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from exporter import ConfigError, Report
from exporter.rendering import About, to_html, write_html, write_png


def names(folder: Path) -> list[str]:
    """Of what is in a folder, hidden files too."""
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def small(extreme: Report) -> Report:
    """A report of two columns."""
    return replace(extreme, features={name: extreme.features[name] for name in ("constant", "large")})


def test_a_page_is_written_over_the_last_one(small: Report, tmp_path: Path) -> None:
    """All at once, readable by everyone, with nothing left beside it."""
    target = tmp_path / "report.html"
    target.write_text("old")
    write_html(small, target, About(policy_name="policy balanced"))
    assert target.read_text("utf-8") == to_html(small, About(policy_name="policy balanced"))
    assert target.stat().st_mode & 0o777 == 0o644
    assert names(tmp_path) == ["report.html"]


def test_a_missing_folder_is_an_error(small: Report, tmp_path: Path) -> None:
    """Which names the path and what is needed."""
    target = tmp_path / "none" / "report.html"
    with pytest.raises(ConfigError, match=r"none/report\.html: No such file or directory, need a file"):
        write_html(small, target)
    with pytest.raises(ConfigError, match=r"none/plots: found no folder .*none', need it for this one"):
        write_png(small, tmp_path / "none" / "plots")


def test_a_page_that_fails_leaves_the_last_one(small: Report, tmp_path: Path) -> None:
    """What was there is there, and nothing is beside it."""
    target = tmp_path / "report.html"
    target.write_text("old")
    broken = replace(small, quality={})
    with pytest.raises(KeyError):
        write_html(broken, target)
    assert target.read_text() == "old"
    assert names(tmp_path) == ["report.html"]


def test_images_that_cannot_all_be_written_leave_the_last_ones(small: Report, tmp_path: Path) -> None:
    """One place that is taken by a folder, and none of the others is replaced."""
    folder = tmp_path / "plots"
    write_png(small, folder)
    assert names(folder) == ["constant.png", "large.png", "summary.png"]
    (folder / "summary.png").write_bytes(b"old")
    (folder / "large.png").unlink()
    (folder / "large.png").mkdir()
    with pytest.raises(ConfigError, match=r"large\.png: Is a directory"):
        write_png(small, folder)
    assert (folder / "summary.png").read_bytes() == b"old"
    assert names(folder) == ["constant.png", "large.png", "summary.png"]


def test_a_device_is_written_to_and_not_replaced(small: Report) -> None:
    """The null device stays one."""
    write_html(small, "/dev/null")
    assert Path("/dev/null").is_char_device()


def test_images_tell_their_progress(small: Report, tmp_path: Path) -> None:
    """One after the other."""
    done: list[int] = []
    write_png(small, tmp_path, on_image=done.append)
    assert done == [1, 1, 1]
