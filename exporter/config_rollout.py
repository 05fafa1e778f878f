"""The section `rollout` of the exporter's configuration."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from .config_section import Section
from .errors import ConfigError
from .rollout_policy import RolloutPolicy, Stage, StageKind

Text = Annotated[str, Field(min_length=1)]
Function = Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengerSettings:
    """The version that is tried beside the model: as `ModelSettings`, with a reference always."""

    version: str
    factory: str
    reference: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateSettings:
    """Where challengers come from while the model serves.

    Attributes
    ----------
    file : Path
        That names the newest candidate, as a retraining writes it.
    loader : str
        `package.module:function` that is called with the path of a candidate's model and returns the model.
    """

    file: Path
    loader: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutSettings:
    """How `driftgauge serve` rolls out another version.

    Attributes
    ----------
    state_path : Path
        Of the state file, which the workers of the server share.
    policy : RolloutPolicy
        Stages, and what decides.
    challenger : ChallengerSettings or None
        The one that is configured.
    candidates : CandidateSettings or None
        Instead of one: a file that names them.
    """

    state_path: Path
    policy: RolloutPolicy
    challenger: ChallengerSettings | None = None
    candidates: CandidateSettings | None = None


class _Challenger(Section):
    version: Text
    factory: Function
    reference: Path


class _Stage(Section):
    kind: StageKind
    share: float | None = None
    min_rows: int | None = None
    min_seconds: float | None = None


class RolloutSection(Section):
    """As it is written in the file. What is left out is the policy's default."""

    state_file: Path
    challenger: _Challenger | None = None
    candidate_file: Path | None = None
    loader: Function | None = None
    stages: tuple[_Stage, ...] | None = None
    alpha: float | None = None
    promote_on: Literal["better", "not_worse"] | None = None
    margin: float | None = None
    max_rows: int | None = None
    max_seconds: float | None = None
    guard_alpha: float | None = None
    error_tolerance: float | None = None
    slow_tolerance: float | None = None
    fallback_tolerance: float | None = None
    slow_seconds: float | None = None
    max_waiting_calls: int | None = None
    sync_seconds: float | None = None


_NOT_POLICY = {"state_file", "challenger", "candidate_file", "loader"}


def rollout_settings(section: RolloutSection, folder: Path) -> RolloutSettings:
    """Settings of a section; its files are relative to a folder.

    Raises
    ------
    ConfigError
        If they do not go together.
    """
    if (section.challenger is None) == (section.candidate_file is None):
        raise ConfigError("rollout: found both or neither of challenger and candidate_file, need one of them")
    if (section.loader is None) != (section.candidate_file is None):
        raise ConfigError("rollout: found only one of candidate_file and loader, need both or neither")
    changes: dict[str, Any] = section.model_dump(exclude=_NOT_POLICY, exclude_none=True)
    if "stages" in changes:
        changes["stages"] = tuple(Stage(**stage) for stage in changes["stages"])
    policy = RolloutPolicy(**changes)
    challenger = section.challenger
    return RolloutSettings(
        state_path=folder / section.state_file,
        policy=policy,
        challenger=None
        if challenger is None
        else ChallengerSettings(**{**challenger.model_dump(), "reference": folder / challenger.reference}),
        candidates=_candidates(section, folder, policy),
    )


def _candidates(section: RolloutSection, folder: Path, policy: RolloutPolicy) -> CandidateSettings | None:
    if section.candidate_file is None or section.loader is None:
        return None
    if policy.stages[0].kind != "shadow":
        raise ConfigError(
            f"rollout.stages: found {policy.stages[0].kind} as the first with candidate_file, need shadow:"
            " workers load a candidate one after the other"
        )
    return CandidateSettings(file=folder / section.candidate_file, loader=section.loader)
