"""References and checks of tables on a Spark cluster (extra `spark`).

from exporter.spark import build_reference, check_dataframe

reference = build_reference(spark.read.parquet("training/"), model_name="flight_delay", model_version="1.2.0")
report = check_dataframe(reference, spark.table("predictions").where("day = '2026-03-01'"))

Rows stay where they are: each partition becomes one summary of bounded size (`exporter.summaries`,
`exporter.reference`), the executors merge summaries in a tree, and the driver sees the last one.
"""

from __future__ import annotations

from .build import build_reference
from .check import check_dataframe

__all__ = ["build_reference", "check_dataframe"]
