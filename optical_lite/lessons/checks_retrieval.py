"""Checks of the exercises of lessons 05, 07, 08 and 90: retrieval, contrast, tables, sizes."""

from __future__ import annotations

import itertools
import math

import numpy as np
import torch
from torch.func import grad
from torch.nn.functional import cross_entropy

from ..losses import late_loss, transport_loss
from ..significance import holm
from ..study.summary import verdict
from .marking import exercise, listed, need, number, same, several, tensor


@exercise("ndcg")
def ex05_1(answer: object) -> None:
    """A function (ranked, judged, k) -> nDCG@k with linear gain."""

    def gain(grades: list[int], k: int) -> float:
        return sum(grade / math.log2(place + 2) for place, grade in enumerate(grades[:k]))

    def ratio(ranked: list[int], judged: list[int], k: int) -> float:
        return gain(ranked, k) / (gain(sorted(judged, reverse=True), k) or 1)

    cases = (
        ([0, 2, 0, 1, 3], [3, 2, 1], 5), ([0, 2, 0, 1, 3], [3, 2, 1], 3),
        ([1, 0, 2], [2, 2, 1], 10), ([1], [1, 1, 1], 2), ([0, 0], [1], 2),
        ([0, 2, 1], [1, 2, 2], 3),
    )  # fmt: skip
    for ranked, judged, k in cases:
        steep = ([2**grade - 1 for grade in grades] for grades in (ranked, judged))
        mistakes = {
            "the gain is the grade itself here, not 2**grade - 1": ratio(*steep, k),
            "the best order is that of all judged passages, found or not": ratio(ranked, ranked, k),
        }
        what = f"nDCG@{k} of grades {ranked}, judged {judged},"
        same(answer(ranked, judged, k), ratio(ranked, judged, k), what, 1e-6, mistakes)


def _flipped(gaps: list[float]) -> np.ndarray:
    """The sums of some differences under all patterns of signs."""
    sums = np.zeros(1)
    for gap in gaps:
        sums = np.concatenate([sums + gap, sums - gap])
    return sums


def _exact_p(gaps: list[float]) -> float:
    """Share of all sign patterns whose sum is at least as far from 0."""
    return float(np.mean(np.abs(_flipped(gaps)) >= abs(sum(gaps)) - 1e-12))


@exercise("p_value")
def ex05_2(answer: object) -> None:
    """A function gaps -> the exact two-sided p value of the sign-flip test."""
    one, strict = (
        "this counts one direction; a difference as large the other way would surprise us as much",
        "a sum exactly as far from 0 as the observed one counts, too",
    )
    # the first case tells the two mistakes apart
    cases = (
        [0.5, 0.5, 0.5, 0.5], [0.5, 0.25, -0.1, 0.0, 0.3], [0.2, -0.2],
        [-1.0, -0.5, -0.25, 0.1, -0.05, -0.3],
    )  # fmt: skip
    for gaps in cases:
        sums, observed = _flipped(gaps), sum(gaps)
        mistakes = {
            one: np.mean(sums >= observed - 1e-12),
            strict: np.mean(np.abs(sums) > abs(observed) + 1e-12),
        }
        what = f"p for the differences {gaps}"
        same(answer(gaps), _exact_p(gaps), what, 1e-6, mistakes)
    gaps = [0.3, 0.1, 0.2, -0.3]
    what = f"p for {gaps}, where equal sums differ by rounding (mind the 1e-12),"
    same(answer(gaps), _exact_p(gaps), what, 1e-6)


@exercise("correct")
def ex05_3(answer: object) -> None:
    """A function {name: p} -> {name: p after Holm's correction}."""
    hints = (
        "this is Bonferroni's correction: Holm multiplies only the smallest p by their number",
        "no corrected p may lie below that of a smaller p", "no p is above 1",
    )  # fmt: skip
    cases = [
        {"a": 0.01, "b": 0.04, "c": 0.03}, {"a": 0.8, "b": 0.9}, {"a": 0.02},
        {"a": 0.04, "b": 0.001, "c": 0.045, "d": 0.9},
    ]  # fmt: skip
    for p in cases:
        expected, got = holm(p), answer(p)
        named = isinstance(got, dict) and set(got) == set(p)
        need(named, f"expected a dict with the names {sorted(p)}; got {got!r}")
        order = sorted(p, key=p.get)
        steps = [(len(p) - rank) * p[name] for rank, name in enumerate(order)]
        slips = (
            [min(1.0, len(p) * p[name]) for name in order],
            [min(1.0, step) for step in steps],
            list(itertools.accumulate(steps, max)),
        )
        found = [number(got[name], f"expected one number for {name}") for name in order]
        right, mistakes = [expected[name] for name in order], dict(zip(hints, slips, strict=True))
        same(found, right, f"p among {p}, from the smallest,", 1e-6, mistakes)


@exercise()
def ex05_4(answer: object) -> None:
    """At most 20 differences of reciprocal ranks whose small mean is significant."""
    hint = "expected a list of 1 to 20 numbers"
    gaps = [number(gap, hint) for gap in listed(answer, hint)]
    need(1 <= len(gaps) <= 20, hint)
    hint = "two reciprocal ranks lie between 0 and 1, so they differ by at most 1"
    need(max(map(abs, gaps)) <= 1, hint)
    mean, p = sum(gaps) / len(gaps), _exact_p(gaps)
    need(0 < mean <= 0.02 + 1e-12, f"the mean is {mean:.4f}, expected above 0 and at most 0.02")
    hint = "what if all differences have the same sign?"
    need(p < 0.05, f"p is {p:.4f}, expected below 0.05; {hint}")


@exercise("slope_of_contrast", by_formula=True)
def ex07_1(answer: object) -> None:
    """A function (s, tau) -> gradient of the contrastive loss with respect to the scores."""
    for size, tau in ((3, 0.05), (5, 0.5)):
        s, right = torch.rand(size, size, dtype=torch.float64) * 2 - 1, torch.arange(size)
        expected = grad(lambda s, t=tau, right=right: cross_entropy(s / t, right))(s)
        turned = (torch.softmax(s / tau, 0) - torch.eye(size)) / (tau * size)
        mistakes = {
            "mind the mean over the batch": expected * size,
            "mind the temperature": expected * tau,
            "mind the mean over the batch, and the temperature": expected * size * tau,
            "the temperature belongs into the softmax, too": (
                (torch.softmax(s, 1) - torch.eye(size)) / (tau * size)
            ),
            "the sign is turned: the right sentence must pull": -expected,
            "each Swahili sentence, a row, chooses: its probabilities add up to 1": turned,
        }
        what = f"the gradient of {size} sentences at temperature {tau}"
        same(answer(s, tau), expected, what, 1e-6, mistakes)


@exercise("interaction")
def ex07_2(answer: object) -> None:
    """A function (none, transport, contrast, both) -> interaction, and its standard error."""
    for questions in (8, 30):
        hard = torch.rand(questions, dtype=torch.float64)  # what all four share
        some = [(hard + 0.2 * torch.rand_like(hard)).numpy() for _ in range(4)]
        none, transport, contrast, both = some
        each = both + none - transport - contrast
        hint = "expected two numbers: the interaction and its standard error"
        got = several(answer(*some), 2, hint)
        turned = {"the sign is turned: above 0 the two help each other": -each.mean()}
        same(got[0], each.mean(), "the interaction", 1e-6, turned)
        root, sd = questions**0.5, each.std(ddof=1)
        mistakes = {
            "this is the standard deviation of a question; the mean of many is known better": sd,
            "the standard deviation of a sample has n - 1 below (NumPy: ddof=1)": each.std() / root,
        }
        same(got[1], sd / root, "the standard error", 1e-6, mistakes)


@exercise("fool")
def ex07_3(answer: object) -> None:
    """A function (H) -> student vectors that satisfy contrast although transport is far from it."""
    for B, m in ((3, 4), (5, 6)):
        # every token far from every other
        H = torch.linalg.qr(torch.randn(64, B * m))[0].T.reshape(B, m, 64)
        S, mask = tensor(answer(H)).to(H), torch.ones(B, m, dtype=torch.bool)
        shape = tuple(H.shape)
        need(S.shape == shape, f"expected vectors of shape {shape}; got {tuple(S.shape)}")
        unit = (S.norm(dim=-1) - 1).abs().max() <= 1e-3
        need(unit, "a student's vectors have length 1; these have not")
        contrast = late_loss(S, H, mask, mask).item()
        hint = "some sentences do not find their own translation by far enough"
        need(contrast < 0.01, f"contrast is {contrast:.3f}: {hint}")
        transport = transport_loss(S, H, mask, mask)[0].item()
        hint = "expected above 0.5: every English token still has one near it"
        need(transport > 0.5, f"transport is {transport:.3f}, {hint}")


@exercise("adds_up")
def ex08_1(answer: object) -> None:
    """A function (cells, average, digits) -> whether a mean can be that of its rounded cells."""
    cases = [
        ([0.5, 0.25, 0.3], 0.35, 2, True), ([0.5, 0.25, 0.3], 0.36, 2, True),
        ([0.5, 0.25, 0.3], 0.37, 2, False), ([0.5, 0.25, 0.3], 0.33, 2, False),
        ([0.5, None, 0.3], 0.4, 2, True), ([61.2, 77.0, 65.0], 67.7, 1, True),
        ([42.4, 54.9, 54.1, 33.6, 52.3, 33.8, 52.5], 53.5, 1, False),
        ([0.35] * 9 + [0.36], 0.34, 2, False), ([0.418, 0.305], 0.363, 3, False),
        ([0.0, 0.5, None], 0.25, 2, True),
    ]  # fmt: skip
    for cells, average, digits, expected in cases:
        got = answer(cells, average, digits)
        said = f"for {cells}, average {average}, {digits} digits: got {got!r}, expected {expected}"
        need(got is not None and bool(got) == expected, said)


@exercise("state")
def ex08_2(answer: object) -> None:
    """A function (paper, ours, tolerance) -> the state of a row, without directions."""
    pairs = (
        (0.5, 0.51), (0.5, 0.45), (0.5, 0.9), (0.5, None), (None, 0.5), (0.0, 0.0), (0.5, 0.0),
        (None, None), (12.3, 12.5), (0.0, 0.02), (0.02, 0.0),
    )  # fmt: skip
    for (paper, ours), tolerance in itertools.product(pairs, (0.02, 0.005)):
        expected = verdict(paper, ours, tolerance=tolerance)
        got = answer(paper, ours, tolerance)
        asked = f"paper {paper}, ours {ours}, tolerance {tolerance}"
        need(got == expected, f"{asked}: got {got!r}, expected {expected!r}")


@exercise("relabel")
def ex08_3(answer: object) -> None:
    """A function (reference, values) -> the labelling of values that is nearest to a reference."""
    for size in (2, 4, 6):
        names, numbers = [f"l{i}" for i in range(size)], torch.randperm(90)[:size].double() + 5
        reference = dict(zip(names, numbers.tolist(), strict=True))
        noise = 8 * torch.rand(size, dtype=torch.float64)
        values = (numbers[torch.randperm(size)] + noise).tolist()

        def paid(order, numbers=numbers):
            return (tensor(order) - numbers).abs().sum().item()

        best, got = min(map(paid, itertools.permutations(values))), answer(reference, values)
        named = isinstance(got, dict) and set(got) == set(names)
        once = named and sorted(got.values()) == sorted(values)
        need(once, f"expected {names}, each with one of the values, each value once; got {got!r}")
        mine = paid([got[name] for name in names])
        said = f"for {reference} the distances add up to {mine:.2f}"
        need(mine <= best + 1e-6, f"{said}; another labelling gives {best:.2f}")


@exercise("most")
def ex90_1(answer: object) -> None:
    """A function (free, rate, limit, q, n, d) -> the most passages that disk and time allow."""
    cases = (
        (1e9, 1e12, 1.0, 12, 74, 128), (1e12, 2e10, 0.1, 12, 74, 128), (2e9, 5e9, 2.0, 8, 60, 384),
    )  # fmt: skip
    for free, rate, limit, q, n, d in cases:
        expected = min(int(free / (2 * n * d)), int(rate * limit / (2 * q * n * d)))
        got = answer(free, rate, limit, q, n, d)
        said = f"{free:g} bytes free, {rate:g} operations a second, {limit:g} s, {q=}, {n=}, {d=}"
        same(got, expected, f"the number of passages for {said}", 1e-9)


@exercise("merge")
def ex90_2(answer: object) -> None:
    """A function (rankings, k) -> the k best of all, ties by name."""
    left, right = [("b", 3.0), ("d", 1.0)], [("c", 3.0), ("a", 2.0), ("e", 1.0)]
    cases = (
        ([left, right], 3, "bca"), ([right, left], 4, "bcad"), ([right, left, []], 9, "bcade"),
        ([left], 1, "b"),
    )  # fmt: skip
    for rankings, k, names in cases:
        got = answer(rankings, k)
        hint = f"got {got!r}, expected a list of pairs (passage, score)"
        got = [tuple(several(pair, 2, hint)) for pair in listed(got, hint)]
        scores = dict(itertools.chain(*rankings))
        best = [(name, scores[name]) for name in names]
        need(got == best, f"the best {k} of {rankings} are {best}; got {got}")
