"""A report as one HTML page that needs nothing beside itself."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from .about import About
from .advice import RUNBOOKS
from .basis import TERMS, basis_of
from .content import PERCENTS, content_of
from .packages import require_packages
from .text import ABSENT, count, moment, number, plain, points, share, shown

if TYPE_CHECKING:
    from jinja2 import Template

    from ..expectations import Result
    from ..report import Report


def to_html(report: Report, about: About | None = None) -> str:
    """A report as a page: verdict, next steps, ranked columns, plots, tables, and how it was decided.

    The same report gives the same page: its only time is the report's own. It loads nothing, and its content
    security policy lets it load nothing; the script filters and sorts, and the page is complete without it.

    Parameters
    ----------
    report : Report
        Of `check`, in the process that made it: one that was read back from JSON has no bins to draw.
    about : About, optional
        What the page says beside it.

    Raises
    ------
    ConfigError
        If Jinja is not installed.
    """
    about = about or About()
    css, script = _resource("page.css"), _resource("page.js")
    policy = (
        f"default-src 'none'; style-src '{_digest(css)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return (
        _template().render(
            page=content_of(report, about),
            basis=basis_of(report, about),
            expectations=[_expectation(result) for result in about.expectations],
            span=_span(report, about),
            policy=policy,
            css=css,
            js=script,
            percents=tuple(PERCENTS),
            terms=TERMS,
            runbooks=RUNBOOKS,
            absent=ABSENT,
        )
        + "\n"
    )


@cache
def _template() -> Template:
    require_packages("to_html", "jinja2")
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415 - of the extra `report`
    from markupsafe import Markup  # noqa: PLC0415 - same

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters |= {"svg": Markup, "share": share, "points": points}
    return environment.from_string(_resource("page.html.j2"))


@cache
def _resource(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """How a content security policy names the one style or script that may run."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _span(report: Report, about: About) -> str:
    """What was compared with what, in one line."""
    of = "" if about.current_name is None else f" of {shown(about.current_name)}"
    when = ""
    if report.start is not None and report.end is not None:
        when = f", {moment(report.start)} to {moment(report.end)}"
    return (
        f"{count(report.rows)} rows{of}{when}, against {count(report.reference_rows)} of the reference. "
        f"Checked {moment(report.checked_at)}."
    )


def _expectation(result: Result) -> dict[str, Any]:
    found = result.found
    return {
        "expect": result.expect,
        "column": "" if result.column is None else shown(result.column),
        "passed": result.passed,
        "found": plain(found) if isinstance(found, str) else number(float(found), 4),
        "needed": plain(result.needed),
    }
