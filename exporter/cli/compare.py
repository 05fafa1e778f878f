"""`driftgauge compare`: two tables directly, every value kept."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from ..check import check
from ..errors import ConfigError, ReferenceDataError
from ..reference import Reference
from ..rendering import About
from ..tables import is_database
from ..tables.messages import some
from .build import choose_features, in_options, key_columns, key_warning
from .check import DRIFT_OR_FAILED, as_read, publish
from .output import require_folder, warn
from .rendered import require_rendering, write_rendered
from .roles import Roles, require
from .window import BASELINE_SEED, open_data, policy_of, read_window, sampling

if TYPE_CHECKING:
    from ..columns import Columns
    from ..policy import Policy, TestType
    from ..tables import Reading, Table


def run(arguments: argparse.Namespace) -> int:
    """Compare two tables, and say and write what was found."""
    if arguments.output is not None:
        require_folder(arguments.output)
    require_rendering(arguments, arguments.output)
    policy, policy_name = _policy(arguments)
    baseline, current = _tables(arguments)
    asked = arguments.features is not None
    features, kinds = choose_features(arguments, baseline, Roles())
    if asked:
        require(current, features, "--features")
    features = [name for name in features if name in current.columns]
    if not features:
        raise ReferenceDataError(
            f"{current.name}: found columns {some(current.columns)}, need some of {baseline.name}: "
            f"{some(baseline.columns)}"
        )
    before = read_window(baseline, features, kinds, arguments.max_rows, BASELINE_SEED)
    unasked = [name for name in features if not asked and name not in kinds]
    keys = key_columns(before.columns, unasked)
    features = [name for name in features if name not in keys]
    reference = _reference(baseline, before.columns, features, kinds)
    declared: dict[str, Reading] = {name: profile.kind for name, profile in reference.features.items()}
    after = read_window(current, features, declared, arguments.max_rows)
    report = as_read(check(reference, after.columns, policy), current, after, set())
    problems = [
        *map(in_options, reference.problems),
        *sampling(baseline, before),
        *report.quality["problems"],
    ]
    report = replace(report, quality={**report.quality, "problems": problems})
    warn([*map(key_warning, keys), *problems])
    about = About(
        reference=reference,
        reference_name=baseline.name,
        current_name=current.name,
        policy_name=policy_name,
        rows_in_all=after.total,
    )
    write_rendered(arguments, report, about)
    publish(report, after, policy_name, arguments.output, {}, [])
    return DRIFT_OR_FAILED if arguments.fail_on_drift and report.drift_detected else 0


def _tables(arguments: argparse.Namespace) -> tuple[Table, Table]:
    """Both tables; a query goes to those that are databases."""
    sources = (arguments.baseline, arguments.current)
    if arguments.query is not None and not any(map(is_database, sources)):
        raise ConfigError("--query: found two tables that are no databases, need one that is")
    baseline, current = (
        open_data(data, arguments, arguments.query if is_database(data) else None) for data in sources
    )
    return baseline, current


def _policy(arguments: argparse.Namespace) -> tuple[Policy, str]:
    policy, name = policy_of(arguments)
    given: dict[TestType, float | None] = {
        "psi": arguments.psi_threshold,
        "ks": arguments.ks_threshold,
        "jensen_shannon": arguments.js_threshold,
    }
    own = {test: threshold for test, threshold in given.items() if threshold is not None}
    return replace(policy, thresholds={**policy.thresholds, **own}), name


def _reference(table: Table, columns: Columns, features: list[str], kinds: dict[str, Reading]) -> Reference:
    """A reference that keeps every value; it is never written."""
    try:
        return Reference.fit(
            columns,
            model_name=table.name,
            model_version="(baseline)",
            features=features,
            kinds={name: kind for name, kind in kinds.items() if name in features},
            grid_points=None,
        )
    except ReferenceDataError as error:
        raise ReferenceDataError(f"{table.name}: {in_options(str(error))}") from error
