"""What can be asked of somebody else's model, and whether a reference is this model's."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import ConfigError, ReferenceDataError
from .gather import Layout
from .metrics import METHODS
from .reference import Reference, category_text

_SHOWN_NAMES = 5
"""Names listed in an error; a table of a thousand columns must not fill the log."""


def methods_of(model: Any) -> dict[str, Callable[..., Any]]:  # noqa: ANN401 - any model
    """Methods of a model that are measured, by name; `call` is the model itself.

    Raises
    ------
    ConfigError
        If it has none of them, or is a class, or a scikit-learn estimator that is not fitted.
    """
    if inspect.isclass(model):
        raise ConfigError(f"model: found the class {model.__name__}, need an object of it")
    methods = {
        name: getattr(model, name)
        for name in METHODS
        if name != "call" and callable(getattr(model, name, None))
    }
    if callable(model):
        methods["call"] = model
    if not methods:
        raise ConfigError(
            f"model: found {type(model).__name__}, need an object with predict, predict_proba or "
            "decision_function, or a callable"
        )
    _require_fitted(model)
    return methods


def layout_of(model: Any, reference: Reference | None) -> Layout:  # noqa: ANN401 - any model
    """What rows and answers of the model look like, from the reference first and the model second."""
    classes = _listed(model, "classes_")
    if reference is None:
        return Layout(
            features=_listed(model, "feature_names_in_"),
            classes=classes,
            predicts_classes=classes is not None,
        )
    predicts_classes = classes is not None or reference.predicted_classes is not None
    return Layout(
        features=tuple(reference.features),
        classes=classes,
        predicts_classes=predicts_classes,
        call_scores=reference.prediction is not None,
    )


def require_match(model: Any, name: str, version: str, reference: Reference) -> None:  # noqa: ANN401 - any model
    """Refuse a reference of another model, version or set of features.

    Raises
    ------
    ReferenceDataError
        Saying what differs.
    """
    for what, found, needed in (
        ("model_name", reference.model_name, name),
        ("model_version", reference.model_version, version),
    ):
        if found != needed:
            raise ReferenceDataError(f"reference: {what}: found {found!r}, need {needed!r}, the model's own")
    expected = tuple(reference.features)
    names = _listed(model, "feature_names_in_")
    if names is not None and names != expected:
        raise ReferenceDataError(f"reference: features: {_difference(expected, names)}")
    count = getattr(model, "n_features_in_", None)
    if names is None and isinstance(count, int) and count != len(expected):
        raise ReferenceDataError(
            f"reference: features: found {len(expected)}, need {count} as the model was fitted on"
        )


def rescore(
    model: Any,  # noqa: ANN401 - any model
    methods: Mapping[str, Callable[..., Any]],
    features: tuple[str, ...] | None,
    columns: Mapping[str, NDArray[Any]],
) -> Any:  # noqa: ANN401 - the model's answer
    """What the model answers to rows with these columns, unmeasured: probabilities where it has them.

    The rows are a data frame for a model that was fitted on one, else an array in the reference's order.
    """
    function = methods.get("predict_proba") or methods.get("predict") or methods["call"]
    names = getattr(model, "feature_names_in_", None)
    if names is not None:
        import pandas as pd  # noqa: PLC0415 - a model that was fitted on a data frame has it installed

        return function(pd.DataFrame({name: columns[name] for name in names}))
    ordered = [columns[name] for name in features or columns]
    numeric = all(column.dtype != object for column in ordered)
    return function(np.column_stack(ordered).astype(np.float64 if numeric else object))


def framework_of(model: Any) -> str:  # noqa: ANN401 - any model
    """Package of the model's class, such as `sklearn`; `python` for functions and classes of a script."""
    module = str(type(model).__module__).partition(".")[0]
    return "python" if module in ("builtins", "__main__", "functools") else module


def _require_fitted(model: Any) -> None:  # noqa: ANN401
    # Only where scikit-learn is in use already: it is no requirement of ours.
    base, validation = sys.modules.get("sklearn.base"), sys.modules.get("sklearn.utils.validation")
    if base is None or validation is None or not isinstance(model, base.BaseEstimator):
        return
    not_fitted = sys.modules["sklearn.exceptions"].NotFittedError
    try:
        validation.check_is_fitted(model)
    except not_fitted as error:
        raise ConfigError(
            f"model: found a {type(model).__name__} that is not fitted, need a fitted one"
        ) from error
    except TypeError:  # an object that has predict but cannot be fitted
        return


def _listed(model: Any, attribute: str) -> tuple[str, ...] | None:  # noqa: ANN401
    values = getattr(model, attribute, None)
    if values is None or isinstance(values, (str, bytes)) or not hasattr(values, "__len__"):
        return None
    if any(hasattr(value, "__len__") and not isinstance(value, (str, bytes)) for value in values):
        return None  # several outputs have a list of classes each
    return tuple(category_text(value) for value in values)


def _difference(found: Sequence[str], needed: Sequence[str]) -> str:
    missing = [name for name in needed if name not in found]
    extra = [name for name in found if name not in needed]
    if missing:
        return f"found none named {_some(missing)}, need all that the model was fitted on"
    if extra:
        return f"found {_some(extra)}, need only those that the model was fitted on"
    return f"found the order {_some(found)}, need the model's {_some(needed)}"


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:_SHOWN_NAMES]))
    return shown if len(names) <= _SHOWN_NAMES else f"{shown} and {len(names) - _SHOWN_NAMES} more"
