"""A client of an MLflow server whose calls end, and whose errors are ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from ..errors import ConfigError, ExporterError, RegistryError

TIMEOUT_SECONDS: Final = 10
"""For each request; MLflow's own default is two minutes."""
RETRIES: Final = 2
"""With pauses of some seconds; MLflow's own default of 7 takes four minutes to say that nobody is there."""
_SHOWN: Final = 300
"""Characters of MLflow's words in a message."""
_USERINFO: Final = re.compile(r"//[^/@\s]+@")


def connect(tracking_uri: str | None) -> Any:  # noqa: ANN401 - MLflow ships no types
    """A `mlflow.MlflowClient`; None means what MLflow itself is set to (MLFLOW_TRACKING_URI).

    MLflow has its time limits for a process, not for a client: ours are set unless somebody has set others.

    Raises
    ------
    ConfigError
        If MLflow is not installed.
    """
    try:
        import mlflow  # noqa: PLC0415 - the extra `mlflow`
        from mlflow import environment_variables as limits  # noqa: PLC0415 - same
    except ImportError as error:
        raise ConfigError(
            "mlflow: found no such package, need it: pip install 'driftgauge[mlflow]'"
        ) from error
    for limit, value in (
        (limits.MLFLOW_HTTP_REQUEST_TIMEOUT, TIMEOUT_SECONDS),
        (limits.MLFLOW_HTTP_REQUEST_MAX_RETRIES, RETRIES),
    ):
        if not limit.is_set():
            limit.set(value)
    return mlflow.MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)


@contextmanager
def registry_errors(what: str) -> Iterator[None]:
    """Tell MLflow's errors as ours, without a password that an address may hold.

    Raises
    ------
    RegistryError
        If MLflow raised.
    """
    try:
        yield
    except ExporterError:
        raise
    except Exception as error:
        from mlflow.exceptions import MlflowException  # noqa: PLC0415 - who has a client has it

        if not isinstance(error, (MlflowException, OSError)):
            raise
        words = _USERINFO.sub("//***@", str(error)).strip().replace("\n", " ")[:_SHOWN]
        raise RegistryError(f"MLflow: {what}: {words}; need a server that answers and allows it") from None


def is_absent(error: Exception) -> bool:
    """Whether MLflow says that something does not exist, and not that it failed."""
    return getattr(error, "error_code", None) == "RESOURCE_DOES_NOT_EXIST"
