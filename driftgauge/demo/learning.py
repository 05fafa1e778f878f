"""The demo's model with its challengers: what the retraining made, and later one that is bad on purpose.

The replay asks and tells it as any model; once an hour of the replay it looks what there is to do. All
decisions are those of the retraining service and of the rollout; here is only what people would do: let a
candidate in on a Monday, look at the drift afterwards, and push a model that is bad.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import joblib

from exporter import InstrumentedPredictor, Report, RolloutPolicy, Stage
from exporter.answers import Page
from exporter.rollout import Succession

from .asking import UNDER_WAY, Run
from .data import Flights
from .pacing import Timetable
from .replay import DAY_SECONDS, WINDOW, SimulatedClock
from .timeline import Moment, missing
from .train import MODEL_NAME, train

STAGES = (
    Stage(kind="shadow", min_rows=5_000, min_seconds=7 * DAY_SECONDS),
    Stage(kind="canary", share=0.05, min_rows=1_000, min_seconds=DAY_SECONDS),
    Stage(kind="canary", share=0.25, min_rows=2_000, min_seconds=DAY_SECONDS),
    Stage(kind="ab", share=0.5, min_rows=2_000, min_seconds=DAY_SECONDS),
)
"""In replayed time, so a week of shadow takes seven seconds. A week has every weekday, and the flights of one
day share its thunderstorms. The rest is as by default, with a day for each hour there."""

POLICY = RolloutPolicy(stages=STAGES, max_rows=25_000, max_seconds=28 * DAY_SECONDS, slow_seconds=5.0)
"""About 900 flights a day: the stages take 12 days at least and end after 28. An hour's flights are one call,
and the machine runs the whole demo beside it, so only five seconds are slow."""

BEGINS_ON = 0
"""Monday: a rollout begins when people are there to see it, and its first week is a whole one."""

SETTLED_CHECKS = 3
"""Daily checks until a feature's state is one: a drift is one that two checks see (hysteresis)."""

STAGE_NAMES = {"shadow": "shadow", "canary": "canary", "ab": "A/B"}

DRIFT_DAYS = 14
"""How long the drift may take to fall; then it has not."""

CLOSE_SECONDS = DAY_SECONDS
"""Flights of the last day are still in the air or not yet told of."""

BAD_VERSION = "1.2.0"
BAD_DAYS = 28
"""Flights that the bad model is trained on: enough for a model that would be good with the right labels."""

STATE_FILE, CANDIDATE_FILE = "rollout.json", "candidate.json"


@dataclass(slots=True, kw_only=True)
class Learning:
    """The served model, as a replay sees it.

    Parameters
    ----------
    serving : Succession
        The champion, and the challengers that come; it reads `folder` / `CANDIDATE_FILE`.
    flights : Flights
        What is replayed.
    clock : SimulatedClock
    run : callable
        The retraining as the service tells it; None before there is one.
    timetable : Timetable
        Real to replayed time.
    handed_over : Path
        Where the service names its candidate.
    folder : Path
        Of the served model.
    enough : int
        Outcomes that the decision to retrain needs.
    """

    serving: Succession
    flights: Flights
    clock: SimulatedClock
    run: Callable[[], Run | None]
    timetable: Timetable
    handed_over: Path
    folder: Path
    enough: int
    moments: list[Moment] = field(default_factory=list)
    _outcomes: int = 0
    _checks_after: int = 0
    _full_at: float = 0.0
    _before: Report | None = None
    _ended: str = ""

    @property
    def awaits(self) -> bool:
        """Whether the service has all that it needs, and has not yet decided or not yet trained.

        It takes seconds: days at the replay's pace, and on a busy machine weeks.
        """
        run = self.run()
        return self._outcomes >= self.enough and (run is None or run.state in UNDER_WAY)

    def predict_proba(self, rows: Any, *, ids: Any) -> Any:  # noqa: ANN401  # a pandas table, the model's answer
        """Answer the rows."""
        return self.serving.predict_proba(rows, ids=ids)

    def record_outcomes(self, ids: Sequence[Any], y_true: Sequence[Any], at: Sequence[float]) -> None:
        """Join the truth to the rows of whichever version answered them."""
        self.serving.record_outcomes(ids, y_true, at)
        self._outcomes += len(ids)

    def check_now(self) -> None:
        """Check the champion's window once it is full."""
        if self.clock.now < self._full_at:
            return
        self.serving.champion.check_now()
        if self._before is not None and "drift" not in self._steps:
            self._checks_after += 1
            self._compare_drift(self._before)

    def hours(self, hours: Iterator[float]) -> Iterator[float]:
        """The same hours, with what there is to do done at the start of each."""
        for now in hours:
            self.clock.now = now
            self.timetable.note(time.time(), now)
            self.follow(now)
            yield now

    def follow(self, now: float) -> None:
        """Do what there is to do."""
        if "shadow" not in self._steps and "broken off" not in self._steps:
            self._take_candidate(now)
        champion = self.serving.champion
        self.serving.sync()
        found = self.serving.status()
        if "broken off" in self._steps:
            return
        if found["refused"]:
            self._say("broken off", f"the candidate is refused: {found['refused']['words']}")
        elif found["status"] != "none":
            self._tell_rollout(found, champion)
        if "drift" in self._steps and "pushed" not in self._steps:
            self._push_bad(now)

    @property
    def pages(self) -> Mapping[str, Page]:
        """What answers a GET."""
        return {**self.serving.pages, "timeline": self.timeline, "replay": self.replayed}

    def timeline(self, _path: str = "") -> Mapping[str, Any]:
        """What has happened so far: the page /timeline."""
        return {"moments": [moment.to_dict() for moment in self.moments], "missing": missing(self.moments)}

    def replayed(self, path: str) -> Mapping[str, Any] | None:
        """Now in the replayed world, and what it was at a real time: the page /replay/SECONDS."""
        try:
            return {"now": self.clock.now, "at": self.timetable.at(float(path))}
        except ValueError:
            return None

    @property
    def _steps(self) -> set[str]:
        return {moment.step for moment in self.moments}

    def _say(self, step: str, words: str, at: float | None = None) -> None:
        self.moments.append(Moment(self.clock.now if at is None else at, step, words))

    def _take_candidate(self, now: float) -> None:
        """Tell how the retraining stands, and let what it made in on the next Monday."""
        run = self.run()
        if run is None:
            return
        steps, then = self._steps, self.timetable.at
        if "asked" not in steps:
            what = f"{', '.join(run.alerts)} of {', '.join(run.features)}"
            self._say("alert", what, then(run.since))
            self._say("asked", "the bridge asks the retraining service for a run", then(run.requested_at))
        if run.waits and "waits" not in steps:
            self._say("waits", run.waits, then(run.requested_at))
        if run.decided_at is not None and "decided" not in steps:
            self._say("decided", run.runs_because, then(run.decided_at))
        if run.state in ("refused", "failed"):
            self._say("broken off", f"the retraining is {run.state}: {run.reasons}")
        if run.state != "succeeded" or run.ended_at is None:
            return
        if "trained" not in steps:
            self._say("trained", trained_words(run), then(run.ended_at))
        if datetime.fromtimestamp(now, UTC).weekday() == BEGINS_ON:
            self._let_in(self.handed_over.read_bytes())

    def _let_in(self, candidate: bytes) -> None:
        """Name a candidate to the server; it looks at each `sync`."""
        beside = self.folder / f"{CANDIDATE_FILE}.new"
        beside.write_bytes(candidate)
        beside.replace(self.folder / CANDIDATE_FILE)

    def _tell_rollout(self, found: Mapping[str, Any], champion: InstrumentedPredictor) -> None:
        """Tell what a look at the rollout has changed; `champion` is the one before it."""
        pushed, challenger = "pushed" in self._steps, found["challenger"]
        told = sum(moment.step in STAGE_NAMES.values() for moment in self.moments)
        for begun in [] if pushed else found["stages"][told:]:
            words = f"{challenger} answers {begun['share']:.0%} of the flights; {evidence(found)}"
            if begun["kind"] == "shadow":
                words = f"{challenger} answers beside {champion.version}, unseen"
            self._say(STAGE_NAMES[begun["kind"]], words)
        if found["status"] == "running" or challenger == self._ended:
            return
        self._ended = challenger
        reason, words = found["events"][-1]["reason"], f"{challenger}; {evidence(found)}"
        if pushed and (found["status"], reason) == ("rolled_back", "worse"):
            self._say("rolled back", words)
        elif pushed or found["status"] == "rolled_back":
            self._say("broken off", f"{found['status']} ({reason}): {words}")
        else:
            self._say("promoted", words)
            self._before = champion.reports[WINDOW.name]
            self._full_at = found["stages"][0]["started_at"] + WINDOW.seconds

    def _compare_drift(self, before: Report) -> None:
        """Tell the drift of the new champion beside that of the old one at its end."""
        if self._checks_after < SETTLED_CHECKS:
            return
        after = self.serving.champion.reports[WINDOW.name]
        words = f"{drift_words(before)} before, {drift_words(after)} against the new reference"
        if after.drifted_ratio < before.drifted_ratio:
            self._say("drift", words)
        elif self._checks_after >= DRIFT_DAYS:
            self._say("broken off", f"the drift has not fallen: {words}")

    def _push_bad(self, now: float) -> None:
        """Name a candidate that has learned from labels with the wrong sign.

        By its own reference it is as good as any: only the truth of live flights tells.
        """
        lately = self.flights.between(now - BAD_DAYS * DAY_SECONDS, now - CLOSE_SECONDS).with_outcome()
        wrong = Flights(lately.features, lately.scheduled, lately.landed, 1.0 - lately.late)
        model, reference = train(wrong, BAD_VERSION)
        paths = self.folder / "bad.joblib", self.folder / "bad.reference.json"
        joblib.dump(model, paths[0])
        reference.save(paths[1])
        self._let_in(candidate(BAD_VERSION, *paths))
        self._say(
            "pushed", f"{BAD_VERSION} by hand, past brakes and hold-out: its labels have the wrong sign"
        )


def candidate(version: str, model: Path, reference: Path) -> bytes:
    """The file that names a candidate, as docs/rollout.md describes it."""
    return json.dumps(
        {
            "format": "driftgauge-candidate",
            "format_version": 1,
            "model_name": MODEL_NAME,
            "model_version": version,
            "model_path": str(model),
            "reference_path": str(reference),
        }
    ).encode()


def evidence(found: Mapping[str, Any]) -> str:
    """What a rollout knows by now, in words."""
    outcomes = found["outcomes"]
    if outcomes["difference"] is None:
        return "nothing known yet"
    points, low, high = (100.0 * outcomes[name] for name in ("difference", "low", "high"))
    words = f"{abs(points):.1f} {'fewer' if points >= 0 else 'more'} errors in 100 flights"
    # No one difference fits all weeks where the bounds cross.
    bounds = f"{low:.1f} to {high:.1f}" if low <= high else f"bounds {low:.1f} and {high:.1f}, weeks differ"
    return f"{words} ({bounds}) after {outcomes['rows']:,} flights"


def drift_words(report: Report) -> str:
    """How much drifts by a report."""
    psi = report.features["temperature"].to_dict()["statistics"]["psi"]["value"]
    return f"{len(report.drifted_features)} of {len(report.features)} features, temperature's PSI {psi:.1f}"


def trained_words(run: Run) -> str:
    """What the training says of its candidate."""
    metrics, comparison = run.result["metrics"], run.result["comparison"]
    return (
        f"a candidate of {metrics['training_rows']:,.0f} flights; on a hold-out of "
        f"{metrics['holdout_rows']:,.0f} AUC {metrics['champion_auc']:.3f} -> {metrics['auc']:.3f} "
        f"({comparison['low']:+.3f} to {comparison['high']:+.3f}): {comparison['verdict']}"
    )
