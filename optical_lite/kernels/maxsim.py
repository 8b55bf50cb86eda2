"""MaxSim in blocks that stay in the cache; :func:`.retrieval.maxsim` is its plain twin."""

from __future__ import annotations

import torch
from torch import Tensor

# similarity cells computed at a time: 8 MiB in float32, to stay in a processor's cache; on a GPU,
# to be worth a launch
BLOCK, LARGE_BLOCK = 1 << 21, 1 << 28
MANY = 64  # query tokens from which a maximum is fastest with them in the last dimension
ROUND = 32  # rows; a product of a new shape pays for its set-up, and round numbers are fewer


def best_matches(vectors: Tensor, tokens: Tensor, lengths: Tensor) -> Tensor:
    """Similarity of each query token with its best match in each of some passages: (p, t), float32.

    Passages of equal length lie side by side, so that a maximum over a passage needs no mask and no
    gathering. Few query tokens lie in the first dimension, many in the last: the maximum then runs
    over what is contiguous. For the arguments see :func:`totals`; no passage is empty.
    """
    sizes, counts = lengths.unique_consecutive(return_counts=True)
    pieces, few = (sizes * counts).tolist(), len(tokens) < MANY
    shapes = list(zip(counts.tolist(), sizes.tolist(), strict=True))
    rows = cast(vectors.to(tokens.device), tokens.dtype)
    if few:
        similarity = (tokens @ rows.T)[:, : sum(pieces)].split(pieces, 1)  # each (t, count * size)
        parts = (x.unflatten(1, shape).amax(2) for x, shape in zip(similarity, shapes, strict=True))
        return torch.cat(list(parts), 1).T.float()
    similarity = (rows @ tokens.T)[: sum(pieces)].split(pieces)  # each (count * size, t)
    parts = (x.unflatten(0, shape).amax(1) for x, shape in zip(similarity, shapes, strict=True))
    return torch.cat(list(parts)).float()


def cast(vectors: Tensor, kind: torch.dtype) -> Tensor:
    """Vectors in another number type; halves go to bfloat16 by way of float32, thrice as fast."""
    if vectors.dtype == torch.float16 and kind == torch.bfloat16 and not vectors.is_cuda:
        vectors = vectors.float()
    return vectors.to(kind)


def totals(vectors: Tensor, lengths: Tensor, tokens: Tensor, owner: Tensor, queries: int) -> Tensor:
    """Scores of all passages for some queries, shape (passages, queries), in blocks of memory.

    Parameters
    ----------
    vectors : shape (sum of lengths, d), the passages' token vectors one after the other
    lengths : shape (passages,), in ascending order
    tokens, owner : shapes (t, d) and (t,), the tokens of all queries, in the number type to compute
        in, and the query of each
    """
    scores = torch.zeros(len(lengths), queries, device=tokens.device)
    ends = lengths.cumsum(0)
    begins = ends - lengths
    # the float32 copy of a block's vectors must stay in the cache, too
    wide, block = max(len(tokens), 2 * vectors.shape[1]), LARGE_BLOCK if tokens.is_cuda else BLOCK
    first = int((lengths == 0).sum())  # passages without tokens come first and score 0
    while first < len(lengths) and len(tokens):
        begin = int(begins[first])
        last = max(first + 1, int(torch.searchsorted(ends, begin + block // wide, right=True)))
        rows = int(ends[last - 1]) - begin
        rows += -rows % ROUND if rows > ROUND else 0
        best = best_matches(vectors[begin : begin + rows], tokens, lengths[first:last])  # (p, t)
        if queries == 1:
            scores[first:last, 0] = best.sum(1)
        else:
            scores[first:last].index_add_(1, owner, best)
        first = last
    return scores
