"""Benchmarks of search: exact MaxSim against brute force and other engines, pruned search against exact."""

from __future__ import annotations

import functools
import tempfile
import time
from pathlib import Path

import torch
from torch import Tensor

from . import pocket, published
from .bench import Peak, ask_peer, bench, limits, row, take_turns
from .encoder import TokenBatch, teacher
from .pruned import PrunedIndex
from .retrieval import PassageIndex, maxsim, score
from .settings import ROOT, InputError

LARGE, WIDTH = 100_000, 128  # passages and dimensions of the synthetic collection
GRID = ((8, 250), (8, 1000), (8, 4000), (8, 8000), (32, 1000), (32, 8000))  # probes, candidates


@functools.cache
def real() -> tuple[PassageIndex, TokenBatch]:
    """AfriQA's Swahili pool and the English questions, where they can be had; else pocket."""
    try:
        data = published.afriqa("swa")
    except InputError:
        data = pocket.collection("sw")
    return PassageIndex.cached(teacher(), data.passages), teacher().encode(list(data.translations.values())[:300])


def compress(vectors: Tensor, axes: Tensor) -> Tensor:
    """Unit vectors of fewer dimensions: shapes (..., d), (d, w) -> (..., w)."""
    return torch.nn.functional.normalize(vectors.float() @ axes, dim=-1)


@functools.cache
def synthetic(passages: int = LARGE) -> tuple[PassageIndex, TokenBatch]:
    """Passages of real lengths made of stretches of 8 real token vectors from anywhere in the real pool, with noise.

    Vectors are projected on their 128 principal axes, stretches keep the neighbourhoods of real text, and noise of a
    tenth of the vector's length on each keeps copies apart.
    """
    index, questions = real()
    draw = torch.Generator().manual_seed(0)
    sample = index.vectors[torch.randperm(len(index.vectors), generator=draw)[:20_000]].float()
    axes = torch.linalg.svd(sample, full_matrices=False).Vh[:WIDTH].T  # (d, w)
    small = torch.cat([compress(part, axes).half() for part in index.vectors.split(1 << 16)])
    lengths = index.lengths[torch.randint(len(index.lengths), (passages,), generator=draw)].sort().values
    vectors = torch.empty(int(lengths.sum()), WIDTH, dtype=torch.float16)
    for start in range(0, len(vectors), 1 << 18):
        part = vectors[start : start + (1 << 18)]
        first = torch.randint(len(small) - 8, (-(-len(part) // 8), 1), generator=draw)
        chosen = small[(first + torch.arange(8)).flatten()[: len(part)]].float()
        noise = torch.randn(chosen.shape, generator=draw) * (0.1 / WIDTH**0.5)
        part.copy_(torch.nn.functional.normalize(chosen + noise, dim=-1))
    batch = TokenBatch(compress(questions.vectors, axes) * questions.mask[..., None], questions.mask, questions.ids, [])
    return PassageIndex([str(i) for i in range(passages)], vectors, lengths), batch


def brute_force(index: PassageIndex, questions: TokenBatch, passages: int = 64) -> Tensor:
    """Float32 :func:`optical_lite.retrieval.maxsim` on padded passages, a few at a time."""
    found, ends = [], index.lengths.cumsum(0).tolist()
    for first in range(0, len(ends), passages):
        lengths = index.lengths[first : first + passages]
        begin = ends[first - 1] if first else 0
        mask = torch.arange(max(1, int(lengths.max()))) < lengths[:, None]
        block = torch.zeros(*mask.shape, index.vectors.shape[1])
        block[mask] = index.vectors[begin : begin + int(lengths.sum())].float()
        found.append(maxsim(questions.vectors, questions.mask, block, mask))
    return torch.cat(found, 1)


def agreement(found: Tensor, expected: Tensor, k: int = 100) -> float:
    """Share of the expected top k that is in the found top k, over all queries."""
    k = min(k, found.shape[1])
    pairs = zip(found.topk(k).indices.tolist(), expected.topk(k).indices.tolist(), strict=True)
    return sum(len(set(a) & set(b)) for a, b in pairs) / (k * len(found))


def part(questions: TokenBatch, count: int) -> TokenBatch:
    """The first few questions."""
    return TokenBatch(
        questions.vectors[:count], questions.mask[:count], questions.ids[:count], questions.tokens[:count]
    )


@bench
def maximum_similarity(repetitions: int) -> list[dict]:
    """Exact scoring of 300 questions: the real pool, 100,000 passages, and the engines people use."""
    index, questions = real()
    few = part(questions, 50)
    rows = []
    same = agreement(score(index, few), brute_force(index, few))
    with Peak() as peak:
        mine, theirs = take_turns(lambda: score(index, questions), lambda: brute_force(index, few), repetitions)
    theirs = [s * len(questions.mask) / len(few.mask) for s in theirs]
    flops = 2 * int(questions.mask.sum()) * index.vectors.numel() / 1e9
    share = flops / sorted(mine)[len(mine) // 2] / limits()["matrix"]
    name, unit = f"MaxSim, {len(index.ids):,} passages, d {index.vectors.shape[1]}", "questions/s"
    common = {"work": len(questions.mask), "limit_share": share, "memory_mib": peak.mib}
    note = f"top 100 agrees with float32 brute force in {same:.2%} of entries"
    rows.append(row(name, unit, mine, theirs, "torch brute force, float32", note=note, **common))
    rows += engines(subset(index, 1000), part(questions, 20), repetitions)
    index, questions = synthetic()
    with Peak() as peak:
        mine, _ = take_turns(lambda: score(index, questions), None, min(3, repetitions))
    flops = 2 * int(questions.mask.sum()) * index.vectors.numel() / 1e9
    share = flops / sorted(mine)[len(mine) // 2] / limits()["matrix"]
    name = f"MaxSim, {len(index.ids):,} passages, d {WIDTH}"
    common = {"work": len(questions.mask), "limit_share": share, "memory_mib": peak.mib}
    return [*rows, row(name, unit, mine, [], "", **common)]


def subset(index: PassageIndex, passages: int) -> PassageIndex:
    """The last few passages of an index (the longest)."""
    lengths = index.lengths[-passages:]
    return PassageIndex(index.ids[-passages:], index.vectors[-int(lengths.sum()) :], lengths)


def engines(index: PassageIndex, questions: TokenBatch, repetitions: int) -> list[dict]:
    """The same questions, one after the other, in engines of their own environment."""
    queries = [vectors[mask] for vectors, mask in zip(questions.vectors, questions.mask, strict=True)]
    first = score(index, questions).argmax(1).tolist()
    mine, _ = take_turns(lambda: [score(index, one(questions, i)) for i in range(len(queries))], None, repetitions)
    rows = []
    for peer in ("qdrant", "lancedb", "pylate"):
        with tempfile.TemporaryDirectory() as folder:
            torch.save({"vectors": index.vectors, "lengths": index.lengths}, Path(folder) / "index.pt")
            request = {"index": str(Path(folder) / "index.pt"), "queries": [q.tolist() for q in queries]}
            answer = ask_peer(peer, {**request, "repetitions": repetitions})
        times = answer["seconds"] if answer else []
        agree = answer and sum(a == b for a, b in zip(answer["top"], first, strict=True))
        note = f"the same first passage for {agree} of {len(first)} questions" if answer else "peer not installed"
        name = f"MaxSim one question at a time, {len(index.ids):,} passages, d {index.vectors.shape[1]}"
        peer_name = answer["peer_name"] if answer else peer
        rows.append(row(name, "questions/s", mine, times, peer_name, work=len(queries), note=note))
    return rows


def one(questions: TokenBatch, i: int) -> TokenBatch:
    """A single question."""
    return TokenBatch(questions.vectors[i : i + 1], questions.mask[i : i + 1], questions.ids[i : i + 1], [])


@bench
def pruned_search(repetitions: int) -> list[dict]:
    """Pruned against exact search, one question after the other, with recall@100 against the exact ranking."""
    rows, curves = [], {}
    for index, questions in (real(), synthetic()):
        few = part(questions, 10)
        start = time.perf_counter()
        pruned = PrunedIndex.build(index)
        build = time.perf_counter() - start
        expected = score(index, few)
        everything = [vectors[mask] for vectors, mask in zip(few.vectors, few.mask, strict=True)]
        points = []
        for probes, candidates in GRID:
            run = functools.partial(_each, pruned, everything, probes, candidates)
            mine, exact = take_turns(run, functools.partial(_exact, index, few), repetitions)
            best = expected.topk(min(100, len(index.ids))).indices.tolist()
            hits = [
                len({index.ids[j] for j in ids} & {x for x, _ in got[:100]})
                for ids, got in zip(best, run(), strict=True)
            ]
            recall = sum(hits) / sum(map(len, best))
            points.append((sorted(exact)[len(exact) // 2] / sorted(mine)[len(mine) // 2], recall))
            name = f"pruned, {len(index.ids):,} passages, {probes} probes, {candidates} candidates"
            note = f"recall@100 {recall:.4f}; built in {build:.0f} s with {len(pruned.centroids):,} centroids"
            rows.append(
                row(
                    name, "questions/s", mine, exact, "our exact MaxSim, one at a time", work=len(everything), note=note
                )
            )
        curves[f"{len(index.ids):,} passages"] = points
    draw(curves, ROOT / "figures")
    return rows


def _exact(index: PassageIndex, questions: TokenBatch) -> None:
    for i in range(len(questions.mask)):
        score(index, one(questions, i))


def _each(pruned: PrunedIndex, queries: list[Tensor], probes: int, candidates: int) -> list:
    return [pruned.search_vectors("", query, 100, probes, candidates)[""] for query in queries]


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
