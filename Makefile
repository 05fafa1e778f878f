# Everything a developer types. Each target installs what it needs; a second run finds it installed.
# Other Python: make PYTHON=python3.12 ...    Options of the demo: make demo ARGS="--exit-after 90"

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

# Stamps lie in the virtual environment: removing it removes them. dev.txt contains all of run.txt, version by
# version, so that either may be installed first.
RUN := $(VENV)/.installed-run
DEV := $(VENV)/.installed-dev

# Engines whose packages do not go with the others': each has a lock and a virtual environment of its own.
SPARK := .venv-spark
AIRFLOW := .venv-airflow
MLFLOW := .venv-mlflow

# Compiling every module of every package takes longer than the rest; what is imported is compiled then.
INSTALL := scripts/install.py --disable-pip-version-check install --quiet --use-pep517 --no-compile
PIP := $(BIN)/python $(INSTALL)
LOCK_BIN := .driftgauge/lock/bin
UV := uv==0.13.8
# Not among the development packages: it brings a pip, and a pip that replaces itself may never end.
AUDIT_BIN := .driftgauge/audit/bin
PIP_AUDIT := pip-audit==2.10.1
COMPILE = $(LOCK_BIN)/uv pip compile --quiet pyproject.toml --universal --python-version 3.11 \
	--generate-hashes --no-header --no-annotate --no-emit-index-url $(if $(UPGRADE),--upgrade)

export PYTHON

.DEFAULT_GOAL := help
.PHONY: help demo setup test stress whole test-spark test-airflow test-mlflow lint type audit check fmt \
	bench compare soak lock components components-required java clean

help: ## Show these lines
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(RUN) components ## Run the whole stack on real flights data (ARGS="--exit-after 90")
	@$(BIN)/driftgauge demo $(ARGS)

setup: $(DEV) components ## Install everything for development into .venv

test: $(DEV) components-required ## Run all tests, those with the real Prometheus too (ARGS="-k name")
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

stress: $(DEV) components-required ## Load and torment the bridge for a quarter of an hour, and measure
	$(BIN)/python -m pytest -p no:xdist -m stress tests/alerting $(ARGS)

whole: $(DEV) components-required ## Close the demo's loop from drift to a new model
	$(BIN)/python -m pytest -p no:xdist -m stress tests/stack $(ARGS)

test-spark: $(SPARK)/.installed java ## Run the tests on a local Spark, in an environment of its own
	$(SPARK)/bin/python -m pytest tests/engines/spark $(ARGS)

test-airflow: $(AIRFLOW)/.installed ## Run the tests with a real Airflow, in an environment of its own
	$(AIRFLOW)/bin/python -m pytest tests/engines/airflow $(ARGS)

test-mlflow: $(MLFLOW)/.installed ## Run the tests with a real MLflow server, in an environment of its own
	$(MLFLOW)/bin/python -m pytest tests/engines/mlflow $(ARGS)

lint: $(DEV) ## Check style and spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell

type: $(DEV) ## Check types
	$(BIN)/mypy

audit: $(AUDIT_BIN)/pip-audit ## Look the locked packages up among known vulnerabilities (says so where it cannot)
	@$(AUDIT_BIN)/python scripts/audit.py

check: lint type test audit ## Run lint, type, test and audit

fmt: $(DEV) ## Format the code and repair what the linter can
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

bench: $(DEV) ## Measure what monitoring costs a prediction
	$(BIN)/python benchmarks/predict_overhead.py $(ARGS)

compare: $(DEV) ## Compare with other tools, each in an environment of its own, and write docs/comparison.md
	$(BIN)/python -m benchmarks.comparison $(ARGS)

soak: $(DEV) components-required ## Load the demo's stack for an hour, and write docs/soak.md
	$(BIN)/python -m benchmarks.soak --markdown docs/soak.md $(ARGS)

lock: $(LOCK_BIN)/uv ## Write requirements/*.txt anew (UPGRADE=1: newest versions)
	$(COMPILE) --extra demo --output-file requirements/run.txt
	$(COMPILE) --extra demo --group dev --output-file requirements/dev.txt
	$(COMPILE) --extra spark --extra multivariate --group engines --output-file requirements/spark.txt
	$(COMPILE) --extra airflow --group engines --output-file requirements/airflow.txt
	$(COMPILE) --extra mlflow --extra bridge --extra multivariate --group engines \
		--output-file requirements/mlflow.txt

clean: ## Remove the virtual environments and all caches
	rm -rf $(VENV) $(SPARK) $(AIRFLOW) $(MLFLOW) .driftgauge .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

components:
	@scripts/debian.sh components

components-required:
	@scripts/debian.sh components --required

java:
	@scripts/debian.sh java

$(BIN)/python:
	@scripts/debian.sh python
	$(PYTHON) -m venv $(VENV)

$(RUN): requirements/run.txt pyproject.toml | $(BIN)/python
	$(PIP) --require-hashes -r requirements/run.txt
	$(PIP) --no-deps --editable .
	@touch $@

$(DEV): requirements/dev.txt pyproject.toml | $(BIN)/python
	$(PIP) --require-hashes -r requirements/dev.txt
	$(PIP) --no-deps --editable .
	@touch $(RUN) $@

$(SPARK)/.installed: requirements/spark.txt pyproject.toml
$(AIRFLOW)/.installed: requirements/airflow.txt pyproject.toml
$(MLFLOW)/.installed: requirements/mlflow.txt pyproject.toml
$(SPARK)/.installed $(AIRFLOW)/.installed $(MLFLOW)/.installed:
	@scripts/debian.sh python
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python $(INSTALL) --require-hashes -r $<
	$(@D)/bin/python $(INSTALL) --no-deps --editable .
	@touch $@

$(AUDIT_BIN)/pip-audit:
	@scripts/debian.sh python
	$(PYTHON) -m venv .driftgauge/audit
	$(AUDIT_BIN)/python -m pip --disable-pip-version-check install --quiet $(PIP_AUDIT)

$(LOCK_BIN)/uv:
	@scripts/debian.sh python
	$(PYTHON) -m venv .driftgauge/lock
	$(LOCK_BIN)/python -m pip --disable-pip-version-check install --quiet $(UV)
