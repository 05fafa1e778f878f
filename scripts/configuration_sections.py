# ruff: noqa: INP001, SLF001 - part of a script, not a package; sections are private to their modules
"""Which class each section of a configuration file becomes, for scripts/configuration.py."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel

from alerting import config_secrets
from alerting import escalation as escalations
from alerting.actions import ActionPolicy
from alerting.alertmanager import AlertmanagerPolicy
from alerting.config_actions import ActionsSection, AlertmanagerSection
from alerting.config_escalation import HeartbeatSection, PolicySection, StepSection, StormsSection
from alerting.config_file import DeliverySection, IntakeSection, SlackSection, StateSection
from alerting.config_file import File as BridgeFile
from alerting.config_receivers import (
    EmailDestination,
    EmailSection,
    PagerDutyDestination,
    RetrainingDestination,
    SlackDestination,
    WebhookDestination,
)
from alerting.delivery import DeliveryPolicy
from alerting.digest import StormPolicy
from alerting.email import EmailPolicy
from alerting.heartbeats import Heartbeat
from alerting.incidents import StatePolicy
from alerting.intake import IntakePolicy
from alerting.retraining import config as retraining_config
from alerting.retraining import config_file as retraining
from alerting.retraining.policy import Brakes, ModelPolicy, Retries
from alerting.retraining.prometheus import PrometheusPolicy
from alerting.slack import SlackPolicy
from exporter import config as exporter
from exporter import config_rollout, config_stream
from exporter.assessment.policy import AssessmentPolicy
from exporter.business import BusinessMeasure
from exporter.policy import Policy
from exporter.rollout_policy import RolloutPolicy, Stage
from exporter.schedule import Schedule
from exporter.server import ServerOptions
from exporter.stores.settings import StoreSettings
from exporter.stream_settings import RowColumns, Security, StreamSettings

GOVERNED: Mapping[type, type] = {
    exporter._Model: exporter.ModelSettings,
    exporter._Server: ServerOptions,
    exporter._Checks: Schedule,
    exporter._Policy: Policy,
    exporter._Assessment: AssessmentPolicy,
    exporter._Store: StoreSettings,
    config_stream.StreamSection: StreamSettings,
    config_stream._Security: Security,
    config_stream._Columns: RowColumns,
    config_rollout.RolloutSection: RolloutPolicy,
    config_rollout._Stage: Stage,
    StateSection: StatePolicy,
    IntakeSection: IntakePolicy,
    SlackSection: SlackPolicy,
    DeliverySection: DeliveryPolicy,
    EmailSection: EmailPolicy,
    ActionsSection: ActionPolicy,
    AlertmanagerSection: AlertmanagerPolicy,
    PolicySection: escalations.Policy,
    StepSection: escalations.Step,
    HeartbeatSection: Heartbeat,
    StormsSection: StormPolicy,
    retraining.PrometheusSection: PrometheusPolicy,
    retraining.ModelSection: ModelPolicy,
    retraining.BrakesSection: Brakes,
    retraining.RetriesSection: Retries,
}
"""Section to the class that it becomes, whose docstring says what its keys mean."""

KINDS: Mapping[type, str] = {
    SlackDestination: "slack",
    PagerDutyDestination: "pagerduty",
    EmailDestination: "email",
    WebhookDestination: "webhook",
    RetrainingDestination: "retraining",
    retraining.AlertTrigger: "alerts",
    retraining.AgeTrigger: "age",
    retraining.ScheduleTrigger: "schedule",
    retraining.ManualTrigger: "manual",
    retraining.CommandRunner: "command",
    retraining.PythonRunner: "python",
    retraining.AirflowSection: "airflow",
    retraining.KubernetesSection: "kubernetes",
}
"""Sections of which one is chosen by its `kind`."""

SPECIAL: Mapping[str, tuple[str, type]] = {"business": ("business[]", BusinessMeasure)}
"""Sections that are read by the class itself."""

FILES: Mapping[str, type[BaseModel] | None] = {
    "exporter.yaml": exporter._File,
    "bridge.yaml": BridgeFile,
    "retraining.yaml": retraining.File,
    "slo.yaml": None,
}
"""File to its model."""


def variables(words: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Variable, who reads it, and the key that it overrides or what it is."""
    hours = {"DRIFT_CHECK_INTERVAL_HOURS": ", in hours"}
    found = [
        (name, "exporter", f"`{'.'.join(keys)}`{hours.get(name, '')}")
        for name, keys in exporter.OVERRIDES.items()
    ]
    found.append(("PROMETHEUS_MULTIPROC_DIR", "exporter", words["PROMETHEUS_MULTIPROC_DIR"]))
    missing = {*config_secrets.VARIABLES, *retraining_config.VARIABLES} - {*words, *config_secrets._SECRETS}
    if missing:
        raise SystemExit(f"configuration_words.yaml: found no words for the variables {sorted(missing)}")
    secrets = {name: described for name, (_, described) in config_secrets._SECRETS.items()}
    found += [(name, "bridge", secrets.get(name) or words[name]) for name in config_secrets.VARIABLES]
    return found + [(name, "retraining", words[name]) for name in retraining_config.VARIABLES]
