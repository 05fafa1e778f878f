from __future__ import annotations

from driftgauge.demo.timeline import NEEDED, Moment, ended, missing, read_moments


def moments(*steps: str) -> list[Moment]:
    """A moment for each step, a day apart."""
    return [Moment(1_371_600_000.0 + 86_400.0 * place, step, "words") for place, step in enumerate(steps)]


def test_the_loop_has_closed_when_no_step_lacks() -> None:
    """All steps, and whatever else was worth a line."""
    everything = moments("alert", *NEEDED)
    assert missing(everything) == []
    assert ended(everything)


def test_what_lacks_is_told_in_words_and_in_order() -> None:
    """A loop whose bad model is still under way lacks its rollback and nothing else."""
    assert missing(moments(*list(NEEDED)[:-1])) == ["the bad model's rollback by evidence"]
    assert missing([]) == list(NEEDED.values())
    assert not ended(moments(*list(NEEDED)[:-1]))


def test_a_step_that_went_the_other_way_ends_it_unclosed() -> None:
    """A challenger that is taken back is the end, and the loop still lacks its promotion."""
    broken = moments("asked", "decided", "trained", "shadow", "broken off")
    assert ended(broken)
    assert "the challenger's promotion" in missing(broken)


def test_moments_survive_the_page() -> None:
    """What the page tells is what was noted, and a line has its day."""
    told = moments("shadow")
    assert read_moments({"moments": [moment.to_dict() for moment in told]}) == told
    assert told[0].line == "2013-06-19  shadow       words"
