"""A predictor as a scikit-learn estimator: for the last step of a Pipeline.

A Pipeline is best wrapped as a whole, `InstrumentedPredictor(pipeline, ...)`: what is measured are then the
rows as they come. Where only the last step can be replaced, this is it; it sees the rows as the steps before
leave them, so that is what its reference must be built on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self, TypeVar, cast

from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ..predictor import InstrumentedPredictor

Method = TypeVar("Method", bound=Callable[..., Any])


def _where_there(method: Method) -> Method:
    """The method, on estimators whose model has one of that name."""

    def check(self: MonitoredEstimator) -> bool:
        return hasattr(self.estimator, method.__name__)

    return cast("Method", available_if(check)(method))


class MonitoredEstimator(MetaEstimatorMixin, BaseEstimator):  # type: ignore[misc]  # ships no types
    """An estimator that can be fitted, cloned, searched over and pickled, and measures once told to.

    Fitting trains a clone of the estimator, as scikit-learn's own meta-estimators do. Nothing is measured
    before `monitor`: the copies that a grid search makes would else count as the model that serves. Neither a
    clone nor a pickle takes the measuring along; whoever loads one calls `monitor` again.

    Parameters
    ----------
    estimator : estimator
        The model; `estimator__...` sets its parameters.
    """

    def __init__(self, estimator: Any) -> None:  # noqa: ANN401 - any estimator
        self.estimator = estimator

    def fit(self, X: Any, y: Any = None, **fit_params: Any) -> Self:  # noqa: ANN401
        """Fit a clone of the estimator; what was measured before goes on measuring the old one."""
        self.estimator_ = clone(self.estimator).fit(X, y, **fit_params)
        for name in ("classes_", "n_features_in_", "feature_names_in_"):
            if hasattr(self.estimator_, name):
                setattr(self, name, getattr(self.estimator_, name))
        self._predictor: InstrumentedPredictor | None = None
        return self

    def monitor(self, *, name: str, version: str, **options: Any) -> InstrumentedPredictor:  # noqa: ANN401
        """Measure from now on; the predictor, which serves and takes outcomes.

        Parameters
        ----------
        name, version, options
            As of `InstrumentedPredictor`.
        """
        check_is_fitted(self, "estimator_")
        predictor = InstrumentedPredictor(self.estimator_, name=name, version=version, **options)
        self._predictor = predictor
        return predictor

    @_where_there
    def predict(self, X: Any, **params: Any) -> Any:  # noqa: ANN401
        """As the estimator; with `ids=` and `at=` once it is measured."""
        return self._model().predict(X, **params)

    @_where_there
    def predict_proba(self, X: Any, **params: Any) -> Any:  # noqa: ANN401
        """As the estimator; with `ids=` and `at=` once it is measured."""
        return self._model().predict_proba(X, **params)

    @_where_there
    def decision_function(self, X: Any, **params: Any) -> Any:  # noqa: ANN401
        """As the estimator; with `ids=` and `at=` once it is measured."""
        return self._model().decision_function(X, **params)

    def score(self, X: Any, y: Any, **params: Any) -> Any:  # noqa: ANN401
        """As the estimator, unmeasured: rows that a model is scored on are no traffic."""
        check_is_fitted(self, "estimator_")
        return self.estimator_.score(X, y, **params)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "estimator_")

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_predictor": None}

    def _model(self) -> Any:  # noqa: ANN401
        check_is_fitted(self, "estimator_")
        return self.estimator_ if self._predictor is None else self._predictor
