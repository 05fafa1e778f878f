"""A predictor inside somebody else's server or framework; each module is imported where it is used.

`asgi` (Starlette, FastAPI) · `wsgi` (Flask, Django) · `pyfunc` (MLflow) · `estimator` (scikit-learn)
"""
