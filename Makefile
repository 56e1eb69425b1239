# "make help" lists the targets.
PYTHON ?= python3
PORT ?= 8000
SUITE ?= bookworm
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
need_python = command -v $(PYTHON) >/dev/null || \
  { echo "There is no $(PYTHON); on Debian or Ubuntu: apt-get install python3-venv"; exit 1; }
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/.local ## Serve the API with embedded PostgreSQL and Valkey (PORT=8000)
	@$(BIN)/python -m local.run --port $(PORT)

test: $(VENV)/.dev ## Run all tests that need no root
	$(BIN)/pytest -n 2 $(ARGS)

coverage: $(VENV)/.dev ## Run the tests and report the coverage of app/
	$(BIN)/pytest -n 2 --cov --cov-report=term-missing:skip-covered

lint: $(VENV)/.dev ## Check style, types, playbooks and migrations
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m scripts.lint_migrations
	$(BIN)/yamllint --strict .
	$(BIN)/ansible-lint --offline

format: $(VENV)/.dev ## Format the Python code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

requirements: $(VENV)/.dev ## Pin the newest versions of all dependencies, with hashes
	for set in requirements requirements-local requirements-dev; do \
	  $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --custom-compile-command "make requirements" $$set.in -o $$set.txt; \
	done

audit: $(VENV)/.dev ## Look for known faults in the dependencies
	$(BIN)/pip-audit --require-hashes --disable-pip -r requirements.txt

release: $(VENV)/.dev ## Build the release that the playbooks install
	@$(BIN)/python scripts/make_release.py

secrets: $(VENV)/.dev ## Write the vault of an inventory (ENV=mine)
	@test -n "$(ENV)" || { echo "Name the inventory: make secrets ENV=mine"; exit 2; }
	@$(BIN)/python scripts/make_secrets.py $(ENV)

lab: $(VENV)/.dev ## Boot a small VPS here, deploy to it, and test it (root; SUITE=bookworm)
	$(BIN)/python -m tests.lab.drill --suite $(SUITE) $(if $(RECORD),--record)

lab-cluster: $(VENV)/.dev ## Boot three hosts, and let their cluster lose its leaders (root; ROUNDS=10)
	$(BIN)/python -m tests.lab.cluster --suite $(SUITE) --rounds $(or $(ROUNDS),1) $(if $(RECORD),--record)

lab-clean: $(VENV)/.dev ## Remove all hosts of the lab
	$(BIN)/python -m tests.lab.hosts down --all

molecule: $(VENV)/.dev ## Test the roles on Debian 12 and 13 (root; ROLE=nginx for one)
	$(BIN)/python -m tests.lab.molecule $(ROLE)

clean: ## Remove the environment, the local data and all that was built
	rm -rf $(VENV) .local .cache dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/.local: requirements-local.txt
	@$(need_python)
	@$(PYTHON) scripts/setup.py $(VENV) requirements-local.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt
	@$(need_python)
	@$(PYTHON) scripts/setup.py $(VENV) requirements-dev.txt
	@touch $@ $(VENV)/.local

.PHONY: help run test coverage lint format requirements audit release secrets lab lab-clean \
  lab-cluster molecule clean
