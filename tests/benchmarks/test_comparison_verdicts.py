from __future__ import annotations

from typing import Any

import pytest

from benchmarks.peers.incidents import INCIDENTS
from benchmarks.peers.verdicts import judge

BY_KEY = {incident.key: incident for incident in INCIDENTS}


def _said(drift: str = "", quality: str = "", words: str = "") -> dict[str, Any]:
    return {"drift": drift.split(), "quality": quality.split(), "words": words}


@pytest.mark.parametrize(
    ("incident", "said", "word"),
    [
        ("missing", _said(quality="distance"), "right"),
        ("missing", _said(drift="distance", quality="distance"), "right"),
        ("missing", _said(drift="distance"), "wrong"),
        ("missing", _said(drift="load", quality="distance"), "wrong"),
        ("missing", _said(), "not told"),
        ("outlier", _said(), "right"),
        ("outlier", _said(quality="amount"), "right"),
        ("outlier", _said(drift="amount"), "wrong"),
        ("outlier", _said(drift="load"), "wrong"),
        ("new_category", _said(drift="carrier", words="new categories zeppelin"), "right"),
        ("new_category", _said(quality="carrier", words="zeppelin"), "right"),
        ("new_category", _said(drift="carrier", words="p = 0"), "not told"),
        ("new_category", _said(words="zeppelin"), "not told"),
        ("new_category", _said(drift="carrier load", words="zeppelin"), "wrong"),
        ("night", _said(), "right"),
        ("night", _said(drift="temperature"), "wrong"),
        ("night", _said(quality="temperature"), "wrong"),
        ("rolling_update", _said(), "right"),
        ("rolling_update", _said(drift="amount"), "wrong"),
    ],
)
def test_an_answer_is_judged_by_the_truth(incident: str, said: dict[str, Any], word: str) -> None:
    """Right, wrong, or not told; whoever said it."""
    assert judge(BY_KEY[incident], said).word == word


@pytest.mark.parametrize("key", BY_KEY)
def test_a_tool_that_stops_is_wrong(key: str) -> None:
    """An error tells nobody what happened, even where nothing should be told."""
    assert judge(BY_KEY[key], {"error": "ValueError: empty"}).word == "wrong"
