"""References: what a model's data looked like when it was trained."""

from __future__ import annotations

from .kinds import INF, MISSING, OTHER, category_text
from .profiles import BinCounts, CategoricalProfile, NumericProfile, Profile
from .reference import Reference, ReferenceBuilder, score_values
from .settings import BuildSettings, Task
from .table import Profiles

__all__ = [
    "INF",
    "MISSING",
    "OTHER",
    "BinCounts",
    "BuildSettings",
    "CategoricalProfile",
    "NumericProfile",
    "Profile",
    "Profiles",
    "Reference",
    "ReferenceBuilder",
    "Task",
    "category_text",
    "score_values",
]
