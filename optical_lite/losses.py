"""Losses: what the student is asked to make small. Each takes one batch of sentence pairs and returns a scalar.

Shapes everywhere: student vectors ``S`` (B, n, d), teacher vectors ``H`` (B, m, d), unit length; masks (B, n), (B, m).
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import cosine_similarity

from .cost import cosine_cost, uniform_marginal
from .transport import TransportPlan, solve


def transport_loss(
    S: Tensor,
    H: Tensor,
    source_mask: Tensor,
    target_mask: Tensor,
    *,
    a: Tensor | None = None,
    b: Tensor | None = None,
    epsilon: float = 0.05,
    method: str = "stabilized",
    max_iterations: int = 100,
) -> tuple[Tensor, TransportPlan]:
    r"""The OPTICAL loss: the Frobenius inner product of transport plan and cost matrix.

    .. math:: L = \frac{1}{B} \sum_k \langle T^{(k)}, C^{(k)} \rangle, \qquad \partial L / \partial C = T / B

    The plan is a constant in the backward pass. At the optimum this is the exact gradient of the regularised
    transport cost (envelope theorem), and nothing of the solver has to be kept in memory.

    Parameters
    ----------
    S, H : Tensor, shapes (B, n, d) and (B, m, d)
        student and teacher token vectors; gradients flow into both where they are wanted
    source_mask, target_mask : Tensor of bool, shapes (B, n) and (B, m)
    a, b : Tensor, shapes (B, n) and (B, m)
        marginals, uniform by default
    epsilon, method, max_iterations : see :func:`optical_lite.transport.solve`

    Returns
    -------
    loss : Tensor, scalar, in [0, 2]
    plan : TransportPlan

    Examples
    --------
    >>> import torch
    >>> S = torch.eye(2)[None].requires_grad_()
    >>> mask = torch.ones(1, 2, dtype=torch.bool)
    >>> loss, plan = transport_loss(S, torch.eye(2)[None].flip(1), mask, mask, method="exact")
    >>> loss.item(), plan.plan.tolist()
    (0.0, [[[0.0, 0.5], [0.5, 0.0]]])

    Source: Huang, Yu and Allan, WSDM 2023 (arXiv 2301.12566), abstract; notebook 05.
    """
    a = uniform_marginal(source_mask) if a is None else a
    b = uniform_marginal(target_mask) if b is None else b
    alive = (a.sum(1) > 0) & (b.sum(1) > 0)  # a pair with an empty side teaches nothing
    a, b = a * alive[:, None], b * alive[:, None]
    C = cosine_cost(S, H)  # (B, n, m)
    plan = solve(C, a, b, epsilon=epsilon, method=method, max_iterations=max_iterations)
    return (plan.plan * C).sum((1, 2)).mean(), plan


def greedy_loss(S: Tensor, H: Tensor, source_mask: Tensor, target_mask: Tensor) -> Tensor:
    r"""Each student token goes to its nearest teacher token, whoever else goes there.

    .. math:: L = \frac{1}{B} \sum_k \frac{1}{n_k} \sum_i \min_j C^{(k)}_{ij}
    """
    C = cosine_cost(S, H).masked_fill(~target_mask[:, None, :], 2.0)  # 2 is the largest cosine cost
    return (C.amin(2) * uniform_marginal(source_mask)).sum(1).mean()


def sentence_loss(S: Tensor, H: Tensor, source_mask: Tensor, target_mask: Tensor) -> Tensor:
    r"""Sentence-level distillation: one minus the cosine of the two mean vectors.

    After Reimers and Gurevych, EMNLP 2020 (arXiv 2004.09813), with cosine in place of squared error.
    """
    s = (S * source_mask[..., None]).sum(1)
    h = (H * target_mask[..., None]).sum(1)
    return (1 - cosine_similarity(s, h, dim=-1)).mean()
