"""References: what a model's data looked like when it was trained."""

from __future__ import annotations

from ..statistics.categories import OTHER
from .builder import ReferenceBuilder
from .kinds import INF, MISSING, category_text
from .profiles import BinCounts, CategoricalProfile, NumericProfile, Profile
from .reference import Reference
from .settings import BuildSettings, SeasonKind, Task
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
    "SeasonKind",
    "Task",
    "category_text",
]
