# Every target sets itself up: it needs a Python (3.10 or newer) and make, nothing else.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SOURCES := $(shell find aws_satella -name '*.py') pyproject.toml README.md
# Much of the suite waits for servers, so that twice as many workers as two cores pay.
JOBS ?= 4
PYTEST_ARGS ?=
# What is installed and tested: this checkout, or a wheel.
PACKAGE ?= .
MATRIX_ARGS ?=
MUTANTS_ARGS ?=

export PIP_DISABLE_PIP_VERSION_CHECK = 1
# Without bytecode, each process of the tests would compile the asserts of all tests and plugins again.
unexport PYTHONDONTWRITEBYTECODE

# A half-made target would be taken for a made one.
.DELETE_ON_ERROR:

.PHONY: help demo test test-deep coverage lint audit mutants docs bench pictures build matrix clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort

# pip learnt dependency groups in 25.1; the pip that a new virtual environment comes with may be older.
$(BIN)/pip: 
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'

$(VENV)/.%-dependencies: pyproject.toml | $(BIN)/pip
	$(BIN)/python -m pip install --quiet --group $*
	@touch $@

# The package is installed as a user would install it, so what is tested is what is shipped.
$(VENV)/.package: $(SOURCES) | $(BIN)/pip
	$(BIN)/python -m pip install --quiet --force-reinstall --no-deps $(PACKAGE)
	$(BIN)/python -m pip install --quiet $(PACKAGE)
	@touch $@

demo: $(VENV)/.demo-dependencies $(VENV)/.package ## a loaded Django site, its metrics in an embedded CloudWatch
	@$(BIN)/python -m demo

test: $(VENV)/.test-dependencies $(VENV)/.package ## the whole test suite
	$(BIN)/pytest --numprocesses=$(JOBS) --dist=worksteal $(PYTEST_ARGS)

test-deep: $(VENV)/.test-dependencies $(VENV)/.package ## the properties, with 1,000 new examples each
	HYPOTHESIS_PROFILE=deep $(BIN)/pytest --numprocesses=$(JOBS) --dist=worksteal --timeout=1200 tests/property $(PYTEST_ARGS)

# The lines and branches of the installed package that the suite runs, in forked processes and in programs of tests, too.
coverage: $(VENV)/.test-dependencies $(VENV)/.package ## what of the code the tests run; fails below what it was
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest --numprocesses=$(JOBS) --dist=worksteal --timeout=600 $(PYTEST_ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

lint: $(VENV)/.lint-dependencies $(VENV)/.package ## ruff, its format, and mypy: --strict for the package
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# MUTANTS_ARGS='aws_satella/pure/ledger.py' takes a file instead of all of pure/, and '--seed 2' another sample.
mutants: $(VENV)/.test-dependencies $(VENV)/.package ## small faults in the code that no test finds, in a sample of all
	@$(BIN)/python -m mutation $(MUTANTS_ARGS)

# A dependency that cannot be looked up counts as a failure.
audit: $(VENV)/.audit-dependencies ## known vulnerabilities of what the package requires
	$(BIN)/pip-audit --strict --progress-spinner off .

docs: $(VENV)/.docs-dependencies $(VENV)/.package ## the documentation, in docs/_build/html
	$(BIN)/sphinx-build --fail-on-warning --keep-going --nitpicky --quiet --jobs auto docs docs/_build/html

# 2.4, with the same interpreter, satella and botocore as ours.
$(VENV)-2.4/.package: | $(VENV)/.package
	$(BIN)/python -m venv --clear $(VENV)-2.4
	$(BIN)/python -m pip freeze --exclude aws-satella > $(VENV)-2.4/constraints.txt
	$(VENV)-2.4/bin/python -m pip install --quiet --constraint $(VENV)-2.4/constraints.txt aws-satella==2.4
	@touch $@

# The version before this one, for the plots: the last commit of 3.0.0. It is left out where there is no such commit.
BEFORE := d567b097cc134b9fbf336d6d5378b7d0419d17ad
$(VENV)-before/.package: | $(VENV)-2.4/.package
	$(BIN)/python -m venv --clear $(VENV)-before
	-mkdir $(VENV)-before/source && git archive $(BEFORE) | tar --extract --directory $(VENV)-before/source \
		&& $(VENV)-before/bin/python -m pip install --quiet --constraint $(VENV)-2.4/constraints.txt $(VENV)-before/source
	@touch $@

bench: $(VENV)/.bench-dependencies $(VENV)/.package $(VENV)-2.4/.package $(VENV)-before/.package ## what the exporter costs, and what 2.4 did; and the plots of it
	@$(BIN)/python -m benchmarks --theirs $(VENV)-2.4/bin/python --before $(VENV)-before/bin/python; held=$$?; \
		$(BIN)/python -m pictures --plots && exit $$held

pictures: $(VENV)/.pictures-dependencies $(VENV)/.package ## the pictures of the manual, in docs/pictures/
	@$(BIN)/python -m demo --picture docs/pictures/demo.svg
	@$(BIN)/python -m pictures

build: $(VENV)/.packaging-dependencies ## the source distribution and the wheel, in dist/
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*

# tox finds no interpreter of pyenv that is not chosen, unless it is named.
INTERPRETERS := $(wildcard $(or $(PYENV_ROOT),$(HOME)/.pyenv)/versions/3.1*/bin/python)
matrix: $(VENV)/.matrix-runner-dependencies ## the tests that depend on versions, with all that go together; MATRIX_ARGS='-m quick' takes one for each Python
	$(BIN)/tox run-parallel --parallel-no-spinner $(addprefix --discover ,$(firstword $(INTERPRETERS))) $(wordlist 2,99,$(INTERPRETERS)) $(MATRIX_ARGS)

clean: ## remove what the other targets made
	rm -rf $(VENV) $(VENV)-2.4 $(VENV)-before .venv-matrix benchmarks/results.json .hypothesis .mypy_cache .ruff_cache dist build docs/_build
