# Each command sets up what it needs in .venv; run `make` for the list.
PYTHON ?= python3.11
LANG_CODE ?= sw
BIN := .venv/bin
# Without an NVIDIA GPU the CPU build of torch saves gigabytes. For CUDA: make demo TORCH=cuda
TORCH ?= $(if $(shell command -v nvidia-smi),cuda,cpu)
TORCH_PIN := $(shell sed -n 's/^torch==//p' requirements-lock.txt)
LINUX_CPU := $(if $(filter Linux-cpu,$(shell uname -s)-$(TORCH)),yes)

.DEFAULT_GOAL := help
.PHONY: help demo test lab notebooks clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

.venv/installed: requirements-lock.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check $(if $(LINUX_CPU),"torch==$(TORCH_PIN)+cpu" --extra-index-url https://download.pytorch.org/whl/cpu --retries 1,"torch==$(TORCH_PIN)")
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-lock.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

demo: .venv/installed  ## train a student on the pocket collection and compare (LANG_CODE=so for Somali)
	$(BIN)/python -m optical_lite demo --lang $(LANG_CODE)

test: .venv/installed  ## run every test, doctest and notebook, without network
	$(BIN)/python -m pytest

lab: .venv/installed  ## open JupyterLab on the notebooks
	$(BIN)/jupyter lab --notebook-dir notebooks

notebooks: .venv/installed  ## execute every notebook in place
	$(BIN)/python notebooks/execute.py

clean:  ## delete the environment and all runs
	rm -rf .venv runs
