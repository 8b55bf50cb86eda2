"""Right and wrong answers to the exercises of notebook extra_scaling."""


def _most(free, rate, limit, q, n, d):
    return int(min(free // (2 * n * d), rate * limit // (2 * q * n * d)))


def _merge(rankings, k):
    return sorted((pair for ranking in rankings for pair in ranking), key=lambda pair: (-pair[1], pair[0]))[:k]


RIGHT = {"ex90_1": _most, "ex90_2": _merge}
WRONG = {
    "ex90_1": [
        lambda free, rate, limit, q, n, d: int(free // (2 * n * d)),  # as if time did not matter
        lambda free, rate, limit, q, n, d: int(rate * limit // (2 * q * n * d)),  # as if disk did not
        lambda free, rate, limit, q, n, d: min(free / (2 * n * d), rate * limit / (2 * q * n * d)),  # parts of passages
        lambda free, rate, limit, q, n, d: _most(free, rate, limit, 1, n, d),  # a question of one token
        lambda free, rate, limit, q, n, d: None,
        52_787,
    ],
    "ex90_2": [
        lambda rankings, k: [pair for ranking in rankings for pair in ranking][:k],  # one after the other
        lambda rankings, k: sorted((p for r in rankings for p in r), key=lambda p: -p[1])[:k],  # ties as they come
        lambda rankings, k: _merge([r[: max(1, k // len(rankings))] for r in rankings], k),  # an equal share each
        lambda rankings, k: _merge(rankings, k + 1),
        lambda rankings, k: [(name, 0.0) for name, _ in _merge(rankings, k)],
        lambda rankings, k: None,
        [],
    ],
}
