"""Metrics: MRR, MAP, nDCG, precision and recall per query, tie-aware.

Equal scores have no order. Sorting them by passage id, as trec_eval does, makes a system's value
depend on how passages are named. Here every metric is by default its *expected value* over all
orders of the tied passages (McSherry and Najork, "Computing Information Retrieval Performance
Measures Efficiently in the Presence of Tied Scores", ECIR 2008); ``ties="trec"`` gives trec_eval's
convention.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import isfinite, log2

import numpy as np

from .settings import InputError

METRICS = ("mrr@10", "r@10", "r@100", "map")


def _groups(ranking: Sequence[tuple[str, float]], ties: str) -> list[list[str]]:
    """Passages in groups of equal score, best first; with trec ties every group has one passage."""
    if ties == "trec":
        # it keeps single precision; what that does not hold is infinite
        with np.errstate(over="ignore"):
            scores = np.array([score for _, score in ranking]).astype(np.float32).tolist()
        order = zip(scores, (passage for passage, _ in ranking), strict=True)
        return [[passage] for _, passage in sorted(order, reverse=True)]
    if ties != "expected":
        raise InputError("metrics", f"ties {ties!r}", "'expected' or 'trec'")
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
            total, none_yet = 0.0, 1.0  # chance that the group's first places held no hit
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
            # chance that another place holds a hit
            others = (hits - 1) / (size - 1) if size > 1 else 0.0
            for place in range(min(size, max(0, cut - before))):
                total += hits / size * (hits_before + 1 + place * others) / (before + place + 1)
        before, hits_before = before + size, hits_before + hits
    return total / len(relevant)


def _gain(groups: list[list[str]], gains: Mapping[str, float], cut: int, discount) -> float:
    """Expected sum of gain times discount over the first ``cut`` ranks."""
    before, total = 0, 0.0
    for group in groups:
        mean = sum(gains.get(passage, 0.0) for passage in group) / len(group)
        ranks = range(before + 1, min(before + len(group), cut) + 1)
        total += mean * sum(map(discount, ranks))
        before += len(group)
    return total


def _one(
    name: str, ranking: Sequence[tuple[str, float]], grades: Mapping[str, int], ties: str
) -> float:
    match = re.fullmatch(r"(mrr|map|ndcg|r|p)(?:@([1-9][0-9]{0,8}))?", name)
    if not match or (match[1] in ("r", "p") and not match[2]):
        expected = "mrr, map, ndcg (with or without @k), r@k or p@k, k of nine digits at most"
        raise InputError("metrics", f"{name!r}", expected)
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
    run: Mapping[str, Sequence[tuple[str, float]]], qrels: Mapping[str, Mapping[str, int]],
    metrics: Sequence[str] = METRICS, *, ties: str = "expected",
) -> dict[str, dict[str, float]]:  # fmt: skip
    """Each metric of each judged query; a query the run does not answer has 0.

    >>> per_query({"q": [("wrong", 2.0), ("right", 1.0)]}, {"q": {"right": 1}}, ["mrr@10", "r@1"])
    {'mrr@10': {'q': 0.5}, 'r@1': {'q': 0.0}}

    Two passages share the first place, so the right one is first half of the time:

    >>> per_query({"q": [("wrong", 1.0), ("right", 1.0)]}, {"q": {"right": 1}}, ["mrr@10"])
    {'mrr@10': {'q': 0.75}}
    """
    if isinstance(metrics, str):
        raise InputError("metrics", f"{metrics!r}", f"a list of names; write [{metrics!r}]")
    # pytrec_eval has passages with their scores in a dict
    run = {q: list(x.items()) if isinstance(x, Mapping) else x for q, x in run.items()}
    for query, grades in qrels.items():
        ranking = run.get(query, ())
        try:
            scores = dict(ranking)
            twice = len(scores) < len(ranking)
            numbers, known = (all(map(isfinite, x.values())) for x in (scores, grades))
        except (TypeError, ValueError, AttributeError, OverflowError) as error:
            expected = "a list of (passage, score) pairs, and grades by passage"
            raise InputError("metrics", f"{error} for query {query!r}", expected) from None
        if not known:
            expected = "finite numbers; mend the judgements"
            raise InputError("metrics", f"a grade that is no number of query {query!r}", expected)
        if max(grades.values(), default=0) <= 0:
            expected = "at least one; drop it"
            raise InputError("metrics", f"query {query!r} without a relevant passage", expected)
        if twice or not numbers:
            got = f"a passage twice, or a score that is no finite number, for query {query!r}"
            raise InputError("metrics", got, "each passage once with a number; search again")
    return {
        name: {query: _one(name, run.get(query, []), qrels[query], ties) for query in qrels}
        for name in metrics
    }


def mean(values: Mapping[str, float]) -> float:
    """Mean over queries, at least one."""
    if not values:
        expected = "at least one; check that the collection has judgements"
        raise InputError("mean", "no query", expected)
    return float(np.mean(list(values.values())))


def summary(run: Mapping, qrels: Mapping, metrics: Sequence[str] = METRICS) -> dict[str, float]:
    """Mean of each metric over all judged queries."""
    return {name: mean(values) for name, values in per_query(run, qrels, metrics).items()}
