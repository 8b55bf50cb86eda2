"""Run files: their metrics, how they are cut, and what is said of them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from .. import metrics, retrieval
from ..corpora import Run
from ..formats import trec
from ..formats.collect import Qrels, one_form
from ..settings import InputError, visible


def measured(
    paths: Sequence[str], qrels: str | None, names: Sequence[str], ties: str
) -> tuple[dict[str, dict[str, dict[str, float]]], Qrels, dict[str, int]]:
    """Values by file, metric and topic; judgements; how many topics each file does not answer."""
    if not qrels:
        raise InputError("evaluate", "a run without judgements", "--qrels FILE")
    found = trec.read_qrels(qrels)
    judged = {query: grades for query, grades in found.items() if max(grades.values()) > 0}
    if not judged:
        expected = "one at least; check that the last column is the grade"
        raise InputError(qrels, "no relevant document", expected)
    if without := len(found) - len(judged):
        say(f"{without} topics have no relevant document and are left out")
    runs = {path: trec.read_run(path) for path in paths}
    unanswered = meet(runs, judged, qrels)
    known = {passage for grades in found.values() for passage in grades}
    for path, run in runs.items():
        ranked = documents(run)
        one_form(path, ranked, known, qrels)
        if ranked.isdisjoint(known):
            ids = f"such as {min(ranked)!r}, where {qrels} has {min(known)!r}; check the ids"
            say(f"{path}: none of its documents is judged for any topic, {ids}")
    values = {path: metrics.per_query(run, judged, names, ties=ties) for path, run in runs.items()}
    return values, judged, unanswered


def documents(run: Run) -> set[str]:
    """All that a run ranks."""
    return {passage for ranking in run.values() for passage, _ in ranking}


def say(text: str) -> None:
    """A line beside the results."""
    print(visible(text), file=sys.stderr)


def listed(found: dict[str, float]) -> str:
    """Metrics for the reader."""
    return ", ".join(f"{name} {value:.3f}" for name, value in found.items())


def meet(
    runs: dict[str, dict], topics: Iterable[str], of: str, missed: str = "count 0"
) -> dict[str, int]:
    """How many of some topics each run lacks, which is said; a run that lacks all is refused.

    Topics without an answer count 0 in every mean, as with ``trec_eval -c``, or are ``missed``.
    """
    topics = set(topics)
    for name, run in runs.items():
        one_form(name, run, topics, of)
        missing = topics - run.keys()
        if missing == topics:
            own = ", ".join(map(repr, sorted(run)[:3])) or "none"
            got = f"answers to none of the {len(topics)} topics of {of}, such as {min(topics)!r}"
            raise InputError(name, got, f"the same topics in both; its own are {own}")
        if missing:
            say(f"{name}: {len(missing)} of {len(topics)} topics have no answer and {missed}")
        if extra := len(run.keys() - topics):
            say(f"{name}: {extra} topics are not in {of} and are left out")
    return {name: len(topics - run.keys()) for name, run in runs.items()}


def write(path: str, run: dict[str, list], tag: str, k: int, ties: str, said: str) -> dict:
    """Write a run whose rankings end in whole ties, and say what it holds.

    ``ties``: of equal scores at place k, cut keeps the first ids and all every one.
    """
    how = f"more than {k} because of a tie"
    more = sum(len(ranking) > k for ranking in run.values())
    if ties == "cut":
        how = f"a tie at place {k} cut by passage id (--ties all keeps it)"
        run = retrieval.at_most(run, k)
    said += f", {more} questions with {how}" if more else ""
    trec.write_run(path, run, tag)
    unanswered, lines = sum(not one for one in run.values()), sum(map(len, run.values()))
    without = f", {unanswered} of them without an answer" if unanswered else ""
    print(f"{path}: {len(run)} questions{without}, {lines:,} lines, {said}")
    return {"run": path, "questions": len(run), "unanswered": unanswered, "lines": lines}
