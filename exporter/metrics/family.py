"""What a metric family is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MODEL_LABELS = ("model_name", "model_version")

Kind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One metric family: what it is called, what it means and which labels it has beyond the model's two.

    Of several workers, the one that set a gauge last is believed, as long as it lives; what `lasts` is a fact
    that no worker's end makes untrue.
    """

    layer: str
    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] | None = None
    lasts: bool = False


@dataclass(frozen=True, slots=True)
class Layer:
    """Families of one layer of monitoring, in the short form of the tables beside this module."""

    name: str

    def counter(self, name: str, text: str, *labels: str) -> Family:
        """What only grows."""
        return Family(layer=self.name, name=name, kind="counter", help=text, labels=labels)

    def gauge(self, name: str, text: str, *labels: str, lasts: bool = False) -> Family:
        """What goes up and down."""
        return Family(layer=self.name, name=name, kind="gauge", help=text, labels=labels, lasts=lasts)

    def histogram(self, name: str, text: str, *labels: str, buckets: tuple[float, ...]) -> Family:
        """What is counted by size."""
        return Family(layer=self.name, name=name, kind="histogram", help=text, labels=labels, buckets=buckets)
