"""Benchmarks of training and encoding: distillation against plain loops and sentence-transformers."""

from __future__ import annotations

import contextlib
import copy
import itertools
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from .. import distillation as method
from .. import losses, model_files, vocabulary
from ..config import DistillConfig
from ..corpora import Bitext
from ..datasets import pocket, published
from ..encoder import DEFAULT, Encoder, teacher
from ..settings import InputError, computing_in, has_bf16
from ..training import distill, runs
from ..training.vector_store import VectorStore
from .registry import Peak, ask_peer, bench, limits, row, take_turns

STEPS = 24
LENGTH = 64


def swahili(pairs: int = 30_782) -> Bitext:
    """MAFAND's Swahili training pairs where they can be had, else those of pocket."""
    try:
        found = published.mafand("swa", "train")
    except InputError:
        found = pocket.bitext("sw")
    return Bitext(found.name, "sw", "en", found.pairs[:pairs])


def forward_flops(encoder: Encoder, lengths: list[int]) -> float:
    """Operations of one forward pass: two for each weight of the layers and token, and those of attention."""
    weights = sum(p.numel() for p in encoder.model.encoder.parameters() if p.ndim == 2)
    attention = 4 * encoder.dimension * encoder.model.config.num_hidden_layers * sum(n * n for n in lengths)
    return 2.0 * weights * sum(lengths) + attention


def used(student: Encoder, bitext: Bitext, config: DistillConfig) -> tuple[list[int], list[int]]:
    """Lengths of both sides of all pairs that a run sees."""
    source, target, _ = method.tokens(student, teacher(), bitext, config.max_length)
    pairs = [(len(s), len(t)) for s, t in zip(source, target, strict=True)]
    rows = itertools.chain.from_iterable(
        itertools.islice(method.length_batches(pairs, config.batch, config.seed), config.steps)
    )
    return tuple(map(list, zip(*(pairs[i] for i in rows), strict=True)))


def run_once(student: Encoder, bitext: Bitext, config: DistillConfig) -> float:
    """Seconds of a training run, its set-up (tokens, run folder) left out."""
    folder = Path(tempfile.mkdtemp())
    distill.distill(copy.deepcopy(student), teacher(), bitext, config, folder / "run", progress=False)
    seconds = runs.read_metrics(folder / "run")["seconds"]
    shutil.rmtree(folder)
    return seconds


@contextlib.contextmanager
def timed(module, name: str) -> Iterator[list[float]]:
    """Seconds of every call of a module's function, while this is open."""
    seconds, function = [], getattr(module, name)

    def watched(*args, **kwargs):
        start = time.perf_counter()
        found = function(*args, **kwargs)
        seconds.append(time.perf_counter() - start)
        return found

    setattr(module, name, watched)
    try:
        yield seconds
    finally:
        setattr(module, name, function)


def forget(bitext: Bitext, config: DistillConfig) -> None:
    """Empty the teacher's store, so that its work is part of the time."""
    target = method.tokens(teacher(), teacher(), bitext, config.max_length)[1]
    folder = VectorStore(teacher(), target).folder
    if folder.exists():  # not before the first run
        shutil.rmtree(folder)


@bench
def distillation(repetitions: int) -> list[dict]:
    """Sentence pairs a second, teacher included, against the plain loop and the trainers of two libraries."""
    bitext, english = swahili(), teacher()
    student = vocabulary.extend(english, bitext)
    found, times = [], {}
    cases = {
        "new rows, teacher encoded": ("new", True), "new rows, teacher stored": ("new", False),
        "all weights, teacher encoded": ("all", True),
    }  # fmt: skip
    plain = {trainable: [] for trainable in ("new", "all")}
    memory, transport = {}, {}
    for i in range(repetitions + 1):
        for case, (trainable, cold) in cases.items():
            config = DistillConfig(steps=STEPS, trainable=trainable, rate=1e-4)
            if cold:
                forget(bitext, config)
            with Peak() as peak, timed(losses, "solve") as solved:
                seconds = run_once(student, bitext, config)
            if i:
                times.setdefault(case, []).append(seconds)
                memory[case] = peak.mib
                transport.setdefault(case, []).append(sum(solved))
        for trainable, side in plain.items():
            config = DistillConfig(steps=STEPS // 3, trainable=trainable, rate=1e-4)
            start = time.perf_counter()
            method.plain(copy.deepcopy(student), english, bitext, config)
            if i:
                side.append((time.perf_counter() - start) * STEPS / config.steps)
    folder = Path(tempfile.mkdtemp())
    student.save(folder / "student")
    request = {
        "pairs": bitext.pairs[: 32 * 12], "teacher": str(model_files.folder(DEFAULT)[0]), "batch": 32, "length": LENGTH,
        "repetitions": repetitions,
    }  # fmt: skip
    own = {**request, "student": request["teacher"]}
    few = {**own, "pairs": bitext.pairs[: 32 * 4], "repetitions": min(3, repetitions)}  # it is slow
    peers = {
        "sentence-transformers MSELoss, same student": ask_peer(
            "train", {**request, "student": str(folder / "student")}
        ),
        "sentence-transformers MSELoss, its own vocabulary": ask_peer("train", own),
        "PyLate distillation of scores, its own vocabulary": ask_peer("distil", few),
    }
    shutil.rmtree(folder)
    for case, (trainable, cold) in cases.items():
        config = DistillConfig(steps=STEPS, trainable=trainable)
        source, target = used(student, bitext, config)
        passes = 2 if trainable == "new" else 3  # backward: gradients of activations, and of weights where these train
        flops = passes * forward_flops(student, source) + cold * forward_flops(english, target)
        share = flops / 1e9 / sorted(times[case])[len(times[case]) // 2] / limits()["matrix"]
        common = {"work": len(source), "limit_share": share, "memory_mib": memory[case]}
        found.append(row(f"distil {case}", "pairs/s", times[case], plain[trainable], "plain loop", **common))
        for name, answer in peers.items():
            theirs = [s * len(source) / answer["pairs"] for s in answer["seconds"]] if answer else []
            note = "" if answer else "peer not installed"
            found.append(row(f"distil {case}", "pairs/s", times[case], theirs, name, note=note, **common))
        share = statistics.median(a / b for a, b in zip(transport[case], times[case], strict=True))
        steps = [seconds / STEPS for seconds in transport[case]]
        note = f"{share:.1%} of the step"
        found.append(row(f"transport in a step, {case}", "ms", steps, [], "", note=note))
    return found


@bench
def encoding(repetitions: int) -> list[dict]:
    """Passages a second against sentence-transformers' encode and the plain forward pass, at equal length and batch."""
    passages, english = some_passages(), teacher()
    lengths = [len(ids) for ids in english.tokenize(passages)]
    with Peak() as peak:
        mine, theirs = take_turns(
            lambda: encode_all(english, passages), lambda: plain_encode(english, passages), repetitions
        )
    share = forward_flops(english, lengths) / 1e9 / sorted(mine)[len(mine) // 2] / limits()["matrix"]
    common = {"work": len(passages), "limit_share": share, "memory_mib": peak.mib}
    request = {
        "texts": passages,
        "model": str(model_files.folder(DEFAULT)[0]),
        "batch": 32,
        "length": english.max_length,
    }
    answer = ask_peer("encode", {**request, "repetitions": repetitions})
    note = "" if answer else "peer not installed"
    return [
        row("encode passages", "passages/s", mine, theirs, "plain forward pass, batches of 32", **common),
        row("encode passages", "passages/s", mine, answer["seconds"] if answer else [], "sentence-transformers encode",
            note=note, **common),
    ]  # fmt: skip


@bench
def number_types(repetitions: int) -> list[dict]:
    """Ours in bfloat16 beside ours in float32, where the device has instructions for both."""
    if not has_bf16():
        return []
    bitext, passages = swahili(), some_passages()
    student = vocabulary.extend(teacher(), bitext)
    config = DistillConfig(steps=STEPS, rate=1e-4)
    pairs, seconds = len(used(student, bitext, config)[0]), {"bf16": [], "float32": []}
    for i in range(repetitions + 1):  # the first fills the teacher's store and does not count
        for kind, side in seconds.items():
            with computing_in(kind):
                taken = run_once(student, bitext, config)
            side += [taken] if i else []

    def encode_in(kind: str) -> None:
        with computing_in(kind):
            encode_all(teacher(), passages)

    sides = take_turns(lambda: encode_in("bf16"), lambda: encode_in("float32"), repetitions)
    peer = "ours in float32"
    return [
        row("distil new rows, teacher stored, in bf16", "pairs/s", *seconds.values(), peer, work=pairs),
        row("encode passages in bf16", "passages/s", *sides, peer, work=len(passages)),
    ]


def some_passages() -> list[str]:
    """300 passages of AfriQA's Swahili pool where they can be had, else those of pocket."""
    try:
        return list(published.afriqa("swa").passages.values())[:300]
    except InputError:
        return list(pocket.passages().values())


def encode_all(encoder: Encoder, passages: list[str]) -> None:
    """Encode, and keep nothing."""
    for _ in encoder.batches(passages):
        pass


def plain_encode(encoder: Encoder, passages: list[str], batch: int = 32) -> None:
    """The forward pass of transformers, float32, batches in the order given."""
    import torch

    with torch.inference_mode():
        for start in range(0, len(passages), batch):
            ids, mask = encoder.pad(encoder.tokenize(passages[start : start + batch]))
            encoder.model(input_ids=ids, attention_mask=mask.long())
