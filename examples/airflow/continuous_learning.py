"""A DAG for Airflow 3 that keeps a model right: copy it into the folder of your DAGs.

    champion ─ load ─┬─ features ────┬─ report ─ branch ─┬─ retrain ─ validate ─ hand_over ─ rollout ─ ended ─┬─ promoted
                     └─ predictions ─┘                   └─ log                                               └─ rolled_back

The server decides about its traffic: it takes the candidate, tries it in shadow and in a canary, and promotes
it or takes it back (docs/rollout.md). This DAG hands over and waits. Settings are the run's parameters; the
folder must be one that all workers and the server reach.
"""  # noqa: E501 - a drawing

from __future__ import annotations

import datetime as dt
import logging

from airflow.sdk import DAG, Param, task

from exporter.airflow.handing_over import Outcome, explain
from exporter.airflow.operators import (
    AwaitRollout,
    BranchOnRetraining,
    CheckFeatures,
    CheckPredictions,
    FindChampion,
    HandOver,
    LoadWindow,
    LogReport,
    Retrain,
    ValidateCandidate,
    WriteReport,
)

TARGET = "target"
"""Column with the truth, empty where it is not known yet."""

ROLES = {"prediction": "prediction", "target": TARGET}
"""Columns that are no features; `score` and `timestamp` may be there, too."""

FOLDER = "{{ params.folder }}/{{ (dag_run.logical_date or dag_run.run_after) | ts_nodash }}"
"""Of the logical date: a run of it again, however it came about, finds what the first one did."""

REFERENCE = "{{ ti.xcom_pull(task_ids='champion')['reference_path'] }}"

ROLLOUT_DAYS = 15
"""A rollout ends by itself after 14 days at the latest (`max_seconds`)."""


@task.branch  # type: ignore[untyped-decorator]  # Airflow is not where types are checked
def ended(outcome: Outcome) -> str:
    """The task that is named as the rollout ended: promoted or rolled_back."""
    return str(outcome["status"])


@task  # type: ignore[untyped-decorator]  # same
def log_outcome(outcome: Outcome) -> str:
    """A line in the log: how it ended, and why."""
    line = explain(outcome)
    logging.getLogger(__name__).info("%s", line)
    return line


with DAG(
    dag_id="continuous_learning",
    description="Check, retrain, validate, canary, promote or roll back",
    schedule="@daily",
    start_date=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": dt.timedelta(minutes=5)},
    params={
        "data": Param("data/predictions/*.parquet", type="string", description="rows of the window"),
        "reference": Param("models/model/reference.json", type="string", description="of the first version"),
        "model": Param("models/model/model.joblib", type="string", description="of the first version"),
        "folder": Param("learning", type="string", description="where runs and their models lie; keep it"),
        "command": Param("python train.py", type="string", description="the training"),
        "loader": Param("my_package.serving:load_candidate", type="string", description="the server's own"),
        "candidate_file": Param("candidate.json", type="string", description="the server looks at it"),
        "rollout": Param("http://127.0.0.1:9108", type="string", description="the server, or its state file"),
    },
) as dag:
    champion = FindChampion(
        task_id="champion",
        rollout="{{ params.rollout }}",
        folder=FOLDER,
        reference="{{ params.reference }}",
        model="{{ params.model }}",
    )
    load = LoadWindow(
        task_id="load",
        data="{{ params.data }}",
        reference=REFERENCE,
        path=f"{FOLDER}/window.parquet",
        roles=ROLES,
    )
    features = CheckFeatures(
        task_id="features", window=load.output, reference=REFERENCE, path=f"{FOLDER}/features.json"
    )
    predictions = CheckPredictions(
        task_id="predictions",
        window=load.output,
        reference=REFERENCE,
        path=f"{FOLDER}/predictions.json",
        roles=ROLES,
    )
    report = WriteReport(
        task_id="report",
        features=features.output,
        predictions=predictions.output,
        path=f"{FOLDER}/report.json",
    )
    branch = BranchOnRetraining(
        task_id="branch",
        report=report.output,
        window=load.output,
        champion=champion.output,
        target=TARGET,
        retrain="retrain",
        otherwise="log",
    )
    log = LogReport(task_id="log", report=report.output)
    retrain = Retrain(
        task_id="retrain",
        window=load.output,
        champion=champion.output,
        report=report.output,
        folder=FOLDER,
        command="{{ params.command }}",
        target=TARGET,
        since="{{ (data_interval_start or dag_run.run_after) | ts }}",
    )
    validate = ValidateCandidate(
        task_id="validate",
        training=retrain.output,
        champion=champion.output,
        folder=FOLDER,
        loader="{{ params.loader }}",
        target=TARGET,
    )
    hand_over = HandOver(
        task_id="hand_over",
        candidate_file="{{ params.candidate_file }}",
        champion=champion.output,
        training=retrain.output,
        validated=validate.output,
        folder=FOLDER,
    )
    rollout = AwaitRollout(
        task_id="rollout",
        handed=hand_over.output,
        rollout="{{ params.rollout }}",
        poke_interval=dt.timedelta(minutes=5),
        timeout=dt.timedelta(days=ROLLOUT_DAYS),
    )
    outcome = rollout.output
    ended(outcome) >> [
        log_outcome.override(task_id="promoted")(outcome),
        log_outcome.override(task_id="rolled_back")(outcome),
    ]
    champion >> load
    branch >> [retrain, log]
