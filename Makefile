.DEFAULT_GOAL := help
.PHONY: help install format lint typecheck test-oldest test-scale test

# Environments of their own, where neither git nor ruff looks.
OLDEST := build/oldest/.venv
SCALE := build/scale/.venv

# pytest,arguments: what failed beside other tests, as what measures time can on a busy machine, is named and run once
# more alone. What fails then too has failed. (1 is "some tests failed"; there are none where only coverage failed.)
pytest = $(1) $(2) || { [ $$? = 1 ] && echo "== once more, alone:" && $(1) --last-failed --last-failed-no-failures none; }

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: ## Install everything that a clone needs into .venv
	# Tests and benchmarks start many processes, which would each compile what they import.
	uv sync --compile-bytecode --group local

format: ## Rewrite the code in the project's style
	uv run ruff format
	uv run ruff check --fix

lint: ## Check style and the direction of imports
	uv run ruff format --check
	uv run ruff check
	uv run lint-imports

typecheck: ## Check types
	uv run mypy

test-oldest: ## Run the packages' tests with the oldest versions that pyproject.toml allows
	uv venv --quiet --clear $(OLDEST)
	uv pip install --quiet --compile-bytecode --python $(OLDEST) --resolution lowest-direct --editable ".[clickhouse]"
	# The tools are the newest ones, and may not pull anything of the above up with them.
	uv pip freeze --quiet --python $(OLDEST) --exclude-editable > $(OLDEST)/oldest.txt
	uv pip install --quiet --compile-bytecode --python $(OLDEST) --constraints $(OLDEST)/oldest.txt --group dev
	export NANOAGENT_VERSIONS=oldest; $(call pytest,$(OLDEST)/bin/python -m pytest -o cache_dir=$(OLDEST)/cache \
		tests/nanoagent tests/instrumentation tests/test_compatibility.py,-n 2)

test-scale: ## Run the tests of what lies past one machine: chdb, Ray, a Collector and Kafka
	UV_PROJECT_ENVIRONMENT=$(SCALE) uv sync --quiet --compile-bytecode --group scale
	$(call pytest,$(SCALE)/bin/python -m pytest -o cache_dir=$(SCALE)/cache tests/scale,-n 2)

test: ## Run every other test and measure coverage
	$(call pytest,uv run pytest,-n 2 --cov --cov-report=term)
