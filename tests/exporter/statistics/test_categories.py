from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import ObservationError
from exporter.statistics import align_categories, chi_square, psi

counts = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 50), max_size=8)


@given(counts, counts, st.integers(1, 9))
def test_nothing_is_lost(reference: dict[str, int], current: dict[str, int], top: int) -> None:
    """Whatever has no bin of its own is in the last, so the totals stay."""
    aligned = align_categories(reference, current, top=top)
    assert aligned.reference.sum() == sum(reference.values())
    assert aligned.current.sum() == sum(current.values())
    assert len(aligned.categories) == len(aligned.reference) == len(aligned.current) <= top + 1
    assert aligned.categories[-1] == "__other__"


@given(counts, counts)
def test_order_of_the_mapping_does_not_matter(reference: dict[str, int], current: dict[str, int]) -> None:
    """Ties are broken by name."""
    forwards = align_categories(reference, current, top=3)
    backwards = align_categories(dict(reversed(reference.items())), dict(reversed(current.items())), top=3)
    assert forwards.categories == backwards.categories
    assert forwards.current.tolist() == backwards.current.tolist()
    assert (forwards.new, forwards.vanished) == (backwards.new, backwards.vanished)


def test_new_and_vanished() -> None:
    """What only one side holds is named, the most frequent first; a count of 0 is not there."""
    aligned = align_categories({"a": 9, "b": 1, "c": 4, "z": 0}, {"a": 5, "x": 1, "y": 7, "b": 0})
    assert aligned.new == ("y", "x")
    assert aligned.vanished == ("c", "b")
    assert aligned.current.tolist() == [5, 0, 0, 8]


def test_only_unseen_categories_are_the_largest_change() -> None:
    """A window that holds nothing the reference knows is as far from it as can be."""
    aligned = align_categories({"a": 500, "b": 500}, {"x": 100})
    assert chi_square(aligned.reference, aligned.current).cramers_v == pytest.approx(1.0)
    assert psi(aligned.reference, aligned.current) > 5.0


def test_one_category_unchanged_is_no_change() -> None:
    """A column of one value against itself."""
    aligned = align_categories({"only": 40}, {"only": 7})
    assert psi(aligned.reference, aligned.current) == 0.0
    assert chi_square(aligned.reference, aligned.current).guarded_p_value == 1.0


def test_unicode_newlines_and_its_own_name() -> None:
    """Names are kept as they are, and a category called __other__ is counted with the rest."""
    aligned = align_categories({"é\n": 2, "": 1, "__other__": 5}, {"é\n": 1, "__other__": 2})
    assert aligned.categories == ("é\n", "", "__other__")
    assert aligned.reference.tolist() == [2, 1, 5]
    assert (aligned.new, aligned.vanished) == ((), ("",))


def test_refuses_what_is_no_count() -> None:
    """A negative count or no bin at all is a mistake of the caller."""
    with pytest.raises(ObservationError, match="negative count"):
        align_categories({"a": -1}, {"a": 1})
    with pytest.raises(ValueError, match="top=0"):
        align_categories({"a": 1}, {"a": 1}, top=0)
