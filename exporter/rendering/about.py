"""What a page says about a check beside what its report knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..expectations import Result
    from ..reference import Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """Where a report came from; everything may be left out.

    Attributes
    ----------
    reference : Reference or None
        What the window was compared with: when it was built, from which time, how it was cut into bins.
    reference_name, current_name : str or None
        What its file and the table of the window are called.
    policy_name : str or None
        What the policy is called, such as `"policy balanced"`.
    rows_in_all : int or None
        Rows of the table, where the window is a sample of them.
    expectations : sequence of Result
        Of the same table.
    """

    reference: Reference | None = None
    reference_name: str | None = None
    current_name: str | None = None
    policy_name: str | None = None
    rows_in_all: int | None = None
    expectations: Sequence[Result] = ()
