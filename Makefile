.DEFAULT_GOAL := help
.PHONY: help install format lint typecheck test

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "%-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: ## Install everything that a clone needs into .venv
	uv sync

format: ## Rewrite the code in the project's style
	uv run ruff format
	uv run ruff check --fix

lint: ## Check style and the direction of imports
	uv run ruff format --check
	uv run ruff check
	uv run lint-imports

typecheck: ## Check types
	uv run mypy

test: ## Run every test and measure coverage
	uv run pytest --cov --cov-report=term
