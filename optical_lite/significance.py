"""Significance: paired tests of two systems on the same queries, intervals, corrections."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .kernels import drawn
from .settings import SEEDS, InputError, need_whole


@dataclass(frozen=True)
class Comparison:
    """A paired comparison of two systems on the same queries."""

    difference: float  # mean of (ours - baseline)
    low: float  # 95 % bootstrap interval of the difference
    high: float
    p: float  # two-sided, of a sign-flip permutation test
    wins: int  # queries on which ours is better
    losses: int  # queries on which ours is worse

    def __str__(self) -> str:
        return (
            f"{self.difference:+.3f} (95 % interval {self.low:+.3f} to {self.high:+.3f}, "
            f"{said(self.p)}, {self.wins} wins, {self.losses} losses)"
        )


def said(p: float, digits: int = 4) -> str:
    """A p value in words, never 0.

    >>> said(0.0234), said(0.00002), said(0.0001, 3)
    ('p = 0.0234', 'p < 0.0001', 'p < 0.001')
    """
    return f"p = {p:.{digits}f}" if round(p, digits) else f"p < {10**-digits:.{digits}f}"


def same_passages(qrels: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """A number a query, the same for queries that are answered by the same passages.

    >>> same_passages({"when": {"moon": 1}, "where": {"river": 1}, "why": {"moon": 1}})
    {'when': 0, 'where': 1, 'why': 0}
    """
    seen: dict[frozenset, int] = {}
    found = {}
    for query in sorted(qrels):
        right = frozenset(passage for passage, grade in qrels[query].items() if grade > 0)
        found[query] = seen.setdefault(right, len(seen))
    return found


def compare(
    ours: Mapping[str, float], baseline: Mapping[str, float],
    groups: Mapping[str, int] | None = None, draws: int = 10_000, seed: int = 0,
) -> Comparison:  # fmt: skip
    """Paired test of one metric's values per query, with bootstrap interval.

    Queries that share a passage are not independent: who finds it for one finds it more easily for
    the next. With ``groups`` the test flips the sign of a group as a whole, and the interval draws
    groups.

    Parameters
    ----------
    ours, baseline : values by query
    groups : of each query, as :func:`same_passages` gives them; by default each query is one
    draws : permutations, and bootstrap samples
    seed : of both

    Examples
    --------
    >>> better = compare({str(i): 1.0 for i in range(12)}, {str(i): 0.5 for i in range(12)})
    >>> better.difference, better.p < 0.01
    (0.5, True)
    """
    return compare_all({"": ours}, baseline, groups, draws, seed)[""]


def compare_all(
    systems: Mapping[str, Mapping[str, float]], baseline: Mapping[str, float],
    groups: Mapping[str, int] | None = None, draws: int = 10_000, seed: int = 0,
) -> dict[str, Comparison]:  # fmt: skip
    """:func:`compare` of several systems with one baseline, all on the same draws.

    >>> compare_all({"a": {"q": 1.0}, "b": {"q": 0.0}}, {"q": 0.5})["b"].difference
    -0.5
    """
    if not baseline:
        expected = "at least one; check that the collection has judgements"
        raise InputError("compare", "no query", expected)
    for ours in systems.values():
        _same_queries("compare", ours, baseline)
    if groups is not None and (missing := sorted(baseline.keys() - groups.keys())):
        raise InputError("compare", f"no group of query {missing[0]!r}", "one for each")
    if not systems:
        return {}
    queries = sorted(baseline)
    rows = [[ours[q] - baseline[q] for q in queries] for ours in systems.values()]
    gaps = np.array(rows)  # (k, queries)
    labels = queries if groups is None else [groups[q] for q in queries]
    sums, sizes = _by_group(gaps, labels, draws, seed)
    # both give their draws in blocks, shape (some of the draws, groups)
    signs, counts = drawn.both(len(sizes), draws, seed)
    flips = np.concatenate([some.astype(float) @ sums.T for some in signs])  # (draws, k)
    # the identity counts as one of the permutations, so p is never 0
    p = (1 + np.sum(np.abs(flips) >= np.abs(gaps.sum(1)) - 1e-12, axis=0)) / (draws + 1)
    low, high = _interval(sums, sizes, counts)
    columns = gaps.mean(1), low, high, p, (gaps > 0).sum(1), (gaps < 0).sum(1)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return {name: Comparison(*row) for name, row in zip(systems, rows, strict=True)}


def _same_queries(test: str, ours: Mapping[str, float], baseline: Mapping[str, float]) -> None:
    if ours.keys() != baseline.keys() or not ours:
        got = f"{len(ours)} and {len(baseline)} queries"
        raise InputError(test, got, "the same queries in both")


def _finite(values: np.ndarray, test: str = "compare") -> None:
    """Refuse NaN, below which nothing is: it would have the least p there is."""
    if not np.isfinite(values).all():
        expected = "a finite number for each query; measure it again"
        raise InputError(test, "values that are no finite numbers", expected)


def _by_group(
    values: np.ndarray, labels: Sequence, draws: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Sums over the queries of each group, (k, groups), and its size; groups as they first come."""
    _finite(values)
    need_whole("draws", draws)
    need_whole("seed", seed, 0, SEEDS)
    number = {label: i for i, label in enumerate(dict.fromkeys(labels))}
    places = np.array([number[label] for label in labels])
    sums = np.zeros((len(number), len(values)))
    np.add.at(sums, places, values.T)
    return sums.T, np.bincount(places)


def bootstrap(
    values: np.ndarray, labels: Sequence | None = None, draws: int = 10_000, seed: int = 0,
) -> np.ndarray:  # fmt: skip
    """95 % bootstrap intervals of means over queries, shape (2, k): lower and upper ends.

    ``values`` has the shape (k, queries). ``labels`` name the group of each query; groups are
    drawn, by default single queries.
    """
    values = np.asarray(values, float)
    labels = range(values.shape[-1] if values.ndim else 0) if labels is None else list(labels)
    if values.ndim != 2 or not values.size or len(labels) != values.shape[1]:
        got = f"values of shape {values.shape} and {len(labels)} labels"
        raise InputError("bootstrap", got, "(k, queries), neither 0, and a label a query")
    sums, sizes = _by_group(values, labels, draws, seed)
    return _interval(sums, sizes, drawn.samples(len(sizes), draws, seed))


def _interval(sums: np.ndarray, sizes: np.ndarray, counts: Iterable[np.ndarray]) -> np.ndarray:
    floats = (some.astype(float) for some in counts)
    # a draw of large groups has more queries
    means = [some @ sums.T / (some @ sizes)[:, None] for some in floats]
    return np.percentile(np.concatenate(means), [2.5, 97.5], axis=0)


def _probabilities(p: dict[str, float]) -> None:
    for name, value in p.items():
        if not 0 <= value <= 1:
            raise InputError("correction", f"p = {value} of {name!r}", "a number from 0 to 1")


def holm(p: dict[str, float]) -> dict[str, float]:
    """Holm's correction for many tests.

    >>> holm({"a": 0.01, "b": 0.04, "c": 0.03})
    {'a': 0.03, 'c': 0.06, 'b': 0.06}
    """
    _probabilities(p)
    found, highest = {}, 0.0
    for rank, name in enumerate(sorted(p, key=p.get)):
        highest = max(highest, min(1.0, (len(p) - rank) * p[name]))
        found[name] = highest
    return found


def bonferroni(p: dict[str, float]) -> dict[str, float]:
    """Bonferroni's correction: each p value times the number of tests.

    >>> bonferroni({"a": 0.01, "b": 0.7})
    {'a': 0.02, 'b': 1.0}
    """
    _probabilities(p)
    return {name: min(1.0, len(p) * value) for name, value in p.items()}


def t_test(ours: Mapping[str, float], baseline: Mapping[str, float]) -> float:
    """Two-sided p value of the paired t-test; 1 where the systems do not differ on any query.

    One query alone, and the same difference on every query, are an InputError.

    >>> round(t_test({"a": 1.0, "b": 0.5, "c": 0.9}, {"a": 0.5, "b": 0.2, "c": 0.5}), 4)
    0.0202
    """
    from scipy.stats import ttest_rel

    _same_queries("t test", ours, baseline)
    pairs = np.array([(ours[query], baseline[query]) for query in ours])  # (queries, 2)
    _finite(pairs, "t test")
    gaps = pairs[:, 0] - pairs[:, 1]
    if not gaps.any():
        return 1.0
    if np.ptp(gaps) <= 1e-12 * np.abs(pairs).max():  # a spread of rounding alone
        raise InputError(
            f"t test: not computable, got the difference {gaps[0]:+.3f} on {len(gaps)} of "
            f"{len(gaps)} queries, expected one that varies; use the permutation test"
        )
    return float(ttest_rel(*pairs.T).pvalue)
