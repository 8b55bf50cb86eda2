"""Benchmarks of training and encoding: against plain loops and other libraries."""

from __future__ import annotations

import copy
import itertools
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch

from .. import distillation as method
from .. import model_files, vocabulary
from ..config import DistillConfig
from ..corpora import Bitext
from ..encoder import DEFAULT, Encoder, teacher
from ..training import distill, runs
from ..training.vector_store import VectorStore
from . import material
from .measuring import Peer, ask_peer, side_by_side

STEPS = 24
LENGTH = 64


def trainers(student: Encoder, bitext: Bitext, repetitions: int) -> dict[str, Peer]:
    """What the trainers of other libraries take for some of the pairs."""
    english, found = str(model_files.folder(DEFAULT)[0]), {}
    common = {"teacher": english, "batch": 32, "length": LENGTH, "repetitions": repetitions}
    with tempfile.TemporaryDirectory() as folder:
        same = str(student.save(folder))
        for name, peer, start, pairs in (
            ("sentence-transformers MSELoss, same student", "train", same, 32 * 12),
            ("sentence-transformers MSELoss, its own vocabulary", "train", english, 32 * 12),
            # it is slow
            ("PyLate distillation of scores, its own vocabulary", "distil", english, 32 * 4),
        ):
            some = bitext.pairs[:pairs]
            answer = ask_peer(peer, {**common, "student": start, "pairs": some})
            found[name] = Peer(answer["seconds"], work=len(some))
    return found


def distillation(repetitions: int) -> Iterator[dict]:
    """Sentence pairs a second, teacher included, against the plain loop and two libraries."""
    bitext = material.bitext()
    student = vocabulary.extend(teacher(), bitext)
    peers = trainers(student, bitext, repetitions)
    for case, trainable, cold in (
        ("new rows, teacher encoded", "new", True),
        ("new rows, teacher stored", "new", False),
        ("all weights, teacher encoded", "all", True),
    ):
        config = DistillConfig(steps=STEPS, trainable=trainable, rate=1e-4)
        few = replace(config, steps=STEPS // 3)
        loop = Peer(
            lambda few=few: method.plain(copy.deepcopy(student), teacher(), bitext, few),
            work=few.steps * few.batch,
        )
        against = {"plain loop": loop, **peers}
        yield from distil(case, student, bitext, config, cold, against, repetitions)


def distil(
    case: str, student: Encoder, bitext: Bitext, config: DistillConfig, cold: bool,
    peers: dict[str, Peer], repetitions: int, english: Encoder | None = None,
) -> list[dict]:  # fmt: skip
    """One case, whose teacher's vectors are made on the way (cold) or stored."""
    english = english or teacher()
    source, target, _ = method.tokens(student, english, bitext, config.max_length)
    pairs = [(len(s), len(t)) for s, t in zip(source, target, strict=True)]
    batches = method.length_batches(pairs, config.batch, config.seed)
    rows = list(itertools.chain(*itertools.islice(batches, config.steps)))

    def ours() -> float:
        if cold:
            # it is not there before the first run
            shutil.rmtree(VectorStore(english, target).folder, ignore_errors=True)
        with tempfile.TemporaryDirectory() as folder:
            run, copied = Path(folder) / "run", copy.deepcopy(student)
            distill.distill(copied, english, bitext, config, run, progress=False)
            # without its set-up (tokens, run folder)
            return runs.read_metrics(run)["seconds"]

    # backward: gradients of activations, and of weights where these train
    passes = 2 if config.trainable == "new" else 3
    operations = passes * material.forward(student, (pairs[i][0] for i in rows))
    operations += cold * material.forward(english, (pairs[i][1] for i in rows))
    how = {"work": len(rows), "operations": operations}
    return side_by_side(f"distil {case}", "pairs/s", ours, peers, repetitions, **how)


def encoding(repetitions: int) -> list[dict]:
    """Passages a second against sentence-transformers' encode and the plain forward pass."""
    passages, english = list(material.collection().passages.values())[:300], teacher()
    request = {
        "texts": passages, "model": str(model_files.folder(DEFAULT)[0]), "batch": 32,
        "length": english.max_length, "repetitions": repetitions,
    }  # fmt: skip
    peers = {
        "plain forward pass, batches of 32": Peer(lambda: plain_encode(english, passages)),
        "sentence-transformers encode": Peer(ask_peer("encode", request)["seconds"]),
    }
    return encode(passages, peers, repetitions)


def encode(passages: list[str], peers: dict[str, Peer], repetitions: int) -> list[dict]:
    """Encode passages, and keep nothing."""
    english = teacher()

    def ours() -> None:
        for _ in english.batches(passages):
            pass

    operations = material.forward(english, map(len, english.tokenize(passages)))
    how = {"work": len(passages), "operations": operations}
    return side_by_side("encode passages", "passages/s", ours, peers, repetitions, **how)


def plain_encode(encoder: Encoder, passages: list[str], batch: int = 32) -> None:
    """The forward pass of transformers, float32, batches in the order given."""
    with torch.inference_mode():
        for start in range(0, len(passages), batch):
            ids, mask = encoder.pad(encoder.tokenize(passages[start : start + batch]))
            encoder.model(input_ids=ids, attention_mask=mask.long())
