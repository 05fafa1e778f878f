"""What a pipeline expects of a table, declared in YAML: each expectation passes or fails.

    expectations:
      - expect: drifted_share
        at_most: 0.3
      - expect: missing_share
        column: temperature
        at_most: 0.05

Evaluating is pure: a report, the reference and the table's columns in, results out. Something that cannot be
evaluated, such as the mean of a column that is not there, fails and says why.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal, get_args, get_type_hints

import numpy as np

from .errors import ConfigError
from .hysteresis import State
from .policy import CATEGORICAL_TESTS, NUMERIC_TESTS, TestType
from .reference.kinds import as_numbers
from .reference.profiles import NumericProfile
from .reference.reference import shown
from .yaml_file import read_yaml

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

    from .columns import Columns
    from .reference import Reference
    from .report import ColumnReport, Report

STRICT: Final = {"extra": "forbid", "strict": True}
"""How the loader reads the classes below: no unknown keys, no text for numbers, no `yes` for 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What one check saw.

    Attributes
    ----------
    report : Report
        Of the check.
    reference : Reference
        What the table was compared with.
    columns : Columns
        The rows that were checked.
    n_rows : int
        Rows of the table; more than were checked if those are a sample.
    """

    report: Report
    reference: Reference
    columns: Columns
    n_rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Whether one expectation was met.

    Attributes
    ----------
    expect, column : str and str or None
        Which expectation, and of which column.
    passed : bool
        Whether it was met.
    found : float, int or str
        What there was, or why nothing could be computed.
    needed : str
        What was expected.
    """

    expect: str
    column: str | None
    passed: bool
    found: float | str
    needed: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values for strict JSON."""
        found = self.found
        infinite = isinstance(found, float) and not math.isfinite(found)
        return {
            "expect": self.expect,
            "column": self.column,
            "passed": self.passed,
            "found": None if infinite else found,
            "needed": self.needed,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftedShare:
    """At most this share of the features is in drift."""

    expect: Literal["drifted_share"]
    at_most: float
    column: ClassVar[None] = None
    __pydantic_config__: ClassVar[Mapping[str, Any]] = STRICT

    def __post_init__(self) -> None:
        _require_share(self.at_most)

    def evaluate(self, checked: Checked) -> Result:
        """Features whose state is drift, among all of the reference."""
        found = checked.report.drifted_ratio
        return _result(self, found, passed=found <= self.at_most, needed=f"at most {self.at_most:g}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The table has so many rows."""

    expect: Literal["rows"]
    at_least: int | None = None
    at_most: int | None = None
    column: ClassVar[None] = None
    __pydantic_config__: ClassVar[Mapping[str, Any]] = STRICT

    def __post_init__(self) -> None:
        low, high = self.at_least, self.at_most
        if low is None and high is None:
            raise ValueError("at_least: found neither this nor at_most, need one of them")
        if (low or 0) < 0 or (high is not None and high < (low or 0)):
            raise ValueError(f"at_least: found {low} and at_most {high}, need 0 <= at_least <= at_most")

    def evaluate(self, checked: Checked) -> Result:
        """All rows of the table, also those that were not checked."""
        found = checked.n_rows
        bounds = (("at least", self.at_least), ("at most", self.at_most))
        return _result(
            self,
            found,
            passed=(self.at_least or 0) <= found <= (found if self.at_most is None else self.at_most),
            needed=" and ".join(f"{word} {bound:,}" for word, bound in bounds if bound is not None),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnShare:
    """At most this share of a feature's rows is missing, unseen, out of range, or of another type."""

    expect: Literal["missing_share", "unseen_share", "out_of_range_share", "type_error_share"]
    column: str
    at_most: float
    __pydantic_config__: ClassVar[Mapping[str, Any]] = STRICT

    def __post_init__(self) -> None:
        _require_share(self.at_most)

    def evaluate(self, checked: Checked) -> Result:
        """The share as the report has it."""
        column = checked.report.features[self.column]
        found = column.quality.get(self.expect.replace("_share", "_ratio"), math.nan)
        return _result(
            self,
            _why(column) if math.isnan(found) else found,
            passed=found <= self.at_most,
            needed=f"at most {self.at_most:g}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """The mean of a numeric feature is near the reference's."""

    expect: Literal["mean"]
    column: str
    within_sigmas: float
    __pydantic_config__: ClassVar[Mapping[str, Any]] = STRICT

    def __post_init__(self) -> None:
        if not 0.0 < self.within_sigmas < math.inf:
            raise ValueError(f"within_sigmas: found {self.within_sigmas}, need a number above 0")

    def evaluate(self, checked: Checked) -> Result:
        """Distance of the means of the finite values, in standard deviations of the reference."""
        profile = checked.reference.features[self.column]
        moments = profile.moments if isinstance(profile, NumericProfile) else None
        values = checked.columns.arrays.get(self.column)
        found = math.nan
        if moments is not None and values is not None:
            numbers, _ = as_numbers(values)
            finite = numbers[np.isfinite(numbers)]
            if len(finite):
                distance = abs(float(finite.mean()) - moments.mean)
                found = distance / moments.std if moments.std else (math.inf if distance else 0.0)
        return _result(
            self,
            "no numbers on both sides" if math.isnan(found) else found,
            passed=found <= self.within_sigmas,
            needed=f"at most {self.within_sigmas:g} standard deviations from the reference's mean",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnState:
    """A feature is in one of these states."""

    expect: Literal["state"]
    column: str
    one_of: Sequence[State]
    __pydantic_config__: ClassVar[Mapping[str, Any]] = STRICT

    def __post_init__(self) -> None:
        if not self.one_of:
            raise ValueError("one_of: found an empty list, need at least one state")

    def evaluate(self, checked: Checked) -> Result:
        """The state that the check found."""
        column = checked.report.features[self.column]
        return _result(
            self, _why(column), passed=column.state in self.one_of, needed=" or ".join(self.one_of)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnScore:
    """The effect of one test of a feature, as it is compared with thresholds, is below a number."""

    expect: Literal["score"]
    column: str
    test: TestType
    below: float
    __pydantic_config__: ClassVar[Mapping[str, Any]] = STRICT

    def __post_init__(self) -> None:
        if not 0.0 < self.below < math.inf:
            raise ValueError(f"below: found {self.below}, need a number above 0")

    def evaluate(self, checked: Checked) -> Result:
        """The effect that the check found; nothing where it found the state unknown."""
        column = checked.report.features[self.column]
        finding = column.findings.get(self.test)
        found = _why(column) if finding is None else finding.effect
        return _result(
            self,
            found,
            passed=finding is not None and finding.effect < self.below,
            needed=f"{self.test} below {self.below:g}",
        )


Expectation = DriftedShare | Rows | ColumnShare | Mean | ColumnState | ColumnScore


def evaluate(expectations: Iterable[Expectation], checked: Checked) -> list[Result]:
    """Results in the order of the expectations."""
    return [expectation.evaluate(checked) for expectation in expectations]


def load_expectations(path: str | os.PathLike[str], reference: Reference) -> list[Expectation]:
    """The expectations in a YAML file.

    Parameters
    ----------
    path : path
        Of a file with the one key `expectations`, a list.
    reference : Reference
        Whose features they are about.

    Raises
    ------
    ConfigError
        If the file cannot be read, or says something unknown or impossible; all problems together.
    """
    from pydantic import Field, TypeAdapter, ValidationError  # noqa: PLC0415 - only a loader needs it

    content = read_yaml(Path(path), "a list of expectations")
    listed = content.get("expectations") if isinstance(content, dict) else None
    if not isinstance(listed, list) or not listed:
        raise ConfigError(f"{path}: expectations: found no list, need at least one expectation")
    unknown = [str(key) for key in content if key != "expectations"]
    if unknown:
        raise ConfigError(f"{path}: {unknown[0]}: unknown key, need expectations alone")
    try:
        expectations = TypeAdapter(list[Annotated[Expectation, Field(discriminator="expect")]]).validate_json(
            json.dumps(listed, default=str)
        )  # strict reading knows dataclasses only in JSON
    except ValidationError as error:
        raise ConfigError(_problems(str(path), error)) from None
    wrong = [
        f"{path}: expectations.{i}.column: found {expectation.column!r}, need {needed}"
        for i, expectation in enumerate(expectations)
        if (needed := _lacking(expectation, reference)) is not None
    ]
    if wrong:
        raise ConfigError("; ".join(wrong))
    return expectations


def _lacking(expectation: Expectation, reference: Reference) -> str | None:
    """What the reference would need to have for an expectation."""
    if expectation.column is None:
        return None
    profile = reference.features.get(expectation.column)
    if profile is None:
        return f"a feature of the reference: {shown(reference.features)}"
    if isinstance(expectation, Mean) and profile.kind != "numeric":
        return "a numeric feature"
    known = NUMERIC_TESTS if profile.kind == "numeric" else CATEGORICAL_TESTS
    if isinstance(expectation, ColumnScore) and expectation.test not in known:
        return f"a feature that {expectation.test} is computed for; it is {profile.kind}"
    return None


def _problems(where: str, error: ValidationError) -> str:
    return "; ".join(_problem(where, problem) for problem in error.errors(include_url=False))


def _problem(where: str, problem: ErrorDetails) -> str:
    # The second part of a place is the kind of expectation, which is no key of the file.
    place = [part for i, part in enumerate(problem["loc"]) if i != 1]
    keys = ".".join(str(part) for part in ("expectations", *place))
    if problem["type"] in ("union_tag_invalid", "union_tag_not_found"):
        found = problem["input"].get("expect", "nothing")
        return f"{where}: {keys}.expect: found {found!r}, need one of {', '.join(_kinds())}"
    if problem["type"] == "unexpected_keyword_argument":
        return f"{where}: {keys}: unknown key, need {_known(str(problem['loc'][1]))}"
    if problem["type"] == "missing":
        return f"{where}: {keys}: found nothing, need a value"
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "value_error":
        return f"{where}: {keys}.{message}"  # those of the classes above, which begin with their key
    return f"{where}: {keys}: found {problem['input']!r}, need {message.removeprefix('Input should be ')}"


def _known(expect: str) -> str:
    """Keys of one kind of expectation."""
    return f"one of {', '.join(field.name for field in fields(_kinds()[expect]))}"


def _kinds() -> dict[str, type[Expectation]]:
    """Classes by the names that `expect` may have."""
    return {tag: kind for kind in get_args(Expectation) for tag in get_args(get_type_hints(kind)["expect"])}


def _require_share(value: float) -> None:
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"at_most: found {value}, need a share from 0 to 1")


def _why(column: ColumnReport) -> str:
    """A state, and why it is unknown."""
    return column.state if column.reason is None else f"{column.state} ({column.reason})"


def _result(expectation: Expectation, found: float | str, *, passed: bool, needed: str) -> Result:
    return Result(
        expect=expectation.expect, column=expectation.column, passed=passed, found=found, needed=needed
    )
