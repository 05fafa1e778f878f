"""The section `stream` of the exporter's configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field

from .config_section import Section
from .stream_settings import (
    BATCH_MESSAGES,
    MAX_MESSAGE_BYTES,
    SESSION_SECONDS,
    WAIT_SECONDS,
    Mechanism,
    Protocol,
    RowColumns,
    Security,
    Start,
    StreamSettings,
)

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
Text = Annotated[str, Field(min_length=1)]


class _Section(Section):
    model_config = ConfigDict(coerce_numbers_to_str=True)


class _Security(_Section):
    protocol: Protocol = "plaintext"
    mechanism: Mechanism = "SCRAM-SHA-512"
    username: Text | None = None
    password: Text | None = None
    ca_file: Path | None = None
    certfile: Path | None = None
    keyfile: Path | None = None


class _Columns(_Section):
    id: Text | None = None
    timestamp: Text | None = None
    score: Text | None = None
    prediction: Text | None = None
    label: Text | None = None


class StreamSection(_Section):
    """As it is written in the file."""

    bootstrap_servers: Text
    group: Text
    observations: tuple[Text, ...]
    outcomes: tuple[Text, ...] = ()
    alerts: Text | None = None
    dead_letters: Text | None = None
    security: _Security = Field(default_factory=_Security)
    columns: _Columns = Field(default_factory=_Columns)
    start: Start = "earliest"
    batch_messages: Annotated[int, Field(ge=1, le=100_000)] = BATCH_MESSAGES
    wait_seconds: Annotated[float, Field(gt=0, le=60)] = WAIT_SECONDS
    max_message_bytes: Annotated[int, Field(ge=1_000, le=100_000_000)] = MAX_MESSAGE_BYTES
    check_rows: Count | None = None
    session_seconds: Annotated[float, Field(ge=1, le=1_800)] = SESSION_SECONDS


def stream_settings(section: StreamSection, folder: Path) -> StreamSettings:
    """Settings of a section; its files are relative to a folder.

    Raises
    ------
    ConfigError
        If they do not go together.
    """
    security = section.security.model_dump()
    for key in ("ca_file", "certfile", "keyfile"):
        if security[key] is not None:
            security[key] = folder / security[key]
    return StreamSettings(
        **section.model_dump(exclude={"security", "columns"}),
        security=Security(**security),
        columns=RowColumns(**section.columns.model_dump(exclude_none=True)),
    )
