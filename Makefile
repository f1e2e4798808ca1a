# glaciercast: `make demo` and `make test` are all that a newcomer needs; `make help` lists the rest.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.stamp
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input
# what `make lock` passes on to uv: UPGRADE=--upgrade takes the newest versions instead of keeping the pins that still fit
UPGRADE ?=
DEMO   ?= runs/demo

.DEFAULT_GOAL := help
.PHONY: help venv demo test test-slow check docs bench results wheel lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: $(STAMP) ## create .venv with the locked dependencies and this package (PYTHON=python3.12 picks the interpreter)

$(STAMP): pyproject.toml requirements/torch.txt requirements/lock.txt requirements/demo.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "error: $(PYTHON): expected Python 3.11 or newer, found $$($(PYTHON) --version 2>/dev/null || echo no such program); set PYTHON, e.g. make venv PYTHON=python3.12" >&2; exit 1; }
	@test -x $(BIN)/python || { echo "creating $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "installing PyTorch (the largest download)"
	@$(PIP) --requirement requirements/torch.txt
	@echo "installing the locked dependencies"
	@$(PIP) --no-deps --require-hashes --requirement requirements/lock.txt
	@$(PIP) --no-deps --require-hashes --requirement requirements/demo.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(STAMP) ## run the whole chain on a simulated glacier, then on real scenes; report in runs/demo (DEMO=folder picks another)
	$(BIN)/glaciercast demo --out $(DEMO)

test: $(STAMP) ## run the fast tests
	$(BIN)/python -m pytest -n auto --dist loadfile -m "not slow"

test-slow: $(STAMP) ## run the tests that train networks or run the whole demo
	$(BIN)/python -m pytest -n auto --dist loadfile -m slow

check: $(STAMP) ## lint, formatting, types, layers of the architecture, docs without warnings
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(MAKE) --no-print-directory docs

docs: $(STAMP) ## build the documentation in docs/_build/html
	$(BIN)/python -m sphinx -W --keep-going -q -j auto -b html docs docs/_build/html

# those that need nothing but this checkout; gapfill, masks, coregister and skill are studies of archives that are made first (--help)
BENCH = acquire faults forecast learnable models patches predictable simulate training

bench: $(STAMP) ## run the benchmarks of speed and memory
	@set -e; for name in $(BENCH); do echo "== $$name"; $(BIN)/python "benchmarks/$$name.py"; done

results: $(STAMP) ## run the demo and take the tables and figures of both parts into the docs
	rm -rf runs/docs
	$(BIN)/glaciercast demo --out runs/docs >/dev/null
	mkdir -p docs/results docs/images
	cp runs/docs/simulated/results/benchmark.md docs/results/simulated.md
	cp runs/docs/real/results/benchmark.md docs/results/demo.md
	for name in scenes skill; do cp runs/docs/simulated/figures/$$name.png docs/images/simulated-$$name.png; done
	for name in forecast skill coverage season; do cp runs/docs/real/figures/$$name.png docs/images/; done

wheel: $(STAMP) ## build the wheel in dist
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .

lock: ## resolve pyproject.toml again into requirements/lock.txt and demo.txt
	@set -e; tools=$$(mktemp -d); trap 'rm -rf "$$tools"' EXIT; \
	$(PYTHON) -m venv "$$tools" && "$$tools/bin/pip" install --quiet --disable-pip-version-check "uv>=0.5"; \
	compile="$$tools/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url"; \
	$$compile $(UPGRADE) --extra dev --extra docs --override requirements/no-torch.override \
	  pyproject.toml requirements/torch-needs.in --output-file requirements/lock.txt >/dev/null; \
	$$compile $(UPGRADE) --no-deps requirements/demo.in --output-file requirements/demo.txt >/dev/null

clean: ## remove what was built, compiled kernels too; keeps .venv and runs
	rm -rf build dist docs/_build docs/api/generated .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src benchmarks -name "*.nb[ic]" -delete
