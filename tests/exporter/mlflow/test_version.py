from __future__ import annotations

import pytest

from exporter import ReferenceDataError
from exporter.mlflow import RegisteredVersion
from exporter.mlflow.version import read_version

VERSION = RegisteredVersion(
    number="4",
    model_name="loans",
    model_version="1.3.0",
    run_id="abc",
    reference_sha256="0" * 64,
    trained_at=0.1 + 0.2,
)


def test_a_version_is_what_its_tags_say() -> None:
    """Also the time, to its last digit."""
    assert read_version("loans", "4", "abc", VERSION.tags()) == VERSION


@pytest.mark.parametrize("tag", ["model_name", "model_version", "reference_sha256", "trained_at"])
def test_a_version_without_a_reference_is_refused(tag: str) -> None:
    """The first tag that lacks is named."""
    tags = {key: value for key, value in VERSION.tags().items() if key != f"driftgauge.{tag}"}
    with pytest.raises(ReferenceDataError, match=rf"loans version 4: found no tag driftgauge\.{tag}"):
        read_version("loans", "4", "abc", tags)


def test_a_version_without_a_run_is_refused() -> None:
    """Its files could not be found."""
    with pytest.raises(ReferenceDataError, match="found no run"):
        read_version("loans", "4", "", VERSION.tags())


@pytest.mark.parametrize("text", ["yesterday", "nan", "inf"])
def test_a_time_that_is_none_is_refused(text: str) -> None:
    """An age would follow from it."""
    with pytest.raises(ReferenceDataError, match="trained_at: found"):
        read_version("loans", "4", "abc", {**VERSION.tags(), "driftgauge.trained_at": text})
