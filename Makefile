# The README's two commands are `make demo` and `make test`; both set up what they need and can be run again at any time.
SHELL := /bin/bash
PYTHON ?= python3
CITY ?= var/city
HOST ?= 127.0.0.1
PORT ?= 8000
SERVE ?= 1
BIN := .venv/bin

.PHONY: help demo test lint check format clean

help:
	@echo "make demo          build the city of Shenzhen, run the main job, serve it on http://$(HOST):$(PORT)  (SERVE=0: end after the job)"
	@echo "make test          set up what the tests need and run them all"
	@echo "make lint          ruff, mypy, import-linter, migrations"
	@echo "make format        let ruff format and mend what it can"
	@echo "make clean         remove the environment and the built assets (never var/)"

demo:
	@PYTHON=$(PYTHON) scripts/setup demo
	@$(BIN)/siwei demo --city $(CITY) --host $(HOST) --port $(PORT) $(if $(filter 0,$(SERVE)),--no-serve)

test:
	@PYTHON=$(PYTHON) scripts/setup test
	@scripts/test

lint:
	@PYTHON=$(PYTHON) scripts/setup test
	@scripts/lint

format:
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv node_modules src/siwei/portal/static/vendor
