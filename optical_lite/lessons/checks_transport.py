"""Checks of the exercises of notebooks 00 to 02: scores, costs and plans."""

from __future__ import annotations

import itertools

import torch

from ..cost import idf_table, weighted_marginal
from ..metrics import per_query
from ..transport import solve
from .marking import NotYet, exercise, function, same


def _maxsim(Q: torch.Tensor, P: torch.Tensor) -> float:
    return sum(max(sum(x * y for x, y in zip(q, p, strict=True)) for p in P.tolist()) for q in Q.tolist())


@exercise
def ex00_1(answer: object) -> None:
    """A function (Q, P) -> MaxSim score of one query and one passage."""
    function(answer, "maxsim")
    for n, m, d in ((3, 7, 4), (6, 2, 5), (1, 4, 3)):
        Q = torch.nn.functional.normalize(torch.randn(n, d), dim=-1)
        P = torch.nn.functional.normalize(torch.randn(m, d), dim=-1)
        got, expected = answer(Q.clone(), P.clone()), _maxsim(Q, P)
        if n != m and torch.is_tensor(got) and got.ndim == 0 and abs(got.item() - _maxsim(P, Q)) < 1e-4:
            raise NotYet("this sums over the passage tokens; each query token should pick its best passage token")
        same(got, expected, f"the score of {n} query and {m} passage tokens", 1e-4)
    Q, P = torch.tensor([[1.0, 0.0]]), torch.tensor([[-0.6, 0.8], [-1.0, 0.0]])
    same(answer(Q, P), -0.6, "the score of a query whose similarities are all below 0", 1e-4)


@exercise
def ex00_2(answer: object) -> None:
    """Expected reciprocal rank: one passage above, then a tie of the right one with two wrong ones."""
    ranking = [("a", 9.0), ("b", 7.0), ("right", 7.0), ("c", 7.0), ("d", 5.0)]
    expected = per_query({"q": ranking}, {"q": {"right": 1}}, ["mrr@10"])["mrr@10"]["q"]
    if not isinstance(answer, (int, float)) and not torch.is_tensor(answer):
        raise NotYet(f"got {type(answer).__name__}, expected one number")
    got = float(answer)
    if abs(got - 1 / 3) < 1e-3:
        raise NotYet("this is one over the mean rank; average the reciprocals instead: (1/2 + ...) / 3")
    if abs(got - 1 / 2) < 1e-6 or abs(got - 1 / 4) < 1e-6:
        raise NotYet("this takes the best or the worst order of the tie; every order is equally likely")
    same(got, expected, "the expected reciprocal rank", 2e-3)


@exercise
def ex00_3(answer: object) -> None:
    """Two passages (P1, P2) of different length that every query scores alike."""
    if not isinstance(answer, (tuple, list)) or len(answer) != 2:
        raise NotYet("expected a pair of tensors, (P1, P2)")
    P1, P2 = (torch.as_tensor(P, dtype=torch.float32) for P in answer)
    if P1.ndim != 2 or P2.ndim != 2 or P1.shape[1] != P2.shape[1] or not P1.numel() or not P2.numel():
        raise NotYet(f"got shapes {tuple(P1.shape)} and {tuple(P2.shape)}, expected (m, d) and (k, d)")
    if len(P1) == len(P2):
        raise NotYet(f"both passages have {len(P1)} tokens; give them different numbers")
    for Q in torch.nn.functional.normalize(torch.randn(200, 5, P1.shape[1]), dim=-1):
        one, two = _maxsim(Q, P1), _maxsim(Q, P2)
        if abs(one - two) > 1e-4:
            raise NotYet(f"there is a query that scores them {one:.3f} and {two:.3f}")


@exercise
def ex01_1(answer: object) -> None:
    """A function (S, H) -> cosine cost, for vectors of any length."""
    function(answer, "cosine_cost")
    for n, m, d in ((3, 5, 4), (6, 2, 3)):
        S, H = 3 * torch.randn(n, d), 3 * torch.randn(m, d)
        expected = 1 - torch.nn.functional.cosine_similarity(S[:, None].double(), H[None].double(), dim=-1)  # (n, m)
        got = answer(S.clone(), H.clone())
        unit = torch.nn.functional.normalize(S, dim=-1), torch.nn.functional.normalize(H, dim=-1)
        plain = 1 - (S @ H.T).double()
        if torch.is_tensor(got) and got.shape == plain.shape and torch.allclose(got.double(), plain, atol=1e-4):
            raise NotYet("the result is right for unit vectors only; divide each row by its length first")
        same(got, expected, f"the cost of {n} source and {m} target vectors", 1e-4)
        same(answer(*unit), expected, "the cost of vectors that already have unit length", 1e-4)


@exercise
def ex01_2(answer: object) -> None:
    """The idf marginal of "maji safi" in a bitext of three sentences (maji 0, safi 1, moto 2)."""
    table = idf_table([[0, 1], [0, 2], [0, 1, 2]], size=3)
    expected = weighted_marginal(table[[0, 1]], torch.tensor([True, True]))
    got = torch.as_tensor(answer, dtype=torch.float64)
    if got.shape == expected.shape and torch.allclose(got, table[:2].double(), atol=2e-3):
        raise NotYet("these are the weights; divide them by their sum, so that the masses add up to 1")
    if got.shape == expected.shape and torch.allclose(got, expected.flip(0).double(), atol=2e-3):
        raise NotYet("the order is maji, safi; which of the two occurs in more sentences, and should weigh less?")
    same(got, expected, "the marginal", 1e-3)


@exercise
def ex01_3(answer: object) -> None:
    """A function C -> the larger of the row-greedy and the column-greedy cost, uniform marginals."""
    function(answer, "lower_bound")
    wide = torch.tensor([[0.1, 0.9, 0.8], [0.2, 0.7, 0.9]])  # columns decide
    problems = [wide, wide.T.contiguous(), 0.2 + torch.rand(5, 3), 0.2 + torch.rand(3, 6), 0.2 + torch.rand(4, 4)]
    for C in problems:
        n, m = C.shape
        cells = C.double().tolist()
        by_row = sum(min(row) for row in cells) / n
        by_column = sum(min(column) for column in zip(*cells, strict=True)) / m
        same(answer(C.clone()), max(by_row, by_column), f"the bound for a matrix of shape ({n}, {m})", 1e-4)


@exercise
def ex01_4(answer: object) -> None:
    """A square cost matrix whose two greedy costs are 0, and whose transport cost is at least 0.5."""
    C = torch.as_tensor(answer, dtype=torch.float64)
    if C.ndim != 2 or C.shape[0] != C.shape[1]:
        raise NotYet(f"got shape {tuple(C.shape)}, expected a square matrix")
    if not (C >= 0).all() or not (C <= 2).all():
        raise NotYet("a cosine cost lies between 0 and 2; these entries do not")
    for name, least in (("row", C.amin(1)), ("column", C.amin(0))):
        if least.max() > 1e-9:
            raise NotYet(f"{name} {least.argmax().item()} holds no 0, so its greedy cost is not 0")
    each = torch.full((1, len(C)), 1 / len(C), dtype=torch.float64)
    cost = solve(C[None], each, each, method="exact").cost.item()
    if cost < 0.5 - 1e-9:
        raise NotYet(f"the transport cost is {cost:.3f}; where can three words that want the same partner go?")


def _spread(C: torch.Tensor, a: torch.Tensor, b: torch.Tensor, epsilon: float) -> float:
    """Effective number of targets of a source token, computed in float64 to convergence."""
    C, a, b = C.double(), a.double() / a.double().sum(), b.double() / b.double().sum()
    T = solve(C[None], a[None], b[None], epsilon=epsilon, max_iterations=20_000, tolerance=1e-8).plan[0]
    shares = T / a[:, None]  # (n, m)
    return (a * (-torch.xlogy(shares, shares).sum(1)).exp()).sum().item()


@exercise
def ex02_1(answer: object) -> None:
    """The cheapest plan of a 3x3 problem by hand: ([column of each row], cost)."""
    C = ((0.1, 0.2, 0.6), (0.1, 0.5, 0.7), (0.3, 0.4, 0.3))
    total, best = min((sum(C[i][j] for i, j in enumerate(order)), order) for order in itertools.permutations(range(3)))
    if not isinstance(answer, (tuple, list)) or len(answer) != 2:
        raise NotYet("expected a pair, ([column of row 0, column of row 1, column of row 2], cost)")
    columns, cost = answer
    if len(columns) != 3 or any(j not in (0, 1, 2) for j in columns):
        raise NotYet(f"got columns {list(columns)}, expected three of 0, 1, 2")
    if len(set(columns)) < 3:
        raise NotYet("a column is used twice and receives 2/3, but b gives it 1/3; each column must be used once")
    if tuple(columns) != best:
        paid = sum(C[i][j] for i, j in enumerate(columns))
        raise NotYet(f"these three cells add up to {paid:.1f}; another choice adds up to less")
    if abs(float(cost) - total) < 1e-3:
        raise NotYet("the columns are right; how much mass moves along each of the three ways?")
    same(cost, total / 3, "the transport cost", 1e-3)


@exercise
def ex02_2(answer: object) -> None:
    """A pair (C, epsilon) for which scalings leave the number range of float32 and logarithms do not."""
    if not isinstance(answer, (tuple, list)) or len(answer) != 2:
        raise NotYet("expected a pair, (C, epsilon)")
    C, epsilon = torch.as_tensor(answer[0], dtype=torch.float32), float(answer[1])
    if C.ndim != 2 or not C.numel() or not ((C >= 0) & (C <= 2)).all():
        raise NotYet(f"expected a matrix (n, m) with entries from 0 to 2; got one of shape {tuple(C.shape)}")
    a, b = (torch.full((1, k), 1 / k) for k in C.shape)
    scaling, log = (solve(C[None], a, b, epsilon=epsilon, method=method) for method in ("scaling", "log"))
    if not torch.isinf(scaling.marginal_error).item():
        raise NotYet(f"scaling gives a plan, with a marginal error of {scaling.marginal_error.item():.2g}")
    if not log.converged.item():
        raise NotYet(
            f"log has not converged either: marginal error {log.marginal_error.item():.2g} after 500 iterations"
        )


@exercise
def ex02_3(answer: object) -> None:
    """A function (C, a, b, epsilon, iterations) -> plans, batched, in the log domain, with padding."""
    function(answer, "log_sinkhorn")
    epsilon = 0.02
    for size, junk in (((3, 4, 4), 0.0), ((4, 5, 7), 0.0), ((3, 6, 4), 50.0), ((3, 5, 6), torch.inf)):
        B, n, m = size
        real_n, real_m = torch.randint(2, n + 1, (B,)), torch.randint(2, m + 1, (B,))
        real_n[0], real_m[0], real_n[1], real_m[1] = n, m, n - 1, m - 1  # one problem without padding, one with
        rows, columns = torch.arange(n) < real_n[:, None], torch.arange(m) < real_m[:, None]  # (B, n), (B, m)
        a, b = (weighted_marginal(0.5 + torch.rand(mask.shape), mask) for mask in (rows, columns))
        live = rows[:, :, None] & columns[:, None, :]  # (B, n, m)
        C = torch.where(live, 3 + 0.2 * torch.rand(B, n, m), torch.tensor(junk))  # exp(-3 / 0.02) is 0 in float32
        a64, b64 = (mass.double() / mass.double().sum(1, keepdim=True) for mass in (a, b))
        expected = solve(C.double(), a64, b64, epsilon=epsilon, max_iterations=20_000, tolerance=1e-9).plan
        got = answer(C.clone(), a.clone(), b.clone(), epsilon, 1000)
        what = f"the plans of a batch (B, n, m) = {size}, cost {junk:g} on padding"
        if torch.is_tensor(got) and got.shape == expected.shape:
            if not torch.isfinite(got).all():
                raise NotYet(f"{what}: {int((~torch.isfinite(got)).sum())} entries are NaN or infinite")
            if (got[~live] != 0).any():
                raise NotYet(f"{what}: there is mass {got[~live].abs().max():.1e} on padding, expected exactly 0")
        same(got, expected, what, 5e-4)
        if (got.sum(2) - a).abs().max() > 1e-3 or (got.sum(1) - b).abs().max() > 1e-3:
            raise NotYet(f"{what}: the marginals are not a and b")


@exercise
def ex02_4(answer: object) -> None:
    """A function (C, a, b, targets) -> the epsilon at which the plan has a given spread."""
    function(answer, "epsilon_for")
    for n, m, targets in ((6, 6, 2.0), (5, 8, 3.0), (7, 5, 4.0)):
        C = torch.rand(n, m)
        a, b = torch.full((n,), 1 / n), torch.full((m,), 1 / m)
        got = answer(C.clone(), a.clone(), b.clone(), targets)
        if got is None or got is ...:
            raise NotYet("the function returns nothing")
        got = float(got)
        if not 1e-3 <= got <= 100:
            raise NotYet(f"got epsilon {got}, expected a number between 0.01 and 10")
        found = _spread(C, a, b, got)
        if abs(found / targets - 1) > 0.03:
            raise NotYet(f"shape ({n}, {m}): at epsilon {got:.4f} the spread is {found:.2f}, expected {targets:g}")
