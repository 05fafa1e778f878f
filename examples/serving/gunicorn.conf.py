"""gunicorn with several workers that count as one: set PROMETHEUS_MULTIPROC_DIR before it starts."""

from exporter.multiprocess import child_exit, on_starting

__all__ = ["child_exit", "on_starting"]
