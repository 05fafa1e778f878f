"""What all sections of the exporter's configuration have in common."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class Section(BaseModel):
    """A section: keys that are not known are refused, and what holds keys or values itself may be left empty.

    In YAML a key with nothing behind it, because every line below is a comment, is null. For a section, a
    list or a mapping that has defaults it means these; for a single value it is a mistake and stays one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _empty_is_default(cls, values: Any) -> Any:  # noqa: ANN401 - what the file holds
        if not isinstance(values, dict):
            return values
        holders = {
            name
            for name, field in cls.model_fields.items()
            if field.default_factory is not None or isinstance(field.default, tuple)
        }
        return {key: value for key, value in values.items() if value is not None or key not in holders}
