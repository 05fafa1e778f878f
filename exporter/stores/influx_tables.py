"""What one model version keeps in an InfluxDB: points of rows, of their outcomes, and the layouts of rows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..errors import ConfigError
from ..observation import Observations
from .batch import label_text
from .influx_points import Layout, layout_from, lines, rows_from
from .influx_server import InfluxServer
from .line_protocol import bound, escaped, name, quoted, slot

SCHEMA_VERSION: Final = 1

ROWS: Final = "driftgauge_rows"
OUTCOMES: Final = "driftgauge_outcomes"
LAYOUTS: Final = "driftgauge_layouts"

WRITTEN_AT_ONCE: Final = 100_000
"""Values in one request: about 2.5 MB, of 25 MB that a server takes; 5,000 rows of 20 features."""

RANGES: Final = 64
"""Spans of time in which points are looked for at once: between the widest gaps nothing is read."""

LAYOUT_NANOSECONDS: Final = 3_600 * 10**9
"""A layout is a point in each hour of rows, so that it goes when the server's own retention takes them."""

Point = tuple[str, int]
"""Writer and time of a point: what tells it from every other of its model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Rows of one writer in one layout, and the times of their points in nanoseconds."""

    writer: str
    at: NDArray[np.int64]
    rows: Observations


class InfluxTables:
    """Points of one model version.

    Parameters
    ----------
    server : InfluxServer
    model : str
        Name and version: several share a database.
    """

    def __init__(self, server: InfluxServer, *, model: str) -> None:
        self._server = server
        self._model = name(model)
        self._prepared = False

    def write_rows(
        self, observations: Observations, layout: Layout, writer: str, at: NDArray[np.int64]
    ) -> None:
        """Keep rows at these points."""
        self._prepare()
        hour = int(at.max()) // LAYOUT_NANOSECONDS * LAYOUT_NANOSECONDS
        head = f"{self._series(ROWS)},layout={layout.tag},writer={writer}"
        told = f"version={SCHEMA_VERSION}i,columns={quoted(layout.text)}"
        # The layout ahead of the rows: without it nobody could read them.
        self._write(
            [
                f"{self._series(LAYOUTS)},layout={layout.tag} {told} {hour}",
                *lines(observations, layout, head, at),
            ],
            len(layout.fields(features=True)),
        )

    def write_labels(self, labels: Mapping[Point, tuple[Any, float]]) -> None:
        """Keep a label for each point, and when it became known (NaN: not said); numbers can be drawn too."""
        written = []
        for (writer, at), (label, known_at) in labels.items():
            fields = [f"label={quoted(label_text(label))}"]
            fields += [f"at={known_at!r}"] if math.isfinite(known_at) else []
            if isinstance(label, (int, float, np.number)) and math.isfinite(label):
                fields.append(f"value={float(label)!r}")
            written.append(f"{self._series(OUTCOMES)},writer={writer} {','.join(fields)} {at}")
        self._write(written, 2)

    def window(self, since: float, until: float, limit: int | None) -> list[Part]:
        """Rows with `since` < time <= `until`; of each writer and layout at most the newest `limit`."""
        where: list[str] = []
        values: dict[str, object] = {}
        if math.isfinite(since):
            where.append('AND time >= $low AND "at" > $since')
            values |= {"low": slot(since), "since": bound(since)}
        if math.isfinite(until):
            where.append('AND time < $high AND "at" <= $until')
            values |= {"high": slot(until, after=True), "until": bound(until)}
        cut = "" if limit is None else f" LIMIT {int(limit)}"
        return self._rows([" ".join(where)], values, cut, features=True)

    def held(self, times: NDArray[np.int64]) -> list[Part]:
        """Rows, without features, that are around points with these times."""
        self._prepare()
        if not len(times):
            return []
        ordered = np.sort(times)
        gaps = np.sort(np.argsort(np.diff(ordered))[-(RANGES - 1) :]) + 1
        wheres: list[str] = []
        values: dict[str, object] = {}
        for number, span in enumerate(np.split(ordered, gaps)):
            values |= {f"low{number}": int(span[0]), f"high{number}": int(span[-1])}
            wheres.append(f"AND time >= $low{number} AND time <= $high{number}")
        return self._rows(wheres, values, "", features=False)

    def labels(self, low: int, high: int) -> dict[Point, str]:
        """Labels of points between these times."""
        found: dict[Point, str] = {}
        statement = _select('"label"', OUTCOMES, 'AND time >= $low AND time <= $high GROUP BY "writer"')
        for series in self._server.ask([statement], self._values({"low": low, "high": high})):
            found.update(((series.tags["writer"], at), text) for at, text in series.values)
        return found

    def ids(self) -> Iterator[tuple[Point, str]]:
        """Every row that has an id, and the text of it."""
        for series in self._server.ask([_select('"id"', ROWS, 'GROUP BY "writer"')], self._values({})):
            for at, text in series.values:
                yield (series.tags["writer"], at), text

    def count(self, before: int | None = None) -> int:
        """Rows held, or those of them with points before a time."""
        self._prepare()
        statement = _select('COUNT("at")', ROWS, "" if before is None else "AND time < $before")
        values = self._values({} if before is None else {"before": before})
        return sum(int(series.values[0][1]) for series in self._server.ask([statement], values))

    def edge(self, n_rows: int) -> int | None:
        """Time of the first point after the `n_rows` oldest."""
        statement = _select('"at"', ROWS, f"ORDER BY time LIMIT 1 OFFSET {int(n_rows)}")
        for series in self._server.ask([statement], self._values({})):
            return int(series.values[0][0])
        return None

    def drop(self, before: int) -> None:
        """Forget what is older than a point's time."""
        statements = [
            f'DELETE FROM "{table}" WHERE "model" = $model AND time < ${edge}'  # noqa: S608 - names of our own
            for table, edge in ((ROWS, "edge"), (OUTCOMES, "edge"), (LAYOUTS, "hour"))
        ]
        hour = before // LAYOUT_NANOSECONDS * LAYOUT_NANOSECONDS
        for _ in self._server.ask(statements, self._values({"edge": before, "hour": hour})):
            pass

    def close(self) -> None:
        """Close all connections."""
        self._server.close()

    def _rows(
        self, wheres: Sequence[str], values: Mapping[str, object], cut: str, *, features: bool
    ) -> list[Part]:
        """Rows of each layout under each condition, oldest first in each part."""
        self._prepare()
        layouts = self._layouts()
        statements = []
        tags: dict[str, object] = {}
        for number, layout in enumerate(layouts):
            tags[f"layout{number}"] = layout.tag
            fields = ", ".join(f'"{field}"' for field in layout.fields(features=features))
            statements += [
                _select(
                    fields,
                    ROWS,
                    f'AND "layout" = $layout{number} {where} GROUP BY "writer" ORDER BY time DESC{cut}',
                )
                for where in wheres
            ]
        parts = []
        for series in self._server.ask(statements, self._values({**values, **tags})) if statements else ():
            newest_first = series.values[::-1]
            parts.append(
                Part(
                    writer=series.tags["writer"],
                    at=np.array([line[0] for line in newest_first], dtype=np.int64),
                    rows=rows_from(layouts[series.statement // len(wheres)], series.columns, newest_first),
                )
            )
        return parts

    def _layouts(self) -> list[Layout]:
        """Every layout that rows may have."""
        return [
            layout_from(series.values[0][1])
            for series in self._server.ask(
                [_select('LAST("columns")', LAYOUTS, 'GROUP BY "layout"')], self._values({})
            )
        ]

    def _prepare(self) -> None:
        """Refuse what another version wrote."""
        if self._prepared:
            return
        for series in self._server.ask([_select('MAX("version")', LAYOUTS, "")], self._values({})):
            if series.values[0][1] != SCHEMA_VERSION:
                raise ConfigError(
                    f"{self._server.place}: found schema version {series.values[0][1]}, need {SCHEMA_VERSION}"
                )
        self._prepared = True

    def _write(self, written: Sequence[str], n_fields: int) -> None:
        at_once = max(1, WRITTEN_AT_ONCE // n_fields)
        for start in range(0, len(written), at_once):
            self._server.write(written[start : start + at_once])

    def _series(self, table: str) -> str:
        return f"{table},model={escaped(self._model)}"

    def _values(self, values: Mapping[str, object]) -> dict[str, object]:
        return {"model": self._model, **values}


def _select(fields: str, table: str, more: str) -> str:
    """A question about points of the model; values in it are $names."""
    return f'SELECT {fields} FROM "{table}" WHERE "model" = $model {more}'  # noqa: S608 - names of our own
