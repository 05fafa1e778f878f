"""The file `service.rules.yaml`: the model as a service, its objectives and how fast their budgets burn."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.utils import floatToGoString

from .drift import MODEL
from .fleet import LONG_INTERVAL, STEP_MINUTES, STEPS_AN_HOUR
from .objectives import (
    AVAILABILITY,
    BURN_WINDOWS,
    LATENCY,
    Objective,
    Objectives,
    selections,
)
from .rendering import Alert, Group, Record, block, render

QUANTILES = ("0.5", "0.95", "0.99")

COUNTED = ("5m", "30m", "1h", "2h", "6h")
"""Windows that are counted from the replicas' own counters."""

SUMMED = ("1d", "3d")
"""Windows that are summed from recorded hours."""

MINIMUM_BAD = 'driftgauge:alert_threshold{threshold="minimum_bad_calls"}'

WAITS = {"critical": "1m", "warning": "5m"}
"""The windows have waited already: this only rides out a single odd evaluation."""

KEEP = "5m"

COMMENT = """Written by `driftgauge rules build` from config/slo.yaml; do not edit. The model as a service:
traffic, errors, latency, per version over all replicas, and how fast the budgets of its objectives burn.

`by` instead of `without`: the joins below need exactly these labels, whatever a scrape configuration adds."""

ALERTS = {AVAILABILITY: "ModelAvailabilityBurn", LATENCY: "ModelLatencyBurn"}


def service_rules(table: Objectives) -> str:
    """The rule file for a table of objectives."""
    long = [
        Record(
            name=f"model_slo:{counted}:increase{span}",
            expr=f"sum_over_time(model_slo:{counted}:increase1h[{span}:{STEP_MINUTES}m]) / {STEPS_AN_HOUR}",
        )
        for span in (*SUMMED, table.window)
        for counted in ("calls", "bad_calls")
    ]
    return render(
        COMMENT,
        [
            Group(name="driftgauge_service", rules=list(_service())),
            Group(name="driftgauge_slo_thresholds", rules=list(_thresholds(table))),
            Group(
                name="driftgauge_slo",
                rules=[
                    *(record for span in COUNTED for record in _counted(table, span)),
                    *(_burn_rate(span) for span in COUNTED),
                    *(_alert(table, name, severity) for name in ALERTS for severity in WAITS),
                ],
            ),
            Group(
                name="driftgauge_slo_long",
                interval=LONG_INTERVAL,
                comment="Days, as the fleet's day: of hours that are recorded, each weighing its share.",
                rules=[*long, *(_burn_rate(span) for span in SUMMED), _remaining(table)],
            ),
        ],
    )


def _service() -> Iterator[Record]:
    for name, counter in (
        ("predictions", "model_predictions_total"),
        ("prediction_calls", "model_prediction_calls_total"),
        ("errors", "model_errors_total"),
    ):
        yield Record(name=f"model:model_{name}:rate5m", expr=f"sum by ({MODEL}) (rate({counter}[5m]))")
    yield Record(
        name="model:errors_per_call:ratio_rate5m",
        expr="model:model_errors:rate5m / (model:model_prediction_calls:rate5m > 0)",
        comment="Without calls there is no ratio: 0 / 0 is NaN, which never alerts and breaks averages.",
    )
    for quantile in QUANTILES:
        yield Record(
            name="model:model_inference_latency_seconds:quantile_rate5m",
            expr=block(f"""
                histogram_quantile({quantile},
                  sum by ({MODEL}, le) (rate(model_inference_latency_seconds_bucket[5m])))"""),
            labels={"quantile": quantile},
        )


def _thresholds(table: Objectives) -> Iterator[Record]:
    """Every number that alerts and panels compare with."""

    def threshold(values: Iterator[tuple[str, float]], labels: dict[str, str], comment: str = "") -> Record:
        terms = (
            f"{value!r} * group by (model_name) (model_info{f'{{{matcher}}}' if matcher else ''})"
            for matcher, value in values
        )
        expr = "\nor ".join(terms)
        return Record(name="driftgauge:alert_threshold", expr=expr, labels=labels, comment=comment)

    for name in ALERTS:
        yield threshold(
            ((matcher, objective.budget) for matcher, objective in selections(table, name)),
            {"threshold": "error_budget", "slo": name},
            f"Share of calls that may be bad: {name}.",
        )
    fastest = BURN_WINDOWS[0].factor(table.window_seconds)
    for severity, factor in (("warning", 1.0), ("critical", fastest)):
        yield threshold(
            ((m, round(o.budget * factor, 12)) for m, o in selections(table, AVAILABILITY)),
            {"threshold": "error_ratio", "severity": severity},
            "For panels: what the objective allows."
            if factor == 1.0
            else "For panels: what pages after an hour.",
        )
    yield threshold(
        ((m, o.threshold_seconds or 0.0) for m, o in selections(table, LATENCY)),
        {"threshold": "latency_seconds"},
        "A call that takes longer is a bad one.",
    )
    for window in BURN_WINDOWS:
        yield threshold(
            iter([("", window.factor(table.window_seconds))]),
            {"threshold": "burn_rate", "window": window.long},
            f"{window.budget:.0%} of the budget of {table.window} in {window.long}.",
        )


def _counted(table: Objectives, span: str) -> Iterator[Record]:
    calls, bad = f"model_slo:calls:increase{span}", f"model_slo:bad_calls:increase{span}"
    yield Record(
        name=calls,
        expr=f"sum by ({MODEL}) (increase(model_prediction_calls_total[{span}]))",
        labels={"slo": AVAILABILITY},
    )
    yield Record(
        name=calls,
        expr=f"sum by ({MODEL}) (increase(model_inference_latency_seconds_count[{span}]))",
        labels={"slo": LATENCY},
    )
    yield Record(
        name=bad,
        expr=f"sum by ({MODEL}) (increase(model_errors_total[{span}]))",
        labels={"slo": AVAILABILITY},
    )
    good = "\n  or ".join(
        f"sum by ({MODEL}) (increase(model_inference_latency_seconds_bucket{{{_bucket(m, o)}}}[{span}]))"
        for m, o in selections(table, LATENCY)
    )
    yield Record(
        name=bad,
        expr=f'clamp_min(\n  sum by ({MODEL}) ({calls}{{slo="{LATENCY}"}})\n  - (\n  {good}\n  ), 0)',
        labels={"slo": LATENCY},
    )


def _bucket(matcher: str, objective: Objective) -> str:
    """Selects the bucket that ends at the threshold."""
    edge: str = floatToGoString(objective.threshold_seconds)  # type: ignore[no-untyped-call]
    return ", ".join(part for part in (matcher, f'le="{edge}"') if part)


def _burn_rate(span: str) -> Record:
    return Record(
        name=f"model_slo:burn_rate:increase{span}",
        expr=block(f"""
            model_slo:bad_calls:increase{span} / (model_slo:calls:increase{span} > 0)
              / on (model_name, slo) group_left () driftgauge:alert_threshold{{threshold="error_budget"}}"""),
    )


def _remaining(table: Objectives) -> Record:
    span = table.window
    return Record(
        name="model_slo:error_budget_remaining:ratio",
        expr=block(f"""
            1 - model_slo:bad_calls:increase{span} / (model_slo:calls:increase{span} > 0)
              / on (model_name, slo) group_left () driftgauge:alert_threshold{{threshold="error_budget"}}"""),
        comment=f"Share of the budget of {span} that is left; below 0 the objective is missed.",
    )


def _alert(table: Objectives, name: str, severity: str) -> Alert:
    windows = [window for window in BURN_WINDOWS if window.severity == severity]
    pairs = []
    for window in windows:
        factor = f'driftgauge:alert_threshold{{threshold="burn_rate", window="{window.long}"}}'
        limit = f"on (model_name) group_left () {factor}"
        pairs.append(
            block(f"""
            (
              model_slo:burn_rate:increase{window.long}{{slo="{name}"}} > {limit}
              and on ({MODEL}) (model_slo:burn_rate:increase{window.short}{{slo="{name}"}} > {limit})
              and on ({MODEL}) (
                model_slo:bad_calls:increase{window.long}{{slo="{name}"}}
                  >= on (model_name) group_left () {MINIMUM_BAD})
            )""")
        )
    return Alert(
        name=ALERTS[name],
        expr=f"\nor on ({MODEL})\n".join(pairs),
        severity=severity,
        wait=WAITS[severity],
        keep=KEEP,
        annotations=_annotations(table, name, [window.long for window in windows]),
    )


def _annotations(table: Objectives, name: str, spans: list[str]) -> dict[str, str]:
    def value(query: str, form: str) -> str:
        asked = query.replace('"', '\\"')
        return (
            f'{{{{ with query (printf "{asked}" $labels.model_name $labels.model_version) }}}}'
            f"{{{{ . | first | value | {form} }}}}{{{{ else }}}}no value{{{{ end }}}}"
        )

    own = f'slo="{name}",model_name=%q,model_version=%q'
    shares = " and ".join(
        value(
            f"model_slo:bad_calls:increase{span}{{{own}}} / (model_slo:calls:increase{span} > 0)",
            "humanizePercentage",
        )
        + f" over {span}"
        for span in spans
    )
    what = {
        AVAILABILITY: "Calls that ended in an exception of the model",
        LATENCY: "Calls that took longer than the objective's threshold",
    }[name]
    left = value(f"model_slo:error_budget_remaining:ratio{{{own}}}", "humanizePercentage")
    return {
        "summary": (
            "{{ $labels.model_name }} {{ $labels.model_version }} burns its "
            f'{name} budget {{{{ $value | printf "%.1f" }}}} times too fast'
        ),
        "description": f"{what}: {shares}. Left of the budget of {table.window}: {left}.",
        "runbook_url": (
            "{{ with $externalLabels.docs_url }}{{ . }}/{{ end }}docs/runbooks.md#" + ALERTS[name].lower()
        ),
        "dashboard_url": (
            "{{ with $externalLabels.grafana_url }}{{ . }}/d/driftgauge-model"
            "?var-model_name={{ $labels.model_name | urlquery }}"
            "&var-model_version={{ $labels.model_version | urlquery }}{{ end }}"
        ),
    }
