"""A candidate against the champion on rows that nobody trained on, before any traffic sees it."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from ..errors import ConfigError
from ..reference import Reference
from ..reference.kinds import category_text
from ..rollout import Candidate, Refusal, compare_models
from ..rollout.candidate import reference_of
from ..serving import loaded
from .run_folder import Champion, Training, Validated, handed_over
from .training import labelled

ACCEPTED: Final = ("better", "not_worse")
"""Verdicts with which a candidate is tried in traffic; the second only with a margin above zero."""

BY_SCORE: Final = ("auc", "brier_score", "log_loss")
"""Measures of the probability of the positive class; the others are of predictions."""


def validate(
    training: Training,
    champion: Champion,
    folder: str,
    *,
    loader: str,
    target: str,
    measure: str,
    margin: float = 0.0,
    positive: str | None = None,
) -> Validated:
    """Whether a candidate may be tried: its reference fits, and it is not worse on the hold-out rows.

    Parameters
    ----------
    training, champion
        Of the tasks before.
    folder : str
        Of this run.
    loader : str
        `package.module:function`, called with the path of a model, returns the model: the server's own.
    target : str
        Column with the truth.
    measure : str
        As in `compare_models`.
    margin : float
        So much worse is still not worse, in the measure's unit.
    positive : str, optional
        The positive class, for f1 and for the measures of scores.

    Raises
    ------
    ConfigError
        If it is refused; the message says why.
    """
    earlier = handed_over(folder)
    if earlier is not None:
        return earlier["validated"]
    reference = Reference.load(champion["reference_path"])
    version = Reference.load(training["reference_path"], model_name=champion["model_name"]).model_version
    if version in champion["known"]:
        raise ConfigError(f"candidate: found version {version!r}, need one that was not tried before")
    candidate = Candidate(
        model_name=champion["model_name"],
        version=version,
        model_path=training["model_path"],
        reference_path=training["reference_path"],
        about={},
    )
    fits = reference_of(candidate, champion["model_name"], reference)
    if isinstance(fits, Refusal):
        raise ConfigError(f"candidate: refused ({fits.reason}): {fits.words}")
    rows = labelled(training["holdout"], target)
    truth = _truth(rows, target, measure, positive)
    answers = [
        _answers(loaded(loader, "loader", path), rows, list(reference.features), measure, positive)
        for path in (champion["model_path"], training["model_path"])
    ]
    rng = np.random.default_rng(0)
    found = compare_models(truth, *answers, measure=measure, rng=rng, margin=margin)
    if found.verdict not in ACCEPTED:
        words = found.reason or f"a difference in {measure} from {found.low:.3g} to {found.high:.3g}"
        raise ConfigError(
            f"candidate: found {found.verdict} on {found.rows:,} hold-out rows ({words}), need "
            + " or ".join(ACCEPTED)
        )
    return Validated(
        model_version=version,
        verdict=found.verdict,
        difference=found.difference,
        low=found.low,
        high=found.high,
        rows=found.rows,
    )


def _truth(rows: Any, target: str, measure: str, positive: str | None) -> Any:  # noqa: ANN401 - tables and arrays
    return _comparable(rows.column(target).to_pylist(), measure, positive)


def _answers(
    model: Any,  # noqa: ANN401 - any model
    rows: Any,  # noqa: ANN401 - a table of pyarrow
    features: list[str],
    measure: str,
    positive: str | None,
) -> Any:  # noqa: ANN401 - an array
    """What a model says, in the measure's terms."""
    table = _as_fitted(model, rows, features)
    if measure in BY_SCORE:
        classes = [category_text(value) for value in model.classes_]
        if positive not in classes:
            raise ConfigError(f"positive: found {positive!r} for {measure}, need one of {', '.join(classes)}")
        return np.asarray(model.predict_proba(table))[:, classes.index(positive)]
    return _comparable(list(model.predict(table)), measure, positive)


def _as_fitted(model: Any, rows: Any, features: list[str]) -> Any:  # noqa: ANN401 - any model, tables
    """Rows as `driftgauge serve` gives them to the model."""
    names = getattr(model, "feature_names_in_", None)
    if names is not None:
        return rows.select(list(names)).to_pandas()
    columns = [rows.column(name).to_pylist() for name in features]
    return np.array([*zip(*columns, strict=True)], dtype=object)


def _comparable(values: list[Any], measure: str, positive: str | None) -> Any:  # noqa: ANN401 - an array
    """Numbers for measures of numbers, else texts of classes, or whether they are the positive one."""
    if measure in ("mae", "rmse"):
        return np.array(values, dtype=float)
    texts = np.array([category_text(value) for value in values])
    return texts if measure == "accuracy" else texts == positive
