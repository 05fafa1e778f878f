"""Steps of a monitoring pipeline, and operators of Airflow for them (extra `airflow`).

from exporter.airflow.operators import LoadWindow, CheckFeatures

`steps` holds the work, without Airflow: files in, files out, small dictionaries between them. `operators`
holds one operator for each; only it imports Airflow.
"""

from __future__ import annotations
