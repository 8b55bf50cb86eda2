r"""Log domain: Sinkhorn's updates on logarithms, the solvers that relax the problem, exact plans.

A problem is a cost (B, n, m) and masses (B, n) and (B, m), checked, zero on padding, none empty; an
answer the plan (B, n, m), the pairs of updates made (B,), and, where the marginals do not tell it,
whether the iteration came to rest (B,).
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
from torch import Tensor

FORBIDDEN = 40.0  # exp(-40) of the mass is below what float32 tells from 0


def step(k: Tensor, a: Tensor, b: Tensor, v: Tensor, damping: float = 1.0) -> tuple[Tensor, Tensor]:
    """One pair of updates on logarithms, which never overflow; ``damping`` relaxes the marginals.

    Shapes: log kernel k (B, n, m), log masses a (B, n) and b (B, m), -inf on padding, potential v
    (B, m).
    """
    u = damping * (a - torch.logsumexp(k + v[:, None, :], 2))  # (B, n)
    u = u.masked_fill(a == -torch.inf, -torch.inf)
    v = damping * (b - torch.logsumexp(k + u[:, :, None], 1))  # (B, m)
    return u, v.masked_fill(b == -torch.inf, -torch.inf)


def assemble(k: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """The plan of a log kernel and two potentials, shape (B, n, m)."""
    return (k + u[:, :, None] + v[:, None, :]).exp()


def _scale(k: Tensor, a: Tensor, b: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """One pair of updates on the scalings: two products, but exp(-C / epsilon) can underflow."""
    u = torch.where(a > 0, a / torch.einsum("bnm,bm->bn", k, v), a)
    v = torch.where(b > 0, b / torch.einsum("bnm,bn->bm", k, u), b)
    return u, v


def until(
    update: Callable, state: tuple, plan_of: Callable, cost: Tensor, limit: int, every: int,
    done: Callable,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Update a state until each problem is done: its plan, when that was, and whether it was.

    ``done`` tells it from the plan now and the one of the check before.
    """
    plan, before = torch.zeros_like(cost), torch.zeros_like(cost)
    iterations = torch.full((len(cost),), limit, device=cost.device)
    going = torch.ones(len(cost), dtype=torch.bool, device=cost.device)
    for i in range(1, limit + 1):
        state = update(*state)
        if i % every and i < limit:
            continue
        now = plan_of(*state)
        plan[going] = now[going]
        ready = going & done(now, before)
        iterations[ready] = i
        going &= ~ready
        before = now
        if not going.any():
            break
    return plan, iterations, ~going


def sinkhorn(
    method: str, cost: Tensor, a: Tensor, b: Tensor, epsilon: float, limit: int, tolerance: float,
    every: int,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Alternate the two updates, on logarithms (``log``) or on scalings (``scaling``)."""
    log = method == "log"
    k, v = (-cost / epsilon, b.log()) if log else (torch.exp(-cost / epsilon), b.sign())
    p, q, update = (a.log(), b.log(), step) if log else (a, b, _scale)

    def plan_of(u: Tensor, v: Tensor) -> Tensor:
        return assemble(k, u, v) if log else u[:, :, None] * k * v[:, None, :]

    def done(now: Tensor, _: Tensor) -> Tensor:
        # the columns are exact after the second update, but for rounding, which needs room
        return (now.sum(2) - a).abs().sum(1) <= tolerance * 0.5

    start = None, v  # no mass on padding
    return until(lambda _, v: update(k, p, q, v), start, plan_of, cost, limit, every, done)[:2]


def exact(cost: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Network simplex of POT, one problem after the other, real tokens only, in float64."""
    import ot

    plan = torch.zeros_like(cost)
    for i in range(len(cost)):
        rows, columns = a[i] > 0, b[i] > 0
        p, q = a[i, rows].double(), b[i, columns].double()
        block = cost[i][rows][:, columns].double()
        best = ot.emd(*(x.cpu().numpy() for x in (p / p.sum(), q / q.sum(), block)))
        scaled = torch.from_numpy(best).to(cost) * p.sum().to(cost)
        plan[i, rows.nonzero(), columns.nonzero().T] = scaled
    return plan, torch.zeros(len(cost), dtype=torch.long, device=cost.device)


def proximal(
    cost: Tensor, a: Tensor, b: Tensor, epsilon: float, limit: int, tolerance: float, every: int
) -> tuple[Tensor, Tensor, Tensor]:
    r"""Exact transport by proximal steps (IPOT): near the plan before, so epsilon's blur wears off.

    .. math:: T^{(t+1)} = \arg\min_T \langle T, C \rangle + \epsilon\,\mathrm{KL}(T \,\|\, T^{(t)})

    with one pair of updates a step. Source: Xie, Wang, Wang and Zha, "A Fast Proximal Point Method
    for Computing Exact Wasserstein Distance", UAI 2019.
    """
    la, lb = a.log(), b.log()

    def update(log_plan: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        k = log_plan - cost / epsilon
        u, v = step(k, la, lb, v)
        return k + u[:, :, None] + v[:, None, :], v

    def rest(now: Tensor, before: Tensor) -> Tensor:
        moved = (now - before).abs().sum((1, 2)) + (now.sum(2) - a).abs().sum(1)
        return moved <= tolerance

    start = torch.zeros_like(cost), lb  # a plan of ones
    return until(update, start, lambda log_plan, _: log_plan.exp(), cost, limit, every, rest)


def unbalanced(
    cost: Tensor, a: Tensor, b: Tensor, epsilon: float, limit: int, tolerance: float, every: int,
    reach: float,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    r"""Transport that may leave mass behind, at a price: tokens without a counterpart get little.

    .. math:: \min_{T \ge 0} \langle T, C \rangle + \epsilon\,\mathrm{KL}(T \,\|\, a b^\top / s)
              + \rho\,\mathrm{KL}(T \mathbf 1 \,\|\, a) + \rho\,\mathrm{KL}(T^\top \mathbf 1 \,\|\,
              b)

    with :math:`s` the mass of a side and :math:`\mathrm{KL}(x \| y) = \sum x \log(x / y) - x + y`.
    The entropy is taken against the product of the marginals, as in POT: no mass is made, and a
    token cut into two, each of half its mass, moves what it moved.

    ``reach`` is :math:`\rho`, in units of the cost. It is a soft scale, no threshold: two tokens
    that have only each other keep :math:`e^{-C / (2 \rho + \epsilon)}` of their mass, about a third
    at :math:`C = 2\rho`.

    Source: Chizat, Peyré, Schmitzer and Vialard, Mathematics of Computation 87, 2018; the reference
    measure: Séjourné, Feydy, Vialard, Trouvé and Peyré, "Sinkhorn Divergences for Unbalanced
    Optimal Transport", 2019.
    """
    la, lb = a.log(), b.log()
    k = la[:, :, None] + lb[:, None, :] - a.sum(1).log()[:, None, None] - cost / epsilon
    damping = reach / (reach + epsilon)

    def update(_: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        return step(k, la, lb, v, damping)

    def rest(now: Tensor, before: Tensor) -> Tensor:
        return (now - before).abs().sum((1, 2)) <= tolerance

    start = None, b.sign().log()
    return until(update, start, functools.partial(assemble, k), cost, limit, every, rest)


def with_waste(
    cost: Tensor, a: Tensor, b: Tensor, mass: float, epsilon: float
) -> tuple[Tensor, Tensor, Tensor]:
    """A larger balanced problem, whose optimum without its last row and column moves a share.

    What is not moved goes to a waste row and a waste column at no cost, shapes (B, n + 1, m + 1),
    (B, n + 1), (B, m + 1). From waste to waste nothing may go: its price is above all others, by so
    many epsilon that the blur does not pay it either.

    Above epsilon 0 the entropy spreads the waste, too: the plan differs from the one of POT's
    ``entropic_partial_wasserstein``. Source: Chapel, Alaya and Gasso, NeurIPS 2020, proposition 1.
    """
    B, n, m = cost.shape
    wide = cost.new_zeros(B, n + 1, m + 1)
    wide[:, :n, :m] = cost
    wide[:, n, m] = 2 * cost.abs().amax((1, 2)) + 1 + FORBIDDEN * epsilon
    left = (1 - mass) * a.sum(1, keepdim=True)  # (B, 1)
    return wide, torch.cat([a, left], 1), torch.cat([b, left], 1)
