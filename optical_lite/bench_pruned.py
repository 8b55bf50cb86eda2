"""Benchmarks of pruned search: against exact search, and beside PLAID."""

from __future__ import annotations

import functools
import time
from pathlib import Path

from .bench import bench, row, take_turns
from .bench_search import ask_search, each_exactly, part, peer_note, real, recall, synthetic
from .encoder import TokenBatch
from .index import PassageIndex
from .pruned import PrunedIndex
from .retrieval import score
from .settings import ROOT

GRID = ((8, 250), (16, 1000), (32, 1000), (64, 1000), (64, 2000), (64, 4000))  # probes, candidates


@bench
def pruned_search(repetitions: int) -> list[dict]:
    """Pruned against exact search, one question after the other, with recall@100 against the exact ranking."""
    rows, curves = [], {}
    for index, questions in (real(), synthetic()):
        many, few, points = part(questions, 20), part(questions, 4), []  # for recall; for time
        start = time.perf_counter()
        pruned = PrunedIndex.build(index)
        built = f"built in {time.perf_counter() - start:.0f} s with {len(pruned.centroids):,} centroids"
        best = names(index, score(index, many).topk(min(100, len(index.ids))).indices.tolist())
        for setting in GRID:
            probes, candidates = setting
            run = functools.partial(each, pruned, few, *setting)
            mine, theirs = take_turns(run, functools.partial(each_exactly, index, few), repetitions)
            share = recall(each(pruned, many, *setting), best)
            points.append((sorted(theirs)[len(theirs) // 2] / sorted(mine)[len(mine) // 2], share))
            name = f"pruned, {len(index.ids):,} passages, {probes} probes, {candidates} candidates"
            note = f"one question at a time, recall@100 {share:.4f}; {built}"
            label = "our exact MaxSim, one at a time"
            rows.append(row(name, "questions/s", mine, theirs, label, work=len(few.mask), note=note))
        curves[f"{len(index.ids):,} passages"] = points
    draw(curves, ROOT / "figures")
    return rows


@bench
def plaid(repetitions: int, passages: int = 2000, setting: tuple[int, int] = (64, 750)) -> list[dict]:
    """Exact and pruned search beside PLAID on the same synthetic vectors, one question at a time."""
    index, questions = synthetic(passages)
    few = part(questions, 20)
    pruned, best = PrunedIndex.build(index), score(index, few).topk(min(100, passages)).indices.tolist()
    run = functools.partial(each, pruned, few, *setting)
    exact, mine = take_turns(functools.partial(each_exactly, index, few), run, repetitions)
    answer = ask_search("plaid", index, few, repetitions)
    label, times = (answer["peer_name"], answer["seconds"]) if answer else ("PLAID", [])
    said = peer_note(answer, best) + (f"; its index was built in {answer['built']:.0f} s" if answer else "")
    share = recall(run(), names(index, best))
    ours = f"{setting[0]} probes, {setting[1]} candidates: our recall@100 {share:.4f}"
    found = []
    for kind, seconds, note in (("MaxSim", exact, "our exact search"), ("pruned", mine, ours)):
        name, note = f"{kind} beside PLAID, {passages:,} passages", f"one question at a time, {note}; {said}"
        found.append(row(name, "questions/s", seconds, times, label, work=len(best), note=note))
    return found


def names(index: PassageIndex, found: list[list[int]]) -> list[list[str]]:
    """Ids of passages from their positions."""
    return [[index.ids[i] for i in places] for places in found]


def each(pruned: PrunedIndex, questions: TokenBatch, *setting: int) -> list[list[str]]:
    """Pruned search of one question after the other: ids of the best 100 passages of each."""
    queries = [vectors[mask] for vectors, mask in zip(questions.vectors, questions.mask, strict=True)]
    return [[name for name, _ in pruned.search_vectors("", query, 100, *setting)[""]] for query in queries]


def draw(curves: dict[str, list[tuple[float, float]]], folder: Path) -> None:
    """Recall against speed: the trade-off that probes and candidates buy."""
    import matplotlib.pyplot as plt

    from .plots import save_figure

    figure, ax = plt.subplots(figsize=(5.5, 3.6), layout="constrained")
    for (name, points), colour, mark in zip(curves.items(), ("#0072B2", "#D55E00"), "os", strict=True):
        ax.plot(*zip(*points, strict=True), mark, color=colour, label=name)
    ax.axhline(0.99, color="grey", linewidth=0.8, linestyle="--")
    ax.set(xscale="log", xlabel="times faster than exact search", ylabel="recall@100 against exact search")
    ax.legend()
    save_figure(figure, "pruned_tradeoff", folder)
    plt.close(figure)
