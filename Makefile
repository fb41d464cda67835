# Commands for developers and CI. `make run` and `make test` need only Python 3.11.

PYTHON ?= python3
PORT ?= 5000
UV = 0.13.8
BIN = .venv/bin
IMAGE ?= mask-gender-age# kubeflow.image of params.yaml
TAG ?= latest
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Packages send no usage statistics: pipeline/foundation/telemetry.py.
export DO_NOT_TRACK ?= true
export MLFLOW_DISABLE_TELEMETRY ?= true
export HF_HUB_DISABLE_TELEMETRY ?= true
export DVC_NO_ANALYTICS ?= true
export NO_ALBUMENTATIONS_UPDATE ?= true
unexport PYTHONDONTWRITEBYTECODE # every stage is a new process; without bytecode its start takes twice as long

.PHONY: run test coverage test-313 test-faults audit bench docs test-model test-containers install image check format lock platforms ui clean

run: install ## the whole pipeline, two stages at once; on the synthetic sample, or on your photos (DATA=../photos)
	$(if $(DATA),python -m pipeline set "data.root=$(DATA)")
	python -m pipeline run report --jobs 2
	python -m pipeline register
	@echo
	@echo "submission  results/submission.csv (submission.name of params.yaml)"
	@echo "scores      as above; all: dvc metrics show"
	@echo "plots       results/ensemble/*.png, data/classes.png, data/crops/*.jpg (curves: dvc plots show)"
	@echo "report      results/report.html"
	@echo "MLflow UI   make ui, then the address above"
	@echo "next        open results/report.html; python -m pipeline predict data/sample/eval/images; docs/index.md"

# A test process that dies ends the run: with another in its place pytest-xdist 3.8 may wait for ever.
SUITE = pytest --numprocesses 2 --max-worker-restart 0 --dist loadfile --no-loadscope-reorder --durations 30

test: install ## the whole test suite
	$(SUITE)

coverage: install ## the whole test suite, and the share of the code's lines that it runs, which takes half as long again
	$(SUITE) --cov --cov-report=term

test-313: ## the tests that need no browser, server or cluster, on Python 3.13 (PYTHON313: its name; TESTS: some); its own environment
	$(or $(PYTHON313),python3.13) -m venv .venv313
	.venv313/bin/python -m pip install --quiet uv==$(UV)
	.venv313/bin/uv pip sync --quiet --python .venv313/bin/python --require-hashes requirements.lock
	PATH=$(CURDIR)/.venv313/bin:$$PATH python -m pytest --quiet $(addprefix tests/,$(or $(TESTS),foundation formats schema \
		dataset faces modeling ensembling config))

test-model: install ## a registered model in a fresh environment from its own requirements; installs torch again
	FRESH_ENVIRONMENT=1 pytest tests/registry/test_fresh.py

bench: install ## speed relative to reference code; writes docs/benchmarks.md (DATA=../photos: on photos)
	python -m benchmarks $(if $(DATA),--data $(DATA))

test-faults: install ## kills and full disks of every stage (KILLS, LEVELS each), damaged inputs of every reader; hours
	FAULT_KILLS=$(or $(KILLS),50) FAULT_LEVELS=$(or $(LEVELS),8) pytest -s tests/faults
	READER_INPUTS=$(or $(INPUTS),1000000) pytest tests/readers

audit: install ## audit/*.json (CycloneDX, with licences) of environment and images; known vulnerabilities of the lock
	mkdir -p audit
	uv tool run --from cyclonedx-bom==7.5.0 cyclonedx-py environment --output-reproducible --of JSON \
		--output-file audit/sbom.json $(BIN)/python
	$(call image_sbom,slim)
	$(call image_sbom,full,--extra networks --no-emit-package triton)
	uv tool run --from pip-audit==2.10.1 pip-audit --strict --disable-pip --require-hashes --progress-spinner off \
		--requirement requirements.lock || { echo "known vulnerabilities, or versions that could not be looked up"; exit 1; }

test-containers: install ## the image and the compiled pipeline in real containers; needs a container engine
	$(MAKE) image TAG=test
	IMAGE_TAG=test pytest tests/containers

install: .venv/installed ## the environment, from requirements.lock

.venv/installed: requirements.lock
	@if $(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then \
		$(PYTHON) -m venv .venv; \
	else \
		echo "$(PYTHON) is $$($(PYTHON) --version 2>&1), and the pipeline needs Python 3.11, 3.12 or 3.13" >&2; \
		type uv >/dev/null 2>&1 || { echo "name one with PYTHON=python3.11, or install uv, which brings 3.11" >&2; exit 1; }; \
		echo "uv brings Python 3.11" >&2; \
		uv venv --quiet --clear --seed --python 3.11 .venv || \
			{ echo "uv could not bring Python 3.11: install one, and name it with PYTHON=python3.11" >&2; exit 1; }; \
	fi
	@echo "installing the packages of requirements.lock into .venv: about 3 GB to download, 6 GB on disk, minutes"
	$(BIN)/python -m pip install --quiet uv==$(UV)
	$(BIN)/uv pip sync $$(test -t 2 || echo --quiet) --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock
	touch $@

image: ## the two images that stages run in, labelled with the commit (EXTRAS="boosting nodes": packages that a recipe needs)
	docker build $(build) --target slim --tag $(IMAGE):$(TAG)-slim .
	docker build $(build) --target full --tag $(IMAGE):$(TAG) .

check: install ## format, lint, layers, types, and whether generated files are current
	ruff format --check .
	ruff check .
	lint-imports
	mypy
	python -m pipeline kubeflow compile --check
	@cp requirements.lock .venv/lock && $(call compile,.venv/lock) && diff -u requirements.lock .venv/lock \
		|| { echo "requirements.lock does not match pyproject.toml: run make lock"; exit 1; }

format: install ## fix format and imports
	ruff check --fix-only --quiet .
	ruff format --quiet .

lock: install ## resolve pyproject.toml again, keeping versions that still fit
	$(call compile,requirements.lock)

platforms: export MACOSX_DEPLOYMENT_TARGET = 14.0
platforms: install ## whether the lock can be installed on every supported platform and Python; needs a package index
	@for platform in x86_64-manylinux_2_28 aarch64-manylinux_2_35 aarch64-apple-darwin; do \
		for version in 3.11 3.12 3.13; do \
			echo "$$platform, Python $$version"; \
			uv pip install --quiet --dry-run --target .venv/platform --no-deps --only-binary :all: \
				--no-binary antlr4-python3-runtime --no-binary kfp-server-api --require-hashes \
				--python-platform $$platform --python-version $$version --requirement requirements.lock || exit 1; \
		done; \
	done

ui: install ## MLflow's UI on http://127.0.0.1:5000 (PORT=5001: another port)
	@python -c 'import socket; socket.create_server(("127.0.0.1", $(PORT)))' 2>/dev/null || { echo "port $(PORT) is in" \
		"use, perhaps by another \`make ui\`: choose another with \`make ui PORT=5001\`" >&2; exit 1; }
	mlflow server --backend-store-uri sqlite:///mlflow.db --host 127.0.0.1 --port $(PORT)

docs: install ## the pages of docs/ as a site in site/; dead links within it are errors
	PYTHONPATH=. python docs/write_parameters.py
	sphinx-build --quiet --fail-on-warning --keep-going --builder html docs site
	@echo "site/index.html"

clean: ## remove all outputs; keep the environment and your own data in data/
	rm -rf data/sample data/crops data/labels.parquet data/folds.parquet data/classes.csv data/classes.png
	rm -rf models results checkpoints ablate compare tune exported site tracking mlartifacts mlflow.db mlflow.db.lock dvc_plots logs report.html

# The bill of materials of an image: that of an environment with the packages that the Dockerfile installs. $(2) is as there.
define image_sbom
	uv pip compile --quiet --no-header --no-annotate --python-version 3.11 --constraint requirements.lock $(2) \
		--output-file audit/$(1).txt pyproject.toml
	uv venv --quiet --clear --python 3.11 audit/$(1)
	uv pip install --quiet --no-deps --python audit/$(1)/bin/python --requirement audit/$(1).txt
	uv tool run --from cyclonedx-bom==7.5.0 cyclonedx-py environment --output-reproducible --of JSON \
		--output-file audit/image-$(1).json audit/$(1)/bin/python
	rm -r audit/$(1) audit/$(1).txt
endef

build = --network=host --build-arg COMMIT=$$(git rev-parse HEAD) --build-arg EXTRAS="$(EXTRAS)"
# One lock for every platform and Python of `platforms`; markers say what belongs where.
compile = uv pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 --generate-hashes \
	--extra dev --extra docs --extra networks --extra boosting --extra export --extra nodes \
	--custom-compile-command "make lock" --output-file $(1) pyproject.toml
