r"""Pruned search: late interaction over centroids, first in inverted lists, then passage by passage, then exact MaxSim.

Token vectors of passages are clustered. A query token looks only into the lists of its ``probes`` nearest centroids;
a passage found there is credited with the centroid's similarity, and one not found with that of the last list opened,
which is an upper bound of what it can have missed by as far as centroids can tell. The best ``candidates`` passages
by that estimate,

.. math:: \tilde s(q, p) = \sum_i \max_{c \in \mathrm{near}(q_i) \cap p} \langle q_i, c \rangle,

are scored again with the centroids of *all* their tokens: a table of the query's similarities with the centroids is
made once, so that a token costs the reading of one small row and no product. The best ``exact`` of them are scored with
their own vectors. More of each: slower, and nearer to the exact ranking (``figures/pruned_tradeoff``). Sources: PLAID
(Santhanam et al., CIKM 2022) for the lists and the second stage, XTR (Lee et al., NeurIPS 2023) for the credit of what
was not found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from .encoder import Encoder
from .index import PassageIndex
from .retrieval import Run, best_matches, cast, maxima, top
from .settings import InputError, bf16_is_faster

PASSAGES = 128  # re-scored at a time: their vectors stay in the cache
ROUND = 1024  # token vectors; a product of a new shape pays for its set-up


@dataclass(frozen=True)
class PrunedIndex:
    """A passage index with its inverted lists.

    Attributes
    ----------
    index : the exact index, with every token vector
    centroids : Tensor, shape (K, d), unit vectors
    lists : Tensor of int, the passages (positions in ``index.ids``) of centroid 0, then those of centroid 1, ...
    starts : Tensor of int, shape (K + 1,), where each centroid's passages begin
    begins : Tensor of int, shape (passages,), where each passage's token vectors begin
    codes : Tensor of int32, shape (sum of lengths,), the centroid of each token vector
    """

    index: PassageIndex
    centroids: Tensor
    lists: Tensor
    starts: Tensor
    begins: Tensor
    codes: Tensor

    @classmethod
    def build(cls, index: PassageIndex, centroids: int | None = None, rounds: int = 5, seed: int = 0) -> PrunedIndex:
        """Cluster the token vectors of an index.

        Parameters
        ----------
        index : at least one token vector
        centroids : K, by default a power of two near the root of the number of token vectors
        rounds : of k-means, on 32 vectors a centroid drawn at random
        """
        size = len(index.vectors)
        if not size:
            raise InputError("pruned: got an index without token vectors, expected passages with text; check them")
        K = min(size, centroids or 2 ** (size.bit_length() // 2))
        draw = torch.Generator().manual_seed(seed)
        sample = index.vectors[torch.randperm(size, generator=draw)[: 32 * K]].float()
        centers = sample[torch.randperm(len(sample), generator=draw)[:K]].clone()
        for _ in range(rounds):
            nearest = _nearest(sample, centers)
            sums = torch.zeros_like(centers).index_add_(0, nearest, sample)
            filled = torch.bincount(nearest, minlength=K) > 0
            centers[filled] = torch.nn.functional.normalize(sums[filled], dim=-1)  # one without vectors stays
        passage = torch.repeat_interleave(torch.arange(len(index.ids)), index.lengths)  # (tokens,)
        codes = _nearest(index.vectors, centers)
        pairs = torch.unique(codes * len(index.ids) + passage)
        starts = torch.searchsorted(pairs, torch.arange(K + 1) * len(index.ids))
        begins = index.lengths.cumsum(0) - index.lengths
        return cls(index, centers, pairs % len(index.ids), starts, begins, codes.int())

    def estimate(self, query: Tensor, probes: int) -> Tensor:
        """Estimated scores of all passages for one query: shape (n, d) -> (passages,)."""
        similarity = query @ self.centroids.T  # (n, K)
        value, near = similarity.topk(min(probes, similarity.shape[1]), dim=1)  # (n, probes)
        counts = (self.starts[1:] - self.starts[:-1])[near]
        entries = _ranges(self.starts[near].flatten(), counts.flatten())
        rows = torch.repeat_interleave(torch.arange(len(query)), counts.sum(1))
        found = torch.repeat_interleave(value.flatten(), counts.flatten())
        floor = value[:, -1:].expand(-1, len(self.index.ids)).contiguous()  # (n, passages)
        flat = rows * len(self.index.ids) + self.lists[entries]
        return floor.view(-1).scatter_reduce_(0, flat, found, "amax").view(len(query), -1).sum(0)

    @torch.inference_mode()
    def search(
        self, encoder: Encoder, queries: Mapping[str, str], k: int = 100, *, probes: int = 8, candidates: int = 4000,
        exact: int = 1000,
    ) -> Run:  # fmt: skip
        """The k best passages of each question, as :func:`optical_lite.retrieval.search` gives them."""
        batch, run = encoder.encode(list(queries.values())), {}
        for name, vectors, mask in zip(queries, batch.vectors, batch.mask, strict=True):
            run.update(self.search_vectors(name, vectors[mask].cpu(), k, probes, candidates, exact))
        return run

    @torch.inference_mode()
    def search_vectors(self, name: str, query: Tensor, k: int, probes: int, candidates: int, exact: int) -> Run:
        """The same for the token vectors of one query, shape (n, d)."""
        if not len(query):
            return {name: []}
        exact = min(max(exact, k), len(self.index.ids))
        candidates = min(max(candidates, exact), len(self.index.ids))
        chosen = torch.arange(len(self.index.ids))
        if candidates < len(chosen):
            chosen = self.estimate(query, probes).topk(candidates).indices.sort().values
        if exact < len(chosen):
            chosen = chosen[self.interact(query, chosen).topk(exact).indices.sort().values]
        return top([name], [self.index.ids[i] for i in chosen.tolist()], self.rescore(query, chosen)[None], k)

    def interact(self, query: Tensor, chosen: Tensor) -> Tensor:
        """MaxSim of one query with the centroids of some passages' tokens: shapes (n, d), (c,) -> (c,)."""
        table = (query @ self.centroids.T).T.contiguous()  # (K, n)
        return self._scored(chosen, lambda rows, lengths: maxima(table[self.codes[rows]], lengths, 0))

    def rescore(self, query: Tensor, chosen: Tensor) -> Tensor:
        """Exact MaxSim of one query with some passages, in the index's order: shapes (n, d), (c,) -> (c,)."""
        tokens = query.bfloat16() if bf16_is_faster() else query.float()
        vectors = self.index.vectors
        return self._scored(chosen, lambda rows, lengths: best_matches(vectors.index_select(0, rows), tokens, lengths))

    def _scored(self, chosen: Tensor, best: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """Scores of some passages from the best matches, shape (p, n), that the rows of a part of them have."""
        lengths, begins = self.index.lengths[chosen], self.begins[chosen]
        scores = torch.zeros(len(chosen))
        for part in (lengths > 0).nonzero()[:, 0].split(PASSAGES):
            rows = _ranges(begins[part], lengths[part])
            rows = torch.nn.functional.pad(rows, (0, -len(rows) % ROUND))  # the first vector, again and again: not used
            scores[part] = best(rows, lengths[part]).sum(1)
        return scores


def _nearest(vectors: Tensor, centers: Tensor, block: int = 1 << 15) -> Tensor:
    """The centroid of largest inner product for each vector: shapes (t, d), (K, d) -> (t,)."""
    kind = torch.bfloat16 if bf16_is_faster() else torch.float32
    table = centers.to(kind).T.contiguous()
    return torch.cat([(cast(part, kind) @ table).max(1).indices for part in vectors.split(block)])


def _ranges(starts: Tensor, counts: Tensor) -> Tensor:
    """The numbers starts[i], starts[i] + 1, ... counts[i] of them, for all i in turn.

    Examples
    --------
    >>> _ranges(torch.tensor([5, 0]), torch.tensor([2, 3]))
    tensor([5, 6, 0, 1, 2])
    """
    first = counts.cumsum(0) - counts
    return torch.arange(int(counts.sum())) + torch.repeat_interleave(starts - first, counts)
