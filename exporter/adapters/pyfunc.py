"""A measured model as an MLflow pyfunc: what `mlflow models serve` and `mlflow.pyfunc.load_model` load.

MLflow is imported only when a model is made for it. Its interface is documented at
`mlflow.pyfunc.PythonModel`: `load_context(context)` and `predict(context, model_input, params=None)`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..predictor import InstrumentedPredictor

Load = Callable[[Any], "InstrumentedPredictor"]
"""From MLflow's context, whose `artifacts` are paths by name, to the predictor."""


class MonitoredPyfunc:
    """What MLflow calls, without MLflow.

    Nothing of the predictor is pickled with the model: threads and metrics begin where it is loaded.

    Parameters
    ----------
    load : callable
        Makes the predictor from the context; of an importable module, or MLflow pickles it by value.
    id_column : str, optional
        Column of the input with prediction ids, which the model does not see.
    """

    def __init__(self, load: Load, *, id_column: str | None = None) -> None:
        self._load = load
        self._id_column = id_column
        self.predictor: InstrumentedPredictor | None = None

    def load_context(self, context: Any) -> None:  # noqa: ANN401 - MLflow's
        """Make the predictor; MLflow calls this once in each process."""
        self.predictor = self._load(context)

    def predict(
        self,
        context: Any,  # noqa: ANN401 - MLflow's
        model_input: Any,  # noqa: ANN401 - a data frame, mostly
        params: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - the model's
        """What the model answers to a table, measured; `params` are the model's keyword arguments."""
        if self.predictor is None:
            self.load_context(context)
        assert self.predictor is not None
        ids = None
        if self._id_column is not None and self._id_column in getattr(model_input, "columns", ()):
            ids = model_input[self._id_column].tolist()
            model_input = model_input.drop(columns=self._id_column)
        return self.predictor.predict(model_input, ids=ids, **(params or {}))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "predictor": None}


def python_model(load: Load, *, id_column: str | None = None) -> Any:  # noqa: ANN401 - MLflow ships no types
    """A `mlflow.pyfunc.PythonModel` for `mlflow.pyfunc.log_model(python_model=...)`; parameters as above."""
    from mlflow.pyfunc import PythonModel  # noqa: PLC0415 - whoever calls this has it

    class Monitored(MonitoredPyfunc, PythonModel):  # type: ignore[misc]  # ships no types
        """MLflow takes nothing but a subclass of its own."""

    return Monitored(load, id_column=id_column)
