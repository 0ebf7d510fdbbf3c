# Everything goes through scripts/run.sh: it sets up what is missing, gives up root's rights and runs the verb.
# Arguments: make up ARGS='--at "2026-11-23 10:00"', make test ARGS='-k queue'

.PHONY: help setup demo test check up bench soak fuzz chaos status clean
.DEFAULT_GOAL := help

help: ## these lines
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 10

setup: ## install what is missing (every other target does so too)
	@scripts/run.sh setup

demo: ## two calls to 120, shown live, with what Postgres knows of them afterwards
	@scripts/run.sh demo $(ARGS)

test: ## everything `check` does, and all tests on real Postgres, Asterisk and SIPp
	@scripts/run.sh test $(ARGS)

check: ## the quick part: format, lint, types, layers, dialplans, unit tests
	@scripts/run.sh check

up: ## run the system in the foreground; Ctrl-C ends it
	@scripts/run.sh up $(ARGS)

bench: ## calls per second beside a hand-written dialplan
	@scripts/run.sh bench $(ARGS)

soak: ## load at 80 % of what this machine holds: MINUTES=30; memory, descriptors and lag as figures
	@scripts/run.sh soak $(if $(MINUTES),--minutes $(MINUTES)) $(ARGS)

fuzz: ## nonsense at every input: CASES=1000000 SEED=1, and through Asterisk SIP=10000
	@scripts/run.sh fuzz $(if $(CASES),--cases $(CASES)) $(if $(SEED),--seed $(SEED)) $(if $(SIP),--sip $(SIP)) $(ARGS)

chaos: ## kill everything again and again under load, then look for each call: make chaos KILLS=1000 SEED=1
	@scripts/run.sh chaos $(if $(KILLS),--kills $(KILLS)) $(if $(SEED),--seed $(SEED)) $(ARGS)

status: ## what runs, where, and what is not well
	@scripts/run.sh status $(ARGS)

clean: ## remove the Python environment and what tools cached; calls, recordings and secrets in var/ stay
	rm -rf .venv var/tools
	find . -name __pycache__ -type d -not -path './var/*' -prune -exec rm -rf {} +
