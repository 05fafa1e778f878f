from pathlib import Path

import pytest

from exporter import Reference, ReferenceDataError
from exporter.reference.archive import history, refresh, restore


def reference(version: str, created: float, value: float = 1.0) -> Reference:
    return Reference.fit({"x": [value, 2.0]}, model_name="m", model_version=version, clock=lambda: created)


def test_refreshing_keeps_the_old_one(tmp_path: Path) -> None:
    """Each refresh moves the reference that was there into the archive, unchanged."""
    path = tmp_path / "reference.json"
    assert refresh(reference("1", 100.0), path) is None
    before = path.read_bytes()
    kept = refresh(reference("2", 200.0), path)
    assert kept is not None
    assert kept.read_bytes() == before
    assert Reference.load(path).model_version == "2"
    assert [archived.model_version for archived in history(path)] == ["1"]


def test_rolling_back_goes_with_the_model_version(tmp_path: Path) -> None:
    """A rollback restores the youngest reference of the version that serves again, and loses nothing."""
    path = tmp_path / "reference.json"
    for version, created, value in (("1", 100.0, 1.0), ("1", 150.0, 1.5), ("2", 200.0, 3.0)):
        refresh(reference(version, created, value), path)
    restored = restore(path, "1")
    assert restored.created_at == 150.0
    assert Reference.load(path, model_version="1").created_at == 150.0
    assert {archived.created_at for archived in history(path)} == {100.0, 150.0, 200.0}
    assert restore(path, "2").created_at == 200.0


def test_restoring_without_a_version_takes_the_one_before(tmp_path: Path) -> None:
    """Without a version, the youngest archived reference comes back."""
    path = tmp_path / "reference.json"
    refresh(reference("1", 100.0), path)
    refresh(reference("2", 200.0), path)
    assert restore(path).model_version == "1"


def test_what_is_not_in_the_archive_is_refused(tmp_path: Path) -> None:
    """A version that was never archived cannot be restored, and the file stays."""
    path = tmp_path / "reference.json"
    refresh(reference("1", 100.0), path)
    with pytest.raises(ReferenceDataError, match="no other reference of model_version '3'"):
        restore(path, "3")
    assert Reference.load(path).model_version == "1"


def test_a_damaged_file_is_kept_for_a_look_but_never_restored(tmp_path: Path) -> None:
    """Refreshing over a damaged file keeps its bytes aside."""
    path = tmp_path / "reference.json"
    path.write_text("half a refer", encoding="utf-8")
    kept = refresh(reference("1", 100.0), path)
    assert kept is not None
    assert kept.read_text(encoding="utf-8") == "half a refer"
    assert history(path) == []


def test_a_version_with_a_slash_is_a_plain_file_name(tmp_path: Path) -> None:
    """A model version cannot lead out of the archive's folder."""
    path = tmp_path / "reference.json"
    refresh(reference("../../evil", 100.0), path)
    kept = refresh(reference("2", 200.0), path)
    assert kept is not None
    assert kept.parent == tmp_path / "archive"
