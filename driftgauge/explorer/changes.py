"""What of an answer the browser does not show yet: the rest is left alone, with its focus and its scroll."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final

from dash import no_update
from plotly.utils import PlotlyJSONEncoder  # type: ignore[import-untyped]  # ships no types

DIGEST_BYTES: Final = 16
"""Two contents of a part that are alike by chance would need 2**64 of them."""


def anew(parts: Mapping[str, Any], shown: object) -> tuple[dict[str, Any], dict[str, str]]:
    """Parts by name, those that are shown already left as they are, and the digests to tell by next time.

    Parameters
    ----------
    parts : mapping of str to anything that Dash can send
    shown : mapping of str to str
        The digests of the last time, as the browser has kept them; it may send anything, or nothing.
    """
    digests = {name: _digest(part) for name, part in parts.items()}
    known = shown if isinstance(shown, Mapping) else {}
    return {name: unless(known.get(name) == digests[name], part) for name, part in parts.items()}, digests


def unless(is_shown: bool, part: Any) -> Any:  # noqa: ANN401 - what Dash sends
    """A part, or Dash's word for leaving it as it is."""
    return no_update if is_shown else part


def _digest(part: Any) -> str:  # noqa: ANN401 - as above
    content = json.dumps(part, cls=PlotlyJSONEncoder, sort_keys=True)
    return blake2b(content.encode(), digest_size=DIGEST_BYTES).hexdigest()
