"""Alternating: Sinkhorn's two updates for a whole batch, on logarithms or on scalings; exact plans.

Every function takes problems that :func:`optical_lite.transport.solve` has checked, and returns the
plan (B, n, m) and the pairs of updates made (B,).
"""

from __future__ import annotations

import torch
from torch import Tensor

from . import logdomain


def _step(k: Tensor, a: Tensor, b: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """One pair of updates on the scalings: two products, but exp(-C/epsilon) can underflow."""
    u = torch.where(a > 0, a / torch.einsum("bnm,bm->bn", k, v), a)
    v = torch.where(b > 0, b / torch.einsum("bnm,bn->bm", k, u), b)
    return u, v


def _assemble(k: Tensor, u: Tensor, v: Tensor) -> Tensor:
    return u[:, :, None] * k * v[:, None, :]


def sinkhorn(
    method: str, cost: Tensor, mass: Tensor, b: Tensor, epsilon: float, limit: int,
    tolerance: float, every: int,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Alternate the two updates, by ``log`` or ``scaling``; problems that are done leave the batch."""
    if method == "log":
        step, assemble, kernel = logdomain.step, logdomain.assemble, -cost / epsilon
        a, b = logdomain.logarithm(mass), logdomain.logarithm(b)
        v = b  # no mass on padding from the start
    else:
        step, assemble, kernel, a = _step, _assemble, torch.exp(-cost / epsilon), mass
        v = (b > 0).to(b.dtype)
    final_u, final_v = torch.empty_like(a), torch.empty_like(b)
    iterations = torch.full((len(cost),), limit, device=cost.device)
    active = torch.arange(len(cost), device=cost.device)
    k = kernel
    for i in range(1, limit + 1):
        u, v = step(k, a, b, v)
        if i % every and i < limit:
            continue
        rows = assemble(k, u, v).sum(2)  # the columns are exact after the update of v
        done = (rows - mass).abs().sum(1) <= tolerance * 0.5  # room for rounding in the columns
        if done.any() or i == limit:
            final_u[active], final_v[active] = u, v
            iterations[active[done]] = i
            keep = ~done
            active, k, mass, a, b, v = (x[keep] for x in (active, k, mass, a, b, v))
            if not len(active):
                break
    return assemble(kernel, final_u, final_v), iterations


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
