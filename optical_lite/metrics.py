"""Metrics: MRR, MAP, nDCG, precision and recall per query, tie-aware; intervals and paired tests.

Equal scores have no order. Sorting them by passage id, as trec_eval does, makes a system's value depend on how
passages are named. Here every metric is by default its *expected value* over all orders of the tied passages
(McSherry and Najork, "Computing Information Retrieval Performance Measures Efficiently in the Presence of
Tied Scores", ECIR 2008); ``ties="trec"`` gives trec_eval's convention.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, log2

import numpy as np

from .settings import InputError

METRICS = ("mrr@10", "r@10", "r@100", "map")


def _groups(ranking: Sequence[tuple[str, float]], ties: str) -> list[list[str]]:
    """Passages in groups of equal score, best first; with trec ties every group has one passage."""
    if ties == "trec":
        return [[p] for p, _ in sorted(ranking, key=lambda pair: (pair[1], pair[0]), reverse=True)]
    if ties != "expected":
        raise InputError(f"metrics: got ties {ties!r}, expected 'expected' or 'trec'")
    found: dict[float, list[str]] = {}
    for passage, score in sorted(ranking, key=lambda pair: -pair[1]):
        found.setdefault(score, []).append(passage)
    return list(found.values())


def _reciprocal_rank(groups: list[list[str]], relevant: set[str], cut: int) -> float:
    """Expected 1 / rank of the first relevant passage among the first ``cut``."""
    before = 0
    for group in groups:
        size, hits = len(group), len(relevant & set(group))
        if hits:
            total, none_yet = 0.0, 1.0  # none_yet: probability that the group's first places held no hit
            for place in range(size - hits + 1):
                here = hits / (size - place)
                if before + place + 1 <= cut:
                    total += none_yet * here / (before + place + 1)
                none_yet *= 1 - here
            return total
        before += size
    return 0.0


def _average_precision(groups: list[list[str]], relevant: set[str], cut: int) -> float:
    """Expected sum of precisions at the relevant ranks, over the number of relevant passages."""
    before, hits_before, total = 0, 0, 0.0
    for group in groups:
        size, hits = len(group), len(relevant & set(group))
        if hits:
            others = (hits - 1) / (size - 1) if size > 1 else 0.0  # chance that another place holds a hit
            for place in range(min(size, max(0, cut - before))):
                total += hits / size * (hits_before + 1 + place * others) / (before + place + 1)
        before, hits_before = before + size, hits_before + hits
    return total / len(relevant)


def _gain(groups: list[list[str]], gains: Mapping[str, float], cut: int, discount) -> float:
    """Expected sum of gain times discount over the first ``cut`` ranks."""
    before, total = 0, 0.0
    for group in groups:
        mean = sum(gains.get(passage, 0.0) for passage in group) / len(group)
        total += mean * sum(discount(rank) for rank in range(before + 1, min(before + len(group), cut) + 1))
        before += len(group)
    return total


def _one(name: str, ranking: Sequence[tuple[str, float]], grades: Mapping[str, int], ties: str) -> float:
    match = re.fullmatch(r"(mrr|map|ndcg|r|p)(?:@([1-9]\d*))?", name)
    if not match or (match[1] in ("r", "p") and not match[2]):
        raise InputError(f"metrics: got {name!r}, expected mrr, map, ndcg (with or without @k), r@k or p@k")
    kind, cut = match[1], int(match[2] or len(ranking) or 1)
    relevant = {passage for passage, grade in grades.items() if grade > 0}
    groups = _groups(ranking, ties)
    if kind == "mrr":
        return _reciprocal_rank(groups, relevant, cut)
    if kind == "map":
        return _average_precision(groups, relevant, cut)
    if kind == "ndcg":
        gains = {passage: float(grade) for passage, grade in grades.items() if grade > 0}
        best = sorted(gains.values(), reverse=True)[: int(match[2]) if match[2] else None]
        ideal = sum(gain / log2(rank + 1) for rank, gain in enumerate(best, 1))
        return _gain(groups, gains, cut, lambda rank: 1 / log2(rank + 1)) / ideal
    hits = _gain(groups, dict.fromkeys(relevant, 1.0), cut, lambda rank: 1.0)
    return hits / (len(relevant) if kind == "r" else cut)


def per_query(
    run: Mapping[str, Sequence[tuple[str, float]]],
    qrels: Mapping[str, Mapping[str, int]],
    metrics: Sequence[str] = METRICS,
    *,
    ties: str = "expected",
) -> dict[str, dict[str, float]]:
    """Each metric of each judged query; a query the run does not answer has 0.

    Examples
    --------
    >>> per_query({"q": [("wrong", 2.0), ("right", 1.0)]}, {"q": {"right": 1}}, ["mrr@10", "r@1"])
    {'mrr@10': {'q': 0.5}, 'r@1': {'q': 0.0}}

    Two passages share the first place, so the right one is first half of the time:

    >>> per_query({"q": [("wrong", 1.0), ("right", 1.0)]}, {"q": {"right": 1}}, ["mrr@10"])
    {'mrr@10': {'q': 0.75}}
    """
    bare = [query for query, grades in qrels.items() if not any(grade > 0 for grade in grades.values())]
    if bare:
        raise InputError(f"metrics: got query {bare[0]!r} without a relevant passage, expected at least one; drop it")
    for query in qrels:
        scores = dict(run.get(query, ()))
        if len(scores) < len(run.get(query, ())) or not all(map(isfinite, scores.values())):
            raise InputError(
                f"metrics: got a passage twice, or a score that is no finite number, for query {query!r}, expected "
                "each passage once with a number; search again"
            )
    return {name: {q: _one(name, run.get(q, []), qrels[q], ties) for q in qrels} for name in metrics}


def mean(values: Mapping[str, float]) -> float:
    """Mean over queries, at least one."""
    if not values:
        raise InputError("mean: got no query, expected at least one; check that the collection has judgements")
    return float(np.mean(list(values.values())))


def summary(run: Mapping, qrels: Mapping, metrics: Sequence[str] = METRICS) -> dict[str, float]:
    """Mean of each metric over all judged queries."""
    return {name: mean(values) for name, values in per_query(run, qrels, metrics).items()}


@dataclass(frozen=True)
class Comparison:
    """A paired comparison of two systems on the same queries.

    Attributes
    ----------
    difference : mean of (ours - baseline)
    low, high : 95 % bootstrap interval of the difference
    p : two-sided p value of a sign-flip permutation test
    wins, losses : queries on which ours is better, worse
    """

    difference: float
    low: float
    high: float
    p: float
    wins: int
    losses: int

    def __str__(self) -> str:
        return (
            f"{self.difference:+.3f} (95 % interval {self.low:+.3f} to {self.high:+.3f}, "
            f"p = {self.p:.4f}, {self.wins} wins, {self.losses} losses)"
        )


def same_passages(qrels: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """Queries by what answers them: a number a query, the same for queries with the same relevant passages.

    Examples
    --------
    >>> same_passages({"when": {"moon": 1}, "where": {"river": 1}, "why": {"moon": 1}})
    {'when': 0, 'where': 1, 'why': 0}
    """
    seen: dict[frozenset, int] = {}
    right = {query: frozenset(p for p, grade in qrels[query].items() if grade > 0) for query in sorted(qrels)}
    return {query: seen.setdefault(passages, len(seen)) for query, passages in right.items()}


def compare(
    ours: Mapping[str, float], baseline: Mapping[str, float], groups: Mapping[str, int] | None = None,
    draws: int = 10_000, seed: int = 0,
) -> Comparison:  # fmt: skip
    """Paired test of one metric's values per query, with bootstrap interval.

    Queries that share a passage are not independent: who finds it for one finds it more easily for the next. With
    ``groups`` the test flips the sign of a group as a whole, and the interval draws groups.

    Parameters
    ----------
    ours, baseline : values by query
    groups : the group of each query, as :func:`same_passages` gives them; without them each query is one
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

    Examples
    --------
    >>> compare_all({"a": {"q": 1.0}, "b": {"q": 0.0}}, {"q": 0.5})["b"].difference
    -0.5
    """
    for ours in systems.values():
        if ours.keys() != baseline.keys():
            raise InputError(f"compare: got {len(ours)} and {len(baseline)} queries, expected the same queries in both")
    if groups is not None and (missing := sorted(baseline.keys() - groups.keys())):
        raise InputError(f"compare: got no group of query {missing[0]!r}, expected one for each query")
    if not baseline:
        raise InputError("compare: got no query, expected at least one; check that the collection has judgements")
    if not systems:
        return {}
    queries = sorted(baseline)
    gaps = np.array([[ours[q] - baseline[q] for q in queries] for ours in systems.values()])  # (k, queries)
    labels = queries if groups is None else [groups[q] for q in queries]
    sums, _ = _by_group(gaps, labels)
    random = np.random.default_rng(seed)
    flips = random.choice([-1.0, 1.0], size=(draws, sums.shape[1])) @ sums.T  # (draws, k)
    # the identity counts as one of the permutations, so p is never 0
    p = (1 + np.sum(np.abs(flips) >= np.abs(gaps.sum(1)) - 1e-12, axis=0)) / (draws + 1)
    low, high = bootstrap(gaps, labels, draws, random)
    columns = gaps.mean(1), low, high, p, (gaps > 0).sum(1), (gaps < 0).sum(1)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return {name: Comparison(*row) for name, row in zip(systems, rows, strict=True)}


def _by_group(values: np.ndarray, labels: Sequence) -> tuple[np.ndarray, np.ndarray]:
    """Sums over the queries of each group, (k, groups), and its size, groups in the order of their first query."""
    number = {label: i for i, label in enumerate(dict.fromkeys(labels))}
    places = np.array([number[label] for label in labels])
    sums = np.zeros((len(number), len(values)))
    np.add.at(sums, places, values.T)
    return sums.T, np.bincount(places)


def bootstrap(
    values: np.ndarray, labels: Sequence | None = None, draws: int = 10_000, random: np.random.Generator | int = 0
) -> np.ndarray:
    """95 % bootstrap intervals of means over queries.

    Parameters
    ----------
    values : shape (k, queries)
    labels : of the group of each query, length queries; groups are drawn, by default single queries

    Returns
    -------
    array, shape (2, k), lower and upper ends
    """
    sums, sizes = _by_group(values, range(values.shape[1]) if labels is None else labels)
    n = len(sizes)
    picks = np.random.default_rng(random).integers(0, n, size=(draws, n)) + n * np.arange(draws)[:, None]
    counts = np.bincount(picks.ravel(), minlength=draws * n).reshape(draws, n).astype(float)
    means = counts @ sums.T / (counts @ sizes)[:, None]  # a draw of large groups has more queries
    return np.percentile(means, [2.5, 97.5], axis=0)


def holm(p: dict[str, float]) -> dict[str, float]:
    """Holm's correction for many tests.

    >>> holm({"a": 0.01, "b": 0.04, "c": 0.03})
    {'a': 0.03, 'c': 0.06, 'b': 0.06}
    """
    found, highest = {}, 0.0
    for rank, name in enumerate(sorted(p, key=p.get)):
        highest = max(highest, min(1.0, (len(p) - rank) * p[name]))
        found[name] = round(highest, 10)
    return found


def bonferroni(p: dict[str, float]) -> dict[str, float]:
    """Bonferroni's correction: each p value times the number of tests.

    >>> bonferroni({"a": 0.01, "b": 0.7})
    {'a': 0.02, 'b': 1.0}
    """
    return {name: min(1.0, len(p) * value) for name, value in p.items()}


def t_test(ours: Mapping[str, float], baseline: Mapping[str, float]) -> float:
    """Two-sided p value of the paired t-test; 1 where the systems do not differ on any query.

    Raises
    ------
    InputError
        a test that is not defined: one query, or the same difference on every query

    Examples
    --------
    >>> round(t_test({"a": 1.0, "b": 0.5, "c": 0.9}, {"a": 0.5, "b": 0.2, "c": 0.5}), 4)
    0.0202
    """
    from scipy.stats import ttest_rel

    if ours.keys() != baseline.keys() or not ours:
        raise InputError(f"t test: got {len(ours)} and {len(baseline)} queries, expected the same queries in both")
    pairs = np.array([(ours[query], baseline[query]) for query in ours])  # (queries, 2)
    gaps = pairs[:, 0] - pairs[:, 1]
    if not gaps.any():
        return 1.0
    if np.ptp(gaps) <= 1e-12 * np.abs(pairs).max():  # a spread of rounding alone
        raise InputError(
            f"t test: not computable, got the difference {gaps[0]:+.3f} on {len(gaps)} of {len(gaps)} queries, "
            "expected one that varies; use the permutation test"
        )
    return float(ttest_rel(*pairs.T).pvalue)
