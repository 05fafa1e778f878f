"""How building a reference and checking a window on Spark grow with the rows, in time and in memory.

    make test-spark && .venv-spark/bin/python benchmarks/spark.py --rows 1000000 5000000 50000000

Writes 20 columns (14 normal numbers, 4 small integers, 2 categories) as Parquet into a temporary folder,
reads them on `local[2]`, and removes them. Memory is sampled every half second: of this process, which is the
driver's Python; of all its workers; and of the Java process, whose heap has a fixed limit. Processor seconds
are those of all of them together: on a machine that others use, too, they tell more than the clock.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Self

from exporter.spark import build_reference, check_dataframe

COLUMNS = 20
CATEGORIES, INTEGERS = 2, 4
ROWS_A_PARTITION = 1_000_000
HEAP = "2g"
PAGE, TICKS = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")


class Peaks:
    """Largest resident sizes of this process and of what it started, in MB."""

    def __init__(self) -> None:
        self.driver = self.java = self.workers = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.5):
            java = workers = 0.0
            for pid in _descendants(os.getpid()):
                name, size = _process(pid)
                if name == "java":
                    java += size
                else:
                    workers += size
            self.driver = max(self.driver, _process(os.getpid())[1])
            self.java, self.workers = max(self.java, java), max(self.workers, workers)


def _descendants(root: int) -> list[int]:
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rsplit(")", maxsplit=1)[1].split()[1])
        except OSError:
            continue
        parents.setdefault(parent, []).append(int(path.parent.name))
    found, waiting = [], [root]
    while waiting:
        children = parents.get(waiting.pop(), [])
        found += children
        waiting += children
    return found


def _processor_seconds() -> float:
    """Of this process and all that it started, those that have ended among them."""
    ticks = 0
    for pid in (os.getpid(), *_descendants(os.getpid())):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", maxsplit=1)[1].split()
        except OSError:
            continue
        ticks += sum(map(int, fields[11:15]))  # proc(5): utime, stime, cutime, cstime
    return ticks / TICKS


def _process(pid: int) -> tuple[str, float]:
    try:
        size = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE / 1e6
        return Path(f"/proc/{pid}/comm").read_text().strip(), size
    except OSError:
        return "", 0.0


def main() -> None:
    """Measure each number of rows and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 5_000_000])
    parser.add_argument("--folder", help="where the Parquet files are written meanwhile")
    arguments = parser.parse_args()
    spark = _session()
    print("| rows | Parquet | build | check | processor µs a row | driver's Python | workers | Java |")
    print("|---:|---:|---:|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        warm = _written(spark, 100_000, Path(folder) / "warm")
        check_dataframe(build_reference(warm, model_name="m", model_version="1"), warm)
        for rows in arguments.rows:
            path = Path(folder) / str(rows)
            table = _written(spark, rows, path)
            size = sum(file.stat().st_size for file in path.glob("*.parquet")) / 1e9
            with Peaks() as peaks:
                start, before = time.perf_counter(), _processor_seconds()
                reference = build_reference(table, model_name="m", model_version="1")
                built = time.perf_counter()
                report = check_dataframe(reference, table)
                build, check = built - start, time.perf_counter() - built
                used = 1e6 * (_processor_seconds() - before) / rows
            assert reference.rows == report.rows == rows
            print(
                f"| {rows:,} | {size:.2f} GB | {build:.0f} s | {check:.0f} s | {used:.2f} |"
                f" {peaks.driver:.0f} MB | {peaks.workers:.0f} MB | {peaks.java:.0f} MB |",
                flush=True,
            )
    spark.stop()


def _session() -> Any:
    os.environ["PYSPARK_PYTHON"] = sys.executable
    from pyspark.sql import SparkSession  # noqa: PLC0415 - only in an environment of its own

    builder = SparkSession.builder.master("local[2]").appName("driftgauge")
    options = {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.memory": HEAP,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    for name, value in options.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def _written(spark: Any, rows: int, path: Path) -> Any:
    from pyspark.sql import functions as f  # noqa: PLC0415 - same

    names = [f"f{i:02d}" for i in range(COLUMNS)]
    numbers = COLUMNS - INTEGERS - CATEGORIES
    columns = [f.randn(seed=i).alias(name) for i, name in enumerate(names[:numbers])]
    for i, name in enumerate(names[numbers:]):
        value = f.floor(f.rand(seed=100 + i) * (10 + 5 * i)).cast("int")
        columns.append((value if i < INTEGERS else f.concat(f.lit("c"), value.cast("string"))).alias(name))
    partitions = max(2, rows // ROWS_A_PARTITION)
    spark.range(0, rows, 1, partitions).select(*columns).write.parquet(str(path))
    return spark.read.parquet(str(path))


if __name__ == "__main__":
    main()
