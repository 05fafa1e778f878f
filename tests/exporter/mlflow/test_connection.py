from __future__ import annotations

import importlib.util

import pytest

from exporter import ConfigError
from exporter.mlflow import ModelRegistry


@pytest.mark.skipif(importlib.util.find_spec("mlflow") is not None, reason="MLflow is installed")
def test_without_mlflow_the_error_says_what_to_install() -> None:
    """The package itself can be imported, and a registry made, without it."""
    registry = ModelRegistry("loans", tracking_uri="http://127.0.0.1:1")
    with pytest.raises(ConfigError, match=r"pip install 'driftgauge\[mlflow\]'"):
        registry.load("champion")
