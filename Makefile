# Every target says what it does in its `##` text; the logic is Python's (dev/inspraak_dev).
PYTHON ?= python3
UV := UV_PYTHON_DOWNLOADS=never .uv/bin/uv
RUN := $(UV) run --frozen --no-sync
.DEFAULT_GOAL := help
.PHONY: help bootstrap up down status logs reset demo test lint types fmt contracts check-contracts parked replay trace bench screenshots

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

bootstrap: ## uv into .uv, the libraries into .venv; the other targets do this first
	@PYTHONPATH=dev $(PYTHON) -m inspraak_dev.bootstrap

up: bootstrap ## start PostgreSQL, RabbitMQ, Redis and every service; again: nothing
	@$(RUN) inspraak up

down: bootstrap ## end everything that `make up` started; the data stay
	@$(RUN) inspraak down

status: bootstrap ## what runs, where, and whether it is ready
	@$(RUN) inspraak status

logs: bootstrap ## the logs as they grow, of one process with name=voting
	@$(RUN) inspraak logs --follow $(name)

reset: bootstrap ## end everything and delete the data (asks first)
	@$(RUN) inspraak reset

demo: bootstrap ## up, and a real election cast through the gateway
	@$(RUN) inspraak demo

test: bootstrap ## all tests on real servers that this starts and ends; arguments of pytest in args="…"
	@$(RUN) inspraak test $(args)

lint: bootstrap ## ruff, and who may import whom
	@$(RUN) ruff check . && $(RUN) ruff format --check . && $(RUN) lint-imports

types: bootstrap ## mypy, strict
	@$(RUN) mypy .

fmt: bootstrap ## format the code and mend what ruff can mend
	@$(RUN) ruff check --fix-only . ; $(RUN) ruff format .

contracts: bootstrap ## write events, OpenAPI, metrics, alert rules and dashboards from the code
	@$(RUN) inspraak contracts

check-contracts: bootstrap ## fail when what `make contracts` writes is not what is committed
	@$(RUN) inspraak contracts --check

parked: bootstrap ## the messages that could not be handled, of every service
	@$(RUN) inspraak parked

replay: bootstrap ## send parked messages back to the queue they came from; of one service with name=notifications
	@$(RUN) inspraak replay $(name)

trace: bootstrap ## one vote as a connected view, links followed
	@$(RUN) inspraak trace

bench: bootstrap ## votes a second and what they cost: bench/results/latest.json
	@$(RUN) python -m bench.run

screenshots: bootstrap ## take the pictures anew: of the gallery (tests/e2e/gallery, compared by the tests), of the pages (tests/e2e/screenshots)
	@INSPRAAK_SCREENSHOTS=tests/e2e/screenshots $(RUN) inspraak test tests/e2e
