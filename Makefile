# Every target does its own set-up; CI runs the same targets and nothing else.
.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow faults e2e bench check lint type migrations fmt locks messages

RECENT := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$python" -c '$(RECENT)' 2>/dev/null && echo "$$python" && break; done)
RUN := .venv/bin/python
# Wheels only, so that no setup.py runs here; but a verifier of DKIM in the tests has none.
PIP := $(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes \
	--only-binary :all: --no-binary dkimpy

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' Makefile | while IFS='|' read -r target text; do \
		printf '  make %-11s %s\n' "$$target" "$$text"; done

# --- Environment: a stamp per lock, so that nothing is installed twice --------------------------

setup: .venv/dev.stamp ## the virtual environment with everything in it, from the hash locks

.venv/dev.stamp: requirements-dev.lock
	$(call install,requirements-dev.lock)
	@touch .venv/product.stamp $@

.venv/product.stamp: requirements.lock
	$(call install,requirements.lock)
	@touch $@

define install
	@$(RUN) -c 'import pip; $(RECENT)' 2>/dev/null || { \
		"$(PYTHON)" -c '$(RECENT)' 2>/dev/null || \
			{ echo "emailseq needs Python 3.11 or newer: install it, or name it with PYTHON=…" >&2; exit 1; }; \
		"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || \
			{ echo "$(PYTHON) has no venv module: install python3-venv, or name another with PYTHON=…" >&2; exit 1; }; \
		echo "Making .venv"; "$(PYTHON)" -m venv --clear .venv; }
	@echo "Installing $(1)"
	@$(PIP) -r $(1) || { echo "Not every package has a wheel here. Three ways out: a glibc Linux or macOS," \
		"WSL2, or \`docker compose up\`." >&2; exit 1; }
endef

# --- The product --------------------------------------------------------------------------------

demo: .venv/product.stamp ## the whole product on this machine, with 200 people in it (ARGS=--once: stop after the summary)
	@$(RUN) manage.py quickstart $(ARGS)

bench: .venv/product.stamp ## messages per second, end to end (ARGS=--json)
	@$(RUN) manage.py bench send $(ARGS)

# --- Tests --------------------------------------------------------------------------------------

test: .venv/dev.stamp ## every test but the slow ones (T=path: one file, plain; COVER=--cov: no less than 90 % of it run)
	@$(RUN) -m pytest $(or $(T),-n 3) $(COVER)

test-slow: .venv/dev.stamp ## the tests that take seconds each
	@$(RUN) -m pytest -m slow

faults: .venv/dev.stamp ## break the running product and count (SIZE=ci|nightly|full, F=number, N=people, SEED=)
	@$(RUN) -m pytest -m faults -n 0 -q tests/faults

e2e: .venv/dev.stamp ## whole journeys: a marketer's in Chromium, an integrator's and an operator's (T=path: one file)
	@$(RUN) -m pytest -m e2e -n 0 -p no:randomly -q $(or $(T),tests/e2e)

# --- The house ----------------------------------------------------------------------------------

check: lint type migrations ## lint, types, import contracts, migrations; no tests

lint: .venv/dev.stamp ## ruff, import contracts, spelling
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@.venv/bin/lint-imports
	@.venv/bin/codespell

type: .venv/dev.stamp ## mypy, strict
	@DATABASE_URL=postgres://nobody REDIS_URL=redis://nobody $(RUN) -m mypy .

migrations: .venv/dev.stamp ## models and migrations agree, and every app has one line of them
	@$(RUN) manage.py check --fail-level WARNING
	@$(RUN) manage.py makemigrations --check --dry-run

fmt: .venv/dev.stamp ## format and sort imports
	@$(RUN) -m ruff check --fix --quiet .
	@$(RUN) -m ruff format .

messages: .venv/dev.stamp ## strings to translate, gathered and compiled (needs gettext)
	@$(RUN) manage.py makemessages -l de --add-location never --no-wrap -i .venv -i '*/tests/*' -i var -i benchmarks
	@$(RUN) manage.py compilemessages -i .venv

locks: .venv/dev.stamp ## resolve the requirements anew, leaving out what is younger than a week
	@$(LOCK) requirements.txt -o requirements.lock
	@$(LOCK) requirements-dev.txt -c requirements.lock -o requirements-dev.lock

LOCK := .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-strip-extras --exclude-newer "7 days" --custom-compile-command "make locks"
