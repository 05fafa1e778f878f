"""`driftgauge check`: a table against a reference."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..check import check
from ..config import load_config
from ..errors import ObservationError
from ..expectations import Checked, Expectation, Result, evaluate, load_expectations
from ..reference import Reference
from ..rendering import About
from ..tables.messages import some
from .output import STANDARD_OUTPUT, require_folder, say, warn, write_json
from .rendered import require_rendering, write_rendered
from .roles import Roles
from .view import show_report, show_results
from .window import open_data, policy_of, read_window, sampling

if TYPE_CHECKING:
    from ..policy import Policy
    from ..report import Report
    from ..tables import Reading, Sampled, Table

DRIFT_OR_FAILED = 1
"""Exit code for drift with --fail-on-drift, and for an expectation that failed."""


def run(arguments: argparse.Namespace) -> int:
    """Check a table, and say and write what was found."""
    if arguments.json is not None:
        require_folder(arguments.json)
    require_rendering(arguments, arguments.json)
    reference = Reference.load(arguments.reference)
    policy, policy_name = _policy(arguments)
    expectations: list[Expectation] = []
    if arguments.expectations is not None:
        expectations = load_expectations(arguments.expectations, reference)
    table = open_data(arguments.current, arguments, arguments.query)
    roles = Roles.of(arguments, table)
    sampled, report = _check(arguments, reference, policy, table, roles)
    results = evaluate(
        expectations,
        Checked(report=report, reference=reference, columns=sampled.columns, n_rows=sampled.total),
    )
    if arguments.expectations is not None:
        extra: Mapping[str, Any] = {"expectations": [result.to_dict() for result in results]}
    else:
        extra = {}
    warn([*report.quality["problems"], *_advice(reference, roles)])
    about = About(
        reference=reference,
        reference_name=arguments.reference,
        current_name=table.name,
        policy_name=policy_name,
        rows_in_all=sampled.total,
        expectations=results,
    )
    write_rendered(arguments, report, about)
    publish(report, sampled, policy_name, arguments.json, extra, results)
    failed = not all(result.passed for result in results)
    return DRIFT_OR_FAILED if failed or (arguments.fail_on_drift and report.drift_detected) else 0


def publish(
    report: Report,
    sampled: Sampled,
    policy_name: str,
    target: str | None,
    extra: Mapping[str, Any],
    results: list[Result],
) -> None:
    """Write a report as JSON where that was asked for, and print it unless the JSON takes its place."""
    if target is not None:
        document = report.to_dict()
        if sampled.total != report.rows:
            document["window"]["sampled_from"] = sampled.total
        write_json(target, {**document, **extra})
    if target == STANDARD_OUTPUT:
        return
    show_report(report, policy_name)
    if results:
        say(["", *show_results(results)])


def as_read(report: Report, table: Table, sampled: Sampled, others: set[str]) -> Report:
    """The report with what only the reader knows: columns that were not read, and that rows are a sample."""
    extra = [name for name in table.columns if name not in report.features and name not in others]
    problems = [*report.quality["problems"], *sampling(table, sampled)]
    return replace(report, quality={**report.quality, "extra_columns": extra, "problems": problems})


def _check(
    arguments: argparse.Namespace, reference: Reference, policy: Policy, table: Table, roles: Roles
) -> tuple[Sampled, Report]:
    features = [name for name in table.columns if name in reference.features]
    if not features:
        raise ObservationError(
            f"{table.name}: found columns {some(table.columns)}, need features of the reference: "
            f"{some(list(reference.features))}"
        )
    others = set(roles.named().values())
    names = list(dict.fromkeys([*features, *roles.named().values()]))
    sampled = read_window(table, names, _declared(reference, roles), arguments.max_rows)
    columns = sampled.columns
    report = check(
        reference,
        columns,
        policy,
        ids=None if roles.id is None else columns.arrays[roles.id],
        **roles.outputs(columns),
    )
    return sampled, as_read(report, table, sampled, others)


def _declared(reference: Reference, roles: Roles) -> dict[str, Reading]:
    """How to read each column: as the reference has it."""
    declared: dict[str, Reading] = {name: profile.kind for name, profile in reference.features.items()}
    if roles.target is not None:
        declared[roles.target] = "categorical" if reference.labels is None else reference.labels.kind
    if roles.prediction is not None:
        declared[roles.prediction] = "numeric" if reference.predicted_classes is None else "categorical"
    return {**declared, **roles.readings()}


def _policy(arguments: argparse.Namespace) -> tuple[Policy, str]:
    if arguments.policy is not None:
        return load_config(arguments.policy).policy, f"policy of {arguments.policy}"
    return policy_of(arguments)


def _advice(reference: Reference, roles: Roles) -> Iterator[str]:
    """Options that were given for nothing, or that are missing."""
    if reference.season is not None and roles.timestamp is None:
        yield "the reference is kept by hour or day: without --timestamp rows are compared with all of it"
    for option, name, known in (
        ("--target", roles.target, reference.labels),
        ("--prediction", roles.prediction, reference.predicted_classes or reference.prediction),
        ("--score", roles.score, reference.prediction),
    ):
        if name is not None and known is None:
            yield f"{option} was not compared: the reference was built without it"
