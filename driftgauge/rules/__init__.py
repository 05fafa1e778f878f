"""Prometheus rules that are generated, from the exporter's bins and from the table of objectives.

`fleet` and `service` say what a file holds, `drift` and `objectives` are their subjects, `rendering` writes
YAML, and `command` is `driftgauge rules build | check`. The other files of `alerting/rules/` are written by
hand.
"""
