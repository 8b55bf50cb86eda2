# Each command sets up what it needs in .venv; run `make` for the list.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
LANG_CODE ?= sw
BIN := .venv/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check
# Without an NVIDIA GPU the CPU build of torch saves gigabytes, so it comes from PyTorch's own index where that can be
# reached, else from the default index. For CUDA on a machine without nvidia-smi: make demo TORCH=cuda
TORCH ?= $(if $(shell command -v nvidia-smi),cuda,cpu)
CPU_WHEELS := https://download.pytorch.org/whl/cpu
TORCH_PIN := $(shell sed -n 's/^torch==//p' requirements-lock.txt)

.DEFAULT_GOAL := help
.PHONY: help demo test lab notebooks book launch slides tables bench trust versions audit clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

.venv/installed: requirements-lock.txt pyproject.toml
	$(PYTHON) -m venv .venv
	@if [ "$(TORCH)" = cpu ] && curl -sfIo /dev/null -m 5 $(CPU_WHEELS)/torch/; \
	  then index="--index-url $(CPU_WHEELS)"; fi; \
	  set -x; $(PIP) torch==$(TORCH_PIN) $$index
	$(PIP) -r requirements-lock.txt
	$(PIP) --no-deps -e .
	@touch $@

demo: .venv/installed  ## train a student on the pocket collection and compare (LANG_CODE=so for Somali)
	$(BIN)/python -m optical_lite demo --lang $(LANG_CODE)

test: .venv/installed  ## run every test, doctest and notebook, without network
	$(BIN)/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder

lab: .venv/installed  ## open JupyterLab on the notebooks
	$(BIN)/jupyter lab --notebook-dir notebooks

notebooks: .venv/installed  ## execute every notebook in place
	$(BIN)/python notebooks/execute.py
	$(BIN)/python docs/book/lessons.py

.venv-book/installed: requirements-book.txt
	$(PYTHON) -m venv .venv-book
	.venv-book/bin/pip install --quiet --disable-pip-version-check -r requirements-book.txt
	@touch $@

book: .venv/installed .venv-book/installed  ## build the lessons as a site in runs/book/html; SOLUTIONS=1 with worked answers
	@mkdir -p runs
	$(BIN)/python -m optical_lite align --lang sw --html runs/explorer.html
	.venv-book/bin/python docs/book/build.py --explorer runs/explorer.html $(if $(SOLUTIONS),--solutions)

launch: .venv/installed  ## REPOSITORY=https://github.com/OWNER/NAME: write the Binder and Colab links of a public clone
	$(BIN)/python docs/book/launch.py "$(REPOSITORY)"

slides: .venv-book/installed  ## write the lessons as slides in runs/slides
	.venv-book/bin/python docs/book/slides.py

tables: .venv/installed  ## write the pages of data/expected, and tables and numbers of other pages
	$(BIN)/python -m optical_lite tables --write

.venv-bench/installed: requirements-bench.txt
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/pip install --quiet --disable-pip-version-check torch==$(TORCH_PIN)
	.venv-bench/bin/pip install --quiet --disable-pip-version-check -r requirements-bench.txt
	.venv-bench/bin/pip install --quiet --disable-pip-version-check --no-deps pylate==1.6.0  # its pins do not resolve
	@touch $@

# Optional: `make .venv-plaid/installed`. PLAID's wheels need one torch, of the default index, with CUDA's libraries (6 GB).
.venv-plaid/installed: requirements-plaid.txt
	$(PYTHON) -m venv .venv-plaid
	.venv-plaid/bin/pip install --quiet --disable-pip-version-check -r requirements-plaid.txt
	@touch $@

bench: .venv/installed .venv-bench/installed  ## measure ours against its peers (three quarters of an hour); NAMES="transport encoding" for some
	$(BIN)/python -m optical_lite bench $(NAMES) --json runs/bench.json $(if $(NAMES),,--page docs/performance.md)

audit:  ## look for known vulnerabilities of the locked packages (needs a network)
	$(PYTHON) -m venv .venv-audit
	.venv-audit/bin/pip install --quiet --disable-pip-version-check pip-audit
	.venv-audit/bin/pip-audit --requirement requirements-lock.txt --no-deps --disable-pip

.venv-versions/installed:
	$(PYTHON) -m venv .venv-versions
	.venv-versions/bin/pip install --quiet --disable-pip-version-check "uv>=0.9,<1"
	@touch $@

trust: .venv/installed  ## kill, mutate and measure for an hour; write docs/reliability.md
	$(BIN)/python tests/trust/page.py --measure

versions: .venv/installed .venv-versions/installed  ## test the lowest and the newest versions on Python 3.11 and 3.13 (hours, 30 GB)
	$(BIN)/python tests/trust/versions.py --uv .venv-versions/bin/uv $(VERSIONS)

clean:  ## delete the environment and all runs
	rm -rf .venv .venv-bench .venv-book .venv-plaid .venv-versions .venv-audit runs
