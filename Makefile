# Needs git, make, Python >= 3.11 and pip. Everything else is installed below this folder:
# uv into .tools/uv, its cache into .tools/cache, the development environment into .venv.
PYTHON ?= python3
export UV_CACHE_DIR ?= $(CURDIR)/.tools/cache
export UV_PYTHON_DOWNLOADS = never
export UV_NO_PROGRESS = 1
export UV := $(CURDIR)/.tools/uv/bin/uv
PY := .venv/bin/python
# No --upgrade of what is pinned already unless asked for: make pins UPGRADE=--upgrade
COMPILE = "$(UV)" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links $(UPGRADE)

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1 - \2/p' $(firstword $(MAKEFILE_LIST))

.tools/uv/.done: requirements/uv.txt
	@echo "Installing uv into .tools/uv"
	@rm -rf .tools/uv
	@$(PYTHON) -m pip install -qq --disable-pip-version-check --no-cache-dir --no-deps --require-hashes --target .tools/uv -r requirements/uv.txt
	@touch $@

# --python: the interpreter is chosen here, so that uv does not go looking for others.
.venv/.done: .tools/uv/.done requirements/dev.txt pyproject.toml
	@echo "Installing the development environment into .venv"
	@test -x $(PY) || "$(UV)" venv --quiet --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" .venv
	@"$(UV)" pip sync --quiet --python $(PY) --require-hashes requirements/dev.txt
	@"$(UV)" pip install --quiet --python $(PY) --no-deps --editable .
	@touch $@

.PHONY: install
install: .venv/.done ## Install uv and the development environment

.PHONY: demo
demo: .venv/.done ## Sandbox -> meltano run -> Postgres, twice, then dbt, and what is in the warehouse
	@$(PY) -m demo

.PHONY: test
test: .venv/.done ## Run the whole test suite
	@$(PY) -m pytest --numprocesses auto --dist loadfile $(PYTEST_ARGS)

.PHONY: dbt
dbt: .venv/.done ## Build the dbt package on Postgres and DuckDB, and hold its figures against Python
	@$(PY) -m pytest dbt_checks --numprocesses auto $(PYTEST_ARGS)

.PHONY: dbt-mutants
dbt-mutants: .venv/.done ## See that the dbt package's own tests find each wrong package (minutes)
	@$(PY) -m dbt_checks.mutants

.PHONY: orchestrators
orchestrators: .venv/.done ## Run what takes minutes: first loads that die, runs that meet, Airflow, Dagster, Prefect, the container
	@ORCHESTRATORS=1 $(PY) -m pytest tests/orchestrators --numprocesses 3 -rP --log-level=INFO $(PYTEST_ARGS)

.PHONY: test-newest
test-newest: .tools/uv/.done ## Run it on the newest dependencies, pre-releases too, not the pins
	@"$(UV)" venv --quiet --clear --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" .tools/newest
	@"$(UV)" pip install --quiet --python .tools/newest --prerelease allow --group dev --editable .
	@# Without test_docs.py: it holds the documents to the SDK's words of the pinned version.
	@.tools/newest/bin/python -m pytest --numprocesses auto --dist loadfile --ignore tests/test_docs.py $(PYTEST_ARGS)

.PHONY: bench
bench: .venv/.done ## Measure the tap beside its peers (PARTS="records waiting", BENCH_ARGS="--rows 100000")
	@$(PY) -m benchmarks $(PARTS) $(BENCH_ARGS)

.PHONY: charts
charts: .venv/.done ## Draw the charts of docs/performance.md from what `make bench` measured
	@$(PY) -m benchmarks --charts

.PHONY: check
check: lint package test dbt ## Lint, build, test: all that .ci/run does, save the demo

.PHONY: lint
lint: .venv/.done ## Lint, formatting, types, import contracts, dependencies, workflows
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/lint-imports
	.venv/bin/deptry tap_mailjet_sms
	.venv/bin/zizmor --quiet --offline --persona pedantic .github

.PHONY: build
build: .tools/uv/.done ## Build wheel and sdist into dist/
	@rm -rf dist
	@"$(UV)" build --quiet --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" --out-dir dist .
	@ls dist

.PHONY: package
package: .venv/.done ## Build both, look into them, and run the tap from the wheel
	@$(PY) -m scripts.check_package

.PHONY: release
release: .venv/.done ## Make all files of a release, but publish nothing (TAG=v0.1.0, in that tag's tree)
	@$(PY) -m scripts.release $(TAG)

.PHONY: audit
audit: .venv/.done ## Ask for known vulnerabilities of all that is pinned (needs a registry that tells)
	@$(PY) -m scripts.audit_pins

.PHONY: docs
docs: .venv/.done ## Write the settings and columns into README.md, docs/, meltano.yml, plugin.yml, .env.example; docs/dictionary
	@$(PY) -m scripts.document_settings
	@$(PY) -m scripts.write_dictionary

.PHONY: pictures
pictures: .venv/.done ## Draw docs/pictures/: the way of the data, light and dark, and the logo
	@$(PY) -m scripts.draw_pictures

.PHONY: site
site: .venv/.done ## Build the documentation site into site/, and look for broken links and foreign sources
	@$(PY) -m scripts.build_site

.PHONY: format
format: .venv/.done ## Format the code and fix what ruff can fix
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

.PHONY: pins
pins: .tools/uv/.done ## Compile the hashed pins of requirements/ (UPGRADE=--upgrade for newer versions)
	$(COMPILE) requirements/uv.in --output-file requirements/uv.txt
	$(COMPILE) requirements/meltano.in --output-file requirements/meltano.txt
	$(COMPILE) pyproject.toml requirements/plugins.in --output-file requirements/plugins.txt
	$(COMPILE) requirements/target-postgres.in --output-file requirements/target-postgres.txt
	$(COMPILE) requirements/target-snowflake.in --output-file requirements/target-snowflake.txt
	$(COMPILE) requirements/target-jsonl.in --output-file requirements/target-jsonl.txt
	$(COMPILE) requirements/target-duckdb.in --output-file requirements/target-duckdb.txt
	$(COMPILE) requirements/airbyte-cdk.in --output-file requirements/airbyte-cdk.txt
	$(COMPILE) requirements/audit.in --output-file requirements/audit.txt
	$(COMPILE) requirements/dlt.in --output-file requirements/dlt.txt
	$(COMPILE) requirements/pipelinewise.in --output-file requirements/pipelinewise.txt
	$(COMPILE) requirements/sling.in --output-file requirements/sling.txt
	$(COMPILE) requirements/charts.in --output-file requirements/charts.txt
	$(COMPILE) requirements/dbt.in --output-file requirements/dbt.txt
	$(COMPILE) requirements/dbt-snowflake.in --output-file requirements/dbt-snowflake.txt
	$(COMPILE) requirements/site.in --output-file requirements/site.txt
	$(COMPILE) requirements/linters.in --output-file requirements/linters.txt
	$(COMPILE) requirements/airflow.in --output-file requirements/airflow.txt
	$(COMPILE) requirements/dagster.in --output-file requirements/dagster.txt
	$(COMPILE) requirements/prefect.in --output-file requirements/prefect.txt
	$(COMPILE) pyproject.toml --group dev --output-file requirements/dev.txt

.PHONY: clean
clean: ## Remove everything that was installed or built here
	rm -rf .venv .tools .demo .meltano dist release build site .mypy_cache .ruff_cache .pytest_cache .hypothesis
