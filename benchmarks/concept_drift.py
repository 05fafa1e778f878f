"""Speed, delay and false alarms of the concept-drift detectors, beside river: writes docs/concept-drift.md.

    python benchmarks/concept_drift.py [--quick] [--river PYTHON] [--out docs/concept-drift.md]

river runs in an interpreter of its own (`--river`), on the same streams, one value at a time, which is all it
offers. Times are processor time of one thread, the best of several, so that other work on the machine counts
little; where it is busy its caches are shared all the same.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NAMES = ("page_hinkley", "ddm", "eddm", "hddm_w", "adwin", "kswin")
ERRORS_ONLY = ("ddm", "eddm", "hddm_w")
SLOW = {"kswin": 0.02}
"""Share of the values that a slow detector of river is timed on."""

NOT_IN_RIVER_RUN = ("kswin",)
"""river's takes a third of a millisecond a value: an hour for the table of delays."""

WIDE = {"kswin, 100 of 400": {"window_size": 400, "stat_size": 100}}
"""Other parameters than the default: 100 newest values in a window of 400."""

BATCH, SINGLE = 1_000_000, 200_000
REPEATS = 5
STREAMS = 40
QUIET = 10_000
BEFORE, AFTER = 3_000, 4_000


@dataclass(frozen=True, slots=True)
class Case:
    """A kind of stream, with or without a change."""

    name: str
    make: Callable[[np.random.Generator], Floats]
    changes: bool
    errors: bool = True


def steady(rate: float) -> Callable[[np.random.Generator], Floats]:
    """Independent errors at one rate."""
    return lambda rng: (rng.random(QUIET) < rate).astype(np.float64)


def bursts(rng: np.random.Generator) -> Floats:
    """A fifth of errors, of which each raises the chance of the next: correlation 0.3."""
    errors = np.zeros(QUIET)
    draws = rng.random(QUIET)
    for i in range(1, QUIET):
        errors[i] = draws[i] < 0.14 + 0.3 * errors[i - 1]
    return errors


def step(before: float, after: float) -> Callable[[np.random.Generator], Floats]:
    """An error rate that changes at once."""
    return lambda rng: (rng.random(BEFORE + AFTER) < np.repeat([before, after], [BEFORE, AFTER])).astype(
        np.float64
    )


def slope(before: float, after: float, length: int) -> Callable[[np.random.Generator], Floats]:
    """An error rate that changes evenly over a stretch."""
    rates = np.interp(np.arange(BEFORE + AFTER), [BEFORE, BEFORE + length], [before, after])
    return lambda rng: (rng.random(BEFORE + AFTER) < rates).astype(np.float64)


def sizes(before: float, after: float) -> Callable[[np.random.Generator], Floats]:
    """Absolute errors of a regression, exponential."""
    return lambda rng: rng.exponential(np.repeat([before, after], [BEFORE, AFTER]))


def quiet_sizes(rng: np.random.Generator) -> Floats:
    """Absolute errors without a change."""
    return rng.exponential(1.0, QUIET)


CASES = (
    Case("1 %", steady(0.01), changes=False),
    Case("5 %", steady(0.05), changes=False),
    Case("20 %", steady(0.2), changes=False),
    Case("20 % in bursts", bursts, changes=False),
    Case("sizes", quiet_sizes, changes=False, errors=False),
    Case("1 to 5 %", step(0.01, 0.05), changes=True),
    Case("5 to 15 %", step(0.05, 0.15), changes=True),
    Case("20 to 30 %", step(0.2, 0.3), changes=True),
    Case("20 to 50 %", step(0.2, 0.5), changes=True),
    Case("20 to 40 % in 2,000", slope(0.2, 0.4, 2_000), changes=True),
    Case("30 to 20 %", step(0.3, 0.2), changes=True),
    Case("sizes 1 to 1.5", sizes(1.0, 1.5), changes=True, errors=False),
)


def ours(name: str) -> Any:
    """A detector of ours with its default parameters."""
    from exporter.sequential import create  # noqa: PLC0415 - river's interpreter has no exporter

    return create(name.partition(",")[0], **WIDE.get(name, {}))


def rivers(name: str) -> Any:
    """A detector of river with its default parameters."""
    from river import drift  # type: ignore[import-not-found]  # noqa: PLC0415 - ours has no river

    makers: dict[str, Callable[[], Any]] = {
        "page_hinkley": drift.PageHinkley,
        "ddm": drift.binary.DDM,
        "eddm": drift.binary.EDDM,
        "hddm_w": drift.binary.HDDMW,
        "adwin": drift.ADWIN,
        "kswin": lambda: drift.KSWIN(seed=1),
    }
    return makers[name]()


def river_drifts(name: str, values: Floats) -> list[int]:
    """Positions at which river finds a drift."""
    detector, found = rivers(name), []
    for position, value in enumerate(values.tolist()):
        detector.update(value)
        if detector.drift_detected:
            found.append(position)
    return found


def rate(run: Callable[[], object], n_values: int, repeats: int) -> float:
    """Million values a second of processor time, the best of several runs."""
    run()  # what is imported when it is first used is no part of the speed
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        run()
        best = min(best, time.process_time() - start)
    return n_values / best / 1e6


def one_at_a_time(update: Callable[[float], object], values: list[float]) -> None:
    """The loop that a caller would write."""
    for value in values:
        update(value)


def peer(path: Path, repeats: int) -> dict[str, Any]:
    """What river does with the streams of a file: drifts by case and detector, and speed."""
    with np.load(path) as stored:
        streams = {key: stored[key] for key in stored.files}
    timed = streams.pop("timed")
    found: dict[str, Any] = {"version": __import__("river").__version__, "speed": {}, "drifts": {}}
    for name in NAMES:
        values = timed[: int(SINGLE * SLOW.get(name, 1.0))].tolist()
        found["speed"][name] = rate(
            lambda name=name, values=values: one_at_a_time(rivers(name).update, values),  # type: ignore[misc]
            len(values),
            1 if name in SLOW else repeats,
        )
    for case in CASES:
        for name in NAMES:
            if name not in NOT_IN_RIVER_RUN and (case.errors or name not in ERRORS_ONLY):
                found["drifts"][f"{case.name}|{name}"] = [
                    river_drifts(name, values) for values in streams[case.name]
                ]
    return found


def text_of(case: Case, drifts: list[list[int]]) -> str:
    """False alarms among 10,000 values, or median delay with misses."""
    if not case.changes:
        return f"{np.mean([len(each) for each in drifts]) * 10_000 / QUIET:.2f}"
    delays = [next((at - BEFORE for at in each if at >= BEFORE), None) for each in drifts]
    missed = sum(delay is None for delay in delays)
    if 2 * missed > len(delays):
        return "-"
    median = np.median([AFTER if delay is None else delay for delay in delays])
    return f"{median:,.0f}" + (f" ({missed})" if missed else "")


HEADER = """# Concept drift

Written by `benchmarks/concept_drift.py`{scale}, river {version} in the same run.

Drift of the inputs says that the world looks different; concept drift says that the model is wrong more
often than it was. It needs the truth: each outcome that is joined to its prediction becomes an error of 0
or 1, or for a regression the size of its error, and goes to the detectors in `exporter/sequential/` one
after the other.

| detector | takes | finds | choose it for |
|---|---|---|---|
| `hddm_w` | 0 to 1 | rises | the shortest delay when much goes wrong at once |
| `page_hinkley` | numbers, divided by their usual size | rises; falls if asked to | long-lasting rises |
| `adwin` | numbers | rises and falls | fewest false alarms, with no parameter to choose |
| `ddm` | 0 and 1 | rises | long-lasting rises; a warning zone that begins early |
| `eddm` | 0 and 1 | errors that come closer together | comparison with the literature |
| `kswin` | numbers | any change of the distribution | large changes of errors that are not only 0 and 1 |

The first four are the default: EDDM has many false alarms, and KSWIN sees large changes only. A state is
`ok`, `warning` or `drift`. After a drift a detector starts anew with the next value, so one lasting
change is one drift. `Watch` runs several side by side and goes on showing a drift for 1,000 outcomes,
long enough for a metric and an alert to see it. Positions count from the first outcome ever.

```python
import json

from exporter.sequential import Watch, create

watch = Watch({{"hddm_w": create("hddm_w", drift_confidence=0.0001), "adwin": create("adwin")}})
watch.update_many(y_true != y_pred, times)      # drifts among these, with position and time
watch.states()                                  # {{"hddm_w": "ok", "adwin": "drift"}}
Watch.from_dict(json.loads(json.dumps(watch.to_dict())))     # goes on where it stood
```

**How far the promises go.** The bounds of ADWIN and HDDM-W hold for independent errors at one look, not
for all looks together. Errors that come in bursts bring more false alarms, as the table shows: for those
take a smaller `delta` or `drift_confidence`, a larger `threshold`, or give the detectors one value for
each group of rows. For sizes of errors divide by their mean and raise Page-Hinkley's `threshold`: at 100
it has 0.6 false alarms among 10,000 exponential ones and finds a half more after 143, at 200 none in
400,000 and after 352. Outcomes that come late, or only for some decisions, change the error rate without any
change of the model: see `label_independence` in [feedback.md](feedback.md). HDDM-W remembers some 20
values: at error rates of a few per cent it never sees enough of them, and `adwin` or `ddm` does.

**On a model's stream.** Errors of a model in production come in bursts: a day of storms, a slow hour. The
means of blocks then waver more than those of independent errors, by the *design effect*, and each wave
looks like a drift: on [the flights](flights.md), every error given to it, ADWIN found 260 in nine months,
DDM 143. `Thinning` measures the design effect on blocks of 64 to 1,024 errors (mean square successive
difference, so that slow change does not enter) and passes on one value of so many; a stream of independent
errors is passed on whole. The exporter does so for all six detectors, with their default parameters: ADWIN
then found 5, DDM 8. When a stream proves to be twice as dependent as was known, detectors begin anew, and
what no check has reported yet is forgotten. [The last table here](verdicts.md) has false alarms and delays,
thinned and whole: where errors are independent both are the same, where days differ there are a third of
the false alarms or fewer, most often, and a delay of days.

**Agreement.** With the same parameters our drifts are river's: DDM, EDDM, HDDM-W, Page-Hinkley and ADWIN
on every stream of `tests/exporter/sequential/data/river.json`. What differs, and why:

- DDM waits for 30 errors (`min_errors`); without it the first error of a good model is a drift.
- Page-Hinkley looks for rises alone (`mode`); its warnings, and ADWIN's, are ours: river has none.
- A warning of EDDM ends with the first error that says so; river's outlasts a new highest value.
- KSWIN tests at 0.0001, not 0.005, since every value brings a test; and it compares all older values of
  its window where river draws some at random, so the same stream gives the same answer.

One at a time and in batches of any split give the same detections and the same state, bit for bit, where
the processor's multiplication and addition are rounded apart, as on x86-64.
"""


FALSE_ALARMS = f"""Drifts among 10,000 values without a change, by error rate; default parameters, ours /
river's. *In bursts*: an error makes the next one likelier (correlation 0.3). *Sizes*: exponential, mean 1.
Streams of {QUIET:,} values."""

DELAY = f"""Median number of values from the change, after {BEFORE:,} values, to the first drift; in brackets
how many streams had none within {AFTER:,} values, - for most of them. Ours / river's. Only `adwin`,
`kswin` and river's `page_hinkley` look for falls. A short delay beside many false alarms is luck."""


def main() -> None:
    """Run everything and write the document."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the streams, to try it out")
    parser.add_argument("--river", type=Path, help="an interpreter that has river")
    parser.add_argument("--out", type=Path, default=Path("docs/concept-drift.md"))
    parser.add_argument("--peer", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    repeats = 1 if options.quick else REPEATS
    if options.peer:
        json.dump(peer(options.peer, repeats), sys.stdout)
        return
    rng = np.random.default_rng(20130101)
    count = max(3, STREAMS // 10) if options.quick else STREAMS
    streams = {case.name: np.array([case.make(rng) for _ in range(count)]) for case in CASES}
    timed = (rng.random(BATCH) < 0.2).astype(np.float64)
    speeds = {name: speed(name, timed, repeats) for name in NAMES}
    river = None
    if options.river:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "streams.npz"
            np.savez(path, timed=timed, **streams)  # type: ignore[arg-type]
            command = [options.river, __file__, "--peer", path, *(["--quick"] if options.quick else [])]
            river = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    lines = [*speed_table(speeds, river), *detection_tables(streams, river)]
    head = HEADER.format(
        scale=" in a quick run that shows little" if options.quick else f": {count} seeded streams a cell",
        version=river["version"] if river else "not",
    )
    text = head + "\n".join(lines) + "\n"
    print(text)
    options.out.write_text(text, encoding="utf-8")


def speed(name: str, timed: Floats, repeats: int) -> tuple[float, float]:
    """Million values a second, in one batch and one at a time."""
    single = timed[:SINGLE].tolist()
    return (
        rate(lambda: ours(name).update_many(timed), len(timed), repeats),
        rate(lambda: one_at_a_time(ours(name).update, single), len(single), repeats),
    )


def speed_table(speeds: dict[str, tuple[float, float]], river: dict[str, Any] | None) -> list[str]:
    """What each takes."""
    lines = [
        "\n## Speed\n",
        "Million values a second of processor time, one thread, best of several runs, errors at 20 %.\n",
        "| detector | in batches | one at a time | river, one at a time |",
        "|---|---:|---:|---:|",
    ]
    for name, (batch, single) in speeds.items():
        other = f"{river['speed'][name]:.3g}" if river else "-"
        lines.append(f"| `{name}` | {batch:.3g} | {single:.3g} | {other} |")
    return lines


def detection_tables(streams: dict[str, Floats], river: dict[str, Any] | None) -> list[str]:
    """False alarms, and delays."""
    lines: list[str] = []
    texts = {False: ("False alarms", FALSE_ALARMS), True: ("Delay", DELAY)}
    for changes, (title, text) in texts.items():
        cases = [case for case in CASES if case.changes == changes]
        lines += [f"\n## {title}\n", text + "\n"]
        lines.append("| detector | " + " | ".join(case.name for case in cases) + " |")
        lines.append("|---|" + "---:|" * len(cases))
        for name in (*NAMES, *WIDE):
            cells = []
            for case in cases:
                if not case.errors and name in ERRORS_ONLY:
                    cells.append("")
                    continue
                found = [ours(name).update_many(values).drifts.tolist() for values in streams[case.name]]
                other = river["drifts"].get(f"{case.name}|{name}") if river else None
                cells.append(
                    text_of(case, found) + (f" / {text_of(case, other)}" if other is not None else "")
                )
            lines.append(f"| `{name}` | " + " | ".join(cells) + " |")
    return lines


if __name__ == "__main__":
    main()
