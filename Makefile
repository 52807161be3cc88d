# Thin targets over one command, `lookalike`. `make help` lists them.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
RUN    := $(BIN)/lookalike
READY  := $(VENV)/.installed

PICTURES   ?=
VALIDATION ?=
PICTURE    ?=
ARGS       ?=

require-pictures = $(if $(PICTURES),,$(error say which pictures: make $@ PICTURES=folder))

.DEFAULT_GOAL := help

help: ## list these targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' \
	    | while IFS="$$(printf '\t')" read -r name text; do printf '  %-14s %s\n' "$$name" "$$text"; done

# On a terminal pip shows what it does; a log is spared its hundreds of lines.
QUIETLY = $$(test -t 2 || echo --quiet) --disable-pip-version-check
# The first one that shows how far an installation is.
PIP     = pip==26.3
UV      = uv==0.13.9

# No Python warnings from pip: setuptools has a long one for any editable installation.
$(READY): pyproject.toml constraints.txt
	@echo 'making $(VENV) with the pinned dependencies: 3 GB, a minute or more'
	@test ! -t 2 || { while sleep 1; do printf . >&2; done & dots=$$!; trap "kill $$dots; echo >&2" EXIT; }; \
	    $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install $(QUIETLY) $(PIP)
	PYTHONWARNINGS=ignore $(BIN)/pip install $(QUIETLY) -c constraints.txt -e '.[jobs,search,dev]'
	touch $@

setup: $(READY) ## make .venv with the pinned dependencies

demo: setup ## from sample pictures, or PICTURES=folder, to a search; serves until Ctrl-C
	$(RUN) demo $(if $(PICTURES),'$(PICTURES)') $(ARGS)

demo-check: setup ## the demo without the serving at its end
	$(RUN) demo --check $(if $(PICTURES),'$(PICTURES)') $(ARGS)

train: setup ## fine-tune on labelled folders: PICTURES=folder [VALIDATION=folder]
	$(require-pictures)
	$(RUN) train '$(PICTURES)' $(if $(VALIDATION),--validation '$(VALIDATION)') $(ARGS)

evaluate: setup ## retrieval quality of the trained model against its baselines
	$(RUN) evaluate $(ARGS)

export-model: setup ## cut the trained model at dense_1 into the next version in the store
	$(RUN) export-model $(ARGS)

reindex: setup ## embed the pictures, build an index and publish it: PICTURES=folder
	$(require-pictures)
	$(RUN) reindex '$(PICTURES)' $(ARGS)

model-server: setup ## serve the exported models (TensorFlow Serving, or the local look-alike)
	$(RUN) model-server $(ARGS)

serve: setup ## answer POST /search under gunicorn
	$(RUN) serve $(ARGS)

search: setup ## ask a running service about one picture: PICTURE=file
	$(RUN) search $(if $(PICTURE),'$(PICTURE)') $(ARGS)

lint: setup ## ruff, and the arrows between the rooms
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

typecheck: setup ## mypy, strict
	$(BIN)/mypy

# A file's tests stay together, since they share servers; tests/conftest.py says how many
# processes, and which files come first.
TESTS = $(BIN)/pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

test: lint typecheck ## lint, types and all tests but the long ones
	$(TESTS) -m "not long" $(ARGS)

test-all: lint typecheck ## the long tests too, new random examples, with coverage
	$(TESTS) --hypothesis-profile=new --cov --cov-report=term $(ARGS)

bench: setup ## every benchmark, against its goals
	$(BIN)/python -m bench --check $(ARGS)

manifests: setup ## render the Kubernetes manifests into build/
	$(BIN)/python -m k8s.render

images: setup ## build both images with docker, podman or buildah: ARGS="--prefix … --push"
	$(BIN)/python -m k8s.build_images $(ARGS)

docs: setup ## build the documents as a site into build/site, which needs no network
	$(BIN)/mkdocs build
	@echo 'look at it: $(BIN)/python -m http.server --bind 127.0.0.1 --directory build/site 8000'

lock: setup ## the packages of the images, by hash: constraints.txt into k8s/images/*.txt
	$(BIN)/pip install $(QUIETLY) $(UV)
	$(BIN)/python -m k8s.lock_images

clean: ## remove what was built; the store, the caches and .venv stay
	rm -rf build .coverage .mypy_cache .ruff_cache .pytest_cache .import_linter_cache *.egg-info
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

.PHONY: help setup demo demo-check train evaluate export-model reindex model-server serve search \
        lint typecheck test test-all bench manifests images docs lock clean
