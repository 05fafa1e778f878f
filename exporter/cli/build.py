"""`driftgauge reference build`: a table of any size becomes a reference, chunk by chunk."""

from __future__ import annotations

import argparse
import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..errors import ConfigError, ObservationError, ReferenceDataError
from ..reference import BuildSettings, CategoricalProfile, NumericProfile, Reference, ReferenceBuilder
from ..reference.accumulate import ID_DISTINCT_RATIO, ID_MIN_ROWS
from ..reference.archive import refresh
from ..reference.kinds import KINDS
from ..rendering.text import plain
from ..tables import open_table
from ..tables.messages import shortened, some
from .history import History, windows_of
from .options import SEASONS
from .output import require_folder, say, warn
from .progress import reading
from .roles import Roles, listed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..columns import Columns
    from ..reference import Profile
    from ..tables import Reading, Table

KILOBYTE: Final = 1e3


def run(arguments: argparse.Namespace) -> int:
    """Build a reference, save it, and say what is in it."""
    _require_free(arguments.out, force=arguments.force)
    if arguments.season is not None and arguments.timestamp is None:
        raise ConfigError("--season: found no --timestamp, need the column with the rows' times")
    if arguments.calibrate is not None and arguments.timestamp is None:
        raise ConfigError("--calibrate: found no --timestamp, need the column with the rows' times")
    if arguments.season is not None and arguments.segment_by is not None:
        raise ConfigError("--segment-by: found --season as well, need one of the two")
    history = None if arguments.calibrate is None else History(windows_of(arguments.calibrate))
    for option in ("model_name", "model_version"):
        _require_text(f"--{option.replace('_', '-')}", getattr(arguments, option))
    table = open_table(
        arguments.data,
        query=arguments.query,
        parameters=dict(arguments.param or ()),
        delimiter=arguments.delimiter,
    )
    roles = Roles.of(arguments, table)
    features, kinds = choose_features(arguments, table, roles)
    reference, warnings = _build(arguments, table, roles, features, kinds, history)
    if history is not None:
        reference = history.calibrated(reference, roles)
    _require_free(arguments.out, force=arguments.force)
    kept = _save(reference, arguments.out)
    warn([*warnings, *map(in_options, reference.problems), *_odd_columns(reference)])
    say(_summary(reference, arguments.out, kept))
    return 0


def choose_features(
    arguments: argparse.Namespace, table: Table, roles: Roles
) -> tuple[list[str], dict[str, Reading]]:
    """The features that the options name, or else all columns that are nothing else; and declared kinds.

    Raises
    ------
    ObservationError
        If the options name columns that the table lacks, or one column twice.
    """
    others = roles.named()
    chosen = listed(arguments.features, table, "--features")
    left_out = listed(getattr(arguments, "exclude", None), table, "--exclude")
    for role, name in others.items():
        if name in chosen:
            raise ObservationError(
                f"{table.name}: found {shortened(name)} in --features and as --{role}, need it as one"
            )
    taken = {*others.values(), *left_out}
    features = [name for name in chosen or table.columns if name not in taken]
    kinds: dict[str, Reading] = {}
    for kind in KINDS:
        for name in listed(getattr(arguments, kind), table, f"--{kind}"):
            if name not in features or name in kinds:
                raise ObservationError(
                    f"{table.name}: found {shortened(name)} in --{kind}, need a feature, and one kind for it"
                )
            kinds[name] = kind
    if not features:
        raise ObservationError(f"{table.name}: found no column left for a feature, need at least one")
    return features, kinds


def key_columns(columns: Columns, names: Sequence[str]) -> list[str]:
    """Columns of text in which nearly every row has a value of its own."""
    return [name for name in names if _looks_like_key(columns.arrays[name])]


def key_warning(name: str) -> str:
    """What to say about a column that was left out."""
    return (
        f"{name!r} was left out: nearly every row has a value of its own, which looks like a key; "
        "--categorical keeps it"
    )


def in_options(message: str) -> str:
    """A message of `Reference.fit` with the names that its arguments have on the command line."""
    names = {
        "`kinds`": "--categorical or --numeric", "`features`": "--features", "segment_by:": "--segment-by:",
    }  # fmt: skip
    for name, option in names.items():
        message = message.replace(name, option)
    return message


def _build(
    arguments: argparse.Namespace,
    table: Table,
    roles: Roles,
    features: list[str],
    kinds: dict[str, Reading],
    history: History | None,
) -> tuple[Reference, list[str]]:
    names = [*features, *(name for role, name in roles.named().items() if role != "id")]
    declared = {name: how for name, how in {**roles.readings(), **kinds}.items() if name in names}
    warnings: list[str] = []
    builder: ReferenceBuilder | None = None
    with reading(f"looking at {table.name}", table.n_rows) as on_rows:
        readings = table.readings(names, declared, on_rows)
    with reading(f"reading {table.name}", table.n_rows) as on_rows:
        for chunk in table.chunks(names, readings):
            if builder is None:
                unasked = [name for name in features if arguments.features is None and name not in kinds]
                keys = key_columns(chunk, unasked)
                warnings += map(key_warning, keys)
                builder = _builder(arguments, [name for name in features if name not in keys], kinds)
            with _about(table):
                builder.update(chunk, **roles.outputs(chunk))
            if history is not None:
                history.add(chunk)
            on_rows(chunk.n_rows)
    assert builder is not None
    with _about(table):
        return builder.build(), warnings


@contextmanager
def _about(table: Table) -> Iterator[None]:
    """Let errors about the rows say whose they are, and what the options are called."""
    try:
        yield
    except ReferenceDataError as error:
        raise ReferenceDataError(f"{table.name}: {in_options(str(error))}") from error


def _builder(
    arguments: argparse.Namespace, features: list[str], kinds: dict[str, Reading]
) -> ReferenceBuilder:
    if not features:
        raise ObservationError(
            "reference: found only columns that look like keys, need a feature; see --categorical"
        )
    sizes = {
        "n_bins": arguments.bins,
        "top_categories": arguments.top_categories,
        "zone": arguments.zone,
        "joint_rows": arguments.joint_rows,
        "segment_by": arguments.segment_by,
    }
    return ReferenceBuilder(
        model_name=arguments.model_name,
        model_version=arguments.model_version,
        kinds=kinds,
        features=features,
        task=arguments.task,
        settings=BuildSettings(
            season=SEASONS.get(arguments.season),
            **{name: value for name, value in sizes.items() if value is not None},
        ),
    )


def _looks_like_key(values: NDArray[Any]) -> bool:
    if values.dtype != object:
        return False
    texts = [value for value in values.tolist() if isinstance(value, str)]
    return len(texts) >= ID_MIN_ROWS and len(set(texts)) >= ID_DISTINCT_RATIO * len(texts)


def _require_free(out: str, *, force: bool) -> None:
    require_folder(out)
    if Path(out).exists() and not force:
        raise ConfigError(f"{out}: found a file, need a free name, or --force to replace it")


def _require_text(option: str, value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ConfigError(f"{option}: found {value!r}, need text in UTF-8") from None
    if not value.strip():
        raise ConfigError(f"{option}: found {value!r}, need a text that is not empty")


def _save(reference: Reference, out: str) -> Path | None:
    try:
        return refresh(reference, out)
    except OSError as error:
        raise ConfigError(f"{out}: {error.strerror}, need a file that can be written") from None


def _odd_columns(reference: Reference) -> Iterator[str]:
    for name, profile in reference.features.items():
        if not profile.count:
            yield f"{name!r} has no values: its state will always be unknown"
        elif _is_constant(profile):
            yield f"{name!r} is constant: any other value will be a drift"
        elif isinstance(profile, CategoricalProfile) and len(profile.tally) > len(profile.categories):
            more = "more than " if profile.untallied else ""
            yield (
                f"{name!r} has {more}{len(profile.tally):,} categories: the {len(profile.categories)} most "
                "frequent have a bin of their own; see --top-categories"
            )


def _is_constant(profile: Profile) -> bool:
    if isinstance(profile, NumericProfile):
        return profile.minimum == profile.maximum
    return len(profile.tally) == 1


def _summary(reference: Reference, out: str, kept: Path | None) -> Iterator[str]:
    numeric = [name for name, profile in reference.features.items() if profile.kind == "numeric"]
    categorical = [name for name in reference.features if name not in numeric]
    yield (
        f"reference of {plain(reference.model_name)} {plain(reference.model_version)}: "
        f"{reference.rows:,} rows, {len(reference.features)} features"
    )
    for what, names in (("numeric", numeric), ("categorical", categorical)):
        if names:
            yield f"  {len(names)} {what}: {some(names)}"
    known = [name.strip("_") for name in reference.profiles.named()]
    yield f"  besides features: {', '.join(known) or 'nothing'}; task: {reference.task or 'unknown'}"
    if reference.start is not None and reference.end is not None:
        yield f"  from {_day(reference.start)} to {_day(reference.end)}"
    if reference.season is not None:
        season = reference.season
        yield f"  by {season.kind.replace('_', ' ')} in {season.zone}: {len(season.profiles)} keys"
    if reference.segments is not None:
        segments = list(reference.segments.profiles)
        yield f"  within {len(segments)} values of {plain(reference.segments.feature)}: {some(segments)}"
    for name, calibration in reference.calibration.items():
        yield f"  calibrated for {name}: {calibration.blocks:,.0f} blocks of {calibration.rows:,.0f} rows"
    if kept is not None:
        yield f"moved the one before to {kept}"
    yield f"wrote {out} ({Path(out).stat().st_size / KILOBYTE:,.0f} kB)"


def _day(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat(sep=" ", timespec="minutes")
