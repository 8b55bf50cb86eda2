"""Benchmarks of the transport solvers: ours against POT, each stopped at the same marginal error."""

from __future__ import annotations

import bisect
import functools
import itertools
import math
from collections.abc import Callable, Sequence

from torch import Tensor

from ..cost import cosine_cost, uniform_marginal
from ..encoder import teacher
from ..settings import InputError
from ..transport import solve
from .registry import bench, limits, row, take_turns
from .training import swahili

TOLERANCE = 1e-3
STEPS = (5, 10, 15, 20, 30, 40, 60, 80, 120, 160, 240, 320, 500, 800, 1200, 2000, 3000)
SIZES = ((32, 32), (256, 32), (256, 64))  # problems a batch, most tokens a side
EPSILONS = (0.1, 0.05, 0.02, 0.01)


@functools.cache
def problems(batch: int, n: int) -> tuple[Tensor, Tensor, Tensor]:
    """Cosine costs of real sentence pairs of n/3 to n tokens a side, ragged."""
    english = teacher()
    pairs = fitting(swahili(8000).pairs, english.tokenize, n)
    S, H = (english.encode([text for text, _ in zip(itertools.cycle(side), range(batch), strict=False)])
            for side in zip(*pairs, strict=True))  # fmt: skip
    return cosine_cost(S.vectors, H.vectors), uniform_marginal(S.mask), uniform_marginal(H.mask)


def fitting(pairs: Sequence[tuple[str, str]], tokenize: Callable, n: int) -> list[tuple[str, str]]:
    """Pairs of n/3 to n tokens a side; where all are shorter, as many neighbours put together as it takes."""
    for together in range(1, len(pairs) + 1):
        groups = [pairs[i : i + together] for i in range(0, len(pairs) - together + 1, together)]
        texts = [tuple(map(" ".join, zip(*group, strict=True))) for group in groups]
        lengths = zip(*(map(len, tokenize(list(side))) for side in zip(*texts, strict=True)), strict=True)
        fits = [text for text, both in zip(texts, lengths, strict=True) if all(n // 3 <= k <= n for k in both)]
        if fits or together > n:
            break
    if not fits:
        raise InputError(
            f"bench: got no sentence pair of {n // 3} to {n} tokens a side, expected one; give other pairs"
        )
    return fits


def error(plan: Tensor, a: Tensor, b: Tensor) -> float:
    """The worst problem's marginal error."""
    return ((plan.sum(2) - a).abs().sum(1) + (plan.sum(1) - b).abs().sum(1)).max().item()


def _pot(C: Tensor, a: Tensor, b: Tensor, epsilon: float, method: str, least: int = 0) -> tuple:
    """POT's batch solver with the fewest iterations, at least some, that reach the tolerance; None where none does."""
    import ot

    for steps in STEPS[bisect.bisect_left(STEPS, least) :]:
        work = functools.partial(
            ot.batch.solve_batch, C, epsilon, a, b, method=method, max_iter=steps, tol=1e-12, grad="detach"
        )
        found = error(work().plan, a, b)
        if found <= TOLERANCE:
            return work, found, steps
        if not math.isfinite(found):
            break  # the kernel has underflowed; more iterations do not mend that
    return None, None, None


@bench
def transport(repetitions: int) -> list[dict]:
    """Ragged batches, four epsilons, against POT's batch solvers, POT pair by pair, and the exact solver."""
    import ot

    rows = []
    for batch, n in SIZES:
        C, a, b = problems(batch, n)
        for epsilon in EPSILONS:
            limit = {"epsilon": epsilon, "max_iterations": 3000, "tolerance": TOLERANCE}
            ours = functools.partial(solve, C, a, b, method="stabilized", **limit)
            plan = ours()
            name = f"transport {batch} x {C.shape[1]} x {C.shape[2]}, epsilon {epsilon}"
            moved = 2 * plan.iterations.sum().item() * C[0].numel() * C.element_size() / 1e9  # GB: two passes each
            scaling = _pot(C, a, b, epsilon, "sinkhorn")
            # the same updates on logarithms, so no fewer are enough
            logarithms = _pot(C, a, b, epsilon, "log_sinkhorn", scaling[2] or 0)
            peers = {"POT sinkhorn batch": scaling, "POT log_sinkhorn batch": logarithms}
            peers["our log"] = functools.partial(solve, C, a, b, method="log", **limit), None, None
            if batch == 32:
                peers["POT pair by pair"] = functools.partial(_one_by_one, ot, C, a, b, epsilon), None, None
                peers["exact"] = functools.partial(solve, C, a, b, method="exact"), 0.0, None
            for peer, (work, theirs, steps) in peers.items():
                mine, other = take_turns(ours, work, repetitions)
                note = "the peer never reaches the tolerance" if work is None else ""
                note = f"{steps} iterations, ours {plan.iterations.max().item()} at most" if steps else note
                share = moved / sorted(mine)[len(mine) // 2] / limits()["copy"]
                errors = {"marginal_error_ours": plan.marginal_error.max().item(), "marginal_error_peer": theirs}
                rows.append(row(name, "ms", mine, other, peer, limit_share=share, note=note, **errors))
    return rows


def _one_by_one(ot, C: Tensor, a: Tensor, b: Tensor, epsilon: float) -> None:
    for cost, left, right in zip(C, a, b, strict=True):
        x, y = left > 0, right > 0
        ot.sinkhorn(
            left[x].numpy(), right[y].numpy(), cost[x][:, y].numpy(), epsilon, method="sinkhorn_log",
            stopThr=TOLERANCE / 2, numItermax=3000, warn=False,
        )  # fmt: skip
