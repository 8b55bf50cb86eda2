"""What is killed: the commands that write, each on a tiny random model and few texts, in about a second."""

from __future__ import annotations

import copy
import hashlib
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

os.environ |= {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1",
               "OPTICAL_LITE_PROFILE": "smoke", "OPTICAL_LITE_PRECISION": "float32"}  # fmt: skip

LANG, PAIRS = "sw", 16


def _patch(tiny) -> None:
    """Make the tiny model the default teacher, wherever a module has taken it by name."""
    import torch

    from optical_lite import encoder, provenance
    from optical_lite.datasets import pocket as data
    from optical_lite.datasets import published, testsets
    from optical_lite.paper import experiment
    from optical_lite.study import demo, grid, places, systems
    from optical_lite.views import choices

    torch.set_num_threads(1)
    provenance.commit = lambda: "unknown"  # asks git, in a process of its own, each time
    for module in (encoder, demo, grid, choices):
        module.teacher = lambda *_: tiny  # whichever is asked for
    experiment.tiny = lambda seed=0: copy.deepcopy(tiny)
    bitext, whole = data.bitext(LANG), data.collection(LANG)
    few = replace(bitext, pairs=bitext.pairs[:PAIRS])
    asked = sorted(whole.queries)[:6]
    part = {name: {q: getattr(whole, name)[q] for q in asked} for name in ("queries", "qrels", "translations")}
    right = {p for grades in part["qrels"].values() for p in grades}
    passages = {p: text for i, (p, text) in enumerate(whole.passages.items()) if p in right or i < 8}
    small = replace(whole, passages=passages, **part)
    data.bitext, data.collection = (lambda lang: few), (lambda lang, split="test": small)
    testsets.load = lambda name, lang, split="test": replace(small, name=name)
    testsets.dev_collection = lambda lang: replace(small, name="dev")
    published.training_bitext = lambda *_, **__: few
    places.LANGUAGES[LANG] = places.Place(("first", "second"))
    short = replace(systems.SYSTEMS["optical"], train=replace(systems.ROWS, steps=2, batch=8))
    systems.SYSTEMS["optical"] = short


def cases(tiny, folder: Path) -> dict[str, tuple[Callable[[Path], None], int]]:
    """For each command what it does in a folder, and how many of its operations are cut short at most."""
    from optical_lite import vocabulary
    from optical_lite.__main__ import main
    from optical_lite.alignment import plans
    from optical_lite.config import DistillConfig
    from optical_lite.datasets import pocket as data
    from optical_lite.datasets import reading as formats
    from optical_lite.datasets import sources
    from optical_lite.index import PassageIndex
    from optical_lite.paper import colbert, experiment
    from optical_lite.paper.configs import CONFIGS
    from optical_lite.study import demo as demonstration
    from optical_lite.study import grid
    from optical_lite.training import distill
    from optical_lite.training.vector_store import VectorStore

    bitext, small = data.bitext(LANG), data.collection(LANG)
    student = vocabulary.extend(tiny, bitext)
    config = DistillConfig(steps=6, batch=4, save_every=2, keep=(3,))
    one = replace(CONFIGS["tiny"], teacher=replace(CONFIGS["tiny"].teacher, steps=2, batch=4),
                  student=replace(CONFIGS["tiny"].student, steps=2, batch=4, save_every=1))  # fmt: skip
    model = tiny.save(folder / "model")
    (folder / "pairs.tsv").write_text("".join(f"{s}\t{t}\n" for s, t in bitext.pairs), encoding="utf-8")
    formats.write("beir", small, folder / "collection")
    content = b"maji\twater\n" * 50
    (folder / "x.tsv").write_bytes(content)
    source = sources.Source("toy", "owner/name", "0" * 40, "x.tsv", len(content),
                            hashlib.sha256(content).hexdigest(), "CC0 1.0")  # fmt: skip
    sources.registry = lambda: {("toy", "x.tsv"): source}
    sources.ADDRESS = folder.as_uri() + "/{path}"
    grid.TRAINING = folder / "case" / "training"
    reading = ["--collection", str(folder / "collection"), "--lang", LANG]

    def command(*line) -> None:
        if main([str(one) for one in line]):
            raise RuntimeError(f"exit of {line[0]}")

    def store(root: Path) -> None:
        known = VectorStore(tiny, tiny.tokenize([target for _, target in bitext.pairs]))
        known.fill(range(6))
        known.batch([3, 9])

    def align(root: Path) -> None:
        plans.write_links(student, tiny, folder / "pairs.tsv", root / "links", progress=False)

    def run(root: Path) -> None:
        distill.distill(copy.deepcopy(student), tiny, bitext, config, root / "run", progress=False)

    return {
        "train": (run, 90),
        "teacher": (lambda root: colbert.fit(colbert.ColBERT(copy.deepcopy(tiny), 16), experiment.TRIPLES,
                                             one.teacher, root / "teacher", save_every=1, progress=False), 25),
        "paper": (lambda root: experiment.run(one, experiment.TRIPLES, bitext, small, root / "paper",
                                              progress=False), 35),
        "index": (lambda root: (root / "index").exists() or command(
            "index", *reading, "--model", model, "--out", root / "index", "--quiet"), 25),
        "cached index": (lambda root: PassageIndex.cached(tiny, small.passages), 20),
        "store": (store, 25),
        "download": (lambda root: sources.fetch("toy"), 15),
        "convert": (lambda root: (root / "trec").exists() or command(
            "convert", *reading, "--to", "trec", "--out", root / "trec"), 25),
        "align": (align, 25),
        "grid": (lambda root: grid.run(["lexicon", "optical"], [LANG], [0], folder=root / "records"), 30),
        "demo": (lambda root: demonstration.run("pocket", LANG, out=root / "demo", figures=False, progress=False), 20),
    }  # fmt: skip


def warm(folder: Path) -> dict[str, tuple[Callable[[Path], None], int]]:
    """The cases, after each has run once in this process: its forks have nothing left to import."""
    os.environ["OPTICAL_LITE_CACHE"] = str(folder / "case" / "cache")
    root = Path(__file__).resolve().parents[2]
    sys.path.insert(0, str(root))
    from optical_lite.paper import experiment

    tiny = experiment.tiny().requires_grad_(False)
    _patch(tiny)
    return cases(tiny, folder)
