"""Rules as data, and the YAML of a rule file. Text in, text out: nothing here knows a metric."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import dedent, indent, wrap
from typing import Any

import yaml

COMMENT_WIDTH = 115


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A recording rule.

    Attributes
    ----------
    name, expr : str
        The series that is written, and what is written.
    labels : mapping of str to str
        Added to every series.
    comment : str
        Why it is as it is; written above the rule.
    """

    name: str
    expr: str
    labels: Mapping[str, str] = field(default_factory=dict)
    comment: str = ""

    def fields(self) -> dict[str, Any]:
        """What the rule file holds."""
        return {
            "record": self.name,
            "expr": self.expr,
            **({"labels": dict(self.labels)} if self.labels else {}),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An alerting rule; `wait` and `keep` are its `for` and `keep_firing_for`."""

    name: str
    expr: str
    severity: str
    wait: str
    keep: str
    annotations: Mapping[str, str]
    labels: Mapping[str, str] = field(default_factory=dict)
    comment: str = ""

    def fields(self) -> dict[str, Any]:
        """What the rule file holds."""
        return {
            "alert": self.name,
            "expr": self.expr,
            "for": self.wait,
            "keep_firing_for": self.keep,
            "labels": {"severity": self.severity, **self.labels},
            "annotations": dict(self.annotations),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Rules that are evaluated one after the other; each sees what those before it have just written."""

    name: str
    rules: Sequence[Record | Alert]
    interval: str = ""
    comment: str = ""


def render(comment: str, groups: Sequence[Group]) -> str:
    """A rule file.

    Parameters
    ----------
    comment : str
        What the file is; its first lines.
    groups : sequence of Group
        In order.

    Returns
    -------
    str
        YAML that `promtool check rules` accepts.
    """
    parts = [
        "\n\n".join(_comment(paragraph) for paragraph in comment.split("\n\n")).replace("\n\n", "\n#\n"),
        "groups:",
    ]
    parts += [indent("\n".join(_group(group)), "  ") for group in groups]
    return "\n".join(parts) + "\n"


def _group(group: Group) -> Iterator[str]:
    if group.comment:
        yield _comment(group.comment)
    yield f"- name: {group.name}"
    if group.interval:
        yield f"  interval: {group.interval}"
    yield "  rules:"
    for rule in group.rules:
        if rule.comment:
            yield indent(_comment(rule.comment), "    ")
        yield indent(_yaml([rule.fields()]), "    ").rstrip()


def _comment(text: str) -> str:
    return "\n".join(f"# {line}" for line in wrap(" ".join(text.split()), COMMENT_WIDTH))


class _Dumper(yaml.SafeDumper):
    """Writes text of several lines as a block."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def _yaml(content: Any) -> str:  # noqa: ANN401 - anything YAML can say
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, width=10_000, allow_unicode=True)


def block(text: str) -> str:
    r"""An expression over several lines, without the indentation it has in Python.

    Examples
    --------
    >>> block('''
    ...     sum by (job) (
    ...       up)''')
    'sum by (job) (\n  up)'
    """
    return dedent(text).strip("\n").rstrip()


def nested(text: str, spaces: int) -> str:
    r"""An expression for a place inside another one, whose first line is indented already.

    Examples
    --------
    >>> nested("a\nb", 2)
    'a\n  b'
    """
    return indent(text, " " * spaces).lstrip()
