"""`driftgauge outcomes FILE`: outcomes from a table to a running exporter's POST /outcomes, in batches."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from .errors import ObservationError, StoreError
from .server import DEFAULT_PORT
from .values import MAX_INTEGER_DIGITS

if TYPE_CHECKING:
    from .tables.reading import Reading

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001  # its only name

BATCH_ROWS: Final = 10_000
"""Outcomes of one request: half a megabyte of JSON."""

TIMEOUT_SECONDS: Final = 60.0
"""A batch takes the exporter less than a second; a machine that is starting takes longer."""

MAX_ANSWER_BYTES: Final = 64 << 10
"""The answer to a batch is a line."""

NONE_FOUND: Final = 1
"""Exit code where no id is known: nothing was told, though every request was answered."""

IdType = Literal["text", "integer"]
"""What ids are sent as. To an exporter `"7"` and `7` are two ids, and it knows what it was given."""

_WHOLE_NUMBER = re.compile(rf"\s*([+-]?[0-9]{{1,{MAX_INTEGER_DIGITS}}})(\.0+)?\s*")
"""Whoever asks for integers gets them of `007` as well."""

Post = Callable[[str, bytes, Mapping[str, str]], bytes]
"""Address, body and headers of a POST to the body of its answer."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a table.

    Attributes
    ----------
    counts : dict of str to int
        Outcomes by what the exporter answered.
    example : str, int, float, bool or None
        An id as it was sent.
    """

    counts: dict[str, int]
    example: Any

    @property
    def none_found(self) -> bool:
        """Whether there was no prediction with any of the ids."""
        unknown = self.counts.get("unknown_id", 0)
        return unknown > 0 and unknown + self.counts.get("invalid", 0) == sum(self.counts.values())


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "outcomes",
        help="tell a running exporter what came true",
        epilog="Exit code: 0; 1 if no id is that of a prediction; 2 for input that cannot be used.",
    )
    parser.add_argument("file", metavar="FILE", help="CSV, Parquet or Arrow; or a glob in quotes")
    parser.add_argument("--url", default=f"http://127.0.0.1:{DEFAULT_PORT}", help="the exporter's address")
    parser.add_argument("--id", default="id", metavar="COLUMN", help="prediction ids (default: id)")
    parser.add_argument(
        "--id-type", choices=get_args(IdType),
        help="what ids are sent as; by default what they are in the file, those of CSV integers if all are",
    )  # fmt: skip
    parser.add_argument("--target", default="y_true", metavar="COLUMN", help="the truth (default: y_true)")
    parser.add_argument("--timestamp", metavar="COLUMN", help="when each became known; now by default")
    parser.add_argument("--token-file", type=Path, help="bearer token that the exporter asks for")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    headers = {"Content-Type": "application/json"}
    if arguments.token_file is not None:
        headers["Authorization"] = f"Bearer {_token(arguments.token_file)}"
    sent = send(
        arguments.file, arguments.url, post, headers,
        id_column=arguments.id, target=arguments.target, timestamp=arguments.timestamp,
        id_type=arguments.id_type,
    )  # fmt: skip
    print(", ".join(f"{name} {count:,}" for name, count in sent.counts.items()))  # noqa: T201  # a command line
    if not sent.none_found:
        return 0
    other = "integer" if isinstance(sent.example, str) else "text"
    print(  # noqa: T201  # a command line
        f"warning: {arguments.file}: found no prediction with any id of column {arguments.id!r}, sent as "
        f"{sent.example!r:.60}; need ids as predictions were given them, see --id and --id-type {other}",
        file=sys.stderr,
    )
    return NONE_FOUND


def send(
    data: str,
    url: str,
    post_to: Post,
    headers: Mapping[str, str],
    *,
    id_column: str = "id",
    target: str = "y_true",
    timestamp: str | None = None,
    id_type: IdType | None = None,
) -> Sent:
    """What became of all outcomes of a table.

    Parameters
    ----------
    data : str
        A path or a glob.
    url : str
        Of the exporter.
    post_to, headers
        How it is told.
    id_column, target, timestamp : str
        Columns; without the last each outcome becomes known now.
    id_type : {"text", "integer"}, optional
        What ids are sent as. By default what they are in a file with types. Cells of CSV have none: they are
        integers if the whole column holds nothing else (see `tables.Table.holds_integers`), and else text.

    Raises
    ------
    ObservationError
        If there is no table, or it lacks a column, or an id is no integer and should be.
    StoreError
        If the exporter cannot be reached or refuses a batch.

    Of either the batches before have been taken.
    """
    from .tables.source import open_table  # noqa: PLC0415 - a parser of options reads no files

    table = open_table(data)
    keys = {"ids": id_column, "y_true": target, **({} if timestamp is None else {"at": timestamp})}
    names = list(keys.values())
    lacking = [name for name in names if name not in table.columns]
    if lacking:
        raise ObservationError(
            f"{data}: found no column {', '.join(map(repr, lacking))} among {list(table.columns)[:10]}, "
            "need ids and the truth; see --id, --target and --timestamp"
        )
    declared: dict[str, Reading] = {} if timestamp is None else {timestamp: "time"}
    readings = table.readings(names, {**declared, id_column: "id"}, lambda _: None)
    if id_type is None and table.holds_integers(id_column):
        id_type = "integer"
    where = f"{data}: column {id_column!r}"
    counts: Counter[str] = Counter()
    example = None
    for chunk in table.chunks(names, readings):
        for start in range(0, chunk.n_rows, BATCH_ROWS):
            part = slice(start, start + BATCH_ROWS)
            body = {
                key: [_plain(value) for value in chunk.arrays[name][part].tolist()]
                for key, name in keys.items()
            }
            body["ids"] = [_as_id(where, value, id_type) for value in body["ids"]]
            if example is None:
                example = next((value for value in body["ids"] if value is not None), None)
            answer = post_to(f"{url.rstrip('/')}/outcomes", json.dumps(body).encode(), headers)
            counts.update(_counted(url, answer))
    return Sent(dict(counts), example)


def _counted(url: str, answer: bytes) -> dict[str, int]:
    """What became of a batch."""
    try:
        found = json.loads(answer)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(type(count) is int for count in found.values()):
        raise StoreError(f"{url}: found an answer of another program, need an exporter there")
    return found


def _plain(value: Any) -> Any:  # noqa: ANN401 - any cell
    """JSON of a cell: whole numbers as such, since numbers are read as floats, and missing values as null."""
    if value is None or value != value:  # noqa: PLR0124 - only NaN differs from itself
        return None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, (str, int, float, bool)) else str(value)


def _as_id(where: str, value: Any, id_type: IdType | None) -> Any:  # noqa: ANN401 - JSON of any id
    """An id as what it is to be sent as; one that is missing stays so.

    Examples
    --------
    >>> _as_id("", 7, "text"), _as_id("", "007", "integer"), _as_id("", "7", None)
    ('7', 7, '7')
    """
    if value is None or id_type is None:
        return value
    if id_type == "text":
        return str(value)
    if isinstance(value, int):
        return int(value)
    whole = _WHOLE_NUMBER.fullmatch(value) if isinstance(value, str) else None
    if whole is None:
        raise ObservationError(f"{where}: found {value!r:.60}, need whole numbers, or --id-type text")
    return int(whole[1])


def post(url: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """Answer to one POST.

    Raises
    ------
    StoreError
        If there is none, or it is a refusal.
    """
    if not url.startswith(("http://", "https://")):
        raise ObservationError(f"outcomes: --url: found {url!r}, need http://… or https://…")
    request = urllib.request.Request(url, body, dict(headers))  # noqa: S310 - its scheme was just checked
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 - same
            found: bytes = answer.read(MAX_ANSWER_BYTES)
            return found
    except urllib.error.HTTPError as error:
        text = error.read(500).decode("utf-8", "replace").strip()
        raise StoreError(f"{url}: answered {error.code}: {text}, need one that takes outcomes") from None
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise StoreError(f"{url}: {reason}, need a running exporter") from None


def _token(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ObservationError(f"{os.fspath(path)}: {error.strerror}, need a readable file") from None
