# `make demo` and `make test` need Python ≥ 3.11 and make, nothing else of ours.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo run test check format messages lock docs clean

demo: $(VENV)/.demo ## set-up, a year of a real retailer, console on http://localhost:8000
	$(BIN)/sadakat demo

run: $(VENV)/.demo ## the server on your own data
	$(BIN)/sadakat serve

test: $(VENV)/.all ## set-up and all tests
	$(BIN)/python -m tests.setup_machine
	$(BIN)/python -m tests.side_by_side

check: $(VENV)/.all ## format, lint, types, contracts, migrations, translations, documents
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m tools.check_migrations
	$(BIN)/python -m tools.check_translations
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet --site-dir $(VENV)/site

format: $(VENV)/.all
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

messages: $(VENV)/.all ## collect the words of the screens into the catalogues, and compile them
	$(BIN)/python -m tools.messages

lock: ## renew the hashed locks (needs uv)
	uv pip compile -q pyproject.toml --all-extras --generate-hashes --python-version 3.11 --universal --no-header -o requirements/all.txt
	uv pip compile -q pyproject.toml --extra demo -c requirements/all.txt --generate-hashes --python-version 3.11 --universal --no-header --no-annotate -o requirements/demo.txt

docs: $(VENV)/.all
	$(BIN)/mkdocs serve

clean: ## what was built; your data in SADAKAT_HOME stays
	rm -rf $(VENV) build src/*.egg-info .mypy_cache .ruff_cache .pytest_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Sadakat needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version). Name another: make PYTHON=python3.11 …"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# Each stamp is the lock it was made from, so a renewed lock sets the environment up again.
$(VENV)/.%: requirements/%.txt pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@
