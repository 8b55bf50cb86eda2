"""Retrieval: late interaction (MaxSim) over token vectors, exact and in blocks.

A *run* is what every search returns: ``{query id: [(passage id, score), ...]}``, best first.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from .corpora import Run
from .encoder import Encoder, TokenBatch
from .index import PassageIndex
from .kernels.given import as_numbers, as_sentences
from .kernels.maxsim import totals
from .settings import InputError, need_whole, uses_bf16

SHARD = 1 << 26  # scores of a search in memory at a time: 256 MiB in float32


def maxsim(queries: Tensor, mask: Tensor, passages: Tensor, passage_mask: Tensor) -> Tensor:
    r"""Late-interaction score of every query with every passage, the readable way.

    .. math:: s(q, p) = \sum_i \max_j \langle q_i, p_j \rangle

    Shapes: queries (Q, n, d), their mask (Q, n), passages (P, m, d), their mask (P, m); the scores
    (Q, P), at most n, and 0 for a passage without tokens.

    >>> q = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    >>> p = torch.tensor([[[1.0, 0.0], [0.6, 0.8]], [[1.0, 0.0], [0.0, 0.0]]])
    >>> maxsim(q, torch.ones(1, 2, dtype=bool), p, torch.tensor([[True, True], [True, False]]))
    tensor([[1.8000, 1.0000]])

    Source: Khattab and Zaharia, "ColBERT", SIGIR 2020.
    """
    sides = (queries, mask), (passages, passage_mask)
    (queries, mask), (passages, passage_mask) = as_sentences("maxsim", *sides)
    if not passage_mask.any():  # no passage has a token
        return queries.new_zeros(len(queries), len(passages))
    similarity = torch.einsum("qnd,pmd->qpnm", queries, passages)
    best = similarity.masked_fill(~passage_mask[None, :, None, :], -torch.inf).amax(-1)  # (Q, P, n)
    best = best.masked_fill(best == -torch.inf, 0.0)
    return (best * mask[:, None, :]).sum(-1)


def explain(question: Tensor, passage: Tensor) -> tuple[Tensor, Tensor]:
    """Why a passage has its MaxSim score: the best passage token of each question token.

    Given are unit vectors of the real tokens, shapes (n, d) and (m, d), for instance
    ``batch.vectors[0][batch.mask[0]]``. What comes back has the shape (n,): the similarity with the
    best passage token (the sum is the score), and its position; 0 and -1 for a passage without
    tokens.

    >>> question = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> best, where = explain(question, torch.tensor([[0.0, 1.0], [0.8, 0.6]]))
    >>> best, where
    (tensor([0.8000, 1.0000]), tensor([1, 0]))
    """
    question, passage = as_numbers("explain", question, passage)
    if question.ndim != 2 or passage.ndim != 2 or question.shape[1] != passage.shape[1]:
        got = f"shapes {tuple(question.shape)} and {tuple(passage.shape)}"
        expected = "(n, d) and (m, d); leave out padding and use one question and one passage"
        raise InputError("explain", got, expected)
    if not len(passage):
        zeros = question.new_zeros(len(question))
        return zeros, torch.full_like(zeros, -1, dtype=torch.long)
    return tuple((question.float() @ passage.float().T).max(1))


@torch.inference_mode()
def score(index: PassageIndex, queries: TokenBatch) -> Tensor:
    """:func:`maxsim` of all queries with all passages of an index, in blocks of bounded memory.

    Its shape is (queries, passages), the columns in the order of ``index.ids``.
    """
    tokens = queries.vectors[queries.mask]  # (t, d), the tokens of all queries
    # halves would round the one cosine of a passage to some thirty values
    half = uses_bf16() and index.scorer != "mean"
    tokens = tokens.bfloat16() if half else tokens.float()
    owner = queries.mask.nonzero()[:, 0]  # (t,), the query of each
    scores = totals(index.vectors, index.lengths, tokens, owner, len(queries.mask))
    if not scores.isfinite().all():
        raise InputError("search", "scores that are no finite numbers", "whole vectors; index anew")
    return scores.T.contiguous()


def search(index: PassageIndex, encoder: Encoder, queries: Mapping[str, str], k: int = 100) -> Run:
    """Rank the passages of an index for each question by exact MaxSim, or by an index of means.

    Every query token counts once; equal scores are ordered by passage id, and the metrics treat
    them as ties: a ranking ends in a whole tie, which :func:`at_most` cuts. The scores of one shard
    of the index are in memory at a time.
    """
    need_whole("k", k)
    names, run = list(queries), {}
    for start in range(0, len(names), 256):
        part = names[start : start + 256]
        batch = _asked([queries[name] for name in part], encoder, index.scorer)
        if hasattr(index, "rank"):  # an engine (engines/qdrant.py) scores by itself
            run.update(zip(part, index.rank(batch, k), strict=True))
            continue
        found: Run = {name: [] for name in part}
        for shard in index.shards(max(1, SHARD // len(part))):
            for query, best in top(part, shard.ids, score(shard, batch), k).items():
                found[query] = cut(found[query] + best, k)
        run.update(found)
    return run


def _asked(texts: list[str], encoder: Encoder, scorer: str) -> TokenBatch:
    """Token vectors of some questions; or one vector each, read with the encoder's prefix."""
    if scorer == "maxsim":
        return encoder.encode(texts)
    vectors = encoder.means(texts, encoder.prefixes[0])[:, None]  # (Q, 1, d)
    ids = torch.zeros(vectors.shape[:2], dtype=torch.long, device=vectors.device)
    return TokenBatch(vectors, torch.ones_like(ids, dtype=torch.bool), ids, [["mean"]] * len(texts))


def cut(ranking: list[tuple[str, float]], k: int) -> list[tuple[str, float]]:
    """The k best of some scored passages, best first, ties at the end kept whole.

    >>> cut([("b", 1.0), ("c", 0.5), ("a", 1.0), ("d", 1.0)], 2)
    [('a', 1.0), ('b', 1.0), ('d', 1.0)]
    """
    need_whole("k", k)
    for name, one in ranking:
        if one != one:  # what is compared with NaN would vanish from the ranking
            raise InputError("search", f"a score of {name!r} that is no number", "one; score anew")
    ranking = sorted(ranking, key=lambda pair: (-pair[1], pair[0]))
    return [pair for pair in ranking if pair[1] >= ranking[min(k, len(ranking)) - 1][1]]


def at_most(run: Run, k: int) -> Run:
    """At most k passages a question: of equal scores at the end, the first ids.

    >>> at_most({"q": [("c", 2.0), ("b", 1.0), ("a", 1.0)]}, 2)
    {'q': [('c', 2.0), ('a', 1.0)]}
    """
    need_whole("k", k)
    return {query: cut(ranking, k)[:k] for query, ranking in run.items()}


def top(queries: list[str], ids: list[str], scores: Tensor, k: int) -> Run:
    """The k best passages of each row; a tie at the end is kept whole, so that metrics see it."""
    need_whole("k", k)
    run = {}
    for query, row in zip(queries, scores.cpu(), strict=True):
        last = row.topk(min(k, len(row))).values[-1] if len(row) else 0.0
        chosen = (~(row < last)).nonzero()[:, 0].tolist()
        run[query] = cut([(ids[i], float(row[i])) for i in chosen], k)
    return run
