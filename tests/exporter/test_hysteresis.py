import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter import Hysteresis, ObservationError
from exporter.hysteresis import Evidence, Memory, State, at_once, step

EVIDENCE: dict[str, Evidence] = {"c": "clear", "w": "warning", "l": "lingering", "d": "drift", "?": "unknown"}

LETTERS: dict[State, str] = {"ok": "o", "warning": "w", "drift": "D", "recovering": "r", "unknown": "?"}


def run(story: str, rule: Hysteresis | None = None) -> str:
    """States over a series of checks, a letter each."""
    memory, shown = Memory(), []
    for letter in story:
        state, memory = step(memory, EVIDENCE[letter], rule or Hysteresis())
        shown.append(LETTERS[state])
    return "".join(shown)


@pytest.mark.parametrize(
    ("story", "states"),
    [
        ("ccc", "ooo"),  # nothing happens
        ("dcd", "wow"),  # one check alone is a warning, and so is the next one after a clear check
        ("dd", "wD"),  # the second in a row is drift
        ("wwww", "wwww"),  # a warning does not become a drift by lasting
        ("dwd", "www"),  # nor do drifts that a warning separates
        ("ddccc", "wDrro"),  # three clear checks end it
        ("ddccdccc", "wDrrDrro"),  # a relapse is drift at once, and the count begins anew
        ("ddlllc", "wDDDDr"),  # lingering keeps a drift alive
        ("ddclcc", "wDrrro"),  # but neither renews nor ends a recovery
        ("ddccw", "wDrrw"),  # it may end in a warning
        ("dd??ccc", "wD??rro"),  # unknown checks change nothing that is remembered
        ("d?d", "w?D"),
        ("ll", "ww"),  # lingering does not begin a drift
    ],
)
def test_stories(story: str, states: str) -> None:
    """Each series of checks has its series of states."""
    assert run(story) == states


def test_one_check_is_enough_where_asked() -> None:
    """With drift_after=1 and recover_after=1 the states follow the checks."""
    assert run("cdcdwc", Hysteresis(drift_after=1, recover_after=1)) == "oDoDwo"


@given(st.text(alphabet="cwld?", max_size=40), st.integers(1, 4), st.integers(1, 4))
def test_drift_needs_its_checks(story: str, drift_after: int, recover_after: int) -> None:
    """No drift begins without `drift_after` checks with it, and none ends without `recover_after` others."""
    rule = Hysteresis(drift_after=drift_after, recover_after=recover_after)
    states = run(story, rule)
    known = [(e, s) for e, s in zip(story, states, strict=True) if e != "?"]
    for i, (_, state) in enumerate(known):
        before = known[i - 1][1] if i else "o"
        if state == "D" and before in "ow":
            assert [e for e, _ in known[i - drift_after + 1 : i + 1]] == ["d"] * drift_after
        if state in "ow" and before in "Dr":
            ending = [e for e, _ in known[: i + 1] if e != "l"][-recover_after:]
            assert set(ending) <= {"c", "w"}


def test_memory_survives_json() -> None:
    """What is remembered can be kept as JSON."""
    memory = Memory("recovering", 2)
    assert Memory.from_dict(json.loads(json.dumps(memory.to_dict()))) == memory


@pytest.mark.parametrize("values", [{}, {"state": "unknown", "streak": 0}, {"state": "ok", "streak": "1"}])
def test_foreign_memory_is_refused(values: dict[str, object]) -> None:
    """Something else than a memory is refused."""
    with pytest.raises(ObservationError, match="need one of ok, warning, drift, recovering"):
        Memory.from_dict(values)


def test_a_single_check_shows_what_it_found() -> None:
    """Without a series, the state is the evidence."""
    assert [at_once(e) for e in EVIDENCE.values()] == ["ok", "warning", "warning", "drift", "unknown"]
