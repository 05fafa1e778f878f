"""Files of YAML: plain values, and no more of them than the file has room for.

The safe loader makes no objects, but an alias is a reference: ten lines of aliases of aliases hold a billion
values, which whoever walks over them never leaves. They are counted before they are made.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from .errors import ConfigError

MAX_FILE_BYTES: Final = 1_000_000
"""A configuration is some hundred lines; anything larger is another file, given by mistake."""

MAX_VALUES: Final = 100_000
"""Values and keys, with each alias counted as what it stands for."""

MAX_NUMBER_CHARS: Final = 100
"""Of a number; `1:1:1:…` is one to the base of 60, and a megabyte of it takes minutes to read."""

_NUMBERS: Final = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_MERGE: Final = "tag:yaml.org,2002:merge"


def read_yaml(path: Path, needed: str = "a configuration file") -> Any:  # noqa: ANN401 - any YAML
    """What a file holds.

    Raises
    ------
    ConfigError
        If it cannot be read, is too large, or is not YAML of plain values.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}, need a readable YAML file") from None
    if len(raw) > MAX_FILE_BYTES:
        raise ConfigError(f"{path}: found more than {MAX_FILE_BYTES:,} bytes, need {needed}")
    try:
        return load_yaml(raw.decode("utf-8"))
    # A date without a month, or a number without digits, is a bare ValueError.
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{path}: {reason}, need valid YAML") from None


class RefusedYamlError(yaml.MarkedYAMLError):
    """YAML that could be read and is not taken; its `problem` holds nothing of the content."""


def load_yaml(text: str) -> Any:  # noqa: ANN401 - any YAML
    """The values in a text; a YAMLError, ValueError or RecursionError where it is no YAML of plain values.

    A key that stands twice in one mapping is refused, where YAML's own reader would take the last.
    """
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _count(node, {})
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _count(node: yaml.Node, counted: dict[int, int | None]) -> int:
    """Values under a node with its aliases written out."""
    if isinstance(node, yaml.ScalarNode):
        if node.tag in _NUMBERS and len(node.value) > MAX_NUMBER_CHARS:
            raise _refusal(node, f"found a number of more than {MAX_NUMBER_CHARS} characters")
        return 1
    if id(node) in counted:
        known = counted[id(node)]
        if known is None:
            raise _refusal(node, "found an alias within what it names")
        return known
    if isinstance(node, yaml.MappingNode):
        _require_distinct(node)
    counted[id(node)] = None
    total = 1
    for part in _parts(node):
        total += _count(part, counted)
        if total > MAX_VALUES:
            raise _refusal(node, f"found more than {MAX_VALUES:,} values with all aliases written out")
    counted[id(node)] = total
    return total


def _parts(node: yaml.Node) -> Iterator[yaml.Node]:
    for part in node.value:
        if isinstance(part, tuple):
            yield from part
        else:
            yield part


def _require_distinct(node: yaml.MappingNode) -> None:
    """Refuse a key that stands twice; what is merged into a mapping with `<<` may be said again."""
    seen = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
            if (key.tag, key.value) in seen:
                raise _refusal(key, "found a key for the second time")
            seen.add((key.tag, key.value))


def _refusal(node: yaml.Node, problem: str) -> RefusedYamlError:
    return RefusedYamlError(problem=problem, problem_mark=node.start_mark)
