"""Operators of Airflow 3, one for each step. Tried with Airflow 3.3.

Paths and addresses are templates, so that each run has files of its own: `{{ ds_nodash }}` in a path.
"""

# ruff: noqa: ANN401 - what Airflow passes on, and a value that an earlier task will have, may be anything

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.standard.operators.branch import BaseBranchOperator
from airflow.sdk import BaseOperator

from . import steps

if TYPE_CHECKING:
    from ..policy import Preset

_log = logging.getLogger(__name__)


class LoadWindow(BaseOperator):  # type: ignore[misc]  # Airflow is not where types are checked
    """Rows of a file, a glob or a database as one file that the checks read.

    The parameters are those of `steps.load_window`; `path` is the file to write.
    """

    template_fields: ClassVar = ("data", "reference", "path", "query", "parameters")

    def __init__(
        self,
        *,
        data: str,
        reference: str,
        path: str,
        roles: Mapping[str, str],
        query: str | None = None,
        parameters: Mapping[str, str] | None = None,
        max_rows: int = steps.MAX_ROWS,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.data = data
        self.reference = reference
        self.path = path
        self.roles = roles
        self.query = query
        self.parameters = parameters
        self.max_rows = max_rows

    def execute(self, context: Any) -> steps.Window:  # noqa: ARG002 - Airflow's signature
        """The window that was written."""
        return steps.load_window(
            self.data,
            self.reference,
            self.path,
            roles=self.roles,
            query=self.query or None,
            parameters=self.parameters,
            max_rows=self.max_rows,
        )


class CheckFeatures(BaseOperator):  # type: ignore[misc]  # same
    """The report on the features of a window; see `steps.check_features`."""

    template_fields: ClassVar = ("window", "reference", "path")

    def __init__(
        self, *, window: Any, reference: str, path: str, preset: Preset = "balanced", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.window = window
        self.reference = reference
        self.path = path
        self.preset = preset

    def execute(self, context: Any) -> steps.Part:  # noqa: ARG002 - same
        """The part of the report that was written."""
        return steps.check_features(self.window, self.reference, self.path, preset=self.preset)


class CheckPredictions(BaseOperator):  # type: ignore[misc]  # same
    """The report on what the model said about a window; see `steps.check_predictions`."""

    template_fields: ClassVar = ("window", "reference", "path")

    def __init__(
        self,
        *,
        window: Any,
        reference: str,
        path: str,
        roles: Mapping[str, str],
        preset: Preset = "balanced",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.window = window
        self.reference = reference
        self.path = path
        self.roles = roles
        self.preset = preset

    def execute(self, context: Any) -> steps.Part:  # noqa: ARG002 - same
        """The part of the report that was written."""
        return steps.check_predictions(
            self.window, self.reference, self.path, roles=self.roles, preset=self.preset
        )


class WriteReport(BaseOperator):  # type: ignore[misc]  # same
    """Both parts as one report; see `steps.write_report`."""

    template_fields: ClassVar = ("features", "predictions", "path")

    def __init__(self, *, features: Any, predictions: Any, path: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.features = features
        self.predictions = predictions
        self.path = path

    def execute(self, context: Any) -> steps.Summary:  # noqa: ARG002 - same
        """The report in what decides about the next step."""
        return steps.write_report(self.features, self.predictions, self.path)


class BranchOnDrift(BaseBranchOperator):  # type: ignore[misc]  # same
    """One task after drift, another without; the other one is skipped."""

    template_fields: ClassVar = ("report",)

    def __init__(self, *, report: Any, drift: str, no_drift: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.report = report
        self.drift = drift
        self.no_drift = no_drift

    def choose_branch(self, context: Any) -> str:  # noqa: ARG002 - same
        """Name of the task that runs."""
        return self.drift if self.report["drift_detected"] else self.no_drift


class AlertOnDrift(BaseOperator):  # type: ignore[misc]  # same
    """An alert for Alertmanager; see `steps.send_alert`."""

    template_fields: ClassVar = ("report", "url")

    def __init__(
        self, *, report: Any, url: str, severity: str = "warning", hours: float = 25.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.report = report
        self.url = url
        self.severity = severity
        self.hours = hours

    def execute(self, context: Any) -> None:  # noqa: ARG002 - same
        """Nothing: it was sent, or the task has failed."""
        now = dt.datetime.now(dt.UTC)
        steps.send_alert(self.report, self.url, severity=self.severity, hours=self.hours, now=now)


class LogReport(BaseOperator):  # type: ignore[misc]  # same
    """A line in the task's log."""

    template_fields: ClassVar = ("report",)

    def __init__(self, *, report: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.report = report

    def execute(self, context: Any) -> str:  # noqa: ARG002 - same
        """The line."""
        line = steps.describe(self.report)
        _log.info("%s", line)
        return line
