"""Benchmarks of the transport solvers: ours against POT, stopped at the same marginal error."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Sequence

import ot
from torch import Tensor

from ..cost import cosine_cost, uniform_marginal
from ..encoder import teacher
from ..transport import solve
from . import material
from .measuring import Peer, side_by_side

TOLERANCE = 1e-3
STEPS = (5, 10, 15, 20, 30, 40, 60, 80, 120, 160, 240, 320, 500, 800, 1200, 2000, 3000)
# problems a batch, most tokens a side
SIZES = ((32, 32), (256, 32), (256, 64))
EPSILONS = (0.1, 0.05, 0.02, 0.01)


def problems(batch: int, n: int) -> tuple[Tensor, Tensor, Tensor]:
    """Cosine costs of real sentence pairs of n/3 to n tokens a side, ragged."""
    english = teacher()
    pairs = fitting(material.bitext(8000).pairs, english.tokenize, n)
    chosen = itertools.islice(itertools.cycle(pairs), batch)
    S, H = (english.encode(side) for side in zip(*chosen, strict=True))
    return cosine_cost(S.vectors, H.vectors), uniform_marginal(S.mask), uniform_marginal(H.mask)


def fitting(
    pairs: Sequence[tuple[str, str]], tokenize: Callable, n: int
) -> Iterator[tuple[str, str]]:
    """Real text of n/3 to n tokens a side: a pair, with those that follow while it is shorter."""
    joined = "", ""
    for pair in pairs:
        joined = tuple(" ".join(both).strip() for both in zip(joined, pair, strict=True))
        lengths = [len(ids) for ids in tokenize(joined)]
        if n // 3 <= min(lengths) <= max(lengths) <= n:
            yield joined
        if min(lengths) >= n // 3 or max(lengths) > n:
            joined = "", ""


def pot(C: Tensor, a: Tensor, b: Tensor, epsilon: float, method: str) -> Peer:
    """POT's batch solver with the fewest iterations that reach the tolerance."""
    how = {"method": method, "tol": 1e-12, "grad": "detach"}
    for steps in STEPS:
        work = functools.partial(ot.batch.solve_batch, C, epsilon, a, b, max_iter=steps, **how)
        plan = work().plan
        error = (plan.sum(2) - a).abs().sum(1) + (plan.sum(1) - b).abs().sum(1)
        if (worst := error.max().item()) <= TOLERANCE:
            return Peer(work)
        # the kernel has underflowed; more iterations do not mend that
        if not math.isfinite(worst):
            break
    return Peer([], "never reaches the tolerance")


def pair_by_pair(C: Tensor, a: Tensor, b: Tensor, epsilon: float) -> None:
    """POT's solver of a single problem, again and again."""
    how = {"method": "sinkhorn_log", "stopThr": TOLERANCE / 2, "numItermax": 3000, "warn": False}
    for cost, left, right in zip(C.cpu().numpy(), a.cpu().numpy(), b.cpu().numpy(), strict=True):
        x, y = left > 0, right > 0
        ot.sinkhorn(left[x], right[y], cost[x][:, y], epsilon, **how)


def transport(
    repetitions: int, sizes: Sequence = SIZES, epsilons: Sequence[float] = EPSILONS
) -> Iterator[dict]:
    """Ragged batches against POT's batch solvers; those of 32 also pair by pair, and exact."""
    for (C, a, b), epsilon in itertools.product(itertools.starmap(problems, sizes), epsilons):
        how = {"epsilon": epsilon, "max_iterations": 3000, "tolerance": TOLERANCE}
        ours = functools.partial(solve, C, a, b, method="stabilized", **how)
        peers = {
            f"POT {method} batch": pot(C, a, b, epsilon, method)
            for method in ("sinkhorn", "log_sinkhorn")
        }
        peers["our log"] = Peer(functools.partial(solve, C, a, b, method="log", **how))
        if len(C) == 32:
            peers["POT pair by pair"] = Peer(functools.partial(pair_by_pair, C, a, b, epsilon))
            peers["exact"] = Peer(functools.partial(solve, C, a, b, method="exact"))
        name = f"transport {' x '.join(map(str, C.shape))}, epsilon {epsilon}"
        # an iteration reads the costs twice
        how = {"operations": 2 * ours().iterations.sum().item() * C[0].nbytes, "limit": "copy"}
        yield from side_by_side(name, "ms", ours, peers, repetitions, **how)
