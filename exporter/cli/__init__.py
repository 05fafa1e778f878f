"""`reference`, `check` and `compare`, commands of `driftgauge`. What they need is imported when they run."""

from __future__ import annotations

from .options import register

__all__ = ["register"]
