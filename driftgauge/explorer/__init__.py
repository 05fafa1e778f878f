"""The drift explorer: a page in the browser over Prometheus, Alertmanager, the bridge and the exporter.

It only asks them over HTTP and keeps nothing. Imports go one way: `selection`, `promql`, `series`,
`palette` → the view models (`distribution`, `scores`, `quality`, `performance`, `ranking`, `alerts`,
`summary`, `choices`) and `words`, all of them pure → `transport`, `clients`, `reader` → `figures`,
`pieces`, `layout` → `navigation`, `callbacks` → `app` → `command`.
"""
