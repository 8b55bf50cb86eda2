"""Checks of the exercises of notebooks 03, 05, 07, 08 and extra_scaling (90): training, retrieval, tables, sizes."""

from __future__ import annotations

import itertools

import numpy as np
import torch

from ..cost import cosine_cost
from ..losses import greedy_loss, late_loss, transport_loss
from ..metrics import per_query
from ..significance import holm
from ..study.summary import verdict
from ..transport import solve
from .marking import NotYet, exercise, function, same


@exercise
def ex03_1(answer: object) -> None:
    """A function (S, H, T) -> the gradient of <T, C> with respect to S."""
    function(answer, "slope_in_S")
    for n, m, d in ((2, 3, 4), (5, 4, 6), (4, 4, 4)):
        S, H = (torch.nn.functional.normalize(torch.randn(k, d), dim=-1) for k in (n, m))
        T = torch.rand(n, m)
        T = T / T.sum()
        leaf = S.clone().requires_grad_()
        with torch.enable_grad():
            (T * cosine_cost(leaf, H)).sum().backward()
        same(answer(S.clone(), H.clone(), T.clone()), leaf.grad, f"the gradient for n, m, d = {n}, {m}, {d}")


@exercise
def ex03_2(answer: object) -> None:
    """A function T -> the derivative of the regularised optimum with respect to epsilon."""
    function(answer, "slope_in_epsilon")
    for n, m, epsilon in ((3, 4, 0.1), (5, 2, 0.3), (4, 4, 0.5)):
        C = torch.rand(1, n, m, dtype=torch.float64)
        a, b = (mass / mass.sum() for mass in (0.5 + torch.rand(1, k, dtype=torch.float64) for k in (n, m)))
        value, h = {}, 1e-4
        for e in (epsilon - h, epsilon, epsilon + h):
            T = solve(C, a, b, epsilon=e, max_iterations=20_000, tolerance=1e-12).plan[0]
            value[e] = (T * C[0]).sum() + e * (T * (T.log() - 1)).sum(), T
        expected = (value[epsilon + h][0] - value[epsilon - h][0]) / (2 * h)
        same(answer(value[epsilon][1].clone()), expected, f"dF/depsilon of a {n} by {m} problem", 1e-3)


@exercise
def ex03_3(answer: object) -> None:
    """Student vectors, shape (4, 8), whose greedy loss is about 0 and whose transport loss is at least 0.7."""
    S, H = torch.as_tensor(answer, dtype=torch.float32), torch.eye(4, 8)
    if S.shape != H.shape:
        raise NotYet(f"got shape {tuple(S.shape)}, expected {tuple(H.shape)}")
    if not torch.allclose(S.norm(dim=1), torch.ones(4), atol=1e-3):
        raise NotYet("each vector must have length 1")
    mask = torch.ones(1, 4, dtype=torch.bool)
    greedy = greedy_loss(S[None], H[None], mask, mask).item()
    transport = transport_loss(S[None], H[None], mask, mask, method="exact")[0].item()
    if greedy > 0.01:
        raise NotYet(f"the greedy loss is {greedy:.3f}; each student token needs a teacher token at no cost")
    if transport < 0.7:
        raise NotYet(f"the transport loss is {transport:.3f}, expected at least 0.7; leave teacher tokens unserved")


@exercise
def ex05_1(answer: object) -> None:
    """A function (ranked, judged, k) -> nDCG@k with linear gain."""
    function(answer, "ndcg")
    cases = (([0, 2, 0, 1, 3], [3, 2, 1], 5), ([0, 2, 0, 1, 3], [3, 2, 1], 3), ([1, 0, 2], [2, 2, 1], 10),
             ([1], [1, 1, 1], 2), ([0, 0], [1], 2))  # fmt: skip
    for ranked, judged, k in cases:
        names = iter(f"missing{i}" for i in range(9))
        left, grades = list(judged), {}
        for place, grade in enumerate(ranked):
            if grade:
                left.remove(grade)
                grades[f"p{place}"] = grade
        grades |= {next(names): grade for grade in left}
        run = {"q": [(f"p{place}", -float(place)) for place in range(len(ranked))]}
        expected = per_query(run, {"q": grades}, [f"ndcg@{k}"])[f"ndcg@{k}"]["q"]
        same(answer(list(ranked), list(judged), k), expected, f"nDCG@{k} of grades {ranked}, judged {judged},", 1e-6)


@exercise
def ex05_2(answer: object) -> None:
    """A function gaps -> the exact two-sided p value of the sign-flip test."""
    function(answer, "p_value")
    for gaps in ([0.5, 0.25, -0.1, 0.0, 0.3], [0.5, 0.5, 0.5, 0.5], [0.2, -0.2], [-1.0, -0.5, -0.25, 0.1, -0.05, -0.3]):
        sums = [
            sum(s * g for s, g in zip(signs, gaps, strict=True))
            for signs in itertools.product((1, -1), repeat=len(gaps))
        ]
        expected = _exact_p(gaps)
        one_sided = sum(total >= sum(gaps) - 1e-12 for total in sums) / len(sums)
        got = answer(list(gaps))
        if got is not None and got is not ... and abs(float(got) - one_sided) < 1e-9 and one_sided != expected:
            raise NotYet("this counts one direction; a difference as large the other way would surprise us as much")
        same(got, expected, f"p for the differences {gaps}", 1e-6)


@exercise
def ex05_3(answer: object) -> None:
    """A function {name: p} -> {name: p after Holm's correction}."""
    function(answer, "correct")
    cases = [
        {"a": 0.01, "b": 0.04, "c": 0.03},
        {"a": 0.8, "b": 0.9},
        {"a": 0.02},
        {"a": 0.04, "b": 0.001, "c": 0.045, "d": 0.9},
    ]
    for p in cases:
        expected, got = holm(p), answer(dict(p))
        if not isinstance(got, dict) or set(got) != set(p):
            raise NotYet(f"expected a dict with the names {sorted(p)}; got {got!r}")
        bonferroni = {name: min(1.0, len(p) * value) for name, value in p.items()}
        if bonferroni != expected and all(abs(got[name] - bonferroni[name]) < 1e-9 for name in p):
            raise NotYet("this is Bonferroni's correction; Holm multiplies only the smallest p by the number of tests")
        for name in p:
            same(got[name], expected[name], f"p of {name!r} among {p}", 1e-6)


@exercise
def ex05_4(answer: object) -> None:
    """At most 20 differences of reciprocal ranks whose small mean is significant."""
    if not isinstance(answer, (list, tuple)) or not 1 <= len(answer) <= 20:
        raise NotYet("expected a list of 1 to 20 numbers")
    gaps = [float(gap) for gap in answer]
    if max(map(abs, gaps)) > 1:
        raise NotYet("two reciprocal ranks lie between 0 and 1, so they differ by at most 1")
    mean, p = sum(gaps) / len(gaps), _exact_p(gaps)
    if not 0 < mean <= 0.02:
        raise NotYet(f"the mean is {mean:.4f}, expected above 0 and at most 0.02")
    if p >= 0.05:
        raise NotYet(f"p is {p:.4f}, expected below 0.05; what if all differences have the same sign?")


def _exact_p(gaps: list[float]) -> float:
    """Share of all sign patterns whose sum is at least as far from 0."""
    sums = np.zeros(1)
    for gap in gaps:
        sums = np.concatenate([sums + gap, sums - gap])
    return float(np.mean(np.abs(sums) >= abs(sum(gaps)) - 1e-12))


@exercise
def ex07_1(answer: object) -> None:
    """A function (s, tau) -> gradient of the contrastive loss with respect to the scores."""
    function(answer, "slope_of_contrast")
    for size, tau in ((3, 0.05), (5, 0.5)):
        s = (torch.rand(size, size, dtype=torch.float64) * 2 - 1).requires_grad_()
        torch.nn.functional.cross_entropy(s / tau, torch.arange(size)).backward()
        with torch.inference_mode():  # a formula needs no automatic differentiation
            got = answer(s.detach().clone(), tau)
        for other, hint in ((s.grad * size, "mind the mean over the batch"), (s.grad * tau, "mind the temperature"),
                            (-s.grad, "the sign is turned: the right sentence must pull")):  # fmt: skip
            if torch.is_tensor(got) and got.shape == other.shape and torch.allclose(got.double(), other, atol=1e-6):
                raise NotYet(hint)
        same(got, s.grad, f"the gradient of {size} sentences at temperature {tau}", 1e-6)


@exercise
def ex07_2(answer: object) -> None:
    """A function (none, transport, contrast, both) -> interaction and its standard error over questions."""
    function(answer, "interaction")
    for questions in (8, 30):
        hard = torch.rand(questions, dtype=torch.float64)  # what all four share
        none, transport, contrast, both = ((hard + 0.2 * torch.rand_like(hard)).numpy() for _ in range(4))
        got = answer(none.copy(), transport.copy(), contrast.copy(), both.copy())
        each = both + none - transport - contrast
        if not isinstance(got, (tuple, list)) or len(got) != 2:
            raise NotYet("expected two numbers: the interaction and its standard error")
        if abs(float(got[0]) + each.mean()) < 1e-9:
            raise NotYet("the sign is turned: above 0 the two help each other")
        same(float(got[0]), each.mean(), "the interaction", 1e-6)
        if abs(float(got[1]) - each.std(ddof=1)) < 1e-9:
            raise NotYet("this is the standard deviation of a question; the mean of many is known better")
        if abs(float(got[1]) - each.std() / questions**0.5) < 1e-9:
            raise NotYet("the standard deviation of a sample has n - 1 below (NumPy: ddof=1)")
        same(float(got[1]), each.std(ddof=1) / questions**0.5, "the standard error", 1e-6)


@exercise
def ex07_3(answer: object) -> None:
    """A function (H) -> student vectors that satisfy contrast although transport is far from satisfied."""
    function(answer, "fool")
    for B, m in ((3, 4), (5, 6)):
        H = torch.linalg.qr(torch.randn(64, B * m))[0].T.reshape(B, m, 64)  # every token far from every other
        S, mask = answer(H.clone()), torch.ones(B, m, dtype=torch.bool)
        if not torch.is_tensor(S) or S.shape != H.shape:
            raise NotYet(f"expected vectors of shape {tuple(H.shape)}; got {getattr(S, 'shape', S)}")
        if (S.norm(dim=-1) - 1).abs().max() > 1e-3:
            raise NotYet("a student's vectors have length 1; these have not")
        contrast, transport = late_loss(S, H, mask, mask).item(), transport_loss(S, H, mask, mask)[0].item()
        if contrast >= 0.01:
            raise NotYet(f"contrast is {contrast:.3f}: some sentences do not find their own translation by far enough")
        if transport <= 0.5:
            raise NotYet(f"transport is {transport:.3f}, expected above 0.5: every English token still has one near it")


@exercise
def ex08_1(answer: object) -> None:
    """A function (cells, average, digits) -> whether a printed average can be the mean of its rounded cells."""
    function(answer, "adds_up")
    cases = [
        ([0.5, 0.25, 0.3], 0.35, 2, True), ([0.5, 0.25, 0.3], 0.36, 2, True), ([0.5, 0.25, 0.3], 0.37, 2, False),
        ([0.5, 0.25, 0.3], 0.33, 2, False), ([0.5, None, 0.3], 0.4, 2, True), ([61.2, 77.0, 65.0], 67.7, 1, True),
        ([42.4, 54.9, 54.1, 33.6, 52.3, 33.8, 52.5], 53.5, 1, False), ([0.418, 0.305], 0.363, 3, False),
    ]  # fmt: skip
    for cells, average, digits, expected in cases:
        got = answer(list(cells), average, digits)
        if bool(got) != expected or got is None:
            raise NotYet(f"for {cells}, average {average}, {digits} digits: got {got!r}, expected {expected}")


@exercise
def ex08_2(answer: object) -> None:
    """A function (paper, ours, tolerance) -> the state of a row, without directions."""
    function(answer, "state")
    pairs = ((0.5, 0.51), (0.5, 0.45), (0.5, 0.9), (0.5, None), (None, 0.5), (0.0, 0.0), (0.5, 0.0), (None, None))
    for paper, ours in pairs:
        expected = verdict(paper, ours, tolerance=0.02)
        got = answer(paper, ours, 0.02)
        if got != expected:
            raise NotYet(f"paper {paper}, ours {ours}, tolerance 0.02: got {got!r}, expected {expected!r}")


@exercise
def ex08_3(answer: object) -> None:
    """A function (reference, values) -> the labelling of the values with the least total distance to a reference."""
    function(answer, "relabel")
    for size in (2, 4, 6):
        names, numbers = [f"l{i}" for i in range(size)], torch.randperm(90)[:size].double() + 5
        reference = dict(zip(names, numbers.tolist(), strict=True))
        values = (numbers[torch.randperm(size)] + 8 * torch.rand(size, dtype=torch.float64)).tolist()
        best = min(sum(abs(reference[n] - v) for n, v in zip(names, order, strict=True))
                   for order in itertools.permutations(values))  # fmt: skip
        got = answer(dict(reference), list(values))
        if not isinstance(got, dict) or set(got) != set(names) or sorted(got.values()) != sorted(values):
            raise NotYet(f"expected a dict that gives each of {names} one of the values, each value once; got {got!r}")
        paid = sum(abs(reference[n] - got[n]) for n in names)
        if paid > best + 1e-6:
            raise NotYet(f"for {reference} the distances add up to {paid:.2f}; another labelling gives {best:.2f}")


@exercise
def ex90_1(answer: object) -> None:
    """A function (free, rate, limit, q, n, d) -> the most passages that disk and time allow."""
    function(answer, "most")
    for free, rate, limit, q, n, d in (
        (1e9, 1e12, 1.0, 12, 74, 128), (1e12, 2e10, 0.1, 12, 74, 128), (2e9, 5e9, 2.0, 8, 60, 384),
    ):  # fmt: skip
        expected = min(int(free / (2 * n * d)), int(rate * limit / (2 * q * n * d)))
        got = answer(free, rate, limit, q, n, d)
        said = f"{free:g} bytes free, {rate:g} operations a second, {limit:g} s, q = {q}, n = {n}, d = {d}"
        same(got, expected, f"the number of passages for {said}", 1e-9)


@exercise
def ex90_2(answer: object) -> None:
    """A function (rankings, k) -> the k best of all, ties by name."""
    function(answer, "merge")
    left, right = [("b", 3.0), ("d", 1.0)], [("c", 3.0), ("a", 2.0), ("e", 1.0)]
    for rankings, k, names in (
        ([left, right], 3, "bca"), ([right, left], 4, "bcad"), ([right, left, []], 9, "bcade"), ([left], 1, "b"),
    ):  # fmt: skip
        got = [name for name, _ in answer([list(ranking) for ranking in rankings], k)]
        if got != list(names):
            raise NotYet(f"the best {k} of {rankings} are {', '.join(names)}; got {', '.join(map(str, got))}")
