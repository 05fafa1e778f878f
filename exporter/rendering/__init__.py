"""A report for people: one HTML page, and images.

from exporter import check
from exporter.rendering import About, write_html, write_png

report = check(reference, rows)
write_html(report, "report.html", About(reference=reference))
write_png(report, "plots")

Needs the extra `report`: Jinja for pages, Matplotlib for images.
"""

from __future__ import annotations

from .about import About
from .files import write_html, write_png
from .page import to_html
from .png import to_png

__all__ = ["About", "to_html", "to_png", "write_html", "write_png"]
