"""Which columns of a table are the features, and which are something else."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import ObservationError
from ..tables.messages import shortened, some

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..columns import Columns
    from ..tables import Reading, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """Columns that are no features, by name; None where the table has none.

    Attributes
    ----------
    target, prediction, score, id, timestamp : str or None
        As the options of the command line.
    """

    target: str | None = None
    prediction: str | None = None
    score: str | None = None
    id: str | None = None
    timestamp: str | None = None

    @classmethod
    def of(cls, arguments: argparse.Namespace, table: Table) -> Roles:
        """The columns that the options name.

        Raises
        ------
        ObservationError
            If the table lacks one.
        """
        roles = cls(
            target=arguments.target,
            prediction=arguments.prediction,
            score=arguments.score,
            id=arguments.id,
            timestamp=arguments.timestamp,
        )
        for option, name in roles.named().items():
            require(table, [name], f"--{option}")
        return roles

    def named(self) -> dict[str, str]:
        """Columns by role."""
        roles = ("target", "prediction", "score", "id", "timestamp")
        return {role: name for role in roles if (name := getattr(self, role)) is not None}

    def readings(self) -> dict[str, Reading]:
        """How columns are read whose role says it."""
        found: dict[str, Reading] = {}
        if self.score is not None:
            found[self.score] = "numeric"
        if self.id is not None:
            found[self.id] = "id"
        if self.timestamp is not None:
            found[self.timestamp] = "time"
        return found

    def outputs(self, columns: Columns) -> dict[str, Any]:
        """Arguments of `ReferenceBuilder.update` and `check` beside the table."""

        def of(name: str | None) -> NDArray[Any] | None:
            return None if name is None else columns.arrays[name]

        return {
            "labels": of(self.target),
            "predictions": of(self.prediction),
            "scores": of(self.score),
            "timestamps": of(self.timestamp),
        }


def listed(given: Sequence[str] | None, table: Table, option: str) -> list[str]:
    """The columns that an option names: `a b`, `a,b`, or a name that has a comma itself.

    Raises
    ------
    ObservationError
        If the table lacks one.
    """
    names = [name for text in given or () for name in ([text] if text in table.columns else text.split(","))]
    names = list(dict.fromkeys(name for name in names if name))
    require(table, names, option)
    return names


def require(table: Table, names: Sequence[str], option: str) -> None:
    """Refuse names that are no columns of a table.

    Raises
    ------
    ObservationError
        If there is one.
    """
    for name in names:
        if name not in table.columns:
            raise ObservationError(
                f"{table.name}: found no column {shortened(name)} for {option}, need one of "
                f"{some(table.columns)}"
            )
