"""Detectors of concept drift on a stream of errors: state in, new state out, no clock and no random number.

Each takes one value (`update`) or many (`update_many`) with the same result for any split of the stream, and
is its own state: a dataclass of plain values, which `save` and `restore` turn into a row or a file and back.
"""

from __future__ import annotations

from .adwin import ADWIN
from .ddm import DDM
from .detection import Detections, State
from .eddm import EDDM
from .hddm import HDDMW
from .kswin import KSWIN
from .page_hinkley import PageHinkley
from .saved import DETECTORS, Detector, create, restore, save
from .thinning import Thinning
from .watch import DEFAULT_DETECTORS, Drift, Watch

__all__ = [
    "ADWIN",
    "DDM",
    "DEFAULT_DETECTORS",
    "DETECTORS",
    "EDDM",
    "HDDMW",
    "KSWIN",
    "Detections",
    "Detector",
    "Drift",
    "PageHinkley",
    "State",
    "Thinning",
    "Watch",
    "create",
    "restore",
    "save",
]
