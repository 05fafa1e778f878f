"""The file `fleet.rules.yaml`: what all replicas of a model version count, against its one reference."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from exporter.metrics import OUTPUTS
from exporter.policy import Policy
from exporter.reference.kinds import MISSING
from exporter.statistics.binning import DEFAULT_BINS
from exporter.statistics.distances import EMPTY_BIN_COUNT
from exporter.windows import DAY_SECONDS, DEFAULT_WINDOWS, HOUR_SECONDS

from ..errors import RulesError
from .drift import (
    MINIMUM,
    MODEL,
    Subject,
    bin_names,
    drift_records,
    most_ordered_bins,
    reference_records,
)
from .rendering import Group, Record, block, nested, render

SHORT, LONG = (window.name for window in DEFAULT_WINDOWS)
assert [window.seconds for window in DEFAULT_WINDOWS] == [HOUR_SECONDS, DAY_SECONDS]

STEP_MINUTES = 15
"""The long range is the sum of hours that begin this far apart, each counted this share of an hour. A burst
between two samples at the edge of one hour is so in the other three, and a day of 12,000 bins is 1.2 million
samples of the 50 million that Prometheus allows a query."""

STEPS_AN_HOUR = 60 // STEP_MINUTES

SHORT_INTERVAL, LONG_INTERVAL = "1m", "2m"
"""An hour moves little in a minute. A day moves less, but a series that is written every five minutes would
be stale in between (Prometheus looks back five minutes); every two survive an evaluation that was missed."""

MOST_REFERENCE_BINS = 50
"""Names of bins have two digits up to here, and KS a hundred terms."""

SCORE, CLASS = OUTPUTS

FEATURES = Subject(
    level="model_feature",
    label="feature_name",
    counted="model_feature_bin",
    ratio="model_reference_bin_ratio",
    samples="model_reference_samples",
    numeric='model_feature_info{kind="numeric"}',
)

PREDICTIONS = Subject(
    level="model_prediction",
    label="output",
    counted="model_prediction",
    ratio="model_reference_prediction_ratio",
    samples="model_reference_prediction_samples",
    numeric=f'model_reference_prediction_samples{{output="{SCORE}"}}',
)

CUMULATIVE = "model_prediction_bin:model_prediction_score:cumulative_increase1h"

DAMAGE = {
    "out_of_range": "model_feature_out_of_range",
    "unseen_category": "model_feature_unseen_category",
}
"""Part of a ratio's name to the counter, beside the bins: these values are in one of them already."""

COMMENT = """Written by `driftgauge rules build`; do not edit. Drift of the whole fleet: the bins that every
replica counts, summed here, against the one reference of the version.

increase() is taken of each replica's counter and summed afterwards, so a restart or a leaving replica is a
reset of its own series only. All bins of a replica share their timestamps, so extrapolation cancels in the
shares, up to one scrape interval in the range. Every step keeps model_version: versions never mix in a
rolling update. docs/fleet.md has the definitions, the cost and what to change for larger fleets."""


def fleet_rules(n_bins: int = DEFAULT_BINS) -> str:
    """The rule file.

    Parameters
    ----------
    n_bins : int
        Of the largest reference: KS and scores have a term for each ordered bin.
    """
    if not 2 <= n_bins <= MOST_REFERENCE_BINS:
        raise RulesError(f"--bins: found {n_bins}, need a number from 2 to {MOST_REFERENCE_BINS}")
    most_bins = most_ordered_bins(n_bins)
    short = [
        Record(
            name="driftgauge:alert_threshold",
            expr=f"{Policy().min_samples} * group by (model_name) (model_info)",
            labels={"threshold": "minimum_rows"},
            comment="""Values below which no ratio and no score is computed: the exporter's own default.""",
        ),
        _references(SHORT),
        _counts(),
        *reference_records(FEATURES, (SHORT, LONG)),
        *_ratios(SHORT),
        *drift_records(FEATURES, SHORT, most_bins),
        *_prediction_counts(most_bins),
        *reference_records(PREDICTIONS, (SHORT, LONG)),
        *drift_records(PREDICTIONS, SHORT, most_bins),
    ]
    long = [
        _references(LONG),
        _long(FEATURES.counts(SHORT), FEATURES.counts(LONG)),
        *_ratios(LONG),
        *drift_records(FEATURES, LONG, most_bins),
        _long(PREDICTIONS.counts(SHORT), PREDICTIONS.counts(LONG)),
        *drift_records(PREDICTIONS, LONG, most_bins),
    ]
    return render(
        COMMENT,
        [
            Group(name="driftgauge_fleet", interval=SHORT_INTERVAL, rules=short),
            Group(
                name="driftgauge_fleet_1d",
                interval=LONG_INTERVAL,
                rules=long,
                comment=f"""A day of raw counters is twenty-four times an hour's. This reads the recorded
                    hours instead:
                those that end every {STEP_MINUTES} minutes, each weighing one in {STEPS_AN_HOUR}. Resets and
                replicas that come late were settled when the hour was recorded. A row counts in full once it
                is an hour old and fades out between 24 and 25 hours.""",
            ),
        ],
    )


def _references(span: str) -> Record:
    return Record(
        name=f"model:references:count{span}",
        expr=block(f"""
            count by ({MODEL}) (
              count by ({MODEL}, reference_version) (present_over_time(model_info[{span}])))"""),
        comment="References that replicas of one version had within the range.",
    )


def _counts() -> Record:
    return Record(
        name=FEATURES.counts(SHORT),
        expr=f"sum by ({FEATURES.labels}, bin) (increase(model_feature_bin_total[{SHORT}]))",
    )


def _long(short: str, long: str) -> Record:
    return Record(name=long, expr=f"sum_over_time({short}[{LONG}:{STEP_MINUTES}m]) / {STEPS_AN_HOUR}")


def _ratios(span: str) -> Iterator[Record]:
    """Shares of all rows, missing and infinite ones among them."""
    labels, counts = FEATURES.labels, FEATURES.counts(span)
    rows = f"model_feature:rows:increase{span}"
    enough = f"({rows} >= on (model_name) group_left () {MINIMUM})"
    yield Record(name=rows, expr=f"sum by ({labels}) ({counts})")
    yield Record(
        name=f"model_feature:missing_per_row:ratio_increase{span}",
        expr=f'sum by ({labels}) ({counts}{{bin="{MISSING}"}}) / {enough}',
    )
    for name, counter in DAMAGE.items():
        found = f"model_feature:{counter}:increase"
        yield (
            Record(name=f"{found}{SHORT}", expr=f"sum by ({labels}) (increase({counter}_total[{SHORT}]))")
            if span == SHORT
            else _long(f"{found}{SHORT}", f"{found}{LONG}")
        )
        yield Record(
            name=f"model_feature:{name}_per_row:ratio_increase{span}", expr=f"{found}{span} / {enough}"
        )


def _prediction_counts(most_bins: int) -> Iterator[Record]:
    names = bin_names(most_bins)
    edge = f"{MODEL}, edge"
    yield Record(
        name=CUMULATIVE,
        expr=block(f"""
            sum by ({MODEL}, output, bin) (
              label_replace(
                sum by ({MODEL}, le) (increase(model_prediction_score_bucket[{SHORT}])),
                "edge", "$1", "le", "(.+)")
              * on ({edge}) group_left (output, bin)
              (
                max by ({MODEL}, output, edge, bin) ({PREDICTIONS.ratio}{{output="{SCORE}"}} >= bool 0)
                and on ({MODEL}) model:references:count{SHORT} == 1
              )
            )
            unless on ({MODEL}) {PREDICTIONS.ratio}{{output="{SCORE}", bin!~"{"|".join(names)}"}}"""),
        comment="""Scores up to the upper edge of each bin: buckets of the histogram, named by the reference.
            With two
        references an edge could have two names, and the join would fail for every model.""",
    )
    before = "\nor ".join(
        f'label_replace({CUMULATIVE}{{bin="{lower}"}}, "bin", "{upper}", "", "")'
        for lower, upper in pairwise(names)
    )
    yield Record(
        name=PREDICTIONS.counts(SHORT),
        expr=block(f"""
            (
              {CUMULATIVE}
              - (
                {nested(before, 16)}
                or 0 * {CUMULATIVE}
              )
            ) >= {EMPTY_BIN_COUNT}
            or 0 * {CUMULATIVE}
            or sum by ({MODEL}, output, bin) (
              label_replace(
                label_replace(
                  increase(model_predicted_class_total[{SHORT}]), "bin", "$1", "predicted_class", "(.+)"),
                "output", "{CLASS}", "", ""))"""),
        comment="""Scores per bin: each bucket less the one before. What is less than half an observation is
            rounding.
        Then predicted classes.""",
    )
