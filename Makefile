# Two commands matter: `make run` and `make test`. Both set up what is missing first.
export RASA_TELEMETRY_ENABLED := false
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help setup run test train check lint format lock benchmark screenshots clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: ## Prepare both environments (.venv, .venv-rasa) and the sentence encoder
	@sh scripts/setup

train: setup ## Train the assistant if content or pipeline changed
	@.venv/bin/bot train --if-needed

run: train ## Start everything; open the address it prints; Ctrl-C stops
	@exec .venv/bin/bot run

test: train ## Lint, type-check and run all tests
	@sh scripts/test

check: setup ## Check content, contacts and the centre's configuration
	@.venv/bin/bot check

lint: setup ## Lint, types and the walls between packages
	@sh scripts/lint

format: setup ## Format the code
	@.venv/bin/ruff format . && .venv/bin/ruff check --fix .

lock: setup ## Pin both environments anew (needs the package index)
	@sh scripts/lock

benchmark: train ## Compare with `rasa init`'s default pipeline (long: trains both)
	@.venv/bin/python benchmarks/compare.py

screenshots: train ## Make docs/screenshots/ with headless Chromium
	@.venv/bin/python scripts/screenshots.py

clean: ## Remove environments, models and local data
	rm -rf .venv .venv-rasa models var reports .pytest_cache .mypy_cache .ruff_cache .hypothesis
