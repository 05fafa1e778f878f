"""A version in MLflow's registry: which model version it is, and which reference it has. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ..errors import ReferenceDataError
from .training import PREFIX

MODEL_NAME: Final = f"{PREFIX}model_name"
MODEL_VERSION: Final = f"{PREFIX}model_version"
REFERENCE_PATH: Final = f"{PREFIX}reference_path"
REFERENCE_SHA256: Final = f"{PREFIX}reference_sha256"
TRAINED_AT: Final = f"{PREFIX}trained_at"

MODEL_FOLDER: Final = "model"
REFERENCE_FILE: Final = "reference.json"
"""In the model's own folder: whoever copies or downloads a version has both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredVersion:
    """A version with its reference.

    Attributes
    ----------
    number : str
        MLflow's: 1, 2, 3.
    model_name, model_version : str
        Those of the reference, as in every metric.
    run_id : str
        Of the training.
    reference_sha256 : str
        Of the reference file, in hexadecimal digits.
    trained_at : float
        When the reference was made, in seconds since 1970.
    """

    number: str
    model_name: str
    model_version: str
    run_id: str
    reference_sha256: str
    trained_at: float

    def tags(self) -> dict[str, str]:
        """What says so in the registry."""
        return {
            MODEL_NAME: self.model_name,
            MODEL_VERSION: self.model_version,
            REFERENCE_PATH: f"{MODEL_FOLDER}/{REFERENCE_FILE}",
            REFERENCE_SHA256: self.reference_sha256,
            TRAINED_AT: repr(self.trained_at),
        }


def read_version(registered: str, number: str, run_id: str, tags: Mapping[str, str]) -> RegisteredVersion:
    """The version that tags describe.

    Parameters
    ----------
    registered, number, run_id : str
        Name in the registry, MLflow's number, and run.
    tags : mapping of str to str

    Raises
    ------
    ReferenceDataError
        If it was registered without a reference.
    """
    where = f"{registered} version {number}"
    missing = [tag for tag in (MODEL_NAME, MODEL_VERSION, REFERENCE_SHA256, TRAINED_AT) if not tags.get(tag)]
    if missing or not run_id:
        lacks = f"tag {missing[0]}" if missing else "run"
        raise ReferenceDataError(
            f"{where}: found no {lacks}, need a version that was published with its reference"
        )
    try:
        trained_at = float(tags[TRAINED_AT])
    except ValueError:
        trained_at = math.nan
    if not math.isfinite(trained_at):
        raise ReferenceDataError(
            f"{where}: tag {TRAINED_AT}: found {tags[TRAINED_AT][:40]!r}, need seconds since 1970"
        )
    return RegisteredVersion(
        number=number,
        model_name=tags[MODEL_NAME],
        model_version=tags[MODEL_VERSION],
        run_id=run_id,
        reference_sha256=tags[REFERENCE_SHA256],
        trained_at=trained_at,
    )
