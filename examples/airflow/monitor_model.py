"""A DAG for Airflow 3 that checks each day's rows of a model: copy it into the folder of your DAGs.

    load ─┬─ features ────┬─ report ─ branch ─┬─ alert
          └─ predictions ─┘                   └─ log

The two checks run side by side. Settings are the run's parameters, with these defaults; the folder must be
one that all workers reach.
"""

from __future__ import annotations

import datetime as dt

from airflow.sdk import DAG, Param

from exporter.airflow.operators import (
    AlertOnDrift,
    BranchOnDrift,
    CheckFeatures,
    CheckPredictions,
    LoadWindow,
    LogReport,
    WriteReport,
)

ROLES = {"prediction": "prediction", "score": "score"}
"""Columns with what the model said; `target` and `timestamp` may be there, too."""

REFERENCE = "{{ params.reference }}"
FILES = "{{ params.folder }}/{{ run_id | replace(':', '') | replace('+', '') }}"

with DAG(
    dag_id="monitor_model",
    description="Drift of a model's features and predictions, day by day",
    schedule="@daily",
    start_date=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": dt.timedelta(minutes=5)},
    params={
        "data": Param("data/predictions/*.parquet", type="string", description="rows of the window"),
        "reference": Param("models/model/reference.json", type="string"),
        "folder": Param("reports", type="string", description="where windows and reports are written"),
        "alertmanager": Param("http://127.0.0.1:9093", type="string"),
    },
) as dag:
    load = LoadWindow(
        task_id="load",
        data="{{ params.data }}",
        reference=REFERENCE,
        path=f"{FILES}-window.parquet",
        roles=ROLES,
    )
    features = CheckFeatures(
        task_id="features", window=load.output, reference=REFERENCE, path=f"{FILES}-features.json"
    )
    predictions = CheckPredictions(
        task_id="predictions",
        window=load.output,
        reference=REFERENCE,
        path=f"{FILES}-predictions.json",
        roles=ROLES,
    )
    report = WriteReport(
        task_id="report",
        features=features.output,
        predictions=predictions.output,
        path=f"{FILES}-report.json",
    )
    branch = BranchOnDrift(task_id="branch", report=report.output, drift="alert", no_drift="log")
    alert = AlertOnDrift(task_id="alert", report=report.output, url="{{ params.alertmanager }}")
    log = LogReport(task_id="log", report=report.output)
    branch >> [alert, log]
