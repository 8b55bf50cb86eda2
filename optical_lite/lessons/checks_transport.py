"""Checks of the exercises of lessons 00 to 03: scores, costs, plans and their slopes."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor
from torch.func import grad
from torch.nn.functional import cosine_similarity, normalize

from ..cost import cosine_cost, idf_table, weighted_marginal
from ..losses import greedy_loss, transport_loss
from ..transport import solve
from .marking import converged, exercise, listed, need, number, plain, same, several, tensor


def _maxsim(Q: Tensor, P: Tensor) -> Tensor:
    return (Q @ P.T).amax(1).sum()


@exercise("maxsim")
def ex00_1(answer: object) -> None:
    """A function (Q, P) -> MaxSim score of one query and one passage."""
    hint = "this sums over the passage tokens; each query token should pick its best passage token"
    for n, m, d in ((3, 7, 4), (6, 2, 5), (1, 4, 3)):
        Q, P = (normalize(torch.randn(k, d), dim=-1) for k in (n, m))
        what = f"the score of {n} query and {m} passage tokens"
        same(answer(Q, P), _maxsim(Q, P), what, mistakes={hint: _maxsim(P, Q)})
    Q, P = torch.tensor([[1.0, 0.0]]), torch.tensor([[-0.6, 0.8], [-1.0, 0.0]])
    same(answer(Q, P), -0.6, "the score of a query whose similarities are all below 0")


@exercise()
def ex00_2(answer: object) -> None:
    """Expected reciprocal rank: one passage above, then a tie of the right one with two wrong."""
    one_order = "this takes the {} order of the tie; every order is equally likely"
    mistakes = {
        "this is one over the mean rank; average the reciprocals instead: (1/2 + ...) / 3": 1 / 3,
        one_order.format("best"): 1 / 2,
        one_order.format("worst"): 1 / 4,
    }
    same(answer, (1 / 2 + 1 / 3 + 1 / 4) / 3, "the expected reciprocal rank", 1e-3, mistakes)


@exercise()
def ex00_3(answer: object) -> None:
    """Two passages (P1, P2) of different length that every query scores alike."""
    P1, P2 = (tensor(P).float() for P in several(answer, 2, "expected two tensors, (P1, P2)"))
    shapes = f"got shapes {tuple(P1.shape)} and {tuple(P2.shape)}, expected (m, d) and (k, d)"
    need(P1.ndim == P2.ndim == 2 and P1.shape[1] == P2.shape[1], shapes)
    need(P1.numel() and P2.numel(), shapes)
    hint = f"both passages have {len(P1)} tokens; give them different numbers"
    need(len(P1) != len(P2), hint)
    for Q in normalize(torch.randn(200, 5, P1.shape[1]), dim=-1):
        one, two = _maxsim(Q, P1), _maxsim(Q, P2)
        need(abs(one - two) <= 1e-4, f"there is a query that scores them {one:.3f} and {two:.3f}")


@exercise("cosine_cost")
def ex01_1(answer: object) -> None:
    """A function (S, H) -> cosine cost, for vectors of any length."""
    hint = "the result is right for unit vectors only; divide each row by its length first"
    for n, m, d in ((3, 5, 4), (6, 2, 3)):
        S, H = 3 * torch.randn(n, d), 3 * torch.randn(m, d)
        expected = 1 - cosine_similarity(S[:, None].double(), H[None].double(), dim=-1)  # (n, m)
        what = f"the cost of {n} source and {m} target vectors"
        same(answer(S, H), expected, what, mistakes={hint: 1 - S @ H.T})
        unit = normalize(S, dim=-1), normalize(H, dim=-1)
        same(answer(*unit), expected, "the cost of vectors that already have unit length")


@exercise()
def ex01_2(answer: object) -> None:
    """The idf marginal of "maji safi" in a bitext of three sentences (maji 0, safi 1, moto 2)."""
    table = idf_table([[0, 1], [0, 2], [0, 1, 2]], size=3)
    expected = weighted_marginal(table[[0, 1]], torch.tensor([True, True]))
    order = "the order is maji, safi; which of the two occurs in more sentences, and should weigh"
    # log(N / n) of the two words: maji stands in all three sentences, safi in two
    bare = 1 + torch.log(3 / torch.tensor([3.0, 2.0]))
    two, ten = (1 + (table[:2] - 1) / math.log(base) for base in (2, 10))
    mistakes = {
        "these are the weights; divide them by their sum, so that masses add up to 1": table[:2],
        f"{order} less?": expected.flip(0),
        "these masses are uniform; the rarer word should weigh more": [0.5, 0.5],
        "add 1 to both counts inside the logarithm": bare / bare.sum(),
        "the logarithm is the natural one": two / two.sum(),
        "the logarithm is the natural one, not that to base 10": ten / ten.sum(),
        "the weight has a 1 before the logarithm, too": [0.0, 1.0],
    }
    same(answer, expected, "the marginal", 1e-3, mistakes)


@exercise("lower_bound")
def ex01_3(answer: object) -> None:
    """A function C -> the larger of the row- and the column-greedy cost, uniform marginals."""
    wide = torch.tensor([[0.1, 0.9, 0.8], [0.2, 0.7, 0.9]])  # columns decide
    others = [0.2 + torch.rand(n, m) for n, m in ((5, 3), (3, 6), (4, 4))]
    for C in (wide, wide.T.contiguous(), *others):
        each, other = (C.double().amin(k) for k in (1, 0))
        mistakes = {
            "both costs bound from below, and the larger is nearer; this is the smaller, or always "
            "the same one": min(each.mean(), other.mean()),
            "these are sums; each row has mass 1/n, each column 1/m": max(each.sum(), other.sum()),
        }
        what = f"the bound for a matrix of shape {tuple(C.shape)}"
        same(answer(C), max(each.mean(), other.mean()), what, mistakes=mistakes)


@exercise()
def ex01_4(answer: object) -> None:
    """A square cost matrix with two greedy costs of 0 and a transport cost of at least 0.5."""
    C = tensor(answer)
    square = C.ndim == 2 and C.shape[0] == C.shape[1] > 0
    need(square, f"got shape {tuple(C.shape)}, expected a square matrix")
    within = C.min() >= 0 and C.max() <= 2
    need(within, "a cosine cost lies between 0 and 2; these entries do not")
    for name, least in (("row", C.amin(1)), ("column", C.amin(0))):
        hint = f"{name} {least.argmax().item()} holds no 0, so its greedy cost is not 0"
        need(least.max() <= 1e-9, hint)
    each = torch.full((1, len(C)), 1 / len(C), dtype=torch.float64)
    cost = solve(C[None], each, each, method="exact").cost.item()
    hint = "where can three words that want the same partner go?"
    need(cost >= 0.5 - 1e-9, f"the transport cost is {cost:.3f}; {hint}")


@exercise()
def ex02_1(answer: object) -> None:
    """The cheapest plan of a 3x3 problem by hand: ([column of each row], cost)."""
    C = ((0.1, 0.2, 0.6), (0.1, 0.5, 0.7), (0.3, 0.4, 0.3))

    def paid(columns: tuple[int, ...]) -> float:
        return sum(C[i][int(j)] for i, j in enumerate(columns))

    hint = "expected a pair, ([column of row 0, of row 1, of row 2], cost)"
    columns, cost = several(answer, 2, hint)
    columns = tuple(listed(plain(columns), hint))
    known = len(columns) == 3 and all(j in (0, 1, 2) for j in columns)
    need(known, f"got columns {list(columns)}, expected three of 0, 1, 2")
    hint = "a column is used twice and receives 2/3, but b gives it 1/3"
    need(len(set(columns)) == 3, f"{hint}; each column must be used once")
    best = min(itertools.permutations(range(3)), key=paid)
    hint = f"these three cells add up to {paid(columns):.1f}; another choice adds up to less"
    need(columns == best, hint)
    hint = "the columns are right; how much mass moves along each of the three ways?"
    same(cost, paid(best) / 3, "the transport cost", 1e-3, {hint: paid(best)})


@exercise()
def ex02_2(answer: object) -> None:
    """A pair (C, epsilon) for which scalings leave the numbers of float32 and logarithms do not."""
    hint = "expected a pair, (C, epsilon), in this order, with one number epsilon above 0"
    C, epsilon = several(answer, 2, hint)
    C, epsilon = tensor(C).float(), number(epsilon, hint)
    need(0 < epsilon < torch.inf, hint)
    fine = C.ndim == 2 and C.numel() and C.min() >= 0 and C.max() <= 2
    got = f"got one of shape {tuple(C.shape)}"
    need(fine, f"expected a matrix (n, m) with entries from 0 to 2; {got}")
    a, b = (torch.full((1, k), 1 / k) for k in C.shape)
    scaling, log = (solve(C[None], a, b, epsilon=epsilon, method=x) for x in ("scaling", "log"))
    error = scaling.marginal_error.item()
    hint = "make every cell of some row cost more than 103 epsilon"
    need(error == torch.inf, f"scaling gives a plan, with marginal error {error:.2g}; {hint}")
    error = f"marginal error {log.marginal_error.item():.2g} after 500 iterations"
    need(log.converged, f"log has not converged either: {error}")


@exercise("log_sinkhorn")
def ex02_3(answer: object) -> None:
    """A function (C, a, b, epsilon, iterations) -> plans, batched, by logarithms, with padding."""
    epsilon = 0.02
    cases = (((3, 4, 4), 0.0), ((4, 5, 7), 0.0), ((3, 6, 4), 50.0), ((3, 5, 6), torch.inf))
    for (B, n, m), junk in cases:
        real_n, real_m = torch.randint(2, n + 1, (B,)), torch.randint(2, m + 1, (B,))
        # one problem without padding, one with
        real_n[:2], real_m[:2] = torch.tensor([n, n - 1]), torch.tensor([m, m - 1])
        rows, columns = (torch.arange(k) < real[:, None] for k, real in ((n, real_n), (m, real_m)))
        a, b = (weighted_marginal(0.5 + torch.rand(mask.shape), mask) for mask in (rows, columns))
        live = rows[:, :, None] & columns[:, None, :]  # (B, n, m)
        # exp(-3 / 0.02) is 0 in float32
        C = torch.where(live, 3 + 0.2 * torch.rand(B, n, m), torch.tensor(junk))
        expected = converged(C, a, b, epsilon)
        got = tensor(answer(C, a, b, epsilon, 1000))
        what = f"the plans of a batch (B, n, m) = {(B, n, m)}, cost {junk:g} on padding"
        if got.shape == expected.shape:
            lost = int((~torch.isfinite(got)).sum())
            need(not lost, f"{what}: {lost} entries are NaN or infinite")
            stray = got[~live].abs().sum()
            need(stray == 0, f"{what}: there is mass {stray:.1e} on padding, expected exactly 0")
        same(got, expected, what, 5e-4)
        off = max((got.sum(2) - a).abs().max(), (got.sum(1) - b).abs().max())
        need(off <= 1e-3, f"{what}: the marginals are not a and b")


@exercise("epsilon_for")
def ex02_4(answer: object) -> None:
    """A function (C, a, b, target) -> the epsilon at which the plan has a given spread."""
    for n, m, target in ((6, 6, 2.5), (5, 8, 3.5), (7, 5, 4.0)):
        # some rows are sharp at an epsilon at which others are blurred
        C = torch.rand(n, m) * torch.linspace(0.1, 3, n)[:, None]
        a, b = torch.full((n,), 1 / n), torch.full((m,), 1 / m)
        got = answer(C, a, b, target)
        need(got is not None and got is not ..., "the function returns nothing")
        hint = f"got epsilon {got}, expected a number from 0.001 to 100"
        got = number(got, hint)
        need(1e-3 <= got <= 100, hint)
        found = _spread(C, a, b, got)
        said = f"shape ({n}, {m}): at epsilon {got:.4f} the spread is {found:.2f}"
        need(abs(found / target - 1) <= 0.03, f"{said}, expected {target:g}")


def _spread(C: Tensor, a: Tensor, b: Tensor, epsilon: float) -> float:
    """Effective number of targets of a source token."""
    T = converged(C[None], a[None], b[None], epsilon)[0]
    shares = T / T.sum(1, keepdim=True)  # (n, m)
    return (T.sum(1) * (-torch.xlogy(shares, shares).sum(1)).exp()).sum().item()


@exercise("slope_in_S", by_formula=True)
def ex03_1(answer: object) -> None:
    """A function (S, H, T) -> the gradient of <T, C> with respect to S."""
    for n, m, d in ((2, 3, 4), (5, 4, 6), (4, 4, 4)):
        S, H = (normalize(torch.randn(k, d), dim=-1) for k in (n, m))
        T = torch.rand(n, m)
        T = T / T.sum()
        expected = grad(lambda S, H=H, T=T: (T * cosine_cost(S, H)).sum())(S)
        along = expected - (expected * S).sum(1, keepdim=True) * S
        mistakes = {
            "take S as free: differentiate 1 - S H^T as it stands": along,
            "the sign is turned: more likeness is less cost": -expected,
        }
        what = f"the gradient for n, m, d = {n}, {m}, {d}"
        same(answer(S, H, T), expected, what, mistakes=mistakes)


@exercise("slope_in_epsilon")
def ex03_2(answer: object) -> None:
    """A function T -> the derivative of the regularised optimum with respect to epsilon."""
    for n, m, epsilon in ((3, 4, 0.1), (5, 2, 0.3), (4, 4, 0.5)):
        C = torch.rand(1, n, m, dtype=torch.float64)
        a, b = (0.5 + torch.rand(1, k, dtype=torch.float64) for k in (n, m))
        plans, values, h = [], [], 1e-4
        for e in (epsilon - h, epsilon, epsilon + h):
            T = converged(C, a, b, e)[0]
            plans.append(T)
            values.append((T * C[0]).sum() + e * (T * (T.log() - 1)).sum())
        expected = (values[2] - values[0]) / (2 * h)
        mistakes = {
            "the sign is turned: F has minus epsilon times Ent": -expected,
            "Ent has log T - 1; where is the -1?": torch.xlogy(plans[1], plans[1]).sum(),
        }
        what = f"dF/depsilon of a {n} by {m} problem"
        same(answer(plans[1]), expected, what, 1e-3, mistakes)


@exercise()
def ex03_3(answer: object) -> None:
    """Student vectors, shape (4, 8), whose greedy loss is about 0, and transport at least 0.7."""
    S, H = tensor(answer).float(), torch.eye(4, 8)
    need(S.shape == H.shape, f"got shape {tuple(S.shape)}, expected {tuple(H.shape)}")
    unit = torch.allclose(S.norm(dim=1), torch.ones(4), atol=1e-3)
    need(unit, "each vector must have length 1")
    mask = torch.ones(1, 4, dtype=torch.bool)
    greedy = greedy_loss(S[None], H[None], mask, mask).item()
    transport = transport_loss(S[None], H[None], mask, mask, method="exact")[0].item()
    hint = "each student token needs a teacher token at no cost"
    need(greedy <= 0.01, f"the greedy loss is {greedy:.3f}; {hint}")
    hint = "expected at least 0.7; leave teacher tokens unserved"
    need(transport >= 0.7, f"the transport loss is {transport:.3f}, {hint}")
