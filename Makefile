# Everything a contributor needs; each target sets up what it uses.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
# named in every request: what the peers ask for would bring another torch, with gigabytes of CUDA
TORCH := torch==2.13.0

.PHONY: help setup demo site dist shots test test-slow test-arm test-fpga sanitize fuzz triples kills scale check bench clean

help:
	@echo "make demo       run the main job on the embedded data; ends with runs/demo/report.html"
	@echo "make test       all quick tests"
	@echo "make test-slow  the tests that take minutes"
	@echo "make test-arm   the kernels on an emulated 64-bit Arm; needs gcc-aarch64-linux-gnu and qemu-user-static"
	@echo "make test-fpga  random circuits over a thousand timesteps in a simulator, and yosys; needs iverilog, verilator and yosys"
	@echo "make sanitize   the kernels under AddressSanitizer and UBSan, with 2,000 random shapes and failing memory"
	@echo "make fuzz       COUNT=200000 mutations of a file for every reader (READERS=\"workload npz\" for some)"
	@echo "make triples    COUNT=10000 random accelerators, workloads and mappings from seed FIRST=0, held to laws"
	@echo "make fuzz-packages  COUNT=500000 mutations of each of a package's parts, read and run under AddressSanitizer and UBSan"
	@echo "make kills      a study killed at 50 moments and at every change of a file, and on a disk that fails"
	@echo "make scale      eight writers, a Ray cluster that loses a node, Ctrl-C with workers: minutes"
	@echo "make check      format, lint, types, import contract; no tests"
	@echo "make bench      measure speed"
	@echo "make site       the documentation site in build/site; a broken link is an error"
	@echo "make shots      pictures of the demo's report, light and dark, at three widths, in build/shots"
	@echo "make dist       wheel and source archive, each tried in an empty environment"

setup: $(READY)

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("spareto needs Python 3.11 or newer; run make PYTHON=python3.11") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet $(TORCH)
	$(BIN)/python -m pip install --quiet --editable . --group dev $(TORCH)
	$(BIN)/python -m pip install --quiet --no-deps --upgrade --target .venv/nir nir==1.0.8 nirtorch==2.6
	@touch $(READY)

demo: setup
	$(BIN)/spareto study run examples/digits.yaml --out runs/demo

test: setup
	$(BIN)/python -m pytest -n auto --dist loadfile -m "not slow"

test-slow: setup
	$(BIN)/python -m pytest -m slow

test-arm: setup
	$(BIN)/python -m pytest -m cross

test-fpga: setup
	$(BIN)/python -m pytest -m slow tests/fpga

sanitize: setup
	$(BIN)/python -m pytest -m slow tests/unit/kernels tests/lowering/test_levels.py

COUNT ?= 200000
SEED ?= 0
fuzz: setup
	cd tests && ../$(BIN)/python -W ignore -m fuzz.run $(COUNT) $(SEED) $(READERS)

triples: COUNT = 10000
triples: setup
	cd tests && ../$(BIN)/python -W ignore -m triples $(COUNT) $(FIRST)

fuzz-packages: setup
	cd tests && ../$(BIN)/python -W ignore -m fuzz.sanitized $(COUNT) $(SEED)

kills: setup
	$(BIN)/python -m pytest -m slow tests/journey/test_kills.py

scale: setup
	$(BIN)/python -m pytest -m slow tests/unit/study/test_claims.py tests/journey/test_ray.py tests/journey/test_stopping.py

check: setup
	$(BIN)/ruff format --check src tests
	$(BIN)/ruff check src tests
	$(BIN)/clang-format --dry-run -Werror src/spareto/kernels/csrc/*.[ch] src/spareto/runtime/csrc/*.[ch]
	$(BIN)/pyright
	$(BIN)/lint-imports

site: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

shots: demo
	$(BIN)/python tests/shots.py runs/demo/report.html build/shots

dist: setup
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/python -m pytest -m slow tests/packaging

bench: setup
	$(BIN)/python -m benchmarks

clean:
	rm -rf .venv build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache
