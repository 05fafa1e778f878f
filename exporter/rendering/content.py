"""A report as what a page shows: texts in their order, and plots. The template only sets them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from .advice import Step, next_steps
from .distribution import Bar, distribution_of, moved
from .ranking import STATES, faults, rank, telling
from .svg import gauge, second, shares
from .text import ABSENT, MOVED, count, number, p_value, plain, points, share, shown, title

if TYPE_CHECKING:
    from ..findings import Finding
    from ..report import ColumnReport, Report
    from ..segments import SegmentReport
    from .about import About
    from .distribution import Distribution

PERCENTS: Final = {
    "smallest": 0, "1%": 1, "25%": 25, "median": 50, "75%": 75, "99%": 99, "largest": 100,
}  # fmt: skip
"""Columns of the table of a numeric column."""

MAX_LISTED: Final = 20
"""Names listed of what may be long, such as columns that are too many or problems of a table."""

LARGEST_ORDER: Final = 1e300
"""Of an infinite ratio, which the page's script could not sort by."""

MARKS: Final = {"drift": "▲", "warning": "△", "unknown": "?", "recovering": "↻", "ok": "✓"}
"""Beside the word, since neither colour nor word alone is found quickly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """One row of a column's table of statistics."""

    name: str
    value: str
    effect: str
    threshold: str
    ratio: str
    floor: str
    detectable: str
    p: str
    q: str
    decides: str
    verdict: str
    details: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One column: its line in the ranking, and all that is known of it."""

    key: str
    place: int
    name: str
    kind: str
    state: str
    mark: str
    severity: str
    order: float
    test: str
    effect: str
    threshold: str
    ratio: str
    gauge: str
    q: str
    missing: str
    sentences: tuple[str, ...]
    plots: tuple[str, ...]
    bars: tuple[Bar, ...]
    spread: tuple[tuple[str, tuple[str, ...]], ...]
    tests: tuple[Test, ...]
    quality: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One line of the table of segments."""

    name: str
    state: str
    mark: str
    rows: str
    reference_rows: str
    drifted: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """All of a page."""

    model: str
    headline: str
    state: str
    counts: tuple[tuple[str, str, int], ...]
    steps: list[Step]
    outputs: list[Card]
    features: list[Card]
    table: list[str]
    segment_by: str | None
    segments: list[Segment]
    unknown: list[tuple[str, str, str]]
    joint: list[tuple[str, str, str, str]]


def content_of(report: Report, about: About) -> Content:
    """What a page shows of a report."""
    features = sorted(report.features.values(), key=rank)
    outputs = [column for column in report.columns.values() if column.name not in report.features]
    unknown = [column for column in (*outputs, *features) if column.state == "unknown"]
    states: Counter[str] = Counter(column.state for column in report.features.values())
    return Content(
        model=f"{plain(report.model_name)} {plain(report.model_version)}",
        headline=headline(report),
        state=min((column.state for column in report.columns.values()), key=STATES.__getitem__),
        counts=tuple((MARKS[state], state, states[state]) for state in STATES),
        steps=next_steps(report),
        outputs=[_card(column, f"o{i}", i) for i, column in enumerate(outputs, 1)],
        features=[_card(column, f"f{i}", i) for i, column in enumerate(features, 1)],
        table=list(_table(report, about)),
        segment_by=None if report.segment_by is None else title(report.segment_by),
        segments=[_segment(name, found) for name, found in report.segments.items()],
        unknown=[(title(c.name), c.reason or "", plain(c.detail or "")) for c in unknown],
        joint=[
            (test, number(found.value), p_value(found.p_value), _details(found.details, found.reason))
            for test, found in report.multivariate.items()
        ],
    )


def headline(report: Report) -> str:
    """The verdict in one sentence."""
    drifted = len(report.drifted_features)
    unknown = sum(column.state == "unknown" for column in report.features.values())
    outputs = [
        MOVED[column.name]
        for column in report.columns.values()
        if column.name not in report.features and column.state == "drift"
    ]
    tail = f", {unknown} could not be decided" if unknown else ""
    also = f"; {', '.join(outputs)} too" if outputs else ""
    return f"{drifted} of {len(report.features)} features drifted ({report.drifted_ratio:.0%}){tail}{also}"


def _card(column: ColumnReport, key: str, place: int) -> Card:
    finding = telling(column)
    plot = distribution_of(column)
    name = title(column.name)
    drawn: tuple[str | None, ...] = ()
    if plot is not None:
        drawn = (shares(plot, f"{key}a", name), second(plot, f"{key}b", name))
    spread: list[tuple[str, tuple[str, ...]]] = []
    if plot is not None and plot.reference is not None and plot.current is not None:
        for side, percentiles in (("reference", plot.reference), ("window", plot.current)):
            spread.append((side, tuple(number(percentiles[at], 4) for at in PERCENTS.values())))
    return Card(
        key=key,
        place=place,
        name=name,
        kind=column.kind,
        state=column.state,
        mark=MARKS[column.state],
        severity=column.severity or "",
        order=0.0 if finding is None else min(finding.ratio, LARGEST_ORDER),
        test=ABSENT if finding is None else finding.test,
        effect=ABSENT if finding is None else number(finding.effect),
        threshold=ABSENT if finding is None else number(finding.threshold),
        ratio=ABSENT if finding is None else number(finding.ratio),
        gauge="" if finding is None else gauge(finding.ratio, drift=finding.drift),
        q=ABSENT if finding is None else p_value(finding.q_value),
        missing=share(column.quality.get("missing_ratio")),
        sentences=tuple(_sentences(column, finding, plot)),
        plots=tuple(svg for svg in drawn if svg is not None),
        bars=() if plot is None else plot.bars,
        spread=tuple(spread),
        tests=tuple(_tests(column)),
        quality=tuple(_quality(column)),
    )


def _segment(name: str, found: SegmentReport) -> Segment:
    drifted = sorted((column for column in found.columns.values() if column.state == "drift"), key=rank)
    return Segment(
        name=shown(name),
        state=found.state,
        mark=MARKS[found.state],
        rows=count(found.rows),
        reference_rows=count(found.reference_rows),
        drifted=listed([title(column.name) for column in drifted]) if drifted else ABSENT,
    )


def _sentences(column: ColumnReport, finding: Finding | None, plot: Distribution | None) -> Iterator[str]:
    if column.state == "unknown":
        yield f"Could not be decided: {plain(column.detail or column.reason or 'no reason is known')}."
    elif finding is not None:
        times = f"{number(finding.ratio)} times its threshold of {number(finding.threshold)}"
        certain = "significant" if finding.significant else "not significant"
        yield (
            f"{finding.test} is {number(finding.effect)}, {times}, and {certain} "
            f"(q {p_value(finding.q_value)})."
        )
    if plot is not None and column.state in {"drift", "warning", "recovering"}:
        yield moved(plot)
    odd = list(faults(column))
    if odd:
        yield f"Rows: {'; '.join(odd)}."
    rate = column.positive_rate
    if rate is not None:
        yield (
            f"Share of class {shown(rate['class'])}: {share(rate['reference'])} in the reference, "
            f"{share(rate['current'])} in the window ({points(rate['difference'])} points)."
        )


def _tests(column: ColumnReport) -> Iterator[Test]:
    for test, found in column.findings.items():
        yield Test(
            name=test,
            value=number(found.value, 4),
            effect=number(found.effect, 4),
            threshold=number(found.threshold),
            ratio=number(found.ratio),
            floor=number(found.noise_floor),
            detectable=number(found.minimum_detectable),
            p=p_value(found.p_value),
            q=p_value(found.q_value),
            decides="yes" if found.decides else "no",
            verdict=_verdict(found),
            details=_details(found.details),
        )
    for test, reason in column.failures.items():
        yield Test(
            name=test, value=ABSENT, effect=ABSENT, threshold=ABSENT, ratio=ABSENT, floor=ABSENT,
            detectable=ABSENT, p=ABSENT, q=ABSENT, decides=ABSENT, verdict="not computed",
            details=plain(reason),
        )  # fmt: skip


def _verdict(found: Finding) -> str:
    """Its two keys."""
    return {
        (True, True): "significant, large",
        (True, False): "significant, small",
        (False, True): "not significant, large",
        (False, False): "not significant, small",
    }[found.significant, found.large]


def _details(details: Mapping[str, Any], reason: str | None = None) -> str:
    """What belongs to one test alone, in words."""
    texts = [] if reason is None else [plain(reason)]
    for key, value in details.items():
        name = key.replace("_", " ")
        if isinstance(value, float):
            texts.append(f"{name} {number(value)}")
        elif isinstance(value, Mapping):
            told = ", ".join(f"{shown(str(k), 30)} {_plain_value(v)}" for k, v in value.items())
            texts.append(f"{name}: {told}")
        elif isinstance(value, (list, tuple)):
            if value:
                texts.append(f"{name}: {', '.join(_plain_value(item) for item in value)}")
        else:
            texts.append(f"{name} {_plain_value(value)}")
    return "; ".join(texts)


def _plain_value(value: Any) -> str:  # noqa: ANN401 - whatever a test has to say
    if isinstance(value, float):
        return number(value)
    if isinstance(value, (list, tuple)):
        return " ".join(_plain_value(item) for item in value)
    return shown(str(value), 30)


def _quality(column: ColumnReport) -> Iterator[tuple[str, str]]:
    for key, value in column.quality.items():
        yield key.removesuffix("_ratio").replace("_", " "), share(value)


def _table(report: Report, about: About) -> Iterator[str]:
    """What is odd about the table as a whole."""
    quality = report.quality
    for key, what in (
        ("missing_columns", "features that the window lacks"),
        ("extra_columns", "columns that the reference does not know, and that were not looked at"),
    ):
        if quality[key]:
            yield f"{count(len(quality[key]))} {what}: {listed(quality[key])}."
    if quality["reordered"]:
        yield "Columns come in another order than in the reference; they were found by name."
    if quality["repeated_ids"]:
        yield f"{count(quality['repeated_ids'])} rows have the id of an earlier row."
    for problem in quality["problems"][:MAX_LISTED]:
        yield shown(problem, 300)
    if len(quality["problems"]) > MAX_LISTED:
        yield f"And {count(len(quality['problems']) - MAX_LISTED)} problems more; the JSON has them."
    if about.rows_in_all is not None and about.rows_in_all != report.rows:
        yield f"A random sample of {count(report.rows)} of {count(about.rows_in_all)} rows was checked."


def listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    told = ", ".join(shown(name) for name in names[:MAX_LISTED])
    return told if len(names) <= MAX_LISTED else f"{told} and {count(len(names) - MAX_LISTED)} more"
