"""Several detectors on one stream of errors, with a state that lasts long enough to be seen.

A detector is in drift for one value and starts anew with the next, while a metric is read every few seconds
and an alert waits for minutes. So a drift is shown until so many further outcomes have come without another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import ArrayLike

from ..errors import ConfigError, ObservationError
from .detection import State
from .saved import Detector, create, restore, save

DEFAULT_DETECTORS: Final = ("adwin", "ddm", "hddm_w", "page_hinkley")
"""Those with less than one false alarm among 10,000 independent errors (docs/concept-drift.md). EDDM has
more; KSWIN is made for values that are not only 0 and 1, and sees large changes alone."""

HOLD: Final = 1000
"""Outcomes for which a drift is shown: they tell the new error rate to within three points or so."""


@dataclass(frozen=True, slots=True)
class Drift:
    """A drift that one detector has found.

    Attributes
    ----------
    detector : str
        Its name.
    position : int
        Of the outcome at which it was found, counted from 0.
    at : float or None
        When that outcome was observed, seconds since 1970, where times were given.
    """

    detector: str
    position: int
    at: float | None


class Watch:
    """Detectors on one stream, by name.

    Parameters
    ----------
    detectors : mapping of str to Detector, optional
        Each with its parameters; by default those of `DEFAULT_DETECTORS`.
    hold : int
        Outcomes for which a drift is shown.

    Examples
    --------
    >>> watch = Watch({"ddm": create("ddm"), "hddm_w": create("hddm_w")}, hold=100)
    >>> watch.update_many([0, 0, 0, 0, 1] * 100 + [1] * 30)
    [Drift(detector='hddm_w', position=512, at=None), Drift(detector='ddm', position=521, at=None)]
    >>> watch.states()
    {'ddm': 'drift', 'hddm_w': 'drift'}
    """

    def __init__(self, detectors: Mapping[str, Detector] | None = None, *, hold: int = HOLD) -> None:
        if hold < 1:
            raise ConfigError(f"hold: found {hold}, need at least 1 outcome")
        self.hold = hold
        self.detectors = dict(detectors or {name: create(name) for name in DEFAULT_DETECTORS})
        self.last: dict[str, Drift] = {}
        """Latest drift of each detector that has found one."""

    def update_many(self, errors: ArrayLike, times: ArrayLike | None = None) -> list[Drift]:
        """Drifts among further errors, in their order.

        Parameters
        ----------
        errors : array-like
            In the order in which the rows were predicted, or in which the truth came; but always the same.
        times : array-like, optional
            When each was observed, seconds since 1970.

        Raises
        ------
        ObservationError
            If a value is refused by a detector, or times are not as many as errors. No detector has then
            taken any of them.
        """
        values = np.asarray(errors)
        at = None if times is None else np.asarray(times, np.float64)
        if at is not None and at.shape != values.shape:
            raise ObservationError(f"times: found {at.size} for {values.size} errors, need one for each")
        # Those that are strictest about values would otherwise be behind the others for good.
        taken = {name: restore(save(detector)) for name, detector in self.detectors.items()}
        found: list[Drift] = []
        for name, detector in taken.items():
            first = detector.seen
            found += [
                Drift(name, position, None if at is None else float(at[position - first]))
                for position in detector.update_many(values).drifts.tolist()
            ]
        self.detectors = taken
        for drift in found:
            self.last[drift.detector] = drift
        return sorted(found, key=lambda drift: drift.position)

    def states(self) -> dict[str, State | Literal["unknown"]]:
        """State of each detector; unknown before the first outcome."""
        return {name: self._state(name, detector) for name, detector in self.detectors.items()}

    def _state(self, name: str, detector: Detector) -> State | Literal["unknown"]:
        if not detector.seen:
            return "unknown"
        drift = self.last.get(name)
        if drift is not None and detector.seen - drift.position <= self.hold:
            return "drift"
        return detector.state

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values that JSON can hold."""
        return {
            "hold": self.hold,
            "detectors": {name: save(detector) for name, detector in self.detectors.items()},
            "last": {name: [drift.position, drift.at] for name, drift in self.last.items()},
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Watch:
        """The watch that `to_dict` gave.

        Raises
        ------
        ObservationError
            If the values are not such.
        """
        try:
            watch = cls(
                {name: restore(saved) for name, saved in values["detectors"].items()}, hold=values["hold"]
            )
            watch.last = {name: Drift(name, at[0], at[1]) for name, at in values["last"].items()}
        except (KeyError, TypeError, AttributeError, IndexError, ConfigError) as error:
            raise ObservationError(f"saved watch: {error!r}; need what `to_dict` gives") from error
        return watch
