"""`python -m exporter.metrics` prints the page of metrics."""

from __future__ import annotations

import sys

from . import FAMILIES
from .page import metrics_page

if __name__ == "__main__":
    sys.stdout.write(metrics_page(FAMILIES))
