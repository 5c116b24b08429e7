# Everything runs inside .venv; nothing is installed outside it.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: install demo test check format clean

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(STAMP)
	@echo "installed: $(BIN)/gazal"

# The main job on the embedded defaults: minutes on two cores. More words go in ARGS='--set seed=1 --out runs/one'.
demo: install
	$(BIN)/gazal run recipes/demo.yaml $(ARGS)

test: install
	$(BIN)/python -m pytest

check: install
	$(BIN)/ruff format --check src tests benchmarks examples
	$(BIN)/ruff check src tests benchmarks examples
	$(BIN)/pyright

format: install
	$(BIN)/ruff format src tests benchmarks examples
	$(BIN)/ruff check --fix src tests benchmarks examples

clean:
	rm -rf .venv build dist .pytest_cache .ruff_cache
