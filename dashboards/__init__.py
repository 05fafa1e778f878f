"""Grafana dashboards as code: `python -m dashboards.build` writes the JSON files beside these modules.

Classic JSON, since Grafana's file provisioning takes nothing else. The files are committed, and a test says
when one of them is not what the code builds.
"""

import warnings

with warnings.catch_warnings():
    # The SDK would rather see its newer model used, which Grafana's file provisioning refuses.
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.builders import dashboard, prometheus  # noqa: F401 - once, so that it is quiet later
