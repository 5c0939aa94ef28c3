# CX Lab. `make` lists the targets; the environment makes itself on first use.

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory
.PHONY: report test lab workshop pack data bench lint lock clean help

PYTHON ?= python3
LOCK := lib/requirements.lock
PIP := .venv/bin/python -m pip install --quiet --disable-pip-version-check
FROM := $(if $(OFFLINE),--no-index --find-links $(abspath $(OFFLINE))/wheels)

# An activated conda environment other than base is used as it is; otherwise a .venv of the project's own.
CONDA_NAME := $(filter-out base,$(CONDA_DEFAULT_ENV))
ifneq ($(and $(CONDA_PREFIX),$(CONDA_NAME)),)
BIN := $(CONDA_PREFIX)/bin
READY := $(CONDA_PREFIX)/.cxlab-ready
else
BIN := .venv/bin
READY := .venv/.ready
endif

report: $(READY)  ## run every notebook and publish reports/index.html
	@$(BIN)/cxlab report $(ARGS)

test: $(READY)  ## unit tests, every notebook, the report and JupyterLab in a browser
	@$(BIN)/python -m pytest -c lib/pyproject.toml --rootdir . -n 2 --dist loadscope --nbval-lax --nbval-current-env tests notebooks $(ARGS)

lab: $(READY)  ## open the notebooks in JupyterLab
	@$(BIN)/jupyter lab notebooks/00-start-here.ipynb $(ARGS)

workshop: $(READY)  ## make exercise copies and open them in JupyterLab; OFFLINE=pack sets up without a network
	@$(if $(OFFLINE),$(BIN)/cxlab unpack $(OFFLINE))
	@$(BIN)/cxlab workshop
	@$(BIN)/jupyter lab workshop $(ARGS)

pack: report  ## a folder from which a room without internet can work; PYTHON_FOR=3.12 for another Python
	@$(BIN)/cxlab pack pack $(if $(PYTHON_FOR),--python $(PYTHON_FOR))

data: $(READY)  ## fetch and check the registered real data
	@$(BIN)/cxlab data $(ARGS)

bench: $(READY)  ## print speed ratios and simulated coverage (slow: tens of minutes)
	@for bench in tests/bench/bench_*.py; do echo "== $$bench"; $(BIN)/python $$bench $(ARGS); done
	CXLAB_ALL_PAGES=1 $(BIN)/python -m pytest -c lib/pyproject.toml --rootdir . -q tests/browser/test_lab_browser.py

lint: $(READY)  ## check the code's style
	@$(BIN)/ruff check --config lib/pyproject.toml lib tests
	@$(BIN)/ruff format --check --config lib/pyproject.toml lib tests
	@$(BIN)/nbstripout --keep-id --verify notebooks/*.ipynb

lock: $(READY)  ## resolve the dependencies of lib/pyproject.toml anew
	@cd lib; for form in "--generate-hashes -o requirements.lock" "-o constraints.txt"; do \
	  ../$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --upgrade --quiet \
	  --no-emit-index-url --no-annotate --no-header $$form; done; \
	echo uv | ../$(BIN)/uv pip compile - --universal --python-version 3.11 --upgrade --quiet --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header -o installer.lock

clean:  ## remove reports, workshop copies, caches and the environment
	@rm -rf reports workshop pack .cache .venv .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

help:  ## show this list
	@sed -nE 's/^([a-z]+):.*##  ?(.*)/  make \1|\2/p; s/^([a-z]+): .*## (.*)/  make \1|\2/p' $(MAKEFILE_LIST) | sort -u | column -t -s '|'

.venv/.ready: $(LOCK) lib/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; name it: make PYTHON=python3.12"; exit 2; }
	@test -x .venv/bin/python || $(PYTHON) -m venv .venv || { rm -rf .venv; echo "Python cannot make an environment: install its venv module (Debian and Ubuntu: apt install python3-venv)"; exit 2; }
	@echo "installing into .venv (once; again only when the lock changes)"
	@if $(PIP) $(FROM) --require-hashes -r lib/installer.lock 2>/dev/null; then \
	  .venv/bin/uv pip install --quiet --compile-bytecode --python .venv/bin/python $(FROM) -r $(LOCK) && \
	  .venv/bin/uv pip install --quiet --python .venv/bin/python $(FROM) --no-deps --no-build-isolation -e ./lib; \
	else \
	  $(PIP) $(FROM) --require-hashes -r $(LOCK) && $(PIP) $(FROM) --no-deps --no-build-isolation -e ./lib; \
	fi
	@touch $@

$(CONDA_PREFIX)/.cxlab-ready: $(LOCK) lib/pyproject.toml
	@$(CONDA_PREFIX)/bin/python -m pip install --quiet -c lib/constraints.txt -e './lib[dev]'
	@touch $@
