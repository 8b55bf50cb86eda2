"""Cost matrices and marginals: the price of moving one token onto another, the mass of each.

Lesson 01 builds every function of this file by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from .kernels.given import as_mask, as_masses, as_vectors
from .settings import InputError, need_whole


def cosine_cost(source: Tensor, target: Tensor) -> Tensor:
    r"""Cosine cost between two batches of unit token vectors, without a unit.

    .. math:: C_{ij} = 1 - \langle s_i, h_j \rangle \in [0, 2]

    Shapes: source (..., n, d), the student's side; target (..., m, d), the teacher's; the cost
    (..., n, m), 0 for equal directions, 1 for orthogonal ones.

    >>> cosine_cost(torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]))
    tensor([[0., 1., 2.]])
    """
    source, target = as_vectors("cosine_cost", source, target)
    return 1 - source @ target.transpose(-1, -2)  # (..., n, d) x (..., d, m) -> (..., n, m)


def uniform_marginal(mask: Tensor) -> Tensor:
    """Give every real token of a sentence the same mass: shape (..., n) as the mask's.

    It sums to 1 over each sentence, and is 0 on padding (and all 0 for an empty sentence).

    >>> uniform_marginal(torch.tensor([[True, True, False]]))
    tensor([[0.5000, 0.5000, 0.0000]])
    """
    return shares(as_mask("uniform_marginal", mask).float())


def weighted_marginal(weights: Tensor, mask: Tensor) -> Tensor:
    """Share out a sentence's unit mass in proportion to non-negative weights: shapes (..., n).

    The mask is True where there is a token, False on padding. A weight can be, for instance, a
    token's inverse document frequency.

    >>> weighted_marginal(torch.tensor([[3.0, 1.0, 9.0]]), torch.tensor([[True, True, False]]))
    tensor([[0.7500, 0.2500, 0.0000]])
    """
    mass = as_masses("weighted_marginal", weights, mask)
    mass = mass.to(torch.float32 if mass.is_mps else torch.float64)  # which holds every float32 sum
    if not ((mass >= 0).all() and mass.sum(-1).isfinite().all()):
        expected = "finite numbers of at least 0 for every token"
        raise InputError("weighted_marginal", "a negative, infinite or missing weight", expected)
    return shares(mass).float()


def shares(mass: Tensor) -> Tensor:
    """Masses >= 0 scaled to sum to 1 over each sentence, shapes (..., n); nothing stays nothing."""
    whole = mass.sum(-1, keepdim=True)
    return mass / whole.where(whole != 0, 1.0)


def idf_table(sentences: Iterable[Sequence[int]], size: int) -> Tensor:
    r"""Inverse document frequency of each token id, with add-one smoothing: shape (size,).

    .. math:: w_t = 1 + \log \frac{N + 1}{n_t + 1}

    where :math:`n_t` of the N sentences, given as token ids, hold the token t. It is 1 for a token
    of every sentence, largest for one never seen; all 1 without a sentence.

    >>> idf_table([[0, 1], [0]], size=3)
    tensor([1.0000, 1.4055, 2.0986])
    """
    need_whole("size", size, 0)
    counts, number = torch.zeros(size, dtype=torch.long), 0
    for ids in sentences:
        there = set(ids)
        if there and not 0 <= min(there) <= max(there) < size:
            got = f"token ids from {min(there)} to {max(there)}"
            raise InputError("idf_table", got, f"0 to {size - 1}; size is that of the vocabulary")
        counts[list(there)] += 1
        number += 1
    return 1 + torch.log((number + 1) / (counts + 1))
