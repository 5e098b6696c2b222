# Each target does all the set-up it needs, on a machine with Python 3.11 or later (with venv) and make.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes

.PHONY: setup run test demo lint bench lock

run: .venv/run
	@exec $(BIN)/python -m mintmark.serve

demo: .venv/run
	@exec $(BIN)/python -m mintmark.demo

setup: .venv/run

test: .venv/test
	$(BIN)/python -m pytest -q -n 2 -m "not slow"

lint: .venv/ci
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/test
	$(BIN)/python -m bench

# Pins what pyproject.toml asks for, with hashes and without any registry address.
lock: .venv/python
	$(BIN)/python -m pip install --quiet uv
	for part in run test ci; do \
	  group=$$(test $$part = run || echo "--group $$part"); \
	  $(BIN)/uv pip compile --quiet pyproject.toml $$group --universal --generate-hashes --upgrade \
	    --python-version 3.11 --no-header --no-annotate --output-file requirements-$$part.lock || exit 1; \
	done

.venv/python:
	@$(PYTHON) -c 'import sys; sys.exit("Mintmark needs Python 3.11 or later; set PYTHON=…" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	@touch $@

.venv/run .venv/test .venv/ci: .venv/%: requirements-%.lock | .venv/python
	$(PIP) -r requirements-$*.lock
	@touch $@
