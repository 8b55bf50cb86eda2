"""Right and wrong answers for the checks of notebook 05."""

import itertools
import math


def ndcg(ranked, judged, k):
    def total(grades):
        return sum(grade / math.log2(rank + 1) for rank, grade in enumerate(grades[:k], 1))

    return total(ranked) / total(sorted(judged, reverse=True))


def _exponential(ranked, judged, k):
    return ndcg([2**grade - 1 for grade in ranked], [2**grade - 1 for grade in judged], k)


def _own_ideal(ranked, judged, k):
    return ndcg(ranked, ranked, k) if any(ranked) else 0.0


def _no_cut(ranked, judged, k):
    return ndcg(ranked, judged, 100)


def _rank_0(ranked, judged, k):
    def total(grades):
        return sum(grade / math.log2(rank + 2) for rank, grade in enumerate(grades[:k], 1))

    return total(ranked) / total(sorted(judged, reverse=True))


def _never_sorted(ranked, judged, k):
    return ndcg(ranked, judged, k) / ndcg(judged, judged, k)


def p_value(gaps, tolerance=1e-12):
    observed = abs(sum(gaps))
    flips = [sum(s * g for s, g in zip(signs, gaps, strict=True))
             for signs in itertools.product((1, -1), repeat=len(gaps))]  # fmt: skip
    return sum(abs(flip) >= observed - tolerance for flip in flips) / len(flips)


def _one_sided(gaps):
    flips = [sum(s * g for s, g in zip(signs, gaps, strict=True))
             for signs in itertools.product((1, -1), repeat=len(gaps))]  # fmt: skip
    return sum(flip >= sum(gaps) - 1e-12 for flip in flips) / len(flips)


def strict(gaps):
    flips = [sum(s * g for s, g in zip(signs, gaps, strict=True))
             for signs in itertools.product((1, -1), repeat=len(gaps))]  # fmt: skip
    return sum(abs(flip) > abs(sum(gaps)) + 1e-12 for flip in flips) / len(flips)


def _sign_test(gaps):
    return p_value([(g > 0) - (g < 0) for g in gaps])


def correct(p):
    found, highest = {}, 0.0
    for rank, name in enumerate(sorted(p, key=p.get)):
        highest = max(highest, min(1.0, (len(p) - rank) * p[name]))
        found[name] = highest
    return found


def _bonferroni(p):
    return {name: min(1.0, len(p) * value) for name, value in p.items()}


def _not_monotone(p):
    return {name: min(1.0, (len(p) - rank) * p[name]) for rank, name in enumerate(sorted(p, key=p.get))}


def _above_1(p):
    found, highest = {}, 0.0
    for rank, name in enumerate(sorted(p, key=p.get)):
        highest = max(highest, (len(p) - rank) * p[name])
        found[name] = highest
    return found


RIGHT = {"ex05_1": ndcg, "ex05_2": p_value, "ex05_3": correct, "ex05_4": [0.02] * 20}
WRONG = {
    "ex05_1": [_exponential, _own_ideal, _no_cut, _rank_0, _never_sorted, 0.5],
    "ex05_2": [
        _one_sided,
        strict,
        _sign_test,
        lambda gaps: None,
        lambda gaps: 2 * p_value(gaps),
        lambda gaps: p_value(gaps, 0),
        0.05,
    ],
    "ex05_3": [_bonferroni, _not_monotone, _above_1, lambda p: p, lambda p: {}, {"a": 0.03}],
    "ex05_4": [[0.01] * 5, [0.01] * 21, [0.03] * 10, [0.0] * 10, [-0.01] * 10, [0.3, -0.28] * 5, [2.0] * 10, [], 0.01],
}
