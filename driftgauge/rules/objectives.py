"""The table of objectives, `config/slo.yaml`: read, checked as a whole, and handed on as frozen values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exporter.errors import ConfigError
from exporter.metrics import LATENCY_BUCKETS
from exporter.yaml_file import read_yaml

from ..errors import RulesError
from ..stack_config import seconds

AVAILABILITY, LATENCY = "availability", "latency"

KEYS = {AVAILABILITY: ("objective",), LATENCY: ("objective", "threshold_seconds")}

DAY_SECONDS = 86_400.0
FEWEST_DAYS, MOST_DAYS = 7, 90
"""Shorter than a week, the slowest alert (three days) would be nearly the whole window; longer than ninety
days is more than the shipped Prometheus keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BurnWindow:
    """A pair of windows in which the budget must burn for an alert.

    Attributes
    ----------
    severity : str
        Of the alert.
    short, long : str
        The long one says that it matters, the short one that it is still going on.
    budget : float
        Share of the whole budget that is gone when it burned so for the long window.
    """

    severity: str
    short: str
    long: str
    budget: float

    def factor(self, window_seconds: float) -> float:
        """How many times faster than allowed the budget burns then; 1 spends it exactly."""
        return round(self.budget * window_seconds / seconds(self.long), 6)


BURN_WINDOWS = (
    BurnWindow(severity="critical", short="5m", long="1h", budget=0.02),
    BurnWindow(severity="critical", short="30m", long="6h", budget=0.05),
    BurnWindow(severity="warning", short="2h", long="1d", budget=0.10),
    BurnWindow(severity="warning", short="6h", long="3d", budget=0.10),
)
"""Google, The Site Reliability Workbook, chapter 5, table 5-8: factors of 14.4, 6, 3 and 1 with 30 days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """One objective; `threshold_seconds` is set for latency alone."""

    objective: float
    threshold_seconds: float | None = None

    @property
    def budget(self) -> float:
        """Share of calls that may be bad."""
        return round(1.0 - self.objective, 12)


@dataclass(frozen=True, slots=True, kw_only=True)
class Objectives:
    """The whole table.

    Attributes
    ----------
    window : str
        Over which objectives hold, as a Prometheus duration.
    defaults : mapping of str to Objective
        By name: availability and latency.
    models : mapping of str to mapping
        Objectives of single models, complete.
    """

    window: str
    defaults: Mapping[str, Objective]
    models: Mapping[str, Mapping[str, Objective]]

    @property
    def window_seconds(self) -> float:
        """Length of the window."""
        return seconds(self.window)


def read_objectives(path: Path) -> Objectives:
    """The table in a file.

    Raises
    ------
    RulesError
        If it cannot be read, or anything in it is wrong; all problems come together.
    """
    try:
        content = read_yaml(path, "a table of objectives")
    except ConfigError as error:
        raise RulesError(str(error)) from error
    problems: list[str] = []
    table = _section(content, "the file", ("window", "objectives", "models"), problems)
    window = table.get("window")
    if not _is_window(window):
        problems.append(f"window: found {window!r}, need whole days from {FEWEST_DAYS}d to {MOST_DAYS}d")
        window = f"{FEWEST_DAYS}d"
    length = seconds(str(window))
    given = _section(table.get("objectives"), "objectives", tuple(KEYS), problems)
    defaults = {
        name: _objective(given.get(name), f"objectives.{name}", name, None, length, problems) for name in KEYS
    }
    models = {}
    for model, own in _section(table.get("models") or {}, "models", None, problems).items():
        found = _section(own, f"models.{model}", tuple(KEYS), problems)
        models[str(model)] = defaults | {
            name: _objective(found[name], f"models.{model}.{name}", name, defaults[name], length, problems)
            for name in KEYS
            if name in found
        }
    if problems:
        raise RulesError("; ".join(f"{path.name}: {problem}" for problem in problems))
    return Objectives(window=str(window), defaults=defaults, models=models)


def _objective(
    value: Any,  # noqa: ANN401 - YAML
    where: str,
    name: str,
    default: Objective | None,
    window_seconds: float,
    problems: list[str],
) -> Objective:
    """One objective, whose gaps the default fills."""
    content = _section(value, where, KEYS[name], problems)
    objective: Any = content.get("objective", default.objective if default else None)
    # At a lower objective even calls that are all bad do not burn fast enough for the fastest alert.
    lowest = 1 - 1 / max(window.factor(window_seconds) for window in BURN_WINDOWS)
    if not _is_number(objective) or not lowest < objective < 1:
        problems.append(
            f"{where}.objective: found {objective!r}, need a number above {lowest:.3f} and below 1"
        )
        objective = lowest
    threshold: Any = content.get("threshold_seconds", default.threshold_seconds if default else None)
    if name == LATENCY and (not _is_number(threshold) or threshold not in LATENCY_BUCKETS):
        edges = ", ".join(f"{edge:g}" for edge in LATENCY_BUCKETS)
        problems.append(
            f"{where}.threshold_seconds: found {threshold!r}, need an edge of the latency histogram: {edges}"
        )
        threshold = None
    return Objective(
        objective=float(objective), threshold_seconds=None if threshold is None else float(threshold)
    )


def _section(
    value: Any,  # noqa: ANN401 - YAML
    where: str,
    keys: tuple[str, ...] | None,
    problems: list[str],
) -> dict[str, Any]:
    """A mapping, with none but these keys."""
    if not isinstance(value, dict):
        problems.append(f"{where}: found {value!r}, need {_names(keys) if keys else 'models by name'}")
        return {}
    if keys is not None:
        problems += [f"{where}: found {key!r}, need {_names(keys)}" for key in value if key not in keys]
    return value


def _names(keys: tuple[str, ...]) -> str:
    return " or ".join(keys) if len(keys) < 3 else f"{', '.join(keys[:-1])} or {keys[-1]}"


def _is_number(value: Any) -> bool:  # noqa: ANN401 - YAML
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_window(value: Any) -> bool:  # noqa: ANN401 - YAML
    found = re.fullmatch(r"(\d+)d", value) if isinstance(value, str) else None
    return found is not None and FEWEST_DAYS <= int(found[1]) <= MOST_DAYS


def selections(table: Objectives, name: str) -> Iterator[tuple[str, Objective]]:
    """Matchers of models with their objective: single models first, then all that are not among them."""
    own = [model for model, given in table.models.items() if given[name] != table.defaults[name]]
    for model in own:
        yield f'model_name="{_escaped(model)}"', table.models[model][name]
    others = "|".join(_escaped(re.escape(model)) for model in own)
    yield f'model_name!~"{others}"' if own else "", table.defaults[name]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
