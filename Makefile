# Every target works on a fresh machine with Python 3.11 or later; nothing else is needed first.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.PHONY: up test test-faults check bench demo demo-keys demo-proof coverage lock clean system-packages

PYTHON := $(shell for p in python3.13 python3.12 python3.11 python3; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
DATA ?= data
# Where the transactions, scans and races of an engine show through a client: run on PostgreSQL too.
# What refuses and what names an address is the same on every engine, and runs once.
CLIENTS_ON_POSTGRESQL := bad_input bootstrap curl customer_keys gcloud gcloud_kms gcsfs grpc_door \
	gsutil node_storage python_iam python_kms python_storage rclone resource_manager \
	resumable_wire sign_in tags workforce_pools
ON_POSTGRESQL := $(CLIENTS_ON_POSTGRESQL:%=tests/clients/test_%.py) \
	tests/refusals/test_every_method.py tests/refusals/test_kms_methods.py
# Tests that take longer than this hang.
TEST_SECONDS_MAX ?= 1500

up: $(VENV)/.runtime
	exec $(BIN)/rempart up --data $(DATA) $(UP)

test: $(VENV)/.dev system-packages
	timeout --foreground $(TEST_SECONDS_MAX) $(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder $(TEST)
ifndef TEST
	PYTHONPATH=tests timeout --foreground $(TEST_SECONDS_MAX) \
		$(BIN)/python -m support.with_postgresql \
		$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder $(ON_POSTGRESQL)
endif

test-faults: $(VENV)/.dev system-packages
	REMPART_FAULTS=full $(BIN)/pytest -m faults $(TEST)

check: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.dev system-packages
	$(BIN)/python -m bench

demo: $(VENV)/.dev system-packages
	$(BIN)/python -m bench.demo

demo-keys: $(VENV)/.dev system-packages
	$(BIN)/python -m bench.demo_keys

demo-proof: $(VENV)/.dev system-packages
	$(BIN)/python -m bench.demo_proof

coverage: $(VENV)/.runtime
	$(BIN)/rempart coverage

# The two lock files name versions and hashes only; where packages come from is each machine's own.
lock: $(VENV)/.dev
	printf 'setuptools>=77\n' | $(BIN)/uv pip compile pyproject.toml - --extra postgresql \
		--universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
		--quiet --output-file requirements.lock
	printf 'setuptools>=77\n' | $(BIN)/uv pip compile pyproject.toml - --extra postgresql --extra dev \
		--universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
		--quiet --constraint requirements.lock --output-file requirements-dev.lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

system-packages:
	@tools/system-packages

$(BIN)/python:
	@if [ -z "$(PYTHON)" ]; then echo "Python 3.11 or later is needed: apt-get install python3" >&2; exit 1; fi
	@"$(PYTHON)" -c 'import ensurepip' 2>/dev/null || tools/system-packages python3-venv
	"$(PYTHON)" -m venv $(VENV)

# A stamp says that what the lock file names is installed, so that the next `make` starts at once.
$(VENV)/.runtime: requirements.lock pyproject.toml | $(BIN)/python
	@[ -e $(VENV)/.dev ] || $(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--require-hashes --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation \
		--editable .
	@touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml | $(BIN)/python
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--require-hashes --requirement requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation \
		--editable .
	@touch $@
