"""Detectors of concept drift on a model's errors, fed in the order in which outcomes come.

Recording an outcome only compares and appends; the detectors run with the checks. Errors that come in bursts
are thinned first (`sequential.thinning`): of the flights in docs/flights.md, whose error rate follows the
weather of the day, ADWIN would else find 260 drifts in nine months, and DDM 143.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from .blocks import known, numbers
from .errors import ObservationError
from .sequential import DETECTORS, Thinning, create, restore, save

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .observation import JoinedOutcomes
    from .sequential import Detector

ConceptState = Literal["ok", "warning", "drift", "unknown"]

MOST_WAITING: Final = 100_000
"""Errors that wait for the next check; beyond them the detectors run at once, in some 0.2 seconds."""

STATE_FORMAT: Final = 1
"""Version of what `to_dict` gives; another one is refused."""

OF_NUMBERS: Final = ("adwin", "hddm_w", "kswin", "page_hinkley")
"""Detectors that take the errors of a regression; DDM and EDDM count mistakes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConceptReport:
    """What one detector says.

    Attributes
    ----------
    state : str
        drift while one was detected within the time it is held; warning; ok; unknown before the first
        outcome.
    drifts : int
        Detections since the start.
    position : int or None
        Outcomes that had come before the last detection.
    detected_at : float or None
        When the check that saw it ran, seconds since 1970.
    predicted_at : float or None
        When the row was predicted whose outcome raised it.
    """

    state: ConceptState
    drifts: int = 0
    position: int | None = None
    detected_at: float | None = None
    predicted_at: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "state": self.state,
            "drifts": self.drifts,
            "position": self.position,
            "detected_at": self.detected_at,
            "predicted_at": self.predicted_at,
        }


class ErrorStream:
    """Errors of a model on their way to detectors.

    Parameters
    ----------
    classification : bool
        Whether an error is a wrong class; else it is a distance.
    scale : float
        Of a regression: the usual absolute error, at which the error that detectors see is one half.
    hold_seconds : float
        So long after a detection the state is drift: detectors begin anew with the next outcome.
    detectors : sequence of str, optional
        Their names; all that take such errors by default.
    """

    def __init__(
        self,
        *,
        classification: bool,
        scale: float = 1.0,
        hold_seconds: float,
        detectors: Sequence[str] | None = None,
    ) -> None:
        self._classification = classification
        self._scale = scale if scale > 0 else 1.0
        self._hold = hold_seconds
        fitting = tuple(DETECTORS) if classification else OF_NUMBERS
        self._detectors: dict[str, Detector] = {
            name: create(name) for name in (fitting if detectors is None else detectors)
        }
        self._thinning = Thinning()
        self._lock = threading.Lock()
        self._waiting: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
        self._n_waiting = self._seen = 0
        self._new: dict[str, int] = dict.fromkeys(self._detectors, 0)
        self._last: dict[str, tuple[int, float]] = {}
        self._detected: dict[str, float] = {}
        self._count: dict[str, int] = dict.fromkeys(self._detectors, 0)

    @property
    def names(self) -> tuple[str, ...]:
        """Detectors, as in the label `detector`."""
        return tuple(self._detectors)

    def add(self, joined: JoinedOutcomes) -> None:
        """Take outcomes in the order in which they came; rows that lack a prediction are left out."""
        errors, there = self._errors(joined)
        with self._lock:
            self._waiting.append((errors[there], joined.rows.times[there]))
            self._n_waiting += int(there.sum())
            if self._n_waiting > MOST_WAITING:
                self._feed()

    def run(self, now: float) -> dict[str, ConceptReport]:
        """Let the detectors see what has come, and say what each thinks."""
        with self._lock:
            self._feed()
            for name, fresh in self._new.items():
                if fresh:
                    self._detected[name] = now
                    self._count[name] += fresh
                    self._new[name] = 0
            return {name: self._report(name, now) for name in self._detectors}

    def _report(self, name: str, now: float) -> ConceptReport:
        if self._seen == 0:
            return ConceptReport(state="unknown")
        detected = self._detected.get(name)
        # A clock that went backwards holds the state rather than ending it.
        held = detected is not None and now - detected < self._hold
        state: ConceptState = "drift" if held else self._detectors[name].state
        if state == "drift" and not held:
            state = "ok"  # the detector itself stays in it until the next outcome, however late that comes
        position, predicted_at = self._last.get(name, (None, None))
        return ConceptReport(
            state=state,
            drifts=self._count[name],
            position=position,
            detected_at=detected,
            predicted_at=predicted_at,
        )

    def _feed(self) -> None:
        if self._n_waiting:
            errors = np.concatenate([part[0] for part in self._waiting])
            times = np.concatenate([part[1] for part in self._waiting])
            chosen: list[NDArray[np.int64]] = []
            for start, part in self._thinning.parts(errors):
                places, thinner = self._thinning.take(part)
                chosen.append(places + start)
                if thinner:
                    self._detect(errors, times, np.concatenate(chosen))
                    self._begin_anew()
                    chosen = []
            if chosen:
                self._detect(errors, times, np.concatenate(chosen))
            self._seen += len(errors)
        self._waiting, self._n_waiting = [], 0

    def _detect(
        self, errors: NDArray[np.float64], times: NDArray[np.float64], places: NDArray[np.int64]
    ) -> None:
        """Give the detectors the values at these places of a batch, and note what they find."""
        for name, detector in self._detectors.items():
            first = detector.seen
            drifts = detector.update_many(errors[places]).drifts
            if len(drifts):
                self._new[name] += len(drifts)
                place = int(places[int(drifts[-1]) - first])
                self._last[name] = (self._seen + place, float(times[place]))

    def _begin_anew(self) -> None:
        """Forget what detectors made of values that depend on each other twice as much as was known."""
        self._detectors = {name: create(name) for name in self._detectors}
        for name, fresh in self._new.items():
            if fresh:
                self._new[name] = 0
                self._last.pop(name, None)

    def to_dict(self) -> dict[str, Any]:
        """Everything that outlasts a restart, as plain values that JSON can hold."""
        with self._lock:
            self._feed()
            return {
                "format": STATE_FORMAT,
                "classification": self._classification,
                "scale": self._scale,
                "seen": self._seen,
                "thinning": self._thinning.to_dict(),
                "detectors": {name: save(detector) for name, detector in self._detectors.items()},
                "new": dict(self._new),
                "last": {name: list(last) for name, last in self._last.items()},
                "detected": dict(self._detected),
                "count": dict(self._count),
            }

    def restore(self, values: Mapping[str, Any]) -> None:
        """Go on where the stream stood whose `to_dict` gave these values.

        Raises
        ------
        ObservationError
            If the values are not such, or of a stream of other errors or detectors. Nothing is then changed.
        """
        try:
            own = (STATE_FORMAT, self._classification, self._scale, set(self._detectors))
            found = (
                values["format"], values["classification"], values["scale"], set(values["detectors"]),
            )  # fmt: skip
            if found != own:
                raise ObservationError(f"saved error stream: found one of {found}, need one of {own}")
            detectors = {name: restore(values["detectors"][name]) for name in self._detectors}
            thinning = Thinning.from_dict(values["thinning"])
            seen, new, count = int(values["seen"]), values["new"], values["count"]
            fresh = {name: int(new[name]) for name in self._detectors}
            counts = {name: int(count[name]) for name in self._detectors}
            last = {name: (int(at[0]), float(at[1])) for name, at in values["last"].items()}
            detected = {name: float(at) for name, at in values["detected"].items()}
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            if isinstance(error, ObservationError):
                raise
            raise ObservationError(f"saved error stream: {error!r}; need what `to_dict` gives") from error
        if not ({*last, *detected} <= set(detectors) and min(seen, *fresh.values(), *counts.values()) >= 0):
            raise ObservationError("saved error stream: found counts below 0 or unknown detectors")
        with self._lock:
            self._detectors, self._thinning, self._seen = detectors, thinning, seen
            self._new, self._count, self._last, self._detected = fresh, counts, last, detected

    def _errors(self, joined: JoinedOutcomes) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        rows = joined.rows
        labels = np.empty(0, dtype=object) if rows.labels is None else rows.labels
        if self._classification:
            if rows.classes is None:
                return np.empty(len(labels)), np.zeros(len(labels), dtype=np.bool_)
            return (rows.classes != labels).astype(np.float64), known(rows.classes)
        truth = numbers(labels)
        predicted = np.full(len(truth), np.nan) if rows.scores is None else rows.scores
        size = np.abs(predicted - truth)
        finite = np.isfinite(size)
        # Bounded to 0..1 whatever the unit: one half at the usual error.
        return np.where(finite, size / (size + self._scale), 0.0), finite
