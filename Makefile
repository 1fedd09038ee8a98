# make sweep       install what is missing, then sweep Fashion-MNIST (or digits where it cannot be had)
# make test        install what is missing, then lint and test
# make test-all    the same with the long tests
# make test-cluster  a Ray cluster of three hosts on this machine, and every fault (root, Linux)
# make bench       side by side with plain Ray Tune and plain PyTorch; prints ratios
.DEFAULT_GOAL := sweep
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(not (3, 11) <= v < (3, 14) and f"Caviar needs Python 3.11 to 3.13, and $(PYTHON) is {v.major}.{v.minor}: run make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $(READY)

.PHONY: install sweep test test-all test-cluster lint bench clean
install: $(READY)

sweep: $(READY)
	$(BIN)/caviar sweep asha_optuna --train-size 10000 --val-size 5000 --trials 100 --max-epochs 27 --scheduler.min-epochs 3 --finalists 2 --time-budget 200

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	$(BIN)/pytest -n 2 --dist loadfile -m 'not slow and not cluster'

test-all: lint
	$(BIN)/pytest -n 2 --dist loadfile -m 'not cluster'

# Not for all: with Ray's job API each of its nodes takes a third longer to start.
test-cluster: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,cluster]'
	$(BIN)/pytest -m cluster tests/cluster

bench: $(READY)
	$(BIN)/python benchmarks/overhead.py

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
