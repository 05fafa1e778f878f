"""Prometheus rules that are generated, from the exporter's bins and from the table of objectives.

`fleet`, `service`, `streams` and `fallbacks` say what a file holds, `drift` and `objectives` are subjects of
the first two, `rendering` writes YAML, and `command` is `driftgauge rules build | check`. The other files of
`alerting/rules/` are written by hand.
"""
