"""What Prometheus knows of a model: whether its data is sound, what fires, how many labelled rows there are.

The HTTP API is stable (https://prometheus.io/docs/prometheus/latest/querying/api/); answers were tried with
2.42.
"""

from __future__ import annotations

import math
import string
from dataclasses import dataclass
from typing import Any, Final

from .. import web
from ..secret import Secret
from .decision import Quality

QUALITY_QUERY: Final = 'max(model_quality_state{model_name="$model_name"})'
"""0 sound, 2 broken, -1 unknown; of several replicas and versions the worst."""
ROWS_QUERY: Final = 'sum(increase(model_outcomes_total{model_name="$model_name", outcome="joined"}[$since]))'
"""Outcomes that found their prediction, in the time since the change."""
FIRING_QUERY: Final = 'ALERTS{alertstate="firing", model_name="$model_name"}'
SHORTEST_RANGE: Final = 60
"""Seconds: below two scrapes there is no increase."""
LONGEST_RANGE: Final = 90 * 86_400
"""Seconds: few servers keep more."""
_BROKEN: Final = 2.0
_OK: Final = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PrometheusPolicy:
    """Where Prometheus is, and what it is asked.

    Attributes
    ----------
    url : str or None
        Its base, without /api; None asks nobody.
    quality_query, rows_query : str
        PromQL with one value; `$model_name` and `$since`, a range such as 3600s, are filled in.
    """

    url: str | None = None
    quality_query: str = QUALITY_QUERY
    rows_query: str = ROWS_QUERY
    connect_timeout_seconds: float = 3.0
    read_timeout_seconds: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What Prometheus said; None where it said nothing."""

    quality: Quality | None = None
    labelled_rows: float | None = None
    firing: frozenset[str] | None = None


class Prometheus:
    """Prometheus's query API.

    Parameters
    ----------
    policy : PrometheusPolicy
    token : Secret, optional
        Sent as bearer.
    """

    def __init__(self, policy: PrometheusPolicy, token: Secret | None = None) -> None:
        self._policy, self._token = policy, token

    def see(self, model_name: str, since_seconds: float) -> Seen:
        """What is known of a model now.

        Parameters
        ----------
        model_name : str
        since_seconds : float
            How long ago the change began.
        """
        if self._policy.url is None:
            return Seen()
        span = min(max(math.ceil(since_seconds), SHORTEST_RANGE), LONGEST_RANGE)
        firing = self._query(FIRING_QUERY, model_name, span)
        if firing is None:
            # Two more silences would tell nothing, and take their time.
            return Seen()
        quality = _number(self._query(self._policy.quality_query, model_name, span))
        return Seen(
            quality=None if quality is None else _quality(quality),
            labelled_rows=_number(self._query(self._policy.rows_query, model_name, span)),
            firing=frozenset(_name(sample) for sample in firing) - {""},
        )

    def _query(self, query: str, model_name: str, span: int) -> list[Any] | None:
        """The samples of an instant query; None if it was not answered."""
        text = string.Template(query).safe_substitute(model_name=_quoted(model_name), since=f"{span}s")
        answer = web.exchange(
            "GET",
            f"{(self._policy.url or '').rstrip('/')}/api/v1/query",
            timeouts=web.Timeouts(
                connect=self._policy.connect_timeout_seconds, read=self._policy.read_timeout_seconds
            ),
            token=self._token,
            query={"query": text},
        )
        document = answer.document() if isinstance(answer, web.Answer) and answer.status == 200 else None
        data = document.get("data") if document and document.get("status") == "success" else None
        samples = (
            data.get("result") if isinstance(data, dict) and data.get("resultType") == "vector" else None
        )
        return samples if isinstance(samples, list) else None


def _number(samples: list[Any] | None) -> float | None:
    """The one number that a query has, or None."""
    if not samples or len(samples) != 1:
        return None
    try:
        value = float(samples[0]["value"][1])
    except (KeyError, TypeError, ValueError, IndexError):
        return None
    return value if math.isfinite(value) else None


def _quality(value: float) -> Quality:
    if value == _OK:
        return "ok"
    return "broken" if value >= _BROKEN else "unknown"


def _name(sample: object) -> str:
    metric = sample.get("metric") if isinstance(sample, dict) else None
    return str(metric.get("alertname", "")) if isinstance(metric, dict) else ""


def _quoted(text: str) -> str:
    """Text inside a string of PromQL."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
