"""Words for what does not fit in a configuration file: key, what was found, what is needed."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from .errors import ConfigError
from .secret import mask

Location = tuple[int | str, ...]


def refusal(
    error: ValidationError,
    path: object,
    *,
    place: Callable[[Location], tuple[Location, str | None]],
    known: Callable[[Location, str | None], Sequence[str]],
    secrets: str,
) -> ConfigError:
    """Every problem of a file as one error; never with a value that may be a secret.

    Parameters
    ----------
    error : ValidationError
    path : object
        The file, as the user named it.
    place : callable
        A location of pydantic's without the kind that it names after a section of several kinds; and that.
    known : callable
        The keys that are allowed at a place, of a kind.
    secrets : str
        Where secrets belong, told with an unknown key: it may be one.
    """

    def told(problem: ErrorDetails) -> str:
        location, kind = place(problem["loc"])
        key = ".".join(str(part) for part in location if part != "[key]")
        if problem["type"] == "extra_forbidden":
            keys = known(location[:-1], kind)
            near = difflib.get_close_matches(str(location[-1]), keys, n=1)
            hint = f"did you mean {near[0]}?" if near else f"need one of {', '.join(keys)}"
            return f"{mask(key)}: found an unknown key, {hint} (secrets belong in {secrets})"
        if problem["type"] == "missing":
            return f"{key}: found nothing, need a value"
        found = mask(repr(problem["input"]))[:60]
        needed = problem["msg"].replace("Input should be ", "").replace("String should", "a text that should")
        return f"{key}: found {found}, need {needed}"

    return ConfigError("; ".join(f"{path}: {told(problem)}" for problem in error.errors()))
