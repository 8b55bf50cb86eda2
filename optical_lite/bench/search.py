"""Benchmarks of search: exact MaxSim against brute force and other engines."""

from __future__ import annotations

import functools
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from ..datasets import pocket, published
from ..encoder import TokenBatch, teacher
from ..index import PassageIndex
from ..kernels.index_file import writing
from ..retrieval import maxsim, score
from ..settings import InputError, get
from .registry import Peak, ask_peer, bench, limits, row, take_turns

LARGE, WIDTH = 100_000, 128  # passages and dimensions of the synthetic collection


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


class Synthetic:
    """Passages of real lengths made of stretches of 8 real token vectors from anywhere in the real pool, with noise.

    Vectors are projected on their 128 principal axes, stretches keep the neighbourhoods of real text, and noise of a
    tenth of the vector's length on each keeps copies apart.

    Attributes
    ----------
    lengths : Tensor of int, shape (passages,), ascending
    questions : the real ones, projected
    """

    def __init__(self, passages: int) -> None:
        index, questions = real()
        self.draw = torch.Generator().manual_seed(0)
        sample = index.vectors[torch.randperm(len(index.vectors), generator=self.draw)[:20_000]].float()
        axes = torch.linalg.svd(sample, full_matrices=False).Vh[:WIDTH].T  # (d, w)
        self.small = torch.cat([compress(part, axes).half() for part in index.vectors.split(1 << 16)])
        some = torch.randint(len(index.lengths), (passages,), generator=self.draw)
        self.lengths, self.ids = index.lengths[some].sort().values, [str(i) for i in range(passages)]
        vectors = compress(questions.vectors, axes) * questions.mask[..., None]
        self.questions = TokenBatch(vectors, questions.mask, questions.ids, [])

    def parts(self) -> Iterator[tuple[int, Tensor]]:
        """Vectors of all passages, a stretch at a time, float16, with the row where it begins; draws anew each time."""
        total, step = int(self.lengths.sum()), 1 << 18
        for start in range(0, total, step):
            rows = min(step, total - start)
            first = torch.randint(len(self.small) - 8, (-(-rows // 8), 1), generator=self.draw)
            chosen = self.small[(first + torch.arange(8)).flatten()[:rows]].float()
            noise = torch.randn(chosen.shape, generator=self.draw) * (0.1 / WIDTH**0.5)
            yield start, torch.nn.functional.normalize(chosen + noise, dim=-1).half()


@functools.cache
def synthetic(passages: int = LARGE) -> tuple[PassageIndex, TokenBatch]:
    """:class:`Synthetic` in memory."""
    made = Synthetic(passages)
    vectors = torch.empty(int(made.lengths.sum()), WIDTH, dtype=torch.float16)
    for start, part in made.parts():
        vectors[start : start + len(part)] = part
    return PassageIndex(made.ids, vectors, made.lengths), made.questions


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
    """Exact scoring: the real pool (300 questions), 100,000 passages (100), and the engines people use."""
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
    questions = part(questions, 100)  # enough for large products; 300 would take minutes a turn
    with Peak() as peak:
        mine, _ = take_turns(lambda: score(index, questions), None, repetitions)
    flops = 2 * int(questions.mask.sum()) * index.vectors.numel() / 1e9
    share = flops / sorted(mine)[len(mine) // 2] / limits()["matrix"]
    name = f"MaxSim, {len(index.ids):,} passages, d {WIDTH}"
    common = {"work": len(questions.mask), "limit_share": share, "memory_mib": peak.mib}
    note = f"{len(questions.mask)} questions at once, synthetic passages"
    return [*rows, row(name, unit, mine, [], "", note=note, **common)]


@bench
def million(repetitions: int, passages: int = 1_000_000, questions: int = 30) -> list[dict]:
    """Exact scoring of an index larger than memory; only by name, because its file has 34 GB (deleted afterwards)."""
    folder = get().cache / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as place:
        path, made, start = Path(place) / "index.safetensors", Synthetic(passages), time.perf_counter()
        with writing(path, made.ids, made.lengths, WIDTH) as put:
            for begin, vectors in made.parts():
                put(begin, vectors)
        written, batch = time.perf_counter() - start, part(made.questions, questions)
        size, times = path.stat().st_size / 1e9, []
        with Peak() as peak:
            index = PassageIndex.load(path)
            for _ in range(min(repetitions, 1)):
                start = time.perf_counter()
                for shard in index.shards(LARGE):
                    score(shard, batch).topk(min(100, len(shard.ids)))
                times.append(time.perf_counter() - start)
        flops = 2 * int(batch.mask.sum()) * index.vectors.numel() / 1e9
        del index
    share = flops / times[0] / limits()["matrix"]
    note = (
        f"{len(batch.mask)} questions at once, one repetition and none before it, in shards of {LARGE:,} passages; "
        f"a file of {size:.1f} GB, written in {written:.0f} s, mapped read-only; memory without the map's pages"
    )
    name = f"MaxSim from a file, {passages:,} passages, d {WIDTH}"
    work = {"work": len(batch.mask), "limit_share": share, "memory_mib": peak.mib, "note": note}
    return [row(name, "questions/s", times, [], "", **work)]


def subset(index: PassageIndex, passages: int) -> PassageIndex:
    """The last few passages of an index (the longest)."""
    lengths = index.lengths[-passages:]
    return PassageIndex(index.ids[-passages:], index.vectors[-int(lengths.sum()) :], lengths)


def engines(index: PassageIndex, questions: TokenBatch, repetitions: int) -> list[dict]:
    """The same questions, one after the other, in engines of their own environment."""
    best = score(index, questions).topk(min(100, len(index.ids))).indices.tolist()
    mine, _ = take_turns(functools.partial(each_exactly, index, questions), None, repetitions)
    name, rows = f"MaxSim one question at a time, {len(index.ids):,} passages, d {index.vectors.shape[1]}", []
    for peer in ("qdrant", "lancedb", "pylate"):
        answer = ask_search(peer, index, questions, repetitions)
        note = f"the same questions one by one; {peer_note(answer, best)}"
        label, times = (answer["peer_name"], answer["seconds"]) if answer else (peer, [])
        rows.append(row(name, "questions/s", mine, times, label, work=len(best), note=note))
    return rows


@bench
def plaid(repetitions: int, passages: int = 2000) -> list[dict]:
    """Exact search beside PLAID on the same synthetic vectors, one question at a time."""
    index, questions = synthetic(passages)
    few = part(questions, 20)
    best = score(index, few).topk(min(100, passages)).indices.tolist()
    mine, _ = take_turns(functools.partial(each_exactly, index, few), None, repetitions)
    answer = ask_search("plaid", index, few, repetitions)
    label, times = (answer["peer_name"], answer["seconds"]) if answer else ("PLAID", [])
    said = peer_note(answer, best) + (f"; its index was built in {answer['built']:.0f} s" if answer else "")
    name, note = f"MaxSim beside PLAID, {passages:,} passages", f"one question at a time, our exact search; {said}"
    return [row(name, "questions/s", mine, times, label, work=len(best), note=note)]


def ask_search(peer: str, index: PassageIndex, questions: TokenBatch, repetitions: int) -> dict | None:
    """A peer's seconds, and its best 100 passages of each question; None where it is missing."""
    queries = [vectors[mask].tolist() for vectors, mask in zip(questions.vectors, questions.mask, strict=True)]
    with tempfile.TemporaryDirectory() as folder:
        torch.save({"vectors": index.vectors, "lengths": index.lengths}, Path(folder) / "index.pt")
        request = {"index": str(Path(folder) / "index.pt"), "queries": queries, "repetitions": repetitions}
        return ask_peer(peer, request)


def peer_note(answer: dict | None, best: list[list[int]]) -> str:
    """What a peer's answers are worth against the exact ranking; that it is missing, where it is."""
    if not answer:
        return "the peer is not installed or failed (make .venv-bench/installed, .venv-plaid/installed)"
    first = sum(a[0] == b[0] for a, b in zip(answer["top"], best, strict=True))
    return (
        f"the peer has the same first passage for {first} of {len(best)}, recall@100 {recall(answer['top'], best):.4f}"
    )


def recall(found: list[list[int]], best: list[list[int]]) -> float:
    """Share of the expected passages that were found, over all queries."""
    hits = sum(len(set(a[: len(b)]) & set(b)) for a, b in zip(found, best, strict=True))
    return hits / sum(map(len, best))


def one(questions: TokenBatch, i: int) -> TokenBatch:
    """A single question."""
    return TokenBatch(questions.vectors[i : i + 1], questions.mask[i : i + 1], questions.ids[i : i + 1], [])


def each_exactly(index: PassageIndex, questions: TokenBatch) -> None:
    """Exact search of one question after the other."""
    for i in range(len(questions.mask)):
        score(index, one(questions, i))
