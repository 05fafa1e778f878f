"""Drift statistics of binned counts in PromQL, as `exporter.statistics` defines them.

The same expressions serve everything that is counted on the bins of a reference: features, scores and
predicted classes (a `Subject`), over every range. p is the current share of a bin and q the reference's; both
hold every bin that either side has, with a zero where it is empty, so that no mass gets lost in a join.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from exporter.metrics import MODEL_LABELS
from exporter.reference.kinds import INF, MISSING
from exporter.statistics.binning import DEFAULT_BINS
from exporter.statistics.categories import OTHER
from exporter.statistics.distances import EMPTY_BIN_COUNT

from .rendering import Record, block, nested

MINIMUM = 'driftgauge:alert_threshold{threshold="minimum_rows"}'

BESIDE_VALUES = f'bin!~"{MISSING}|{INF}"'
"""Values that take part in drift; missing and infinite ones are shares of all rows and have rules of their
own."""

SUM_TOLERANCE = 1e-6
"""By how much the reference's shares may miss 1: far above rounding, far below one row."""

TINY = 1e-300
"""In place of an empty share inside a logarithm, whose factor is then zero: 0 times a number, not 0 times
-Inf."""

MODEL = ", ".join(MODEL_LABELS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Something that is counted on the bins of a reference.

    Attributes
    ----------
    level : str
        First part of its records' names.
    label : str
        What tells two of a model version apart.
    counted : str
        Middle part of its counts' names.
    ratio, samples : str
        Gauges of the reference: share per bin, and number of values behind the shares.
    numeric : str
        A series that exists for those whose bins have an order.
    """

    level: str
    label: str
    counted: str
    ratio: str
    samples: str
    numeric: str

    @property
    def labels(self) -> str:
        """Labels of one member."""
        return f"{MODEL}, {self.label}"

    @property
    def reference(self) -> str:
        """The reference's share of each bin, of all replicas."""
        return f"{self.level}_bin:{self.ratio}:max"

    @property
    def reference_values(self) -> str:
        """Number of values behind the reference's shares."""
        return f"{self.level}:{self.samples}:max"

    def counts(self, span: str) -> str:
        """Rows per bin, of all replicas."""
        return f"{self.level}_bin:{self.counted}:increase{span}"

    def values(self, span: str) -> str:
        """Rows that take part."""
        return f"{self.level}:{self.counted}:increase{span}"

    def current(self, span: str) -> str:
        """Share of each bin among them, where it can be judged."""
        return f"{self.level}_bin:current:ratio_increase{span}"

    def conflict(self, span: str) -> str:
        """1 where replicas had different references."""
        return f"{self.level}:reference_conflict:increase{span}"

    def score(self, name: str, span: str) -> str:
        """A statistic."""
        return f"{self.level}:drift_{name}:increase{span}"


def most_ordered_bins(n_bins: int) -> int:
    """Ordered bins that a reference built with `n_bins` can have.

    `quantile_edges` puts an edge at every inner quantile, and one more below each value that alone holds more
    than a bin's share, of which there are fewer than bins.
    """
    return 2 * n_bins - 1


def bin_names(count: int) -> list[str]:
    """Names of the first ordered bins, as the exporter's profiles give them.

    Examples
    --------
    >>> bin_names(2)
    ['00', '01']
    """
    return [f"{i:02d}" for i in range(count)]


def reference_records(subject: Subject, spans: tuple[str, ...]) -> Iterator[Record]:
    """The reference, once for all replicas and ranges."""
    labels = subject.labels
    yield Record(
        name=subject.reference_values,
        expr=f"max by ({labels}) ({subject.samples})",
        comment="Each replica exports the same reference: max, never sum.",
    )
    foreign = "\n".join(
        f"or 0 * ({subject.counts(span)} and on ({labels}) {subject.reference_values})" for span in spans
    )
    yield Record(
        name=subject.reference,
        expr=f"max by ({labels}, bin) ({subject.ratio})\n{foreign}",
        comment="A bin that is counted and that the reference never had is an empty one.",
    )


def drift_records(subject: Subject, span: str, most_bins: int) -> Iterator[Record]:
    """Everything that follows from the counts of one range.

    Parameters
    ----------
    subject : Subject
        Whose counts and reference are recorded.
    span : str
        The range, as in the names of the counts.
    most_bins : int
        Ordered bins that KS is written for.
    """
    labels, values = subject.labels, subject.values(span)
    yield Record(name=values, expr=f"sum by ({labels}) ({subject.counts(span)}{{{BESIDE_VALUES}}})")
    yield Record(
        name=subject.conflict(span),
        expr=block(f"""
            clamp_max(
              (abs(sum by ({labels}) ({subject.reference}{{{BESIDE_VALUES}}}) - 1) > bool {SUM_TOLERANCE})
                + on ({MODEL}) group_left ()
              (model:references:count{span} > bool 1), 1)"""),
        comment="""1 where replicas of one version had different references within the range, so that their
            bins mean
        different things: no score then, rather than a wrong one. Quantile bins all hold the same share, so
        their sum alone would not tell.""",
    )
    yield Record(
        name=subject.score("insufficient", span),
        expr=block(f"""
            clamp_max(
              ({values} < bool on (model_name) group_left () {MINIMUM})
                + on ({labels})
              ({subject.reference_values} < bool on (model_name) group_left () {MINIMUM}), 1)"""),
        comment="1 while the range or the reference has too few values for a score: unknown, said aloud.",
    )
    yield Record(
        name=subject.current(span),
        expr=block(f"""
            (
              {subject.counts(span)}{{{BESIDE_VALUES}}}
              or 0 * {subject.reference}{{{BESIDE_VALUES}}}
            )
            / on ({labels}) group_left ()
            (
              {values}
              and on ({labels}) {subject.score("insufficient", span)} == 0
              and on ({labels}) {subject.conflict(span)} == 0
            )"""),
        comment="""Share of each bin, of those that can be judged. `or 0 *` adds the bins that no replica
            exports; an
        inner join would lose what drifted out of them.""",
    )
    yield from _statistics(subject, span, most_bins)


def _statistics(subject: Subject, span: str, most_bins: int) -> Iterator[Record]:
    labels = subject.labels
    p, q = subject.current(span), subject.reference
    n, m = subject.values(span), subject.reference_values
    each = f"on ({labels}) group_left ()"
    yield Record(
        name=subject.score("psi", span),
        expr=block(f"""
            sum by ({labels}) (
              ({p} - {q}) * ln(({p} > 0) / ({q} > 0))
              or
              {nested(_padded(f"({q} > 0 and {p} == 0)", each, n), 14)}
              or
              {nested(_padded(f"({p} > 0 and {q} == 0)", each, m), 14)}
            )"""),
        comment="""Both shares positive, then empty now, then empty in the reference: an empty bin counts
        half an observation there, but never a larger share than on the other side.""",
    )
    yield Record(
        name=subject.score("jensen_shannon", span),
        expr=block(f"""
            clamp(0.5 * sum by ({labels}) (
              {p} * log2(clamp_min(2 * {p} / ({p} + {q} > 0), {TINY}))
              + {q} * log2(clamp_min(2 * {q} / ({p} + {q} > 0), {TINY}))
            ), 0, 1)"""),
        comment="Divergence in bits. An empty share adds nothing: its logarithm is clamped, its factor is 0.",
    )
    yield _ks(subject, span, most_bins)
    yield Record(
        name=subject.score("cramers_v", span),
        expr=f"clamp_max(sqrt(0.5 * sum by ({labels}) (({p} - {q}) ^ 2 / ({p} + {q} > 0))), 1)",
        comment="The effect of chi-square, as if both samples were of one size.",
    )
    yield Record(
        name=subject.score("chi_square", span),
        expr=block(f"""
            sum by ({labels}) (
              ({p} - {q}) ^ 2 / ({p} * {each} {n} + {q} * {each} {m} > 0)
            ) * {n} * {m}"""),
        comment="""Pearson's for two samples. The reference is one too: taken as exact, it would make every
        large window significant.""",
    )
    yield Record(
        name=subject.score("degrees_of_freedom", span),
        expr=f"count by ({labels}) ({p} + {q} > 0) - 1",
    )
    chi, df = subject.score("chi_square", span), subject.score("degrees_of_freedom", span)
    yield Record(
        name=subject.score("z", span),
        expr=f"(({chi} / ({df} > 0)) ^ (1 / 3) - 1 + 2 / (9 * {df})) / sqrt(2 / (9 * {df}))",
        comment="""PromQL has no chi-square distribution: in place of a p-value the normal score of Wilson and
        Hilferty (1931). 2.33 is p = 0.01, 3.09 is 0.001.""",
    )


def _padded(bins: str, each: str, total: str) -> str:
    """What bins that are empty on one side add to PSI: their shares on the other, and the rows of this."""
    factor = f"clamp_max({EMPTY_BIN_COUNT} / ({bins} * {each} {total}), 1)"
    return f"{bins}\n  * ({factor} - 1)\n  * ln({factor})"


def _ks(subject: Subject, span: str, most_bins: int) -> Record:
    """PromQL has no cumulative sum over a label: one term per edge."""
    labels, names = subject.labels, bin_names(most_bins)

    def difference(bins: list[str]) -> str:
        selected = f'{{bin=~"{"|".join(bins)}"}}'
        sides = (
            f"sum by ({labels}) ({side}{selected})" for side in (subject.current(span), subject.reference)
        )
        return " - ".join(sides)

    # Both sides of an edge say the same. Up to the middle the lower one has fewer bins, then the upper.
    middle = DEFAULT_BINS // 2
    terms = [difference(names[: i + 1] if i < middle else [*names[i + 1 :], OTHER]) for i in range(most_bins)]
    edges = "\nor ".join(
        f'label_replace({term}, "edge", "{name}", "", "")' for name, term in zip(names, terms, strict=True)
    )
    known = "|".join(names)
    return Record(
        name=subject.score("ks", span),
        expr=block(f"""
            max by ({labels}) (abs(
              {nested(edges, 14)}
            ))
            and on ({labels}) {subject.numeric}
            unless on ({labels}) {subject.reference}{{bin=~"[0-9]+", bin!~"{known}"}}"""),
        comment=f"""Largest difference of the distribution functions at the edges of the bins, where bins have
        an order; {OTHER} stands behind the last. None for more bins than there are terms: a maximum over some
        of them would be too small.""",
    )
