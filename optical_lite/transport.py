r"""Optimal transport between two sentences: batched, masked solvers that say how well they did.

Every solver minimises the cost of moving the mass ``a`` of the source tokens onto the mass ``b`` of the
target tokens:

.. math:: \min_{T \ge 0} \langle T, C \rangle - \epsilon H(T)
          \quad\text{such that}\quad T \mathbf 1 = a,\; T^\top \mathbf 1 = b

with entropy :math:`H(T) = -\sum_{ij} T_{ij} (\log T_{ij} - 1)`; ``exact`` is :math:`\epsilon = 0`.
Padding is told by zero mass: where ``a`` or ``b`` is 0 the plan is exactly 0, whatever the cost there.

:func:`solve` is the only door: what goes in is checked and put into one form there, for every method alike.

Notebook 02 derives the algorithm. Source: Cuturi, "Sinkhorn Distances", NeurIPS 2013; Peyré and Cuturi,
"Computational Optimal Transport", 2019, sections 4.2 and 4.4.
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .kernels import logdomain
from .kernels.stabilized import stabilized
from .settings import InputError

METHODS = ("log", "scaling", "stabilized", "exact", "proximal", "unbalanced", "partial")


@dataclass(frozen=True)
class TransportPlan:
    r"""The answer of a solver, one entry for each of the B problems.

    Attributes
    ----------
    plan : Tensor, shape (B, n, m)
        ``T``, non-negative and finite, 0 on padding; float32, or float64 where the cost is
    cost : Tensor, shape (B,)
        the transport cost :math:`\langle T, C \rangle`, in units of the cost matrix
    converged : Tensor of bool, shape (B,)
        whether ``marginal_error`` came below the tolerance; look at it before you use a plan
    iterations : Tensor of int, shape (B,)
        pairs of row and column updates made (0 for ``exact``)
    marginal_error : Tensor, shape (B,)
        :math:`\lVert T\mathbf 1 - a\rVert_1 + \lVert T^\top\mathbf 1 - b\rVert_1`, in units of mass

    A problem whose numbers left the range of floats has the zero plan, and its cost and marginal error are infinite.
    """

    plan: Tensor
    cost: Tensor
    converged: Tensor
    iterations: Tensor
    marginal_error: Tensor


def _whole(name: str, value: int) -> None:
    try:
        fine = operator.index(value) >= 1
    except TypeError:
        fine = False
    if not fine:
        raise InputError(f"transport: got {name} {value!r}, expected a whole number of at least 1")


def _check_options(method, epsilon, max_iterations, tolerance, check_every, reach, mass) -> None:
    if method not in METHODS:
        raise InputError(f"transport: got method {method!r}, expected one of {', '.join(METHODS)}")
    if not 0 < epsilon < math.inf:
        raise InputError(f"transport: got epsilon {epsilon}, expected a number above 0; use method='exact' for 0")
    if not 0 < reach < math.inf:
        raise InputError(f"transport: got reach {reach}, expected a number above 0; a large one is balanced transport")
    if not 0 < mass <= 1:
        raise InputError(f"transport: got mass {mass}, expected a share above 0 and at most 1")
    if not tolerance >= 0:
        raise InputError(f"transport: got tolerance {tolerance}, expected a number of at least 0")
    _whole("max_iterations", max_iterations)
    _whole("check_every", check_every)


def _check(cost: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, float]:
    """Raise on wrong shapes, masses or costs; one number type for all; nothing on padding; sums that are equal.

    Whole numbers and half precision are solved in float32: sums of rounded halves miss every tolerance.

    Returns
    -------
    cost, a and b; which problems have mass, shape (B,); the largest absolute cost
    """
    if cost.ndim != 3 or a.shape != cost.shape[:2] or b.shape != (cost.shape[0], cost.shape[2]):
        raise InputError(
            f"transport: got cost {tuple(cost.shape)}, a {tuple(a.shape)}, b {tuple(b.shape)}, "
            "expected (B, n, m), (B, n), (B, m); add a batch dimension with [None] for one problem"
        )
    if cost.is_complex() or a.is_complex() or b.is_complex():
        raise InputError("transport: got complex numbers, expected real costs and masses; take their real part")
    slack = sum(torch.finfo(x.dtype).eps for x in (a, b) if x.is_floating_point())
    dtype = torch.promote_types(cost.dtype, torch.float32)
    cost, a, b = (x.to(dtype) for x in (cost, a, b))
    if any(x.numel() and x.min().item() < 0 for x in (a, b)):
        raise InputError("transport: got negative mass, expected marginals >= 0; check the weights you gave")
    left, right = a.sum(1), b.sum(1)  # (B,)
    share = (left - right).abs_().div_(torch.maximum(left, right).clamp_(min=torch.finfo(dtype).tiny))
    gap = share.max().item() if len(share) else 0.0
    if not gap <= 1e-3 + slack:
        raise InputError(
            f"transport: got marginals whose sums differ by {gap:.2g} of the mass, expected equal sums; normalise both"
        )
    if gap > 1e-5:  # rounded elsewhere: meet in the middle, or no plan could have both marginals
        middle = (left + right) / 2
        a, b = (x * (middle / x.sum(1).clamp(min=torch.finfo(dtype).tiny))[:, None] for x in (a, b))
    live = (a > 0)[:, :, None] & (b > 0)[:, None, :]  # (B, n, m)
    cost = torch.where(live, cost, cost.new_zeros(()))  # what lies on padding must not reach a number
    low, high = (x.item() for x in cost.aminmax()) if cost.numel() else (0.0, 0.0)  # NaN where there is one
    if not (low > -math.inf and high < math.inf):
        raise InputError(
            "transport: got NaN or infinite costs between real tokens, expected finite numbers; check the vectors"
        )
    return cost, a, b, torch.minimum(left, right) > 0, max(-low, high)


def _finish(plan: Tensor, cost: Tensor, a: Tensor, b: Tensor, iterations: Tensor, tolerance: float) -> TransportPlan:
    error = plan.sum(2).sub_(a).abs_().sum(1) + plan.sum(1).sub_(b).abs_().sum(1)  # (B,)
    price = (plan * cost).sum((1, 2))
    if not math.isfinite((error + price).sum().item()):
        lost = ~(error + price).isfinite()
        plan[lost], price[lost], error[lost] = 0.0, math.inf, math.inf
    return TransportPlan(plan, price, error <= tolerance, iterations, error)


def _scaling_step(k: Tensor, a: Tensor, b: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """One pair of updates on the scalings: two matrix-vector products, but exp(-C/epsilon) can underflow."""
    u = torch.where(a > 0, a / torch.einsum("bnm,bm->bn", k, v), a)
    v = torch.where(b > 0, b / torch.einsum("bnm,bn->bm", k, u), b)
    return u, v


def _scaling_plan(k: Tensor, u: Tensor, v: Tensor) -> Tensor:
    return u[:, :, None] * k * v[:, None, :]


def _sinkhorn(
    method: str, cost: Tensor, mass: Tensor, b: Tensor, epsilon: float, limit: int, tolerance: float, every: int
) -> tuple[Tensor, Tensor]:
    """Alternate the two updates; a problem that is done leaves the batch, so the others pay no more for it."""
    if method == "log":
        step, assemble, kernel = logdomain.step, logdomain.assemble, -cost / epsilon
        a, b = logdomain.logarithm(mass), logdomain.logarithm(b)
        v = b  # no mass on padding from the start
    else:
        step, assemble, kernel, a = _scaling_step, _scaling_plan, torch.exp(-cost / epsilon), mass
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
        done = (rows - mass).abs().sum(1) <= tolerance * 0.5  # leaves room for rounding in the columns
        if done.any() or i == limit:
            final_u[active], final_v[active] = u, v
            iterations[active[done]] = i
            keep = ~done
            active, k, mass, a, b, v = active[keep], k[keep], mass[keep], a[keep], b[keep], v[keep]
            if not len(active):
                break
    return assemble(kernel, final_u, final_v), iterations


def _exact(cost: Tensor, a: Tensor, b: Tensor):
    """Network simplex of POT, one problem at a time, on the real tokens only, in float64."""
    import ot

    plan = torch.zeros_like(cost)
    for i in range(len(cost)):
        rows, columns = a[i] > 0, b[i] > 0
        mass_a, mass_b = a[i, rows].double(), b[i, columns].double()
        block = cost[i][rows][:, columns].double()
        best = ot.emd((mass_a / mass_a.sum()).cpu().numpy(), (mass_b / mass_b.sum()).cpu().numpy(), block.cpu().numpy())
        scaled = torch.from_numpy(best).to(cost) * mass_a.sum().to(cost)
        plan[i, rows.nonzero(), columns.nonzero().T] = scaled
    return plan, torch.zeros(len(cost), dtype=torch.long, device=cost.device)


@torch.no_grad()
def solve(
    cost: Tensor,
    a: Tensor,
    b: Tensor,
    *,
    epsilon: float = 0.05,
    method: str = "log",
    max_iterations: int = 500,
    tolerance: float = 1e-3,
    check_every: int = 5,
    reach: float = 0.5,
    mass: float = 0.8,
) -> TransportPlan:
    """Solve a batch of transport problems; the plan is a constant for automatic differentiation.

    Parameters
    ----------
    cost : Tensor, shape (B, n, m)
        cost matrices ``C``, of any real type; values where ``a`` or ``b`` is 0 are ignored, NaN too
    a, b : Tensor, shapes (B, n) and (B, m)
        masses >= 0 with sums that are equal but for rounding; 0 means padding. A problem without any mass has the
        zero plan.
    epsilon : float
        entropic regularisation, in units of the cost: small is sharp and slow, large is blurred and fast
    method : one of :data:`METHODS`
        ``log`` is safe for every epsilon; ``scaling`` is faster but its kernel underflows when
        ``cost / epsilon`` passes about 87 in float32 (its ``converged`` then says False); ``stabilized`` is as safe as
        ``log`` and the fastest, at the price of more code; ``exact`` ignores epsilon; ``proximal`` comes to the exact
        plan by steps of size 1 / epsilon; ``unbalanced`` and ``partial`` may leave mass where nothing fits
    max_iterations, tolerance, check_every : int, float, int
        a problem stops on its own as soon as its marginal error is below the tolerance (``proximal``, ``unbalanced``:
        as soon as the plan moves by less between two checks)
    reach : float
        for ``unbalanced``: price of leaving mass behind, in units of the cost, see
        :func:`.kernels.logdomain.unbalanced`; ``marginal_error`` then says how much was left on both sides, and
        ``converged`` whether the plan came to rest
    mass : float
        for ``partial``: the share of the mass that has to move, above 0 and at most 1; ``marginal_error`` is that of
        the enlarged problem, see :func:`.kernels.logdomain.with_waste`

    Returns
    -------
    TransportPlan

    Raises
    ------
    InputError
        wrong shapes, complex numbers, negative mass, unequal sums, NaN costs, an option out of range, unknown method

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
    _check_options(method, epsilon, max_iterations, tolerance, check_every, reach, mass)
    cost, a, b, full, largest = _check(cost.detach(), a.detach(), b.detach())
    moving = full.sum().item()
    if not moving:  # nothing to move, or no problem at all
        return _finish(torch.zeros_like(cost), cost, a, b, torch.zeros(len(cost), dtype=torch.long), tolerance)
    limits = max_iterations, tolerance, check_every
    if method == "partial":
        named = {"max_iterations": max_iterations, "tolerance": tolerance, "check_every": check_every}
        wide = solve(*logdomain.with_waste(cost, a, b, mass, epsilon), epsilon=epsilon, method="stabilized", **named)
        plan = wide.plan[:, :-1, :-1]
        price = (plan * cost).sum((1, 2)).where(wide.marginal_error < math.inf, math.inf)
        return replace(wide, plan=plan, cost=price)
    problem = (cost, a, b) if moving == len(full) else (cost[full], a[full], b[full])
    rest = None
    if method == "exact":
        plan, iterations = _exact(*problem)
    elif method == "stabilized":
        plan, iterations = stabilized(*problem, epsilon, *limits, largest)
    elif method == "proximal":
        plan, iterations, rest = logdomain.proximal(*problem, epsilon, *limits)
    elif method == "unbalanced":
        plan, iterations, rest = logdomain.unbalanced(*problem, epsilon, *limits, reach)
    else:
        plan, iterations = _sinkhorn(method, *problem, epsilon, *limits)
    if moving < len(full):  # problems without mass have the zero plan
        plan, iterations = _spread(plan, full), _spread(iterations, full)
        rest = None if rest is None else _spread(rest, full) | ~full
    found = _finish(plan, cost, a, b, iterations, tolerance)
    if method == "stabilized" and (lost := found.marginal_error == math.inf).any():
        again = (x[lost] for x in (cost, a, b))  # rare: those few are solved with logarithms
        plan[lost], iterations[lost] = _sinkhorn("log", *again, epsilon, *limits)
        found = _finish(plan, cost, a, b, iterations, tolerance)
    return found if rest is None else replace(found, converged=rest & found.marginal_error.isfinite())


def _spread(values: Tensor, full: Tensor) -> Tensor:
    """Values of the problems that have mass, among zeros for the others; shapes (k, ...), (B,) -> (B, ...)."""
    everywhere = values.new_zeros(len(full), *values.shape[1:])
    everywhere[full] = values
    return everywhere
