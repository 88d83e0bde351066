# make serve   the service on its own database, http://127.0.0.1:8080
# make test    everything: lint, types, import contracts, migrations, documentation, tests
#
# Needs Python 3.11 or newer, make and a network. PYTHON=... chooses the interpreter; ARGS="..." is handed on.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check install --require-virtualenv
CANDIDATES := python3 python3.14 python3.13 python3.12 python3.11
IS_NEW := import sys; sys.exit(sys.version_info < (3, 11))

.PHONY: serve demo test check lock docs clean

serve: $(VENV)/installed
	@exec $(BIN)/quietwatch serve $(ARGS)

demo: $(VENV)/installed
	@exec $(BIN)/quietwatch demo $(ARGS)

# Whoever is idle takes over tests of others. The pure packages are measured by their own tests (pyproject.toml).
PYTEST := $(BIN)/python -m pytest -n auto --dist worksteal
PURE := tests/domain tests/platforms tests/webhooks

test: check
ifdef ARGS
	$(PYTEST) $(ARGS)
else
	$(PYTEST) --cov --cov-report=term $(PURE)
	$(PYTEST) $(PURE:%=--ignore=%)
endif

check: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

docs: $(VENV)/installed
	$(BIN)/python -m app.commands.documents

lock: $(VENV)/installed-dev
	$(BIN)/uv pip compile pyproject.toml $(LOCK) --group build -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml $(LOCK) --group build --group dev -c requirements.lock -o requirements-dev.lock

# Versions and hashes for every platform, no addresses: the machine's own settings say where packages come from.
LOCK := --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --custom-compile-command "make lock"

clean:
	rm -rf $(VENV) .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	@for python in $(or $(PYTHON),$(CANDIDATES)); do \
		if "$$python" -c '$(IS_NEW)' 2>/dev/null; then exec "$$python" -m venv --clear $(VENV); fi; \
	done; echo 'Python 3.11 or newer is needed: make PYTHON=/path/to/python' >&2; exit 1

# The runtime lock first: what the service runs with is what the tests run with.
$(VENV)/installed: $(VENV)/bin/python requirements.lock pyproject.toml
	$(PIP) --require-hashes -r requirements.lock
	$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed requirements-dev.lock
	$(PIP) --require-hashes -r requirements-dev.lock
	@touch $@
