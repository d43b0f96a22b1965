# Every command that must always hold. `make` alone says what there is.

VENV   := .venv
PYTHON := $(VENV)/bin/python
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
PYTEST := $(BIN)/pytest

.PHONY: help setup servers demo test check format bench soak pins clean

help:
	@echo "make setup   .venv with everything in it"
	@echo "make demo    the main job on real data, embedded: run, fail, look, retry"
	@echo "make test    all that CI runs"
	@echo "make check   lint, types, floors, shape; under a minute"
	@echo "make bench   figures, side by side with peers"
	@echo "make soak    slow tests: random kills, long runs"

setup: $(STAMP)

$(STAMP): requirements/dev.txt requirements/datafactory9.txt pyproject.toml
	test -x $(PYTHON) || python3 -m venv $(VENV)
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --no-compile --upgrade --target $(VENV)/datafactory9 \
	  -r requirements/datafactory9.txt
	touch $@

# Servers that the tests start: from Debian's packages when they are missing and we may install them.
servers:
	@sh scripts/servers.sh

demo: setup
	@$(PYTHON) examples/flights/demo.py

# Tests start hundreds of processes: each would compile the sources anew where none may write what it has compiled.
test: setup servers check
	$(PYTHON) -m compileall -q src tests bench
	$(PYTEST) -n 4 --dist worksteal -m "not soak"

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(PYTEST) -q tests/shape

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup servers
	$(PYTHON) -m bench $(BENCH)

soak: setup servers
	TESTS_RANDOM=1 $(PYTEST) -m soak --timeout 3600

# New pins. Index addresses never enter the files.
pins:
	test -x $(BIN)/uv || $(PYTHON) -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --upgrade --no-emit-index-url --no-annotate --no-header --generate-hashes --universal \
	  --python-version 3.11 --all-extras pyproject.toml --output-file requirements/run.txt
	$(BIN)/uv pip compile --quiet --upgrade --no-emit-index-url --no-annotate --no-header --generate-hashes --universal \
	  --python-version 3.11 --all-extras --group dev pyproject.toml --output-file requirements/dev.txt

clean:
	rm -rf $(VENV) .headrace .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .bench
