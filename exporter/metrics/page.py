"""The table of metrics as a page for people: `python -m exporter.metrics > docs/metrics.md`."""

from __future__ import annotations

from collections.abc import Iterable

from .family import MODEL_LABELS, Family

HEADINGS = {
    "service": "Service: is the model up, fast and free of errors",
    "prediction": "Predictions: what it answers",
    "data": "Data: what it is fed",
    "drift": "Drift: whether the world is still that of the training",
    "performance": "Performance: whether it is right",
    "feedback": "Feedback: what its decisions do to its data",
    "business": "Business: what it is worth",
    "rollout": "Rollout: how a challenger comes into traffic",
    "stream": "What comes from topics",
    "itself": "The monitoring itself",
}
"""Chapter of each layer."""

LABELS = {
    "actual": "class of the model, at most ten, and `__other__`",
    "attribute": "feature of `assessment.protected`",
    "bin": "bin of the reference; of the calibration curve a tenth of the probability",
    "detector": "detector of concept drift",
    "edge": "upper edge of a bin of the reference",
    "error_type": "name of one of nine exceptions, or `other`",
    "feature_name": "feature of the reference",
    "framework": "package of the model",
    "guard": "what a challenger may not do more often: `error_ratio`, `slow_ratio`, `fallback_ratio`",
    "kind": "kind of damage (`assessment.quality`), or of a feature",
    "measure": "measure of performance or fairness; of the layer business a name of the configuration",
    "method": "method of the model; of outliers `robust_z` or `isolation_forest`",
    "outcome": "what became of something: a check, an outcome, an item shown",
    "output": "`score` or `class`",
    "predicted": "as `actual`, by what was predicted",
    "predicted_class": "class of the model; of single classes' measures at most ten",
    "reason": "why, from a closed list",
    "reference_version": "when the reference was built",
    "partition": "number of a partition that this consumer holds",
    "result": "what a message held, or `dead_letter`",
    "role": "`champion` or `challenger`",
    "segment": "`all`, or category of `assessment.segment`; of drift a value of the feature that the "
    "reference is kept by (`segment_by`); at most 20",
    "source": "`reference`, or `window` where it is computed on labelled rows",
    "strategy": "step of the fallback that answered",
    "test_type": "test of drift",
    "topic": "topic of `stream.observations` or `stream.outcomes`",
    "violation": "how columns were not the reference's",
    "window": "name of a window in `checks.windows`; of performance also `last_<rows>`",
    "with": "`drift` or `performance`",
}
"""What bounds the values of each label. None comes from traffic."""

HEAD = """# Metrics

Generated from the table in `exporter/metrics/` by `python -m exporter.metrics > docs/metrics.md`; a test says
when it is stale. The bridge's own are in [bridge](bridge.md).

Every series has the labels {model_labels}. Counters and histograms are there from the start,
with their zero, so that a rate exists before the first event. A gauge shows what the last check found, and is
absent while that is not known: no data is never a 0. States say unknown by a number, -1. A scrape folds in
what is pending and reads what is published; it computes no statistic.
"""


def metrics_page(families: Iterable[Family]) -> str:
    """Markdown of all families by layer, and of their labels."""
    families = list(families)
    parts = [HEAD.format(model_labels=" and ".join(f"`{name}`" for name in MODEL_LABELS))]
    for layer in dict.fromkeys(family.layer for family in families):
        rows = [
            f"| `{family.name}` | {family.kind} | {_names(family.labels)} | {_marked(family.help)} |"
            for family in families
            if family.layer == layer
        ]
        table = "\n".join(["| metric | type | labels | meaning |", "|---|---|---|---|", *rows])
        parts.append(f"## {HEADINGS[layer]}\n\n{table}\n")
    used = sorted({label for family in families for label in family.labels})
    rows = [f"| `{label}` | {LABELS[label]} |" for label in used]
    parts.append("\n".join(["## Labels\n", "| label | values |", "|---|---|", *rows]) + "\n")
    return "\n".join(parts)


def _names(labels: Iterable[str]) -> str:
    return ", ".join(f"`{label}`" for label in labels)


def _marked(text: str) -> str:
    """The same text with `__other__` as code, which would be bold in Markdown."""
    return text.replace("__other__", "`__other__`")
