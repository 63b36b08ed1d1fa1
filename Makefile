# `make demo` runs the example DAGs, `make test` runs the tests; both make their own environment in .venv.

# The first Python that is new enough, or a given one: make test PYTHON=/path/to/python3.12
PYTHON ?= $(shell for p in python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
PYTHON_PEERS ?= $(shell for p in python3.13 python3.12 $(PYTHON); do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
# One environment per cell of the matrix: about ten gigabytes, most of them hard links.
MATRIX_DIR ?= .matrix
# Without bytecode every process of the tests compiles Airflow from source: about five seconds each.
unexport PYTHONDONTWRITEBYTECODE
INSTALL = $(BIN)/uv pip install --quiet --python $(BIN)/python --constraints constraints.txt --editable

.PHONY: help demo airflow emulator test test-scheduler test-browser nightly lint check bench docs screenshots linkcheck newcomer dist matrix clean

help:
	@echo "make demo      run the example DAGs on a real Airflow against the emulator (below demo/)"
	@echo "make airflow   serve an Airflow with the emulator for the browser until Ctrl-C (below demo/ui/)"
	@echo "make test      run the tests"
	@echo "make test-scheduler  run the test on a whole Airflow, which make test skips (about two minutes)"
	@echo "make test-browser  run the test of the connection form in Chromium, which make test skips (half a minute)"
	@echo "make nightly   run the kill, fault and race tests with large numbers"
	@echo "make check     lint, types, import contracts, tests"
	@echo "make emulator  serve both platforms on http://127.0.0.1:8765"
	@echo "make bench     compare speed with other tools (one case: make bench BENCH_CASES=local)"
	@echo "make dist      build and check the distributions in dist/"
	@echo "make matrix    install and run beside each Airflow and Python, with each extra (half an hour)"
	@echo "make newcomer  type every command of README and quick start in an empty clone, with times"
	@echo "make docs      build the documentation in docs/_build"
	@echo "make screenshots  take the pictures of Airflow's UI again, with Chromium (two minutes)"
	@echo "make linkcheck  check the documentation's links to other sites"
	@echo "make clean     remove all files that these commands made"

demo: $(VENV)/.all
	@$(BIN)/python scripts/demo.py

airflow: $(VENV)/.all
	@exec $(BIN)/python scripts/airflow_ui.py

emulator: $(VENV)/.all
	@$(BIN)/python -m airflow_provider_meetings.emulator

# Four workers also on two cores: many tests wait for servers. In one process: make test PYTEST_ARGS=-n0
test: $(VENV)/.dev
	@$(BIN)/python -m pytest -n 4 --dist worksteal $(PYTEST_ARGS)

test-scheduler: $(VENV)/.dev
	@$(BIN)/python -m pytest --scheduler -m scheduler tests/system $(PYTEST_ARGS)

test-browser: $(VENV)/.dev
	@$(BIN)/python -m pytest --browser -m browser tests/system $(PYTEST_ARGS)

# The long versions of tests that `make test` runs with small numbers.
nightly: $(VENV)/.dev
	@$(BIN)/python -m pytest --kills=1000 --sequences=1000 --processes=200 --meetings=3000 --scheduler \
		tests/month tests/api/ledger/test_sequences.py \
		tests/api/landing/test_landing_kills.py tests/api/landing/test_landing_sequences.py \
		tests/platforms/test_listing_truth.py tests/storage/s3/test_sequences.py tests/transfers/test_to_sql_contents.py tests/transfers/test_forget.py \
		tests/warehouse/lake/test_kills.py tests/warehouse/lake/test_landing.py tests/warehouse/load/test_rounds.py \
		tests/coordination/test_tokens_of_processes.py \
		tests/coordination/oauth/test_token_store_across_processes.py $(PYTEST_ARGS)

lint: $(VENV)/.dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

check: lint test

# BENCH_CASES names the cases, such as "local s3"; the default is all (90 minutes). The cases about shared state,
# loading, deferred and mapped tasks need the tests' servers.
bench: $(VENV)/.dev $(VENV)-bench/.made $(VENV)-bench-s3fs/.made $(VENV)-bench-dlt/.made
	@$(BIN)/python -m benchmarks $(BENCH_CASES)

docs: $(VENV)/.dev
	@$(BIN)/sphinx-build --quiet --fail-on-warning docs docs/_build

newcomer: $(VENV)/.made
	@$(BIN)/python scripts/newcomer.py

screenshots: $(VENV)/.dev
	@$(BIN)/python scripts/screenshots.py

# Asks each web page that the documentation names; needs a network.
linkcheck: $(VENV)/.dev
	@$(BIN)/sphinx-build --builder linkcheck docs docs/_build/linkcheck

# Set by whoever publishes: make dist PROJECT_URL=https://… PROJECT_MAINTAINER='Name <address>'
export PROJECT_URL PROJECT_MAINTAINER
dist: $(VENV)/.dev
	@rm -rf dist
	@$(BIN)/uv build --quiet --out-dir dist
	@$(BIN)/twine check --strict dist/*.whl dist/*.tar.gz
	@$(if $(PROJECT_URL),,echo "Not to be published: PROJECT_URL is not set, so links of the README lead nowhere")
	@$(if $(PROJECT_MAINTAINER),,echo "Not to be published: PROJECT_MAINTAINER is not set")
	@$(BIN)/pyroma --min=10 $(if $(and $(PROJECT_URL),$(PROJECT_MAINTAINER)),,--skip-tests=Url,AuthorEmail) dist/*.tar.gz

# All, and the table in the documentation; or some, such as MATRIX_CELLS="3.2.0-3.11-lowest".
matrix: $(VENV)/.dev
	@$(BIN)/python scripts/matrix.py $(MATRIX_DIR) $(MATRIX_CELLS)

clean:
	rm -rf $(VENV) $(VENV)-bench $(VENV)-bench-s3fs $(VENV)-bench-dlt $(MATRIX_DIR) dist demo docs/_build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

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
	@$(INSTALL) '.[all]' --group dev
	@touch $@

# Not in .dev, because its driver is compiled. Tests that need it are skipped without it.
$(VENV)/.mysql: $(VENV)/.dev
	@echo "Installing Airflow's MySQL provider (once; compiles its driver) ..."
	@$(INSTALL) '.[all,mysql]' --group dev
	@touch $@

# Peers are optional: the benchmarks list those that could not be installed.
$(VENV)-bench/.made: $(VENV)/.made benchmarks/requirements.txt
	$(call PEERS,$(@D),benchmarks/requirements.txt)

$(VENV)-bench-s3fs/.made: $(VENV)/.made benchmarks/requirements-s3fs.txt
	$(call PEERS,$(@D),benchmarks/requirements-s3fs.txt)

$(VENV)-bench-dlt/.made: $(VENV)/.made benchmarks/requirements-dlt.txt
	$(call PEERS,$(@D),benchmarks/requirements-dlt.txt)

define PEERS
	@echo "Installing the peers in $(1) (once; about a minute) ..."
	@{ test -n "$(PYTHON_PEERS)" && $(BIN)/uv venv --quiet --allow-existing --python $(PYTHON_PEERS) $(1) \
		&& $(BIN)/uv pip install --quiet --python $(1)/bin/python --requirement $(2) && touch $(1)/.made; } \
		|| echo "Not installed: the peers of $(2) (they need Python 3.12)" >&2
endef
