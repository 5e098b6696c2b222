# Each target does all the set-up it needs, on a machine with Python 3.11 or later (with venv) and make.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes

.PHONY: setup run test demo lint bench bench-growth faults lock

run: .venv/run
	@exec $(BIN)/python -m mintmark.serve

demo: .venv/run
	@exec $(BIN)/python -m mintmark.demo

setup: .venv/run

test: .venv/test
	$(BIN)/python -m pytest -q -n 2 -m "not slow"

# Every fault as often as it takes to trust it, for an hour or two; .ci/run does a tenth of each.
faults: .venv/test
	FAULTS_SCALE=1 $(BIN)/python -m pytest -q tests/faults

lint: .venv/ci
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Each measures on, whatever the one before it found; a goal that is missed is an exit of 1.
bench: .venv/bench bench/peers/better_auth/node_modules
	@status=0; for part in bench bench.nodes bench.algorithms; do \
	  $(BIN)/python -m $$part || status=1; \
	done; exit $$status

# The first time it fills two databases, for minutes; they are kept.
bench-growth: .venv/test
	$(BIN)/python -m bench.growth

# Pins what pyproject.toml asks for, with hashes and without any registry address.
lock: .venv/python
	$(BIN)/python -m pip install --quiet uv
	for part in run test ci bench; do \
	  group=$$(test $$part = run || echo "--group $$part"); \
	  $(BIN)/uv pip compile --quiet pyproject.toml $$group --universal --generate-hashes --upgrade \
	    --python-version 3.11 --no-header --no-annotate --output-file requirements-$$part.lock || exit 1; \
	done

.venv/python:
	@$(PYTHON) -c 'import sys; sys.exit("Mintmark needs Python 3.11 or later; set PYTHON=…" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	@touch $@

# A peer of the benchmark; without npm it is left out.
bench/peers/better_auth/node_modules: bench/peers/better_auth/package-lock.json
	@! command -v npm >/dev/null || npm ci --prefix $(@D) --silent --no-audit --no-fund --ignore-scripts
	@test ! -d $@ || touch $@

.venv/run .venv/test .venv/ci .venv/bench: .venv/%: requirements-%.lock | .venv/python
	$(PIP) -r requirements-$*.lock
	@touch $@
