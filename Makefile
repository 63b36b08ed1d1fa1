# `make demo` shows the whole job, `make test` runs the tests; both make their own environment in .venv.

# The first Python that is new enough; or name one: make test PYTHON=/path/to/python3.12
PYTHON ?= $(shell for p in python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
INSTALL = $(BIN)/uv pip install --quiet --python $(BIN)/python --constraints constraints.txt --editable

.PHONY: help demo airflow emulator test test-scheduler nightly lint check bench docs clean

help:
	@echo "make demo      run the example DAGs on a real Airflow against the emulator (below demo/)"
	@echo "make airflow   an Airflow to look at in the browser, with the emulator, until Ctrl-C (below demo/ui/)"
	@echo "make test      run the tests"
	@echo "make test-scheduler  run the test on a whole Airflow, which make test leaves out (about two minutes)"
	@echo "make nightly   lead landings through 1,000 kills and 1,000 sequences of faults (some minutes)"
	@echo "make check     lint, types, import contracts, tests"
	@echo "make emulator  serve both platforms on http://127.0.0.1:8765"
	@echo "make bench     print the benchmarks"
	@echo "make docs      build the documentation in docs/_build"
	@echo "make clean     remove what the others made"

demo: $(VENV)/.all
	@$(BIN)/python scripts/demo.py

airflow: $(VENV)/.all
	@exec $(BIN)/python scripts/airflow_ui.py

emulator: $(VENV)/.all
	@$(BIN)/python -m airflow_provider_meetings.emulator

test: $(VENV)/.dev
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

test-scheduler: $(VENV)/.dev
	@$(BIN)/python -m pytest --scheduler -m scheduler tests/system $(PYTEST_ARGS)

# The proofs that are too long for every day; make test runs the same tests with smaller numbers.
nightly: $(VENV)/.dev
	@$(BIN)/python -m pytest --kills=1000 --sequences=1000 \
		tests/api/test_landing_kills.py tests/api/test_landing_sequences.py $(PYTEST_ARGS)

lint: $(VENV)/.dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

check: lint test

bench: $(VENV)/.dev
	@$(BIN)/python benchmarks/landing_memory.py

docs: $(VENV)/.dev
	@$(BIN)/sphinx-build --quiet --fail-on-warning docs docs/_build

clean:
	rm -rf $(VENV) demo docs/_build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/.made:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; name one with PYTHON=..." >&2; exit 1; }
	@echo "Making $(VENV) with $$($(PYTHON) --version) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
	@touch $@

$(VENV)/.all: $(VENV)/.made pyproject.toml constraints.txt
	@echo "Installing Airflow and the provider (once; about a minute) ..."
	@$(INSTALL) '.[all]'
	@touch $@

$(VENV)/.dev: $(VENV)/.made pyproject.toml constraints.txt
	@echo "Installing the provider and the tools for its development (once; about a minute) ..."
	@$(INSTALL) '.[dev]'
	@touch $@
