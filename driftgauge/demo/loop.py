"""What a terminal shows of a retraining: each step when it happens, and at the end all of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .ports import MODEL, RETRAINING
from .status import Fetch, fetch_text
from .timeline import Moment, ended, missing, read_moments

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .parts import Setup

LIMIT_SECONDS = 1200.0
"""Without --exit-after. A quiet machine of two cores takes 110 s at the default speed, a busy one several
times that; whoever wants a slower replay says for how long."""


class Loop:
    """Follows the page /timeline of the demo's model.

    Parameters
    ----------
    setup : Setup
    stays : bool
        Whether the demo goes on when the loop has closed, so that people can look around.
    fetch : callable
        Replaced in tests.
    """

    def __init__(self, setup: Setup, *, stays: bool, fetch: Fetch = fetch_text) -> None:
        self._setup = setup
        self._stays = stays
        self._fetch = fetch
        self._moments: Sequence[Moment] = ()

    @property
    def closed(self) -> bool:
        """Whether every step has been seen."""
        return not missing(self._moments)

    def over(self, seconds: float) -> bool:
        """Whether the demo ends here, so many seconds after its start."""
        if self._stays:
            return not self.closed and (ended(self._moments) or seconds >= LIMIT_SECONDS)
        return ended(self._moments)

    def look(self, seconds: float) -> list[str]:
        """Lines about what is new; where to look, once the loop has closed and the demo goes on."""
        text = self._fetch(self._setup.url(MODEL, "/timeline"))
        if text is None:
            return []
        was_closed, known = self.closed, len(self._moments)
        self._moments = read_moments(json.loads(text))
        lines = [moment.line for moment in self._moments[known:]]
        if self._stays and self.closed and not was_closed:
            lines += [f"The loop closed after {seconds:.0f} s. Look around; Ctrl-C ends it.", *self._places()]
        return lines

    def conclusion(self, seconds: float) -> list[str]:
        """All that happened, and what lacks."""
        lines = ["", "What happened, in replayed days:", *(moment.line for moment in self._moments)]
        if self.closed:
            return [*lines, "The loop has closed.", *([] if self._stays else self._places())]
        return [
            *lines,
            f"The loop has not closed: after {seconds:.0f} s it lacks {'; '.join(missing(self._moments))}.",
        ]

    def _places(self) -> list[str]:
        """Where to see more, while the demo runs."""
        page = self._setup.url(MODEL, "/rollout")
        return [
            f"The rollout: {page}, and the dashboard driftgauge-rollout in Grafana.",
            f"The decisions: driftgauge retrain history --url {self._setup.url(RETRAINING)}",
        ]
