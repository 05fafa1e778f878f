"""What can be chosen, and a selection that is among it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from .selection import ALL, Selection


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """Values that Prometheus knows in the range, in the order of their lists."""

    models: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    segments: tuple[str, ...] = (ALL,)
    windows: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    measures: tuple[str, ...] = ()


def pick(chosen: str, offered: Sequence[str], preferred: str = "") -> str:
    """The chosen value if it is offered, else the preferred one or the first; as it was if none is."""
    if chosen in offered or not offered:
        return chosen
    return preferred if preferred in offered else offered[0]


def missing(selection: Selection, choices: Choices) -> tuple[str, ...]:
    """Sentences about what an address asks for and Prometheus does not have in the range."""
    asked = {
        "model": choices.models, "version": choices.versions, "feature": choices.features,
        "segment": choices.segments, "window": choices.windows,
    }  # fmt: skip
    return tuple(
        f"{name}: found no {getattr(selection, name)!r} in this time range, showing another"
        for name, offered in asked.items()
        if getattr(selection, name) and offered and getattr(selection, name) not in offered
    )


def settled(selection: Selection, choices: Choices, ratios: Mapping[str, float]) -> Selection:
    """A selection of values that there are; the feature that drifts most where none is asked for."""
    worst = max(choices.features, key=lambda name: ratios.get(name, 0.0), default="")
    return replace(
        selection,
        feature=pick(selection.feature, choices.features, worst),
        segment=pick(selection.segment, choices.segments, ALL),
        window=pick(selection.window, choices.windows),
        test=pick(selection.test, choices.tests),
        measure=pick(selection.measure, choices.measures),
    )
