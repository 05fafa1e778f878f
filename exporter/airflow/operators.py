"""Operators of Airflow 3, one for each step. Tried with Airflow 3.3.

Paths and addresses are templates, so that each run has files of its own: `{{ ds_nodash }}` in a path.
"""

# ruff: noqa: ANN401 - what Airflow passes on, and a value that an earlier task will have, may be anything

from __future__ import annotations

import datetime as dt
import logging
import shlex
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.standard.operators.branch import BaseBranchOperator
from airflow.sdk import BaseOperator, BaseSensorOperator, PokeReturnValue
from airflow.sdk.exceptions import AirflowFailException

from ..errors import ConfigError, EngineError, ReferenceDataError, StoreError
from . import handing_over, learning, run_folder, steps, training, validating

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


class FindChampion(BaseOperator):  # type: ignore[misc]  # same
    """The version that serves, and a folder for the run; see `learning.find_champion`."""

    template_fields: ClassVar = ("rollout", "folder", "reference", "model", "token_file")

    def __init__(
        self,
        *,
        rollout: str,
        folder: str,
        reference: str,
        model: str,
        token_file: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.rollout = rollout
        self.folder = folder
        self.reference = reference
        self.model = model
        self.token_file = token_file

    def execute(self, context: Any) -> run_folder.Champion:  # noqa: ARG002 - same
        """The champion."""
        return learning.find_champion(
            self.rollout,
            self.folder,
            reference_path=self.reference,
            model_path=self.model,
            token_file=self.token_file,
        )


class BranchOnRetraining(BaseBranchOperator):  # type: ignore[misc]  # same
    """One task when a model is to be retrained, else another; see `learning.why_not`."""

    template_fields: ClassVar = ("report", "window", "champion")

    def __init__(
        self,
        *,
        report: Any,
        window: Any,
        champion: Any,
        target: str,
        retrain: str,
        otherwise: str,
        minimum_labelled_rows: int = learning.LABELLED_ROWS,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.report = report
        self.window = window
        self.champion = champion
        self.target = target
        self.retrain = retrain
        self.otherwise = otherwise
        self.minimum_labelled_rows = minimum_labelled_rows

    def choose_branch(self, context: Any) -> str:  # noqa: ARG002 - same
        """Name of the task that runs."""
        why = learning.why_not(
            self.report, self.window, self.champion, target=self.target, minimum=self.minimum_labelled_rows
        )
        _log.info("%s", "retraining" if why is None else f"no retraining: {why}")
        return self.retrain if why is None else self.otherwise


class Retrain(BaseOperator):  # type: ignore[misc]  # same
    """A training, as a program; see `training.train`."""

    template_fields: ClassVar = ("window", "champion", "report", "folder", "command", "since")

    def __init__(
        self,
        *,
        window: Any,
        champion: Any,
        report: Any,
        folder: str,
        command: str | Sequence[str],
        target: str,
        since: str,
        timestamp: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.window = window
        self.champion = champion
        self.report = report
        self.folder = folder
        self.command = command
        self.target = target
        self.since = since
        self.timestamp = timestamp

    def execute(self, context: Any) -> run_folder.Training:
        """What it has made."""
        command = shlex.split(self.command) if isinstance(self.command, str) else self.command
        return training.train(
            self.window,
            self.champion,
            self.report,
            self.folder,
            command=command,
            target=self.target,
            run_id=context["run_id"],
            since=self.since,
            timestamp=self.timestamp,
        )


class ValidateCandidate(BaseOperator):  # type: ignore[misc]  # same
    """A candidate on hold-out rows; one that is refused fails the task at once. See `validating.validate`."""

    template_fields: ClassVar = ("training", "champion", "folder", "loader", "measure")

    def __init__(
        self,
        *,
        training: Any,
        champion: Any,
        folder: str,
        loader: str,
        target: str,
        measure: str = "accuracy",
        margin: float = 0.0,
        positive: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.training = training
        self.champion = champion
        self.folder = folder
        self.loader = loader
        self.target = target
        self.measure = measure
        self.margin = margin
        self.positive = positive

    def execute(self, context: Any) -> run_folder.Validated:  # noqa: ARG002 - same
        """How it did."""
        try:
            return validating.validate(
                self.training,
                self.champion,
                self.folder,
                loader=self.loader,
                target=self.target,
                measure=self.measure,
                margin=self.margin,
                positive=self.positive,
            )
        except (ConfigError, ReferenceDataError) as error:
            raise AirflowFailException(str(error)) from error


class HandOver(BaseOperator):  # type: ignore[misc]  # same
    """The file from which a server takes its challenger, once in a run; see `handing_over.hand_over`."""

    template_fields: ClassVar = ("candidate_file", "champion", "training", "validated", "folder")

    def __init__(
        self,
        *,
        candidate_file: str,
        champion: Any,
        training: Any,
        validated: Any,
        folder: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.candidate_file = candidate_file
        self.champion = champion
        self.training = training
        self.validated = validated
        self.folder = folder

    def execute(self, context: Any) -> run_folder.Handed:
        """What was handed over."""
        return handing_over.hand_over(
            self.candidate_file,
            self.champion,
            self.training,
            self.validated,
            self.folder,
            run_id=context["run_id"],
            now=time.time(),
        )


class AwaitRollout(BaseSensorOperator):  # type: ignore[misc]  # same
    """The end of a candidate's rollout; fails when it is refused. See `handing_over.outcome_of`."""

    template_fields: ClassVar = ("handed", "rollout", "token_file")

    def __init__(self, *, handed: Any, rollout: str, token_file: str | None = None, **kwargs: Any) -> None:
        super().__init__(**{"mode": "reschedule", **kwargs})
        self.handed = handed
        self.rollout = rollout
        self.token_file = token_file

    def poke(self, context: Any) -> PokeReturnValue:  # noqa: ARG002 - same
        """Whether it has ended, and how."""
        try:
            outcome = handing_over.outcome_of(self.handed, self.rollout, self.token_file)
        except (EngineError, StoreError) as error:
            _log.warning("%s", error)
            return PokeReturnValue(is_done=False)
        except ConfigError as error:
            raise AirflowFailException(str(error)) from error
        return PokeReturnValue(is_done=outcome is not None, xcom_value=outcome)
