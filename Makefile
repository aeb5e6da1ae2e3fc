# Two commands: `make demo` shows what plait does, `make test` runs every check.
# VENV, PYTHON and CONSTRAINTS are handed to scripts/setup, which explains them.

VENV ?= .venv
BIN := $(VENV)/bin
PYTEST ?=
export VENV

.PHONY: help setup demo test lint types unit docs clean
.DEFAULT_GOAL := help

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-7s %s\n", $$1, $$2}' Makefile

setup:  ## make the environment (does nothing when it is fresh)
	@scripts/setup

demo: setup  ## train on the bundled data and show the answers
	@$(BIN)/python examples/demo.py

test: setup lint types  ## everything: lint, types, tests, doctests, docs, examples
	$(BIN)/python -m pytest -q $(PYTEST)

lint: setup  ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup  ## ty
	$(BIN)/ty check --python $(VENV)

unit: setup  ## tests and doctests, without docs and examples
	$(BIN)/python -m pytest -q --ignore tests/test_docs.py --ignore tests/test_examples.py $(PYTEST)

docs: setup  ## the code blocks of README and docs, and the examples
	$(BIN)/python -m pytest -q tests/test_docs.py tests/test_examples.py $(PYTEST)

clean:  ## remove what the other commands made
	rm -rf .venv .venv-floor build dist .pytest_cache .ruff_cache .hypothesis
	find src tests examples scripts -name __pycache__ -prune -exec rm -rf {} +
