"""Reading tables of any size from files and databases, chunk by chunk."""

from __future__ import annotations

from .reading import OnRows, Reading, Table
from .sample import Sampled, read_sample
from .source import is_database, open_table

__all__ = ["OnRows", "Reading", "Sampled", "Table", "is_database", "open_table", "read_sample"]
