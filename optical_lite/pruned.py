r"""Pruned search: late interaction over centroids and inverted lists, then exact MaxSim on what is left.

Token vectors of passages are clustered. A query token looks only into the lists of its ``probes`` nearest centroids;
a passage found there is credited with the centroid's similarity, and one not found with that of the last list opened,
which is an upper bound of what it can have missed by as far as centroids can tell. The best ``candidates`` passages
by that estimate,

.. math:: \tilde s(q, p) = \sum_i \max_{c \in \mathrm{near}(q_i) \cap p} \langle q_i, c \rangle,

are scored exactly. More probes and candidates: slower, and nearer to the exact ranking
(``figures/pruned_tradeoff``). What the estimate is worth depends on the number of centroids more than on anything else;
a lookup of all tokens of the candidates between both stages, as PLAID has it, finds nothing that enough probes do not
find (``docs/performance.md``). Sources: PLAID (Santhanam et al., CIKM 2022) for the lists and the number of centroids,
XTR (Lee et al., NeurIPS 2023) for the credit of what was not found.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from .encoder import Encoder
from .index import PassageIndex
from .retrieval import Run, best_matches, cast, top
from .settings import InputError, bf16_is_faster

PASSAGES = 32  # re-scored at a time: their vectors stay in the cache
FLAT, CELLS, AROUND = 4096, 256, 8  # more centroids than that are searched in 8 of 256 cells
ROUND = 256  # token vectors; a product of a new shape pays for its set-up


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
    """

    index: PassageIndex
    centroids: Tensor
    lists: Tensor
    starts: Tensor
    begins: Tensor

    @classmethod
    def build(cls, index: PassageIndex, centroids: int | None = None, rounds: int = 5, seed: int = 0) -> PrunedIndex:
        """Cluster the token vectors of an index.

        Parameters
        ----------
        index : at least one token vector
        centroids : K, by default the power of two below 16 times the root of the number of token vectors, as in PLAID
        rounds : of k-means, on 32 vectors a centroid drawn at random
        """
        size = len(index.vectors)
        if not size:
            raise InputError("pruned: got an index without token vectors, expected passages with text; check them")
        K = min(size, centroids or 2 ** int(math.log2(16 * size**0.5)))
        draw = torch.Generator().manual_seed(seed)
        sample = index.vectors[torch.randperm(size, generator=draw)[: 32 * K]].float()
        centers = _cluster(sample, K, rounds, draw)
        passage = torch.repeat_interleave(torch.arange(len(index.ids)), index.lengths)  # (tokens,)
        pairs = torch.unique(_nearest(index.vectors, centers) * len(index.ids) + passage)
        starts = torch.searchsorted(pairs, torch.arange(K + 1) * len(index.ids))
        return cls(index, centers, pairs % len(index.ids), starts, index.lengths.cumsum(0) - index.lengths)

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
        self, encoder: Encoder, queries: Mapping[str, str], k: int = 100, *, probes: int = 64, candidates: int = 1000
    ) -> Run:
        """The k best passages of each question, as :func:`optical_lite.retrieval.search` gives them."""
        batch, run = encoder.encode(list(queries.values())), {}
        for name, vectors, mask in zip(queries, batch.vectors, batch.mask, strict=True):
            run.update(self.search_vectors(name, vectors[mask].cpu(), k, probes, candidates))
        return run

    @torch.inference_mode()
    def search_vectors(self, name: str, query: Tensor, k: int, probes: int, candidates: int) -> Run:
        """The same for the token vectors of one query, shape (n, d)."""
        if not len(query):
            return {name: []}
        total = self.estimate(query, probes)
        chosen = total.topk(min(max(candidates, k), len(total))).indices.sort().values
        return top([name], [self.index.ids[i] for i in chosen.tolist()], self.rescore(query, chosen)[None], k)

    def rescore(self, query: Tensor, chosen: Tensor) -> Tensor:
        """Exact MaxSim of one query with some passages, in the index's order: shapes (n, d), (c,) -> (c,)."""
        tokens = query.bfloat16() if bf16_is_faster() else query.float()
        vectors, lengths, begins = self.index.vectors, self.index.lengths[chosen], self.begins[chosen]
        scores = torch.zeros(len(chosen))
        for part in (lengths > 0).nonzero()[:, 0].split(PASSAGES):
            ends = (begins[part] + lengths[part]).tolist()
            pieces = [vectors[begin:end] for begin, end in zip(begins[part].tolist(), ends, strict=True)]
            rest = vectors[: -int(lengths[part].sum()) % ROUND]  # to a round number of rows; not used
            scores[part] = best_matches(torch.cat([*pieces, rest]), tokens, lengths[part]).sum(1)
        return scores


def _cluster(sample: Tensor, K: int, rounds: int, draw: torch.Generator) -> Tensor:
    """Spherical k-means: shape (s, d) -> (K, d), unit vectors."""
    centers = sample[torch.randperm(len(sample), generator=draw)[:K]].clone()
    for _ in range(rounds):
        nearest = _nearest(sample, centers)
        sums = torch.zeros_like(centers).index_add_(0, nearest, sample)
        filled = torch.bincount(nearest, minlength=K) > 0
        centers[filled] = torch.nn.functional.normalize(sums[filled], dim=-1)  # one without vectors stays
    return centers


def _nearest(vectors: Tensor, centers: Tensor) -> Tensor:
    """The centroid of largest inner product for each vector: shapes (t, d), (K, d) -> (t,).

    Many centroids are clustered themselves, and a vector is compared with those in the cells around its own cell only:
    in a few cases the one found is the second nearest.
    """
    if len(centers) <= FLAT:
        return _nearest_of_all(vectors, centers)
    cells = _cluster(centers, CELLS, 3, torch.Generator().manual_seed(0))
    order, counts = _by_cell(_nearest_of_all(centers, cells))
    members = order.split(counts)  # centroids of each cell
    around = (cells @ cells.T).topk(AROUND).indices.tolist()
    order, counts = _by_cell(_nearest_of_all(vectors, cells))
    found = torch.zeros(len(vectors), dtype=torch.long)
    for rows, near in zip(order.split(counts), around, strict=True):
        some = torch.cat([members[cell] for cell in near])
        for part in rows.split(1 << 15):
            found[part] = some[_nearest_of_all(vectors[part], centers[some])]
    return found


def _by_cell(cell: Tensor) -> tuple[Tensor, list[int]]:
    """Positions sorted by cell, and how many each cell has."""
    return cell.argsort(stable=True), torch.bincount(cell, minlength=CELLS).tolist()


def _nearest_of_all(vectors: Tensor, centers: Tensor) -> Tensor:
    kind = torch.bfloat16 if bf16_is_faster() else torch.float32
    table = centers.to(kind).T.contiguous()
    parts = vectors.split(max(1, (1 << 22) // len(centers)))  # the similarities of one stay in the cache
    return torch.cat([(cast(part, kind) @ table).max(1).indices for part in parts])


def _ranges(starts: Tensor, counts: Tensor) -> Tensor:
    """The numbers starts[i], starts[i] + 1, ... counts[i] of them, for all i in turn.

    Examples
    --------
    >>> _ranges(torch.tensor([5, 0]), torch.tensor([2, 3]))
    tensor([5, 6, 0, 1, 2])
    """
    first = counts.cumsum(0) - counts
    return torch.arange(int(counts.sum())) + torch.repeat_interleave(starts - first, counts)
