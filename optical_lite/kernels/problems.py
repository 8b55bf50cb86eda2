"""Problems: what goes into a transport solver, looked at once and put into one form."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..settings import InputError, Range
from .given import as_numbers

RANGES = {  # of each option of the solvers
    "epsilon": Range(0, above=True),
    "reach": Range(0, above=True),
    "mass": Range(0, 1, above=True),
    "tolerance": Range(0),
    "max_iterations": Range(1, 10**9, whole=True),
    "check_every": Range(1, 10**9, whole=True),
}
HINTS = {"epsilon": "use method='exact' for 0", "reach": "a large one is balanced transport"}


def check_options(**given: float) -> None:
    """Raise unless every option of :func:`optical_lite.transport.solve` is in its range."""
    for name, value in given.items():
        if value not in RANGES[name]:
            expected = f"{RANGES[name]}; {HINTS.get(name, 'mend it')}"
            raise InputError("transport", f"{name} {value!r}", expected)


def checked(cost: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, float]:
    """Cost, a and b, nothing on padding and equal sums; which have mass (B,); the largest cost.

    Whole numbers and half precision become float32: sums of rounded halves miss every tolerance.
    """
    cost, a, b = (as_numbers("transport", x)[0].detach() for x in (cost, a, b))
    if cost.ndim != 3 or a.shape != cost.shape[:2] or b.shape != (cost.shape[0], cost.shape[2]):
        got = f"cost {tuple(cost.shape)}, a {tuple(a.shape)}, b {tuple(b.shape)}"
        expected = "(B, n, m), (B, n), (B, m); add a batch dimension with [None] for one problem"
        raise InputError("transport", got, expected)
    slack = torch.finfo(a.dtype).eps + torch.finfo(b.dtype).eps
    dtype = torch.promote_types(cost.dtype, torch.float32)
    cost, a, b = (x.to(dtype) for x in (cost, a, b))
    if any(x.numel() and x.min().item() < 0 for x in (a, b)):
        raise InputError("transport", "negative mass", "marginals >= 0; check the weights you gave")
    left, right, tiny = a.sum(1), b.sum(1), torch.finfo(dtype).tiny  # (B,)
    share = (left - right).abs_().div_(torch.maximum(left, right).clamp_(min=tiny))
    gap = share.max().item() if len(share) else 0.0
    if not gap <= 1e-3 + slack:
        got = f"marginals whose sums differ by {gap:.2g} of the mass"
        raise InputError("transport", got, "equal sums; normalise both")
    # rounded elsewhere: meet in the middle, or no plan could have both marginals
    if gap > 1e-5:
        middle = (left + right) / 2
        a, b = (x * (middle / x.sum(1).clamp(min=tiny))[:, None] for x in (a, b))
    # what lies on padding must not reach a number
    live = (a > 0)[:, :, None] & (b > 0)[:, None, :]  # (B, n, m)
    cost = torch.where(live, cost, cost.new_zeros(()))
    low, high = (x.item() for x in cost.aminmax()) if cost.numel() else (0.0, 0.0)
    if not (low > -math.inf and high < math.inf):  # NaN where there is one
        expected = "finite numbers; check the vectors"
        raise InputError("transport", "NaN or infinite costs between real tokens", expected)
    return cost, a, b, torch.minimum(left, right) > 0, max(-low, high)
