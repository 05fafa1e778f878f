"""A reference as plain values for JSON, and back."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ..errors import ReferenceDataError
from ..statistics.moments import Moments
from ..statistics.sample import Sample
from .baseline import decode_baseline, encode_baseline
from .calibration import BlockNull, Calibration
from .joint import decode_joint, encode_joint
from .kinds import SPECIAL_BINS
from .profiles import CategoricalProfile, NumericProfile, Profile
from .season import Season
from .segments import Segments
from .settings import BuildSettings
from .table import LABEL, PREDICTION, SCORE, Profiles

if TYPE_CHECKING:
    from .reference import Reference

SHARED: Final = ("kind", "bins", "edges")
"""What a column's profile has in common with that of the same column in every segment."""


def encode(reference: Reference) -> dict[str, Any]:
    """A reference as plain values."""
    return {
        "model_name": reference.model_name,
        "model_version": reference.model_version,
        "created_at": reference.created_at,
        "rows": reference.rows,
        "task": reference.task,
        "start": reference.start,
        "end": reference.end,
        "settings": _encode_settings(reference.settings),
        "importances": reference.importances,
        "performance": reference.performance,
        "baseline": encode_baseline(reference.baseline),
        "joint": encode_joint(reference.joint, reference.features),
        "problems": list(reference.problems),
        "calibration": {name: _encode_calibration(part) for name, part in reference.calibration.items()},
        **_encode_profiles(reference.profiles),
        "season": None if reference.season is None else {
            str(key): _encode_profiles(part) for key, part in reference.season.profiles.items()
        },
        **({} if reference.segments is None else {"segments": _encode_segments(reference.segments)}),
    }  # fmt: skip


def decode(values: dict[str, Any]) -> Reference:
    """The reference that `encode` wrote; a KeyError, TypeError, ValueError or AttributeError otherwise."""
    from .reference import Reference  # noqa: PLC0415 - the two know each other: a reference saves itself

    settings = BuildSettings(**values["settings"])
    season = values["season"]
    profiles = _decode_profiles(values)
    return Reference(
        model_name=values["model_name"],
        model_version=values["model_version"],
        rows=values["rows"],
        created_at=values["created_at"],
        profiles=profiles,
        task=values["task"],
        start=values["start"],
        end=values["end"],
        importances=values["importances"],
        performance=values["performance"],
        baseline=decode_baseline(values.get("baseline")),
        joint=decode_joint(values["joint"], profiles.features),
        problems=tuple(values["problems"]),
        settings=settings,
        calibration={name: _decode_calibration(part) for name, part in values["calibration"].items()},
        season=None if season is None or settings.season is None else Season(
            kind=settings.season,
            zone=settings.zone,
            profiles={int(key): _decode_profiles(part) for key, part in season.items()},
        ),
        segments=_decode_segments(values["segments"], profiles) if "segments" in values else None,
    )  # fmt: skip


def _encode_settings(settings: BuildSettings) -> dict[str, Any]:
    values = asdict(settings)
    if settings.segment_by is None:
        del values["segment_by"]  # which releases before it do not know
    return values


def _encode_segments(segments: Segments) -> dict[str, Any]:
    """Profiles of segments without their bins, which are those of the whole."""
    return {
        "feature": segments.feature,
        "profiles": {
            segment: {
                name: {key: value for key, value in _encode_profile(profile).items() if key not in SHARED}
                for name, profile in {**part.features, **part.named()}.items()
            }
            for segment, part in segments.profiles.items()
        },
    }


def _decode_segments(values: dict[str, Any], whole: Profiles) -> Segments:
    shared = {
        name: {key: value for key, value in _encode_profile(profile).items() if key in SHARED}
        for name, profile in {**whole.features, **whole.named()}.items()
    }
    outputs = (SCORE, PREDICTION, LABEL)
    return Segments(
        feature=values["feature"],
        profiles={
            segment: _decode_profiles(
                {
                    "features": {n: {**shared[n], **p} for n, p in part.items() if n not in outputs},
                    "outputs": {n: {**shared[n], **p} for n, p in part.items() if n in outputs},
                }
            )
            for segment, part in values["profiles"].items()
        },
    )


def _encode_profiles(profiles: Profiles) -> dict[str, Any]:
    return {
        "features": {name: _encode_profile(profile) for name, profile in profiles.features.items()},
        "outputs": {name: _encode_profile(profile) for name, profile in profiles.named().items()},
    }


def _decode_profiles(document: dict[str, Any]) -> Profiles:
    outputs = {name: _decode_profile(name, part) for name, part in document["outputs"].items()}
    score, classes = outputs.get(SCORE), outputs.get(PREDICTION)
    if isinstance(score, CategoricalProfile) or isinstance(classes, NumericProfile):
        raise ReferenceDataError("damaged: outputs: found a profile of another kind than its name")
    return Profiles(
        features={name: _decode_profile(name, part) for name, part in document["features"].items()},
        prediction=score,
        predicted_classes=classes,
        labels=outputs.get(LABEL),
    )


def _encode_profile(profile: Profile) -> dict[str, Any]:
    common = {"kind": profile.kind, "bins": list(profile.bins), "counts": profile.counts.tolist()}
    if isinstance(profile, CategoricalProfile):
        return {
            **common,
            "tally": [list(item) for item in profile.tally.items()],
            "untallied": profile.untallied,
            "count_error": profile.count_error,
        }
    sample, moments = profile.sample, profile.moments
    return {
        **common,
        "edges": profile.edges.tolist(),
        "moments": None if moments is None else {k: _finite(v) for k, v in asdict(moments).items()},
        "sample": None if sample is None else {
            "ks_error": sample.ks_error,
            "values": sample.values.tolist(),
            "counts": sample.counts.tolist(),
        },
    }  # fmt: skip


def _decode_profile(name: str, part: dict[str, Any]) -> Profile:
    counts = np.array(part["counts"], dtype=np.int64)
    if part["kind"] == "categorical":
        tally = {str(category): int(count) for category, count in part["tally"]}
        return CategoricalProfile(
            name=name,
            categories=tuple(part["bins"])[: -len(SPECIAL_BINS)],
            counts=counts,
            tally=tally,
            untallied=part["untallied"],
            count_error=part["count_error"],
        )
    sample, moments = part["sample"], part["moments"]
    return NumericProfile(
        name=name,
        edges=np.array(part["edges"], dtype=np.float64),
        counts=counts,
        moments=None if moments is None else _moments(moments),
        sample=None if sample is None else Sample(
            values=np.array(sample["values"], dtype=np.float64),
            counts=np.array(sample["counts"], dtype=np.int64),
            ks_error=sample["ks_error"],
        ),
    )  # fmt: skip


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _moments(part: dict[str, Any]) -> Moments:
    known = {name: math.nan if value is None else float(value) for name, value in part.items() if name != "n"}
    return Moments(n=int(part["n"]), **known)


def _encode_calibration(calibration: Calibration) -> dict[str, Any]:
    return {
        "rows": calibration.rows,
        "blocks": calibration.blocks,
        "columns": {
            column: {test: [null.mean, null.freedom] for test, null in nulls.items()}
            for column, nulls in calibration.nulls.items()
        },
    }


def _decode_calibration(part: dict[str, Any]) -> Calibration:
    return Calibration(
        rows=part["rows"],
        blocks=part["blocks"],
        nulls={
            column: {test: BlockNull(mean=mean, freedom=freedom) for test, (mean, freedom) in nulls.items()}
            for column, nulls in part["columns"].items()
        },
    )
