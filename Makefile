# Tiebreak's few commands; the same on a laptop and in continuous integration.
# PYTHON=… chooses the interpreter for the virtual environment; everything after runs inside it.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
ARGS ?=
# One more than there are cores, at most four: a third of the time tests wait for a browser or another process.
WORKERS ?= $(shell n=$$(($$(getconf _NPROCESSORS_ONLN) + 1)); echo $$((n > 4 ? 4 : n)))

.PHONY: help setup setup-dev up logins test lint format types client fuzz-api messages check parity bench-train bench-queue bench-data fuzz-imports trl starter browser clean
.DEFAULT_GOAL := help

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## make .venv and install what Tiebreak runs on
	@PYTHON="$(PYTHON)" sh deploy/setup.sh requirements.txt

setup-dev:
	@PYTHON="$(PYTHON)" sh deploy/setup.sh requirements-dev.txt

up: setup ## start everything here; Ctrl-C stops it, the next start goes on (TIEBREAK_PORT, TIEBREAK_HOME)
	@$(RUN) -m deploy.up

logins: setup ## print the log-ins that the first start drew
	@$(RUN) -m deploy.logins

test: setup-dev browser ## run every test (ARGS="-k words" for some)
	$(RUN) -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

browser: setup-dev
	@sh deploy/chromium.sh

lint: setup-dev ## look for mistakes and for another layout than ours
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m djlint --quiet --lint templates

format: setup-dev ## put the layout right
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

client: setup-dev ## write the Python client's operations from the schema of the API
	$(RUN) manage.py spectacular --format openapi-json --fail-on-warn | $(RUN) client/write_operations.py

fuzz-api: setup-dev ## ask every operation what nobody thought of (TIEBREAK_TEST_FUZZ: requests for each, 100)
	TIEBREAK_TEST_FUZZ=$${TIEBREAK_TEST_FUZZ:-100} $(RUN) -m pytest -n 0 -s -o faulthandler_timeout=0 tests/api/test_fuzz.py $(ARGS)

messages: setup-dev ## collect what translators translate, and compile what they wrote (needs GNU gettext)
	$(RUN) manage.py makemessages -l de -l es -l zh_Hans -l ar
	$(RUN) manage.py compilemessages --ignore .venv

types: setup-dev ## check types, strictly
	$(RUN) -m mypy

check: lint types test ## everything a change must pass

parity: setup-dev trl ## hold every loss against TRL, step for step (ARGS="--only sigmoid")
	$(RUN) -m bench.parity $(ARGS)

bench-train: setup-dev trl ## speed and memory of training beside TRL (ARGS="--only dpo_hh --rounds 1")
	$(RUN) -m bench.train $(ARGS)

bench-queue: setup-dev ## judgments a second over HTTP, 10,000 raters, a million comparisons (half an hour)
	$(RUN) -m bench.queue $(ARGS)

bench-data: setup-dev ## rows a second into the database and its memory, beside a bare COPY (ARGS="--rows 100000")
	$(RUN) -m bench.data $(ARGS)

fuzz-imports: setup-dev ## a minute of files that nobody would send, against the importers (ARGS="-max_total_time=600")
	@sh deploy/setup.sh requirements-fuzz.txt
	$(RUN) -m bench.fuzz_imports $(ARGS)

trl: setup-dev
	@sh deploy/trl.sh

starter: setup ## build the starter policy again, from its seed
	$(RUN) -m training.starter build --out training/starter/model

clean: ## remove what was made here, but never data (var/)
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis test-results
	find . -name __pycache__ -type d -not -path './var/*' -prune -exec rm -rf {} +
