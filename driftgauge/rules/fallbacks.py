"""The file `fallbacks.rules.yaml`: something else answers in the model's place."""

from __future__ import annotations

from typing import Final

from .drift import MODEL
from .rendering import Alert, Group, Record, block, render
from .streams import limit_of, texts

RATIO: Final = "model:fallbacks_per_call:ratio_increase15m"

RATIOS: Final = {"warning": 0.01, "critical": 0.5}
"""Share of calls: as of errors; and from half of them on the fallback is what serves."""

WAITS: Final = {"warning": "5m", "critical": "2m"}

COMMENT: Final = """Written by `driftgauge rules build`; do not edit. A fallback answers in the place of a
model that fails. Callers see an answer and no error, so somebody else has to say it. With thresholds."""


def fallback_rules() -> str:
    """The rule file."""
    return render(
        COMMENT,
        [
            Group(
                name="driftgauge_fallback_thresholds",
                rules=[
                    Record(
                        name="driftgauge:alert_threshold",
                        expr=f"{ratio} * group by (model_name) (model_info)",
                        labels={"threshold": "fallback_ratio", "severity": severity},
                        comment="Share of calls that a fallback answers: as of errors."
                        if severity == "warning"
                        else "From half of them on the fallback is what serves.",
                    )
                    for severity, ratio in RATIOS.items()
                ],
            ),
            Group(
                name="driftgauge_fallbacks",
                rules=[
                    Record(
                        name=RATIO,
                        expr=block(f"""
                            sum by ({MODEL}) (increase(model_fallbacks_total{{strategy!="none"}}[15m]))
                              / (sum by ({MODEL}) (increase(model_prediction_calls_total[15m])) > 0)"""),
                        comment="Where no step had an answer, the caller got the model's error.",
                    ),
                    *(_answers(severity) for severity in RATIOS),
                ],
            ),
        ],
    )


def _answers(severity: str) -> Alert:
    name = "ModelFallbackAnswers"
    own = "model_name=%q,model_version=%q"
    labels = "$labels.model_name $labels.model_version"
    strategies = (
        '{{ range $i, $one := query (printf "sort_desc(sum by (strategy) ('
        f'increase(model_fallbacks_total{{{own},strategy!=\\"none\\"}}[15m])) > 0)" {labels}) }}}}'
        '{{ if $i }}, {{ end }}{{ $one.Value | printf "%.0f" }} by {{ $one.Labels.strategy }}{{ end }}'
    )
    errors = (
        '{{ with query (printf "topk(1, sum by (error_type) (increase(model_errors_total{model_name=%q,'
        'model_version=%q}[15m])) > 0)" $labels.model_name $labels.model_version) }}'
        ' The model fails mostly with {{ . | first | label "error_type" }}.{{ end }}'
    )
    return Alert(
        name=name,
        expr=block(f"""
            {RATIO}
              >= {limit_of("fallback_ratio", severity)}
              and on ({MODEL}) sum by ({MODEL}) (increase(model_fallbacks_total{{strategy!="none"}}[15m]))
              >= {limit_of("minimum_bad_calls")}"""),
        severity=severity,
        wait=WAITS[severity],
        keep="10m",
        annotations=texts(
            name,
            "A fallback answers {{ $value | humanizePercentage }} of the calls of"
            " {{ $labels.model_name }} {{ $labels.model_version }}",
            f"In the last 15 minutes: {strategies}.{errors} Callers see no error, and these answers are not"
            " measured.",
        ),
    )
