"""Grafana dashboards as code: `python -m dashboards.build` writes the JSON files beside these modules.

Classic JSON, since Grafana's file provisioning takes nothing else. The files are committed, and a test says
when one of them is not what the code builds.
"""
