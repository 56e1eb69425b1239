# "make help" lists the targets.
PYTHON ?= python3
PORT ?= 8000
# Not "?=": some shells have a variable of this name.
HOST := 127.0.0.1
SUITE ?= bookworm
SIZE ?= short
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
need_python = command -v $(PYTHON) >/dev/null || \
  { echo "There is no $(PYTHON); on Debian or Ubuntu: apt-get install python3-venv"; exit 1; }
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/.local ## Serve the API with embedded PostgreSQL and Valkey (PORT=8000, HOST=127.0.0.1)
	@$(BIN)/python -m local.run --port "$(PORT)" --host "$(HOST)"

flask: $(VENV)/.local ## Run a flask command in the environment of "make run" (ARGS="--help")
	@$(BIN)/python -m local.command .local $(ARGS)

test: $(VENV)/.dev ## Run all tests that need no root
	$(BIN)/pytest -n 2 $(ARGS)

test-previous: $(VENV)/.dev ## Run the tests of the release before on the new schema (PREVIOUS=v1.0.0)
	$(BIN)/python -m scripts.test_previous $(PREVIOUS)

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
	@$(BIN)/python -m scripts.make_secrets $(ENV)

rotate-secrets: $(VENV)/.dev ## Put fresh secrets into a vault (ENV=mine SECRETS="jwt database redis")
	@test -n "$(ENV)" || { echo "Name the inventory: make rotate-secrets ENV=mine SECRETS=jwt"; exit 2; }
	@$(BIN)/python -m scripts.rotate_secrets $(ENV) $(SECRETS)

cloud-init: $(VENV)/.dev ## Print user data for a fresh VPS, in place of bootstrap.yml (ENV=mine)
	@test -n "$(ENV)" || { echo "Name the inventory: make cloud-init ENV=mine"; exit 2; }
	@$(BIN)/python -m scripts.make_cloud_init $(ENV)

backup-config: $(VENV)/.dev ## Pack an inventory with its vault (ENV=mine TO=folder)
	@test -n "$(ENV)" && test -n "$(TO)" || { echo "Name both: make backup-config ENV=mine TO=folder"; exit 2; }
	@$(BIN)/python -m scripts.backup_config $(ENV) $(TO)

logs: $(VENV)/.dev ## Show log lines of all hosts (ENV=mine; REQUEST=<id>, ONLY=errors, SINCE="1 hour ago", JSON=1)
	@test -n "$(ENV)" || { echo "Name the inventory: make logs ENV=mine"; exit 2; }
	@$(BIN)/python -m scripts.logs $(ENV) --request "$(REQUEST)" --only "$(ONLY)" --since "$(SINCE)" \
	  $(if $(JSON),--json) $(ARGS)

lab: $(VENV)/.dev ## Boot a small VPS here, deploy to it, and test it (root; SUITE=bookworm, BRIEF=1)
	$(BIN)/python -m tests.lab.drill --suite $(SUITE) $(if $(BRIEF),--brief) $(if $(RECORD),--record)

lab-releases: $(VENV)/.dev ## Deploy and roll back ten times under load (root; SUITE=bookworm)
	$(BIN)/python -m tests.lab.drill --suite $(SUITE) --releases 10 $(if $(RECORD),--record)

lab-restore: $(VENV)/.dev ## Lose a host in the lab and restore it from object storage (root; SIZE=short, long, or OUTAGE=3600)
	$(BIN)/python -m tests.lab.loss --suite $(SUITE) --size $(SIZE) $(if $(OUTAGE),--outage $(OUTAGE)) \
	  $(if $(RECORD),--record)

lab-alerts: $(VENV)/.dev ## Provoke every alert on a host of the lab (root; SUITE=bookworm)
	$(BIN)/python -m tests.lab.drill --suite $(SUITE) --alerts

lab-fleet: $(VENV)/.dev ## Boot seven hosts here, deploy to them, and test them (root; ROUNDS=5, MONITOR=1, ONLY=story)
	$(BIN)/python -m tests.lab.fleet --suite $(SUITE) --rounds $(or $(ROUNDS),1) \
	  $(if $(MONITOR),--monitor) $(if $(RECORD),--record) --only "$(ONLY)"

lab-cluster: $(VENV)/.dev ## Boot three hosts, and let their cluster lose its leaders (root; ROUNDS=10, MONITOR=1)
	$(BIN)/python -m tests.lab.cluster --suite $(SUITE) --rounds $(or $(ROUNDS),1) \
	  $(if $(MONITOR),--monitor) $(if $(RECORD),--record)

lab-clean: $(VENV)/.dev ## Remove all hosts of the lab
	$(BIN)/python -m tests.lab.hosts down --all

molecule: $(VENV)/.dev ## Test the roles on Debian 12 and 13 (root; ROLE=nginx for one, ON=trixie)
	$(BIN)/python -m tests.lab.molecule $(ROLE) $(if $(ON),--suite $(ON))

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

.PHONY: help run flask test test-previous coverage lint format requirements audit release secrets \
  rotate-secrets cloud-init lab lab-releases lab-clean molecule clean backup-config lab-restore \
  lab-alerts logs lab-fleet lab-cluster
