"""Whether what a training made can be a challenger: a model that is there, and a reference that fits it.

The champion is not touched here or anywhere in this package: a candidate that passes is handed on, with model
and reference together, for a rollout to judge in traffic.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ..errors import PayloadError
from .cause import Strategy
from .decision import Reason
from .policy import ModelPolicy

REFERENCE_FORMAT: Final = "driftgauge-reference"
REFERENCE_VERSIONS: Final = (1, 2)
"""As exporter.reference writes them; a test holds the two together: neither package imports the other."""
MAX_REFERENCE_BYTES: Final = 256 << 20
"""A reference of a thousand features has some 20 MB."""
VERDICTS: Final = ("better", "not_worse", "worse", "inconclusive")
"""Of `exporter.compare_models`."""
CODES: Final = (
    "no_result",
    "no_model",
    "no_reference",
    "other_model",
    "other_features",
    "no_metrics",
    "worse",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What is read of a reference.

    Attributes
    ----------
    kinds : mapping of str to str
        Feature to kind, numeric or categorical.
    created_at : float or None
        Seconds since 1970.
    """

    model_name: str
    model_version: str
    kinds: Mapping[str, str]
    created_at: float | None = None


def judge(
    result: Mapping[str, Any] | None, policy: ModelPolicy, *, strategy: Strategy, folder: Path
) -> list[Reason]:
    """Why a result is refused; nothing if it is sound.

    Parameters
    ----------
    result : mapping or None
        What the training said.
    policy : ModelPolicy
    strategy : str
        A feature-selection retrain may leave features out, no other may.
    folder : Path
        What relative paths are relative to.
    """
    if result is None:
        return [_reason("no_result", "the training ended well and wrote no result, need result.json")]
    problems = [*_model(result, folder), *_metrics(result), *_comparison(result, policy)]
    told = result.get("reference_path")
    if not isinstance(told, str) or not told:
        return [
            *problems,
            _reason("no_reference", "reference_path: found nothing, need the model's reference"),
        ]
    try:
        reference = read_reference(folder / told)
    except PayloadError as error:
        return [*problems, _reason("no_reference", f"reference_path: {error}")]
    try:
        champion = None if policy.reference_path is None else read_reference(Path(policy.reference_path))
    except PayloadError as error:
        # Without it nobody can say that the features are the same, and that must not pass for yes.
        return [*problems, _reason("other_features", f"the champion's reference: {error}")]
    return [
        *problems,
        *_identity(result, reference, champion, policy),
        *_features(result, reference, champion, policy, strategy),
    ]


def read_reference(path: Path) -> Reference:
    """The reference in a file, if it is whole and of the format that the exporter writes.

    Raises
    ------
    PayloadError
        If not.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_REFERENCE_BYTES + 1)
    except OSError as error:
        raise _unreadable(path, f"not readable ({error.strerror}), need a reference") from error
    if len(raw) > MAX_REFERENCE_BYTES:
        raise _unreadable(path, f"found more than {MAX_REFERENCE_BYTES >> 20} MiB, need a reference")
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        raise _unreadable(path, "found no JSON, need a reference") from None
    if not isinstance(document, dict) or document.get("format") != REFERENCE_FORMAT:
        raise _unreadable(path, f"found another format, need {REFERENCE_FORMAT}")
    if document.get("format_version") not in REFERENCE_VERSIONS:
        needed = " or ".join(map(str, REFERENCE_VERSIONS))
        raise _unreadable(path, f"found another format_version, need {needed}")
    if document.get("checksum") != _checksum(document):
        raise _unreadable(path, "the checksum does not fit the content, need the file as it was saved")
    features = document.get("features")
    name, version = document.get("model_name"), document.get("model_version")
    if not (isinstance(features, dict) and isinstance(name, str) and isinstance(version, str)):
        raise _unreadable(path, "found no features, model_name or model_version, need a reference")
    kinds = {
        feature: str(profile.get("kind")) if isinstance(profile, dict) else ""
        for feature, profile in features.items()
    }
    made = document.get("created_at")
    created_at = float(made) if isinstance(made, int | float) and not isinstance(made, bool) else None
    return Reference(model_name=name, model_version=version, kinds=kinds, created_at=created_at)


def _unreadable(path: Path, words: str) -> PayloadError:
    return PayloadError("content", f"{path}: {words}")


def _checksum(document: Mapping[str, Any]) -> str | None:
    rest = {key: value for key, value in document.items() if key != "checksum"}
    try:
        canonical = json.dumps(rest, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except ValueError:
        return None
    return "sha256:" + hashlib.sha256(canonical.encode("ascii")).hexdigest()


def _model(result: Mapping[str, Any], folder: Path) -> Iterator[Reason]:
    told = result.get("model_path")
    if not isinstance(told, str) or not told:
        yield _reason("no_model", "model_path: found nothing, need the trained model")
    elif "://" not in told:  # what lies elsewhere is for the rollout to load
        path = folder / told
        if path.is_dir():
            if not any(path.iterdir()):
                yield _reason("no_model", f"model_path: {path}: found an empty folder, need a model")
        elif not path.is_file() or path.stat().st_size == 0:
            yield _reason("no_model", f"model_path: {path}: found no file with content, need a model")


def _metrics(result: Mapping[str, Any]) -> Iterator[Reason]:
    metrics = result.get("metrics")
    if not isinstance(metrics, dict) or not metrics:
        yield _reason("no_metrics", "metrics: found nothing, need names and numbers")
        return
    for name, value in metrics.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            yield _reason("no_metrics", f"metrics.{name}: found {str(value)[:40]!r}, need a finite number")


def _comparison(result: Mapping[str, Any], policy: ModelPolicy) -> Iterator[Reason]:
    comparison = result.get("comparison")
    if comparison is None and not policy.require_comparison:
        return
    verdict = comparison.get("verdict") if isinstance(comparison, dict) else None
    if verdict not in policy.accept:
        needed = ", ".join(policy.accept)
        yield _reason("worse", f"comparison.verdict: found {str(verdict)[:40]!r}, need one of {needed}")


def _identity(
    result: Mapping[str, Any], reference: Reference, champion: Reference | None, policy: ModelPolicy
) -> Iterator[Reason]:
    if reference.model_name != policy.name:
        yield _reason(
            "other_model", f"reference: model_name: found {reference.model_name!r}, need {policy.name}"
        )
    if champion is not None and reference.model_version == champion.model_version:
        found = f"found the champion's, {champion.model_version!r}"
        yield _reason("other_model", f"reference: model_version: {found}, need one of its own")
    told = result.get("model_version")
    if told is not None and told != reference.model_version:
        found = f"found {str(told)[:80]!r}"
        yield _reason(
            "other_model", f"model_version: {found}, need the reference's, {reference.model_version!r}"
        )


def _features(
    result: Mapping[str, Any],
    reference: Reference,
    champion: Reference | None,
    policy: ModelPolicy,
    strategy: Strategy,
) -> Iterator[Reason]:
    """What is wrong with the features, of the reference and of what the training says it used."""
    declared = set(policy.features) or set({} if champion is None else champion.kinds)
    told = result.get("features")
    for where, found in (("reference", set(reference.kinds)), ("result", told)):
        if found is None:
            continue
        names = {str(name) for name in found} if isinstance(found, list | set) else set()
        missing, foreign = sorted(declared - names), sorted(names - declared)
        if not names or foreign or (missing and strategy != "feature_selection"):
            words = [f"{len(missing)} missing ({_some(missing)})"] if missing else []
            words += [f"{len(foreign)} not declared ({_some(foreign)})"] if foreign else []
            found_words = " and ".join(words) or "none"
            yield _reason("other_features", f"{where}: features: found {found_words}, need those declared")
    if isinstance(told, list) and {str(name) for name in told} != set(reference.kinds):
        yield _reason("other_features", "features: found others than the reference's, need the same")
    for name, kind in {}.items() if champion is None else champion.kinds.items():
        if reference.kinds.get(name, kind) != kind:
            found_words = f"found {reference.kinds[name]}, need {kind} as the champion has it"
            yield _reason("other_features", f"reference: features.{name}: {found_words}")


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")


def _reason(code: str, words: str) -> Reason:
    return Reason(code=code, words=words[:500])
