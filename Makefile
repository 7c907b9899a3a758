# What a developer and the continuous integration run. `make demo` shows the whole tool on the embedded lab.
BIN := .venv/bin
LABS := $(notdir $(patsubst %/,%,$(wildcard .lab/*/)))

.PHONY: setup demo test lint docs mutations bench clean

setup: ## Debian packages that are missing, and the virtual environment
	@tools/setup.sh

demo: setup ## the lab up, the suite on it, the reports, the lab down
	@$(BIN)/python -m lab demo

lint: setup ## style, format, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy model expect checks reports fixtures gate lab bench tests
	$(BIN)/lint-imports

test: lint ## lint, and the project's own tests
	$(BIN)/python -m pytest -c tests/pytest.ini -n 2 --dist loadfile tests

docs: setup ## pages that are made from the code
	$(BIN)/python -m reports.catalogue > docs/checks.md
	$(BIN)/python -m tests.faults.document > docs/faults.md
	$(BIN)/python -m fixtures.rbac_file > deploy/rbac.yaml

mutations: setup ## every mutation of every healthy recording and simulated cluster; writes docs/mutations.md
	$(BIN)/python -m tests.mutations --write docs/mutations.md

bench: setup ## ratios on this machine
	$(BIN)/python -m bench.probe_cost

clean: ## everything that the targets above have made, labs included
	@for name in $(LABS); do $(BIN)/python -m lab down --name "$$name"; done
	rm -rf .venv .lab reports/out .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
