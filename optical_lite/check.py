"""Exercise checks: each takes a reader's answer, says what is wrong with it, and passes only right answers.

A check never raises: an empty answer (``...`` or None) prints a reminder, a wrong one a hint with got and expected.
Every check is tested with a right and with wrong answers. Names follow the notebooks: ``ex01_2`` is exercise 2 of
notebook 01.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch

from .cost import cosine_cost, idf_table, uniform_marginal, weighted_marginal
from .metrics import per_query


class NotYet(Exception):
    """Why an answer is not right, as a hint to the reader."""


def exercise(test: Callable) -> Callable[[object], bool]:
    """Turn a test that raises :class:`NotYet` into a check that prints and returns True or False."""

    @functools.wraps(test)
    def run(answer: object = None) -> bool:
        if answer is None or answer is ...:
            print("No answer yet: replace the ... above and run both cells again.")
            return False
        try:
            test(answer)
        except NotYet as hint:
            print(f"Not yet: {hint}")
            return False
        except Exception as error:  # the reader's own function may fail in any way
            print(f"Not yet: your answer raised {type(error).__name__}: {error}")
            return False
        print("Correct.")
        return True

    return run


def same(got: object, expected: object, what: str, tolerance: float = 1e-4) -> None:
    """Raise unless a number or tensor is close to the expected one."""
    if got is None or got is ...:
        raise NotYet(f"{what} is missing")
    got, expected = torch.as_tensor(got, dtype=torch.float64), torch.as_tensor(expected, dtype=torch.float64)
    if got.shape != expected.shape:
        raise NotYet(f"{what} has shape {tuple(got.shape)}, expected {tuple(expected.shape)}")
    if not torch.allclose(got, expected, atol=tolerance, rtol=tolerance):
        gap = (got - expected).abs().max().item()
        raise NotYet(f"{what} is off by {gap:.3g} where it is worst; expected agreement to {tolerance:g}")


def _maxsim_00(Q: torch.Tensor, P: torch.Tensor) -> float:
    return sum(max(sum(x * y for x, y in zip(q, p, strict=True)) for p in P.tolist()) for q in Q.tolist())


@exercise
def ex00_1(answer: object) -> None:
    """A function (Q, P) -> MaxSim score of one query and one passage."""
    if not callable(answer):
        raise NotYet(f"got {type(answer).__name__}, expected the function maxsim itself, without parentheses")
    for n, m, d in ((3, 7, 4), (6, 2, 5), (1, 4, 3)):
        Q = torch.nn.functional.normalize(torch.randn(n, d), dim=-1)
        P = torch.nn.functional.normalize(torch.randn(m, d), dim=-1)
        got, expected = answer(Q.clone(), P.clone()), _maxsim_00(Q, P)
        if n != m and torch.is_tensor(got) and got.ndim == 0 and abs(got.item() - _maxsim_00(P, Q)) < 1e-4:
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


def _callable_01(answer: object, name: str) -> None:
    if not callable(answer):
        raise NotYet(f"got {type(answer).__name__}, expected the function {name} itself, without parentheses")


@exercise
def ex01_1(answer: object) -> None:
    """A function (S, H) -> cosine cost, for vectors of any length."""
    _callable_01(answer, "cosine_cost")
    for n, m, d in ((3, 5, 4), (6, 2, 3)):
        S, H = 3 * torch.randn(n, d), 3 * torch.randn(m, d)
        expected = 1 - torch.nn.functional.cosine_similarity(S[:, None].double(), H[None].double(), dim=-1)  # (n, m)
        got = answer(S.clone(), H.clone())
        unit = torch.nn.functional.normalize(S, dim=-1), torch.nn.functional.normalize(H, dim=-1)
        if torch.is_tensor(got) and got.shape == expected.shape and torch.allclose(got.double(), 1 - (S @ H.T).double(), atol=1e-4):
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
    _callable_01(answer, "lower_bound")
    wide = torch.tensor([[0.1, 0.9, 0.8], [0.2, 0.7, 0.9]])  # columns decide
    problems = [wide, wide.T.contiguous(), 0.2 + torch.rand(5, 3), 0.2 + torch.rand(3, 6), 0.2 + torch.rand(4, 4)]
    for C in problems:
        n, m = C.shape
        cells = C.double().tolist()
        by_row = sum(min(row) for row in cells) / n
        by_column = sum(min(column) for column in zip(*cells, strict=True)) / m
        same(answer(C.clone()), max(by_row, by_column), f"the bound for a matrix of shape ({n}, {m})", 1e-4)
