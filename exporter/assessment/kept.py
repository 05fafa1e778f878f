"""What is known of a model's errors and performance, kept in a small JSON file over a restart.

The rows of the windows are the store's matter; this is what took weeks to learn: where the detectors of
concept drift stand, and the history that trends are read from. The file belongs to one process.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from ..durable import replace_file
from ..errors import ObservationError

if TYPE_CHECKING:
    from ..error_stream import ErrorStream

FORMAT: Final = "driftgauge-assessment"
FORMAT_VERSION: Final = 1


class Keepable(Protocol):
    """What outlasts a restart."""

    def to_dict(self) -> Mapping[str, Any]:
        """Plain values that are JSON."""

    def restore(self, values: Mapping[str, Any]) -> None:
        """Go on with such values; an `ObservationError` where they are none."""


class KeptState:
    """The state file of one model version.

    Parameters
    ----------
    path : path
        On a local disk; its folder must be there.
    name, version : str
        Of the model. The state of another model or version is no state: errors of another model are others.
    errors : ErrorStream or None
        Detectors of concept drift.
    histories : mapping of str to Keepable
        What is remembered over time, by name.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        name: str,
        version: str,
        errors: ErrorStream | None,
        histories: Mapping[str, Keepable],
    ) -> None:
        self.path = Path(path)
        self._model = {"name": name, "version": version}
        self._errors = errors
        self._histories = histories

    def load(self) -> bool:
        """Go on where the file says; whether there was anything to go on with.

        Raises
        ------
        ObservationError
            If the file is damaged or of another format. What could be read of it is kept, the rest is new.
        OSError
            If it cannot be read.
        """
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return False
        except UnicodeDecodeError as error:
            raise ObservationError(
                f"{self.path}: found no UTF-8 text, need the file as it was saved"
            ) from error
        found = self._document(text)
        if found["model"] != self._model:
            return False
        problems = []
        if self._errors is not None and found["errors"] is not None:
            problems += _problem(self._errors, found["errors"])
        for name, history in self._histories.items():
            if name in found["histories"]:
                problems += _problem(history, found["histories"][name])
        if problems:
            raise ObservationError(f"{self.path}: {'; '.join(problems)}; that part begins anew")
        return True

    def save(self) -> None:
        """Replace the file as a whole.

        Raises
        ------
        OSError
            If it cannot be written; the one before is then still there.
        """
        document = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "model": self._model,
            "errors": None if self._errors is None else self._errors.to_dict(),
            "histories": {name: history.to_dict() for name, history in self._histories.items()},
        }
        replace_file(self.path, json.dumps(document, allow_nan=False) + "\n")

    def _document(self, text: str) -> dict[str, Any]:
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ObservationError(
                f"{self.path}: no JSON ({error}), need the file as it was saved"
            ) from error
        keys = {"format", "format_version", "model", "errors", "histories"}
        if not isinstance(found, dict) or set(found) != keys or not isinstance(found["histories"], dict):
            raise ObservationError(f"{self.path}: found other keys, need {', '.join(sorted(keys))}")
        if (found["format"], found["format_version"]) != (FORMAT, FORMAT_VERSION):
            raise ObservationError(
                f"{self.path}: found {found['format']!r} {found['format_version']!r}, "
                f"need {FORMAT!r} {FORMAT_VERSION}"
            )
        return found


def _problem(part: Keepable, values: Any) -> list[str]:  # noqa: ANN401 - read from a file
    try:
        part.restore(values)
    except ObservationError as error:
        return [str(error)]
    return []
