"""Benchmarks of search: exact MaxSim against brute force and other engines."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from ..encoder import TokenBatch
from ..index import PassageIndex
from ..retrieval import maxsim, score
from . import material
from .material import some
from .measuring import Peer, ask_peer, side_by_side


def operations(index: PassageIndex, questions: TokenBatch) -> int:
    """Of all questions with all passages: two for each pair of numbers that meet."""
    return 2 * int(questions.mask.sum()) * index.vectors.numel()


def brute_force(index: PassageIndex, questions: TokenBatch) -> Tensor:
    """Float32 :func:`optical_lite.retrieval.maxsim` on padded passages, a few at a time."""
    found = []
    for part in index.shards(64):
        vectors = part.vectors.float().split(part.lengths.tolist())
        block = torch.nn.utils.rnn.pad_sequence(vectors, batch_first=True)
        mask = torch.arange(block.shape[1]) < part.lengths[:, None]
        block, mask = block.to(questions.mask.device), mask.to(questions.mask.device)
        found.append(maxsim(questions.vectors, questions.mask, block, mask))
    return torch.cat(found, 1)


def best(scores: Tensor) -> list[list[int]]:
    """The places of the best hundred passages of each question."""
    return scores.topk(min(100, scores.shape[1])).indices.tolist()


def recall(found: list[list[int]], expected: list[list[int]]) -> float:
    """Share of the expected passages that were found, over all questions."""
    hits = sum(len(set(a[: len(b)]) & set(b)) for a, b in zip(found, expected, strict=True))
    return hits / sum(map(len, expected))


def exact(
    index: PassageIndex, questions: TokenBatch, peers: dict[str, Peer], repetitions: int, said: str
) -> list[dict]:
    """All questions at once."""
    name = f"MaxSim, {len(index.ids):,} passages, d {index.vectors.shape[1]}"
    return side_by_side(
        name, "questions/s", lambda: score(index, questions), peers, repetitions,
        work=len(questions.mask), operations=operations(index, questions), note=said,
    )  # fmt: skip


def large(repetitions: int) -> list[dict]:
    """A hundred questions and 100,000 passages."""
    index, questions = material.large()
    said = "100 questions at once, random vectors"
    return exact(index, some(questions, slice(100)), {}, repetitions, said)


def maximum_similarity(repetitions: int) -> Iterator[dict]:
    """Exact scoring: the real pool, the engines that people use, and 100,000 passages."""
    index, questions = material.real()
    few = some(questions, slice(50))
    same = recall(best(score(index, few)), best(brute_force(index, few)))
    said = f"top 100 agrees with float32 brute force in {same:.2%} of entries"
    plain = Peer(lambda: brute_force(index, few), work=len(few.mask))
    peers = {"torch brute force, float32": plain} | ask(["fast_maxsim"], index, few, repetitions)
    yield from exact(index, questions, peers, repetitions, said)
    yield from engines(1000, repetitions)
    yield from large(repetitions)


def engines(passages: int, repetitions: int) -> list[dict]:
    """Twenty questions, one after the other, in the engines that people use."""
    whole, questions = material.real()
    # the longest
    lengths = whole.lengths[-passages:]
    index = PassageIndex(whole.ids[-passages:], whole.vectors[-int(lengths.sum()) :], lengths)
    few = some(questions, slice(20))
    peers = ask(["qdrant", "fast_maxsim", "pylate", "plaid"], index, few, repetitions)
    asked = [some(few, slice(i, i + 1)) for i in range(20)]
    return side_by_side(
        f"MaxSim one question at a time, {len(index.ids):,} passages", "questions/s",
        lambda: [score(index, one) for one in asked], peers, repetitions, work=len(asked),
    )  # fmt: skip


def ask(
    names: list[str], index: PassageIndex, questions: TokenBatch, repetitions: int
) -> dict[str, Peer]:
    """Engines of another environment, one question after the other, and what they found."""
    expected, found = best(score(index, questions)), {}
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "index.pt")
        torch.save({"vectors": index.vectors.clone(), "lengths": index.lengths}, path)
        queries = [
            one[keep].tolist() for one, keep in zip(questions.vectors, questions.mask, strict=True)
        ]
        request = {"index": path, "queries": queries, "repetitions": repetitions}
        for name in names:
            answer = ask_peer(name, request)
            label = answer.get("peer_name", name)
            found[label] = Peer(answer["seconds"], peer_note(answer, expected), len(queries))
    return found


def peer_note(answer: dict, expected: list[list[int]]) -> str:
    """What a peer's answers are worth against the exact ranking."""
    if not (top := answer.get("top")):
        return ""
    first = sum(a[0] == b[0] for a, b in zip(top, expected, strict=True))
    said = f"the same first passage for {first} of {len(top)}"
    return f"{said}, recall@100 {recall(top, expected):.4f}"
