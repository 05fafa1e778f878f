"""Words for what does not fit in a configuration file: key, what was found, what is needed."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from .errors import ConfigError
from .secret import mask

Location = tuple[int | str, ...]
File = TypeVar("File", bound=BaseModel)


def check(
    model: type[File],
    document: object,
    path: object,
    *,
    sections: str,
    place: Callable[[Location], tuple[Location, str | None]],
    known: Callable[[Location, str | None], Sequence[str]],
    secrets: str,
) -> File:
    """A parsed file as sections.

    Parameters
    ----------
    model : type of BaseModel
        The whole file.
    document : object
        What the parser made of it.
    path : object
        The file, as the user named it.
    sections : str
        Two that it needs, told where there is none.
    place : callable
        A location of pydantic's without the kind that it names after a section of several kinds; and that.
    known : callable
        The keys that are allowed at a place, of a kind.
    secrets : str
        Where secrets belong, told with an unknown key: it may be one.

    Raises
    ------
    ConfigError
        With every problem: key, what was found, what is needed; never a value that may be a secret.
    """
    if not isinstance(document, dict):
        raise ConfigError(f"{path}: found {type(document).__name__}, need sections such as {sections}")
    try:
        return model.model_validate(document)
    except ValidationError as error:
        told = (_told(problem, place, known, secrets) for problem in error.errors())
        raise ConfigError("; ".join(f"{path}: {words}" for words in told)) from None


def _told(
    problem: ErrorDetails,
    place: Callable[[Location], tuple[Location, str | None]],
    known: Callable[[Location, str | None], Sequence[str]],
    secrets: str,
) -> str:
    """One problem: key, what was found, what is needed."""
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
