r"""Optimal transport between two sentences: batched, masked solvers that say how well they did.

A solver minimises the cost of moving the mass ``a`` of the source tokens onto the mass ``b`` of the
target tokens:

.. math:: \min_{T \ge 0} \langle T, C \rangle - \epsilon \operatorname{Ent}(T)
          \quad\text{such that}\quad T \mathbf 1 = a,\; T^\top \mathbf 1 = b

with entropy :math:`\operatorname{Ent}(T) = -\sum_{ij} T_{ij} (\log T_{ij} - 1)`. ``exact`` and
``proximal`` go for :math:`\epsilon = 0`. Two solvers may leave mass behind: ``unbalanced`` misses
the marginals at a price, with the divergence from :math:`a b^\top` in place of the entropy
(:func:`.kernels.logdomain.unbalanced`); ``partial`` adds a row and a column of waste, which the
entropy counts (:func:`.kernels.logdomain.with_waste`).

Padding is told by zero mass: where ``a`` or ``b`` is 0 the plan is exactly 0, whatever the cost.

Lesson 02 derives the algorithm. Source: Cuturi, "Sinkhorn Distances", NeurIPS 2013; Peyré and
Cuturi, "Computational Optimal Transport", 2019, sections 4.2 and 4.4.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .config import SOLVERS
from .kernels import logdomain
from .kernels.problems import check_options, checked
from .kernels.stabilized import stabilized
from .settings import need_whole, one_of

METHODS = (*SOLVERS, "scaling")  # the last, which can lose its numbers, is no option of training


@dataclass(frozen=True)
class TransportPlan:
    r"""The answer of a solver, one entry for each of the B problems.

    Attributes
    ----------
    plan : ``T``, shape (B, n, m), non-negative and finite, 0 on padding; float32, or float64 where
        the cost is
    cost : the transport cost :math:`\langle T, C \rangle`, shape (B,), in units of the cost matrix
    converged : whether ``marginal_error`` came below the tolerance; look before you use a plan
    iterations : pairs of row and column updates made (0 for ``exact``)
    marginal_error : in units of mass,
        :math:`\lVert T\mathbf 1 - a\rVert_1 + \lVert T^\top\mathbf 1 - b\rVert_1`

    A problem whose numbers left the range of floats has the zero plan, and its cost and marginal
    error are infinite.
    """

    plan: Tensor
    cost: Tensor
    converged: Tensor
    iterations: Tensor
    marginal_error: Tensor


def plain(cost: Tensor, a: Tensor, b: Tensor, epsilon: float, updates: int = 1000) -> Tensor:
    """The plan after some updates on logarithms, one problem after the other: Sinkhorn to read.

    The engines of :func:`solve` do the same at once for all problems, and know when to stop.

    >>> half = torch.tensor([[0.5, 0.5]])
    >>> plain(torch.tensor([[[0.0, 1.0], [1.0, 0.0]]]), half, half, 1.0)
    tensor([[[0.3655, 0.1345],
             [0.1345, 0.3655]]])
    """
    check_options(epsilon=epsilon)
    need_whole("updates", updates)
    cost, a, b, *_ = checked(cost, a, b)
    plan = torch.zeros_like(cost)
    for C, p, q, T in zip(cost, a, b, plan, strict=True):
        rows, columns = p > 0, q > 0
        k = -C[rows][:, columns] / epsilon  # logarithm of the kernel, real tokens only
        log_v = torch.zeros_like(q[columns])
        for _ in range(updates):
            # now the rows sum to a
            log_u = p[rows].log() - torch.logsumexp(k + log_v, 1)
            # now the columns sum to b
            log_v = q[columns].log() - torch.logsumexp(k + log_u[:, None], 0)
        T[rows[:, None] & columns] = (log_u[:, None] + k + log_v).exp().flatten()
    return plan


def _finish(
    plan: Tensor, cost: Tensor, a: Tensor, b: Tensor, iterations: Tensor, tolerance: float
) -> TransportPlan:
    error = plan.sum(2).sub_(a).abs_().sum(1) + plan.sum(1).sub_(b).abs_().sum(1)  # (B,)
    price = (plan * cost).sum((1, 2))
    if not math.isfinite((error + price).sum().item()):
        lost = ~(error + price).isfinite()
        plan[lost], price[lost], error[lost] = 0.0, math.inf, math.inf
    return TransportPlan(plan, price, error <= tolerance, iterations, error)


@torch.no_grad()
def solve(
    cost: Tensor, a: Tensor, b: Tensor, *, epsilon: float = 0.05, method: str = "log",
    max_iterations: int = 500, tolerance: float = 1e-3, check_every: int = 5,
    reach: float = 0.5, mass: float = 0.8,
) -> TransportPlan:  # fmt: skip
    """Solve a batch of transport problems; the plan is a constant for automatic differentiation.

    Wrong shapes, complex numbers, negative mass, unequal sums, NaN costs, an option out of range
    and an unknown method are an InputError.

    Parameters
    ----------
    cost : ``C``, shape (B, n, m), of any real type; ignored where ``a`` or ``b`` is 0, NaN too
    a, b : masses >= 0, shapes (B, n) and (B, m), with sums that are equal but for rounding; 0 means
        padding. A problem without any mass has the zero plan.
    epsilon : entropic regularisation, in units of the cost: small is sharp and slow, large is
        blurred and fast
    method : one of :data:`METHODS`
        ``log`` loses no number at any epsilon, but in float32 rounding can keep it above the
        tolerance (costs near 1000 at epsilon 0.01); ``scaling`` is faster but its kernel loses
        digits when ``cost / epsilon`` passes about 87 in float32, and is 0 from about 103 (where
        that leaves a token without a way, ``converged`` says False);
        ``stabilized`` is as safe as ``log`` and the fastest, for its updates are over-relaxed, at
        the price of more code; ``exact`` ignores epsilon; ``proximal`` comes to the exact plan by
        steps of size 1 / epsilon; ``unbalanced`` and ``partial`` may leave mass where nothing fits.
        At a small epsilon 20,000 iterations can be too few: from 0.001 down for ``proximal``, from
        0.00001 for ``partial``
    max_iterations, tolerance, check_every : a problem stops on its own as soon as its marginal
        error is below the tolerance (``proximal``, ``unbalanced``: as soon as the plan moves by
        less between two checks). The tolerance is in units of mass, whatever the sums: where
        ``partial`` moves a share near 1e-9, it says nothing
    reach : for ``unbalanced``: price of leaving mass behind, in units of the cost, see
        :func:`.kernels.logdomain.unbalanced`; ``marginal_error`` then says how much was left on
        both sides, and ``converged`` whether the plan came to rest
    mass : for ``partial``: the share of the mass that has to move, above 0 and at most 1;
        ``marginal_error`` is that of the enlarged problem (:func:`.kernels.logdomain.with_waste`)

    Examples
    --------
    >>> C = torch.tensor([[[0.0, 1.0], [1.0, 0.0]]])
    >>> half = torch.tensor([[0.5, 0.5]])
    >>> solve(C, half, half, method="exact").plan
    tensor([[[0.5000, 0.0000],
             [0.0000, 0.5000]]])
    >>> solve(C, half, half, epsilon=1.0).plan
    tensor([[[0.3655, 0.1345],
             [0.1345, 0.3655]]])
    """
    one_of("transport: got method", method, METHODS)
    check_options(
        epsilon=epsilon, reach=reach, mass=mass, tolerance=tolerance,
        max_iterations=max_iterations, check_every=check_every,
    )  # fmt: skip
    # full: which problems have mass, (B,); largest: the cost that is furthest from 0, as a size
    cost, a, b, full, largest = checked(cost, a, b)
    moving = full.sum().item()
    if not moving:  # nothing to move, or no problem at all
        none = torch.zeros(len(cost), dtype=torch.long, device=cost.device)
        return _finish(torch.zeros_like(cost), cost, a, b, none, tolerance)
    if method == "partial":
        wide = logdomain.with_waste(cost, a, b, mass, epsilon)
        found = solve(
            *wide, epsilon=epsilon, method="stabilized", max_iterations=max_iterations,
            tolerance=tolerance, check_every=check_every,
        )  # fmt: skip
        plan = found.plan[:, :-1, :-1]
        price = (plan * cost).sum((1, 2)).where(found.marginal_error < math.inf, math.inf)
        return replace(found, plan=plan, cost=price)
    problem = (cost, a, b) if moving == len(full) else (cost[full], a[full], b[full])
    # rest: whether each plan came to rest, of solvers whose marginals do not tell it
    limits, rest = (max_iterations, tolerance, check_every), None
    if method == "exact":
        plan, iterations = logdomain.exact(*problem)
    elif method == "stabilized":
        plan, iterations = stabilized(*problem, epsilon, *limits, largest)
    elif method == "proximal":
        plan, iterations, rest = logdomain.proximal(*problem, epsilon, *limits)
    elif method == "unbalanced":
        plan, iterations, rest = logdomain.unbalanced(*problem, epsilon, *limits, reach)
    elif method in ("log", "scaling"):
        plan, iterations = logdomain.sinkhorn(method, *problem, epsilon, *limits)
    else:
        raise NotImplementedError(f"transport: {method} has a name and no call")
    if moving < len(full):  # problems without mass have the zero plan
        plan, iterations = _spread(plan, full), _spread(iterations, full)
        rest = None if rest is None else _spread(rest, full) | ~full
    found = _finish(plan, cost, a, b, iterations, tolerance)
    if method == "stabilized" and (lost := found.marginal_error == math.inf).any():
        again = (x[lost] for x in (cost, a, b))  # rare: those few are solved with logarithms
        plan[lost], iterations[lost] = logdomain.sinkhorn("log", *again, epsilon, *limits)
        found = _finish(plan, cost, a, b, iterations, tolerance)
    if rest is None:
        return found
    return replace(found, converged=rest & found.marginal_error.isfinite())


def _spread(values: Tensor, full: Tensor) -> Tensor:
    """Values of the problems that have mass, among zeros: shapes (k, ...), (B,) -> (B, ...)."""
    everywhere = values.new_zeros(len(full), *values.shape[1:])
    everywhere[full] = values
    return everywhere
