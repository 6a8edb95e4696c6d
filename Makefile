# make help lists what there is. Every target makes .venv itself and does so once: a stamp in .venv is newer than the
# requirements file it stands for, until that file changes.

PYTHON ?= python3
SEED_GIVEN := $(SEED)
SEED ?= 1

VENV := .venv
RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip --disable-pip-version-check --quiet
MADE := $(VENV)/.made
RUNTIME := $(VENV)/.requirements
DEV := $(VENV)/.requirements-dev

# Tests, demo and bench must not meet an account or a database that the shell happens to point at.
INHERITED := $(filter ALPACA_% PAPER_% ALERT_URLS HEARTBEAT_URL BROKER DATABASE_URL STATE_DIR,$(.VARIABLES))
# Without bytecode each of the many processes that tests start would compile the program again.
CLEAN_RUN := env -u PYTHONDONTWRITEBYTECODE $(addprefix -u ,$(INHERITED)) $(RUN)

.DEFAULT_GOAL := help
.PHONY: help install upgrade uninstall demo test test-fast prove lint bench sessions docs paper-broker conformance-alpaca clean again

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | while IFS='|' read -r target what; do \
		printf '%-25s %s\n' "$$target" "$$what"; done

install: $(RUNTIME) ## make .env, database and logs, whichever is missing; print the command that installs the crontab
	@$(RUN) -m deploy.install

upgrade: $(RUNTIME) ## put a newer version in place while the stages run; TO=v1.2 names it
	@$(RUN) -m deploy.upgrade $(TO)

uninstall: $(RUNTIME) ## list positions and orders at the broker, cancel none; print the commands that take it all away
	@$(RUN) -m deploy.uninstall

demo: $(RUNTIME) ## replay a week of recorded prices on the built-in broker; SEED=2 gives other fills
	@$(CLEAN_RUN) -m lib.replay --demo --seed $(SEED)

test: $(DEV) ## run every test; style and types are among them
	@$(CLEAN_RUN) -m pytest -q -n 2 --dist loadgroup -m "not prove"

test-fast: $(DEV) ## run the tests that take less than a minute together
	@$(CLEAN_RUN) -m pytest -q -n 2 --dist loadgroup -m "not slow and not prove"

# With MINUTES, RUNS or SEED the proof alone; without any, the long tests before it.
PROOF := $(if $(MINUTES),--minutes $(MINUTES)) $(if $(RUNS),--runs $(RUNS)) $(if $(SEED_GIVEN),--seed $(SEED))
prove: $(DEV) ## play schedules of trouble, MINUTES=90, RUNS=100000 or SEED=7; with none of them the long tests first
	@$(if $(strip $(PROOF)),,$(CLEAN_RUN) -m pytest -q -n 2 --dist loadgroup -m prove)
	@$(CLEAN_RUN) -m lib.prove $(PROOF)

lint: $(DEV) ## check style and types
	@$(RUN) -m ruff check --quiet .
	@$(RUN) -m ruff format --quiet --check . || { echo "make lint: not formatted: run $(RUN) -m ruff format" >&2; exit 1; }
	@$(RUN) -m mypy --no-error-summary

bench: $(RUNTIME) ## measure the start of the stages and the work of a pass
	@$(CLEAN_RUN) -m bench

sessions: $(DEV) ## write lib/sessions.csv anew from exchange_calendars
	@$(RUN) -m tests.tools.make_sessions

docs: $(DEV) ## write docs/commands.md, the switches of docs/paper-broker.md and the invariants of docs/proof.md anew from the code
	@$(CLEAN_RUN) -m tests.tools.make_commands
	@$(CLEAN_RUN) -m tests.tools.make_switches
	@$(CLEAN_RUN) -m tests.tools.make_proof_table

paper-broker: $(RUNTIME) ## serve a paper broker of its own at http://127.0.0.1:8900
	@mkdir -p var
	@$(RUN) -m lib.paper_broker --state var/paper-server.db --prices data

conformance-alpaca: $(RUNTIME) ## ask Alpaca's paper host what our tests expect; keys in CONFORMANCE_API_KEY, CONFORMANCE_SECRET_KEY
	@$(CLEAN_RUN) -m tests.conformance

clean: ## remove .venv, caches and the demo's files; your database stays
	@rm -rf $(VENV) var/demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -not -path './.git/*' -exec rm -rf {} +

$(DEV): requirements-dev.txt $(RUNTIME)
	@echo "installing requirements-dev.txt"
	@$(PIP) install -r requirements-dev.txt
	@touch $@

$(RUNTIME): requirements.txt $(MADE)
	@echo "installing requirements.txt"
	@$(PIP) install -r requirements.txt
	@touch $@

$(MADE):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "$(PYTHON) is not Python 3.11 or newer: name one that is, as in make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) cannot make a virtual environment: apt install python3-venv" >&2; exit 1; }
	@echo "making .venv"
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

# A .venv whose Python went away with an upgrade of the system is made anew.
ifneq ($(shell $(RUN) -c pass 2>/dev/null && echo works),works)
$(MADE): again
endif
again:
