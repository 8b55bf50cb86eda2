"""Cost matrices and marginals: the price of moving one token onto another, the mass of each.

Lesson 01 builds every function of this file by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from .settings import InputError


def cosine_cost(source: Tensor, target: Tensor) -> Tensor:
    r"""Cosine cost between two batches of unit token vectors, without a unit.

    .. math:: C_{ij} = 1 - \langle s_i, h_j \rangle \in [0, 2]

    Shapes: source (..., n, d), the student's side; target (..., m, d), the teacher's; the cost
    (..., n, m), 0 for equal directions, 1 for orthogonal ones.

    >>> cosine_cost(torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]))
    tensor([[0., 1., 2.]])
    """
    if source.shape[-1] != target.shape[-1]:
        got = f"vectors of {source.shape[-1]} and {target.shape[-1]} dimensions"
        expected = "the same; use one encoder family for both sides, or project"
        raise InputError("cosine_cost", got, expected)
    return 1 - source @ target.transpose(-1, -2)  # (..., n, d) x (..., d, m) -> (..., n, m)


def uniform_marginal(mask: Tensor) -> Tensor:
    """Give every real token of a sentence the same mass: shape (..., n) as the mask's.

    It sums to 1 over each sentence, and is 0 on padding (and all 0 for an empty sentence).

    >>> uniform_marginal(torch.tensor([[True, True, False]]))
    tensor([[0.5000, 0.5000, 0.0000]])
    """
    return weighted_marginal(torch.ones(mask.shape, device=mask.device), mask)


def weighted_marginal(weights: Tensor, mask: Tensor) -> Tensor:
    """Share out a sentence's unit mass in proportion to non-negative weights: shapes (..., n).

    The mask is True where there is a token, False on padding. A weight can be, for instance, a
    token's inverse document frequency.

    >>> weighted_marginal(torch.tensor([[3.0, 1.0, 9.0]]), torch.tensor([[True, True, False]]))
    tensor([[0.7500, 0.2500, 0.0000]])
    """
    mass = weights.float() * mask
    return mass / mass.sum(-1, keepdim=True).clamp_min(torch.finfo(mass.dtype).tiny)


def idf_table(sentences: Iterable[Sequence[int]], size: int) -> Tensor:
    r"""Inverse document frequency of each token id, with add-one smoothing: shape (size,).

    .. math:: w_t = 1 + \log \frac{N + 1}{n_t + 1}

    where :math:`n_t` of the N sentences, given as token ids, hold the token t. It is 1 for a token
    of every sentence, largest for one never seen; all 1 without a sentence.

    >>> idf_table([[0, 1], [0]], size=3)
    tensor([1.0000, 1.4055, 2.0986])
    """
    counts, number = torch.zeros(size, dtype=torch.long), 0
    for ids in sentences:
        counts[list(set(ids))] += 1
        number += 1
    return 1 + torch.log((number + 1) / (counts + 1))
