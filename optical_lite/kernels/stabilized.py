r"""Sinkhorn by scalings, as accurate as logarithms: the fast form of :func:`.transport.plain`.

What can be saved is passes over matrices and calls. The scalings are rows (B, 1, n), which multiply
a kernel about twice as fast as columns do; padding is not masked but has the mass NOTHING until the
end; a problem that is done leaves the batch.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

LARGE = 1e12  # scalings beyond this are absorbed into the potentials
# where no cost is further from 0 than this many epsilon, exp(-C / epsilon) is never 0
NARROW = 50.0
NOTHING = 1e-30  # mass of padding on the way, so that its logarithm is a number
RELAXED, MOST = 1.3, 1.9  # over-relaxation at first, and at most: below 2 it converges
SMALL = 1 << 16  # entries of a batch below which calls cost more than the work in them


def _kernel(cost: Tensor, f: Tensor, g: Tensor, live: Tensor, epsilon: float) -> Tensor:
    """The kernel with potentials in it, exp((f + g - C) / epsilon), never 0, and 1 on padding."""
    low = math.log(torch.finfo(cost.dtype).tiny) + 7
    return (f.mT + g).sub_(cost).mul_(live).mul_(1 / epsilon).clamp_(low, 20.0).exp_()


def _start(cost: Tensor, real_u: Tensor, real_v: Tensor, epsilon: float, largest: float) -> tuple:
    """A first kernel and its potentials: None, or minima, so that rows and columns all hold a 1."""
    if largest <= NARROW * epsilon:
        return torch.mul(cost, -1 / epsilon).exp_(), None, None
    live = real_u.mT * real_v  # (B, n, m)
    full = cost + (1 - live) * (torch.finfo(cost.dtype).max / 4)
    f = full.amin(2)[:, None] * real_u  # (B, 1, n)
    g = full.sub_(f.mT).amin(1, keepdim=True) * real_v  # (B, 1, m)
    return _kernel(cost, f, g, live, epsilon), f, g


def _relax(
    scaling: Tensor, logarithm: Tensor, mass: Tensor, product: Tensor, omega: Tensor
) -> None:
    """Move a scaling, on the logarithmic scale, omega times as far as the plain update would."""
    torch.div(mass, product, out=scaling)
    torch.exp2(logarithm.lerp_(scaling.log2_(), omega), out=scaling)


def _store(final: tuple | None, active: Tensor, *values: Tensor) -> tuple:
    """Results by problem: those of the active ones take their places; at first, all are active."""
    if final is None:
        return values
    for everywhere, here in zip(final, values, strict=True):
        everywhere[active] = here
    return final


def _retune(omega: Tensor, error: Tensor, before: Tensor, every: int) -> Tensor:
    r"""The best over-relaxation, from how fast the error shrank with the last; shapes (B, 1, 1).

    Near the solution an update is linear. Where the plain one contracts by :math:`\theta`,
    over-relaxation :math:`\omega` contracts by the larger root :math:`\lambda` of :math:`(\lambda +
    \omega - 1)^2 = \lambda \omega^2 \theta`, and :math:`2 / (1 + \sqrt{1 - \theta})` is best
    (Young, "Iterative Solution of Large Linear Systems", 1971; for Sinkhorn: Lehmann et al.,
    Optimization Letters 16, 2022).
    """
    speed = (error / before).pow_(1 / every)
    theta = (speed + omega).sub_(1).square_().div_(speed * omega.square()).clamp_(max=1.0)
    best = (2 / (1 + (1 - theta).sqrt_())).clamp_(max=MOST)
    best = best.where(speed > omega - 1, omega)  # slower than this, the equation says nothing
    return best.where(speed < 1, RELAXED)  # it went astray: start again


def stabilized(
    cost: Tensor, mass: Tensor, masses: Tensor, epsilon: float, limit: int, tolerance: float,
    every: int, largest: float,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Scaling updates, over-relaxed; potentials absorb the scalings before these are too large.

    Absorption: Schmitzer, SIAM J. Sci. Comput. 41(3), 2019. Over-relaxation: Thibault et al.,
    Algorithms 14(5), 2021, here with a factor for each problem; the last update before a check is
    plain, so that the columns are exact. Shapes are those of :mod:`.logdomain`, no cost is further
    from 0 than ``largest``. Where a problem left the number range all the same, its plan is not
    finite.

    Masses are divided by a power of 256, which rounds nothing, so that their sum is not far from 1:
    absorbed scalings of others would leave the range that a kernel is clamped to. Half the
    tolerance leaves room for rounding in the columns.
    """
    a, b = mass[:, None, :], masses[:, None, :]  # (B, 1, n), (B, 1, m)
    real_u, real_v = a.sign(), b.sign()
    unit = a.sum(2, keepdim=True).log2_().div_(8).round_().mul_(8).exp2_()  # (B, 1, 1)
    a, b, enough = a / unit, b / unit, tolerance / unit * 0.5
    kernel, f, g = _start(cost, real_u, real_v, epsilon, largest)
    a, b, k, v = a.clamp(min=NOTHING), b.clamp(min=NOTHING), kernel, real_v.clone()
    u, rows, columns = a.clone(), torch.empty_like(a), torch.empty_like(b)
    omega, before, final = u.new_full((len(cost), 1, 1), RELAXED), None, None
    steps = torch.full_like(active := torch.arange(len(cost), device=cost.device), every)
    for i in range(1, limit + 2):
        torch.bmm(v, k.mT, out=rows)  # (B, 1, n)
        if i > limit or (i > 1 and (i - 1) % every == 0):
            missing = torch.mul(u, rows).sub_(a)  # (B, 1, n)
            error = missing.abs().sum(2, keepdim=True).nan_to_num_(0.0)  # NaN leaves, too
            left = (going := error > enough).sum().item()
            if i > limit or not left:
                break
            if i > 3 * every:  # most are done before it pays
                omega = _retune(omega, error, before, every)
            before = error
            if left == len(k):
                steps += every
            elif k.numel() > SMALL or 4 * left <= len(k):  # those that are done leave the batch
                final, keep = _store(final, active, u, v, steps), going.flatten().nonzero()[:, 0]
                moved = active, steps, a, b, k, u, v, rows, omega, before, enough
                moved = [x.index_select(0, keep) for x in moved]
                active, steps, a, b, k, u, v, rows, omega, before, enough = moved
                columns = columns[:left]
                steps += every
            else:  # leaving does not pay: the rows they have become their mass, so they rest
                a = torch.addcmul(a + missing, missing, going.to(a.dtype), value=-1)
                steps.add_(going.flatten(), alpha=every)
        looked = f is not None or (i > 1 and (i - 1) % every == 0)
        if looked and not (u.amax().item() <= LARGE and v.amax().item() <= LARGE):
            if f is None:
                f, g = torch.zeros_like(real_u), torch.zeros_like(real_v)
            f[active] += u.clamp(min=NOTHING).log_().mul_(epsilon)
            g[active] += v.clamp(min=NOTHING).log_().mul_(epsilon)
            u, v = real_u[active], real_v[active]
            kernel[active] = k = _kernel(cost[active], f[active], g[active], u.mT * v, epsilon)
            u, v, log_u = u.clamp_(min=NOTHING), v.clamp_(min=NOTHING), None
            torch.bmm(v, k.mT, out=rows)
        if i == 1 or i % every == 0 or i == limit:
            log_u = None
            torch.div(a, rows, out=u)
            torch.bmm(u, k, out=columns)  # (B, 1, m)
            torch.div(b, columns, out=v)
        else:
            if log_u is None:
                log_u, log_v = u.clamp(min=NOTHING).log2_(), v.clamp(min=NOTHING).log2_()
            _relax(u, log_u, a, rows, omega)
            torch.bmm(u, k, out=columns)
            _relax(v, log_v, b, columns, omega)
    final_u, final_v, iterations = _store(final, active, u, v, steps)
    rows, columns = final_u * (real_u * unit), final_v * real_v
    return kernel.mul_(rows.mT).mul_(columns), iterations.clamp_(max=limit)
