# `make` alone prints this menu.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
# Which lock of locks/ is installed: cpu, cuda, or auto, which takes cpu where pip is offered a CPU build of torch.
TORCH ?= auto
# Every package is named in a lock, with the hashes of its files, so pip has nothing to resolve.
INSTALL := $(PY) -m pip install --disable-pip-version-check --no-deps --require-hashes
STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev
# Tests of everything kept in the database, run a second time on PostgreSQL.
ON_POSTGRESQL := tests/accounts tests/audit tests/cases/test_models.py tests/faults/test_clocks.py tests/faults/test_saving.py \
	tests/ledger/test_ledger.py tests/results tests/study

# Tests of the modules that pyproject.toml lists for coverage: those that hold a safety rule.
OF_RULES := tests/accounts tests/audit tests/blinding tests/identity tests/cases tests/caseset tests/results tests/study

.DEFAULT_GOAL := help
.PHONY: help demo wheel release phantom-study test test-long coverage mutants test-servers drill load fuzz audit sbom lint lock resolve bench bench-reading docs format serve doctor setup clean-demo python

help:  ## print this menu
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

demo: $(STAMP)  ## make a phantom study from end to end and serve it at http://localhost:8000
	$(PY) manage.py demo $(if $(PORT),--port $(PORT))

# Compiled modules are kept even where Python is told not to: hundreds of processes would each compile them again.
test: $(DEV_STAMP)  ## run the tests that take less than a second each, and name what was skipped
	PYTHONDONTWRITEBYTECODE= $(PY) -m pytest -n 2 --dist worksteal -m "not drill and not servers and not long"

test-long: $(DEV_STAMP)  ## the longer ones: in a browser, whole sweeps, whole studies, whole sites
	PYTHONDONTWRITEBYTECODE= $(PY) -m pytest -n 2 --dist worksteal -m "long and not drill and not servers" --durations=20

coverage: $(DEV_STAMP)  ## lines and branches of the safety rules that no test takes
	$(PY) -m coverage run -m pytest -q $(OF_RULES)
	$(PY) -m coverage report

mutants: $(DEV_STAMP)  ## break each safety rule in every small way; its tests must see it (RULE="consent", SAMPLE=40 SEED=1)
	$(PY) -m tests.mutants $(if $(RULE),--rule "$(RULE)") $(if $(SAMPLE),--sample $(SAMPLE)) $(if $(SEED),--seed $(SEED))

test-servers: $(DEV_STAMP)  ## tests against real PostgreSQL, Redis, RabbitMQ and nginx, which it starts
	$(PY) -m pytest -m servers
	$(PY) -m tests.servers --postgresql --redis -- $(PY) -m pytest -q -n 2 $(ON_POSTGRESQL)

load: $(DEV_STAMP)  ## 200 readers on SQLite, then on PostgreSQL, while exports and backups run, then sign-ins over 24 connections; prints figures and targets
	$(PY) -m tests.drills.load --database sqlite
	$(PY) -m tests.drills.load --database postgresql

audit: $(DEV_STAMP)  ## look up known weaknesses of every package that runs; fails when no database answers (OSV_DUMP=FILE: offline)
	$(PY) -m tests.advisories $(if $(OSV_DUMP),--osv-dump $(OSV_DUMP)) $(if $(OSV_URL),--osv-url $(OSV_URL))

sbom: $(DEV_STAMP)  ## write var/sbom.json: every package of the environment with its version and licence (CycloneDX)
	mkdir -p var
	$(VENV)/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --no-validate --output-file var/sbom.json $(PY)

wheel: $(DEV_STAMP)  ## build the wheel and try it in an empty environment: examples, notebooks, a demo
	$(PY) -m tests.wheel

release: $(DEV_STAMP)  ## cut the changelog, commit, tag, and write wheel, source, packages and checksums into dist/ (VERSION=0.2.0)
	$(PY) deploy/release.py $(or $(VERSION),$(error name the version: make release VERSION=0.2.0))

phantom-study: $(STAMP)  ## a study on phantoms whose truth is known, settings fixed beforehand (twelve small trainings)
	$(PY) manage.py phantom_study

lint: $(DEV_STAMP)  ## ruff, mypy, the import rules
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	SECRET_KEY=lint AUDIT_KEY=00 $(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

lock: $(DEV_STAMP)  ## write locks/: versions and hashes of every package for each Python (UPGRADE=yes: newest that fit)
	$(PY) deploy/lock.py $(if $(UPGRADE),--upgrade)

resolve: $(DEV_STAMP)  ## check that the locks fit the requirements on Python 3.11, 3.12 and 3.13
	$(PY) deploy/lock.py --check

bench: $(DEV_STAMP)  ## print what is measured: sweep against the published loop, statistics, viewer
	$(PY) -m bench.sweep
	$(PY) -m bench.reader_statistics
	$(PY) -m bench.lists
	$(PY) -m bench.viewer --runs 3

drill: $(DEV_STAMP)  ## the long trials under faults; prints acknowledged, lost, doubled, silent
	$(PY) -m tests.drills.sweep --units 2000 --kills 100 --wipes 30 --torn 30
	$(PY) -W ignore -m tests.drills.web --kills 300
	$(PY) -W ignore -m tests.drills.session --examples 400 --steps 50
	$(PY) -W ignore -m tests.drills.session --plants
	$(PY) -W ignore -m tests.drills.badinput --cases 12000
	$(PY) -W ignore -m tests.drills.hosts --broker redis --units 600 --kills 20 --pauses 4 --restarts 3
	$(PY) -W ignore -m tests.drills.hosts --broker rabbitmq --units 600 --kills 20 --pauses 4 --restarts 3

fuzz: $(DEV_STAMP)  ## fuzz whatever reads bytes from outside, ten minutes each (SECONDS=600, TARGET=all)
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements-fuzz.txt
	$(PY) -m tests.fuzz $(or $(TARGET),all) --seconds $(or $(SECONDS),600)

bench-reading: $(DEV_STAMP)  ## time the reading room in Chromium on full-size images, five runs
	$(PY) -m bench.reading --runs 5

docs: $(DEV_STAMP)  ## write the documentation as a site into var/docs; a link that leads nowhere fails
	$(PY) -m sphinx --fresh-env --write-all --quiet --fail-on-warning --keep-going --nitpicky --builder html docs var/docs

format: $(DEV_STAMP)  ## let ruff format the code
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

setup: $(STAMP)  ## make a real site: secrets, database, first admin
	$(PY) manage.py setup

serve: $(STAMP)  ## serve the site that `make setup` made
	$(PY) manage.py serve

doctor: $(STAMP)  ## say what this machine has and lacks
	$(PY) manage.py doctor

clean-demo:  ## remove the demo's folder, so that the next demo starts from nothing
	rm -rf var/demo var/demo-handovers

python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "Python 3.11, 3.12 or 3.13 is needed; name one that you have: make PYTHON=python3.11 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "The venv module is missing: apt install python3-venv" >&2; exit 1; }

$(STAMP): $(wildcard locks/*-c*.txt) | python
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@echo "Installing packages into $(VENV), once: 0.54 GB with the CPU build of torch, 2.8 GB with the CUDA build (README.md)."
	lock=$$($(PY) deploy/lock.py --fitting $(TORCH)) && echo "Installing $$lock" && $(INSTALL) -r $$lock
	touch $@

$(DEV_STAMP): $(wildcard locks/*-tests.txt) $(STAMP)
	$(INSTALL) --quiet -r $$($(PY) deploy/lock.py --fitting tests)
	touch $@
