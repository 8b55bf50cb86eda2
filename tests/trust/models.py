"""Targets with weights: run folders, encoders, indexes and the store of teacher vectors, all of them tiny."""

from __future__ import annotations

import functools
import tempfile
from dataclasses import replace
from pathlib import Path

import torch

from optical_lite import vocabulary
from optical_lite.cli import inputs
from optical_lite.cli.index_folders import open_index
from optical_lite.config import DistillConfig
from optical_lite.corpora import Bitext
from optical_lite.datasets import pocket
from optical_lite.encoder import Encoder
from optical_lite.index import PassageIndex
from optical_lite.paper import experiment
from optical_lite.retrieval import search
from optical_lite.training import distill, runs
from optical_lite.views import choices

from .cases import Case, Target, Wrong, tree

QUESTIONS = {"q": "Je, ninaweza kupata malaria?"}


@functools.cache
def made() -> Path:
    """A folder with a tiny teacher, a run of two steps and an index."""
    place = Path(tempfile.mkdtemp(prefix="optical_lite_fuzz_"))
    teacher = Encoder.load(experiment.tiny().save(place / "teacher")).requires_grad_(False)
    bitext = small()
    student = vocabulary.extend(teacher, bitext, size=200)
    distill.distill(student, teacher, bitext, DistillConfig(steps=2, batch=4), place / "run", progress=False)
    words = ["index", "--collection", "pocket", "--lang", "sw", "--model", str(place / "teacher"), "--quiet"]
    from optical_lite import __main__

    if __main__.main([*words, "--out", str(place / "index")]):
        raise RuntimeError("no index")
    return place


def small() -> Bitext:
    found = pocket.bitext("sw")
    return replace(found, pairs=found.pairs[:12])


@functools.cache
def teacher() -> Encoder:
    return Encoder.load(made() / "teacher").requires_grad_(False)


def look(encoder: Encoder) -> Encoder:
    """An encoder, after a look whether its vectors are numbers."""
    found = encoder.encode(list(QUESTIONS.values()))
    if not torch.isfinite(found.vectors[found.mask]).all():
        raise Wrong("a vector that is no number")
    return encoder


def student(case: Case) -> object:
    found, _, lang = inputs.encoders(str(case.folder / "in"), both=True)
    if not isinstance(lang, str):
        raise Wrong(f"language {lang!r}")
    return look(found)


def encoder(case: Case) -> object:
    return look(Encoder.load(case.folder / "in"))


def log(case: Case) -> object:
    return runs.read_log(case.folder / "in"), runs.checkpoint_steps(case.folder / "in")


def known(case: Case) -> object:
    return choices.known_runs("sw", case.folder)


def checkpoint(case: Case) -> object:
    steps = runs.checkpoint_steps(case.folder / "in")
    return look(runs.load_checkpoint(case.folder / "in", steps[0] if steps else 0))


def restart(case: Case) -> object:
    found = vocabulary.extend(teacher(), small(), size=200)
    place = case.folder / "in"
    distill.distill(found, teacher(), small(), DistillConfig(steps=2, batch=4), place, progress=False)
    return look(runs.load_student(place))


def index(case: Case) -> object:
    found = open_index(str(case.folder / "in"), pocket.collection("sw"), teacher())
    return searched(found)


def loaded(case: Case) -> object:
    return searched(PassageIndex.load(case.folder / "in" / "index.safetensors"))


def searched(found: PassageIndex) -> object:
    ranking = search(found, teacher(), QUESTIONS, 5)["q"]
    if any(score != score or abs(score) == float("inf") for _, score in ranking):
        raise Wrong("a score that is no number")
    return ranking


def run_files(*parts: str) -> dict[str, bytes]:
    """Files of the run whose names begin so."""
    return {name: content for name, content in tree(made() / "run").items() if not parts or name.startswith(parts)}


SMALL = ("config.json", "metrics.json", "log.jsonl")
TARGETS = {
    "run folder": Target(lambda: run_files(*SMALL, "student"), student, 0.5),
    "run config": Target(lambda: {n: c for n, c in run_files(*SMALL, "student").items()}, known, 0.7),
    "run log": Target(lambda: run_files("log.jsonl"), log, 0.7),
    "run checkpoint": Target(run_files, checkpoint, 0.3),
    "run restart": Target(run_files, restart, 0.15),
    "encoder": Target(lambda: tree(made() / "teacher"), encoder, 0.5),
    "index folder": Target(lambda: tree(made() / "index"), index, 0.6),
    "index file": Target(lambda: tree(made() / "index", "index.safetensors"), loaded, 0.6),
}
