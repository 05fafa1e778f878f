"""The packages that pages and images are made with: those of the extra `report`."""

from __future__ import annotations

from importlib.util import find_spec

from ..errors import ConfigError


def require_packages(where: str, *packages: str) -> None:
    """Refuse to begin where a package is not installed.

    Raises
    ------
    ConfigError
        That says what to install.
    """
    lacking = [package for package in packages if find_spec(package) is None]
    if lacking:
        raise ConfigError(
            f"{where}: found no package {lacking[0]} in this Python, need it: "
            "pip install 'driftgauge[report]'"
        )
