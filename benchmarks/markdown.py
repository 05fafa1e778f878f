"""Text of the pages that benchmarks write."""

from __future__ import annotations

import textwrap

LINE = 110


def wrapped(text: str) -> str:
    """Markdown with its paragraphs in lines of at most 110 characters; tables and lists stay as they are."""
    return (
        "\n\n".join(
            block if block.lstrip().startswith(("#", "|", "!", " ")) else textwrap.fill(block, LINE)
            for block in text.rstrip("\n").split("\n\n")
        )
        + "\n"
    )
