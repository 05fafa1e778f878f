"""Answers of Prometheus as plain values. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Sample:
    """One series at one time."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Line:
    """One series over time: seconds since 1970, and values that are all finite."""

    labels: Mapping[str, str]
    times: tuple[float, ...]
    values: tuple[float, ...]


def vector(data: Mapping[str, Any]) -> list[Sample]:
    """Samples of an instant query; values that are not finite are left out: nobody knows them.

    Raises
    ------
    KeyError, TypeError, ValueError
        If it is no answer of Prometheus.
    """
    if data["resultType"] != "vector":
        raise ValueError(f"found a {data['resultType']}")
    samples = [Sample(_labels(series), float(series["value"][1])) for series in data["result"]]
    return [sample for sample in samples if math.isfinite(sample.value)]


def matrix(data: Mapping[str, Any]) -> list[Line]:
    """Lines of a range query, without the points that are not finite.

    Raises
    ------
    KeyError, TypeError, ValueError
        If it is no answer of Prometheus.
    """
    if data["resultType"] != "matrix":
        raise ValueError(f"found a {data['resultType']}")
    lines = []
    for series in data["result"]:
        points = [(float(at), float(value)) for at, value in series["values"]]
        points = [point for point in points if math.isfinite(point[1])]
        lines.append(
            Line(_labels(series), tuple(at for at, _ in points), tuple(value for _, value in points))
        )
    return [line for line in lines if line.times]


def by(samples: Sequence[Sample], label: str) -> dict[str, float]:
    """Value by a label; series without it are left out."""
    return {sample.labels[label]: sample.value for sample in samples if label in sample.labels}


def only(samples: Sequence[Sample]) -> float | None:
    """The value of a query that gives one series; None where it gave none."""
    return samples[0].value if samples else None


def only_line(lines: Sequence[Line]) -> Line:
    """The line of a query that gives one series; an empty one where it gave none."""
    return lines[0] if lines else Line({}, (), ())


def _labels(series: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): str(value) for name, value in series["metric"].items()}
