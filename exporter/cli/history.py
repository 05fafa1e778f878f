"""`driftgauge reference build --calibrate`: the rows in their order, to learn how far statistics stray."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ..calibrate import calibrate
from ..columns import concatenate
from ..errors import ConfigError, ReferenceDataError
from ..windows import DAY_SECONDS, DEFAULT_WINDOWS, HOUR_SECONDS, Window, checked_windows
from .window import MAX_CELLS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..columns import Columns
    from ..reference import Reference
    from .roles import Roles

UNITS: Final = {"m": 60.0, "h": HOUR_SECONDS, "d": DAY_SECONDS}

LENGTH: Final = re.compile(r"([1-9]\d{0,5})([mhd])")
"""A window by its length, which is its name too: `30m`, `1h`, `7d`."""


def windows_of(lengths: Sequence[str]) -> tuple[Window, ...]:
    """Windows as the option names them; the exporter's own if it names none.

    Raises
    ------
    ConfigError
        If one is no length, or stands twice.
    """
    windows = []
    for text in lengths:
        found = LENGTH.fullmatch(text)
        if found is None:
            raise ConfigError(f"--calibrate: found {text!r}, need lengths such as 30m, 1h or 7d")
        windows.append(Window(text, int(found[1]) * UNITS[found[2]]))
    return checked_windows(windows) if windows else DEFAULT_WINDOWS


class History:
    """Rows held while a reference is built, for the blocks that will slide over them.

    Parameters
    ----------
    windows : sequence of Window
        To calibrate.
    max_cells : int
        Values held at most.
    """

    def __init__(self, windows: Sequence[Window], *, max_cells: int = MAX_CELLS) -> None:
        self._windows = tuple(windows)
        self._max_cells = max_cells
        self._chunks: list[Columns] = []
        self._cells = 0

    def add(self, chunk: Columns) -> None:
        """Hold the rows of a chunk.

        Raises
        ------
        ConfigError
            If they are too many: a block may be anywhere, so all rows are needed at once.
        """
        self._cells += chunk.n_rows * len(chunk.arrays)
        if self._cells > self._max_cells:
            raise ConfigError(
                f"--calibrate: found more than {self._max_cells:,} values, need at most so many, since all "
                "rows are held at once; leave it out, or build from a stretch of the rows"
            )
        self._chunks.append(chunk)

    def calibrated(self, reference: Reference, roles: Roles) -> Reference:
        """The reference with what its own rows say of the windows.

        Raises
        ------
        ReferenceDataError
            If they are too few for one.
        """
        rows = concatenate(self._chunks)
        try:
            return calibrate(reference, rows, windows=self._windows, **roles.outputs(rows))
        except ReferenceDataError as error:
            raise ReferenceDataError(f"--{error}") from error
