"""What the process that checks leaves in a file for the others: its pages, and where its checks stood.

Any worker of a server may be asked for /drift, and any may have to go on with the checks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .durable import replace_file
from .report import CheckState


class Handover:
    """The file of one model version.

    Parameters
    ----------
    path : Path
        In a directory that belongs to one run of one server.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def leave(self, pages: Mapping[str, Any], memory: Mapping[str, CheckState]) -> None:
        """Replace what was left before.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        states = {window: state.to_dict() for window, state in memory.items()}
        replace_file(self._path, json.dumps({"pages": pages, "memory": states}, allow_nan=False))

    def page(self, name: str) -> Mapping[str, Any] | None:
        """A page as it was left; None if nobody has checked yet."""
        page: Mapping[str, Any] | None = self._found().get("pages", {}).get(name)
        return page

    def memory(self) -> dict[str, CheckState]:
        """What the last check of each window remembers of its columns; empty if nobody has checked yet."""
        return {
            window: CheckState.from_dict(state) for window, state in self._found().get("memory", {}).items()
        }

    def _found(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return found
