"""What the explorer asks of each program, and the shape it needs the answers in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import quote
from uuid import uuid4

from ..errors import SourceError
from .promql import quoted
from .series import Line, Sample, matrix, vector
from .transport import Place

T = TypeVar("T")

MAX_NAME: Final = 80
"""Characters of the name of who acknowledges."""


@dataclass(frozen=True, slots=True)
class Prometheus:
    """Its HTTP API: prometheus.io/docs/prometheus/latest/querying/api."""

    place: Place

    def query(self, expression: str, at: float) -> list[Sample]:
        """An instant query."""
        return self._asked("/api/v1/query", {"query": expression, "time": f"{at:.3f}"}, vector)

    def query_range(self, expression: str, start: float, end: float, step: float) -> list[Line]:
        """A range query."""
        times = {"start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:g}"}
        return self._asked("/api/v1/query_range", {"query": expression, **times}, matrix)

    def _asked(self, path: str, data: Mapping[str, str], read: Callable[[Any], T]) -> T:
        # POST, since an expression with many long names is longer than an address may be.
        answer = self.place.ask(path, method="POST", data=data)
        return _read(self.place, path, lambda: read(answer["data"]))


@dataclass(frozen=True, slots=True)
class Alertmanager:
    """Its v2 API."""

    place: Place

    def alerts(self, **labels: str) -> list[Mapping[str, Any]]:
        """Alerts that have all of these labels: firing, silenced and inhibited ones."""
        params = [("filter", f"{name}={quoted(value)}") for name, value in labels.items()]
        found = self.place.ask("/api/v2/alerts", params=params)
        return _read(self.place, "/api/v2/alerts", lambda: _mappings(found))


@dataclass(frozen=True, slots=True)
class Bridge:
    """Its list of incidents, and its actions (docs/bridge.md)."""

    place: Place

    def incidents(self) -> list[Mapping[str, Any]]:
        """Incidents, the open ones first, newest first; those that have ended too."""
        found = self.place.ask("/incidents", params={"all": "1"})
        return _read(self.place, "/incidents", lambda: _mappings(found["incidents"]))

    def acknowledge(self, incident: int, by: str) -> str:
        """What the bridge said about an acknowledgement."""
        path = f"/incidents/{incident:d}/acknowledge"
        said = self.place.ask(
            path,
            method="POST",
            json={"by": by.strip()[:MAX_NAME], "via": "http"},
            headers={"Idempotency-Key": uuid4().hex},
        )
        return _read(self.place, path, lambda: str(said["message"]))


@dataclass(frozen=True, slots=True)
class Exporter:
    """The page of the latest checks of one model version, or of the champion of two."""

    place: Place

    def drift(self, feature: str, segment: str = "") -> Mapping[str, Any]:
        """What the latest checks found in a feature; of a segment where it knows segments."""
        path = f"/drift/{quote(feature, safe='')}"
        found = self.place.ask(path, params={"segment": segment} if segment else {})
        return _read(self.place, path, lambda: _mapping(found))


def drift_of(
    exporters: Sequence[Exporter], labels: Mapping[str, str], feature: str, segment: str = ""
) -> Mapping[str, Any]:
    """The page of the exporter that has this model version.

    Raises
    ------
    SourceError
        If none has, or the one that has it does not answer this.
    """
    troubles: list[SourceError] = []
    for exporter in exporters:
        try:
            page = exporter.drift(feature, segment)
        except SourceError as trouble:
            troubles.append(trouble)
            continue
        if all(page.get(name) == value for name, value in labels.items()):
            return page
    if troubles:
        raise SourceError("; ".join(dict.fromkeys(map(str, troubles))))
    addresses = ", ".join(exporter.place.url for exporter in exporters) or "none"
    raise SourceError(
        f"exporter: found no page of {labels['model_name']} {labels['model_version']} at {addresses}, "
        "need its address in --exporter"
    )


def _read(place: Place, path: str, read: Callable[[], T]) -> T:
    """A value of an answer, or a sentence about an answer of another shape."""
    try:
        return read()
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        raise SourceError(
            f"{place.name}: found an answer of an unknown shape at {place.url}{path}, need its HTTP API there"
        ) from None


def _mapping(found: Any) -> Mapping[str, Any]:  # noqa: ANN401 - an answer may be anything
    if not isinstance(found, Mapping):
        raise TypeError
    return found


def _mappings(found: Iterable[Any]) -> list[Mapping[str, Any]]:
    return [_mapping(one) for one in found]
