"""Which store a configuration means, and the store itself.

The drivers of databases are imported only for those that are configured.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from ..errors import ConfigError
from . import Store
from .buffering import MAX_WAITING_ROWS, BufferingStore
from .journal import Journal, JournalStore
from .memory import MAX_ROWS, RETENTION_HOURS, MemoryStore

Kind = Literal["memory", "sqlite", "postgresql", "redis", "influxdb"]

REMEMBERED: Final = 3.0
"""Times the retention for which a server remembers ids, to tell an outcome that is late from one of an id
that never was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    """Where the rows of the windows wait.

    Attributes
    ----------
    type : "memory", "sqlite", "postgresql", "redis" or "influxdb"
    path : Path, optional
        The file, for sqlite.
    url : str, optional
        The server, for the others; it may hold a password and is in no repr.
    max_rows : int
        Rows held at most.
    retention_hours : float
        Age at which rows go.
    max_waiting_rows : int
        Rows that wait in memory while a store is away.
    """

    type: Kind = "memory"
    path: Path | None = None
    url: str | None = field(default=None, repr=False)
    max_rows: int = MAX_ROWS
    retention_hours: float = RETENTION_HOURS
    max_waiting_rows: int = MAX_WAITING_ROWS


def open_store(settings: StoreSettings, *, name: str, version: str) -> Store:
    """The store of a model version; a server is asked for when it is first used.

    Raises
    ------
    ConfigError
        If the settings lack what their type needs, or its driver is not installed.
    """
    store = open_unbuffered_store(settings, name=name, version=version)
    if isinstance(store, MemoryStore):
        return store
    return BufferingStore(store, max_waiting_rows=settings.max_waiting_rows)


def open_unbuffered_store(settings: StoreSettings, *, name: str, version: str) -> Store:
    """The same without a buffer in front: for a writer that can wait, and must know what is durable.

    Raises
    ------
    ConfigError
        As `open_store`.
    """
    model = f"{name}/{version}"
    if settings.type == "memory":
        return MemoryStore(max_rows=settings.max_rows, retention_hours=settings.retention_hours)
    if settings.type == "influxdb":
        from .influxdb import InfluxStore  # noqa: PLC0415 - an extra

        return InfluxStore(
            _url(settings),
            model=model,
            max_rows=settings.max_rows,
            retention_hours=settings.retention_hours,
        )
    return JournalStore(
        _journal(settings, model), max_rows=settings.max_rows, retention_hours=settings.retention_hours
    )


def _journal(settings: StoreSettings, model: str) -> Journal:
    if settings.type == "sqlite":
        from .sqlite import SqliteJournal  # noqa: PLC0415 - only where it is configured

        if settings.path is None:
            raise ConfigError("store.path: found nothing, need the file of the sqlite store")
        return SqliteJournal(settings.path)
    keep_seconds = REMEMBERED * settings.retention_hours * 3_600.0
    if settings.type == "postgresql":
        from .postgresql import PostgresJournal  # noqa: PLC0415 - an extra

        return PostgresJournal(_url(settings), model=model, keep_days=1.0 + keep_seconds / 86_400.0)
    from .redis import RedisJournal  # noqa: PLC0415 - an extra

    return RedisJournal(_url(settings), model=model, keep_seconds=keep_seconds)


def _url(settings: StoreSettings) -> str:
    if settings.url is None:
        raise ConfigError(
            f"store.url: found nothing, need the address of the {settings.type} server;"
            " with a password better in FEATURE_STORE_URL or FEATURE_STORE_URL_FILE"
        )
    return settings.url
