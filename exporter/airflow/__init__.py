"""Steps of monitoring and of continuous learning, and operators of Airflow for them (extra `airflow`).

from exporter.airflow.operators import LoadWindow, CheckFeatures

`steps` holds the work of monitoring, without Airflow: files in, files out, small dictionaries between them.
`learning`, `training`, `validating` and `handing_over` hold that of continuous learning. `operators` holds an
operator for each; only it imports Airflow.
"""

from __future__ import annotations
