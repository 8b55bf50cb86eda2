"""Run files: their judgements, what they must share, how they are cut, and what is said of them."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from ..settings import InputError


def judged(path: str | None) -> dict[str, dict[str, int]]:
    """Judgements of the topics that have a relevant document; a line says how many have none."""
    from ..formats import trec

    if not path:
        raise InputError("evaluate: got a run without judgements, expected --qrels FILE")
    found = trec.read_qrels(path)
    kept = {query: grades for query, grades in found.items() if max(grades.values()) > 0}
    if not kept:
        expected = "one at least; check that the last column is the grade"
        raise InputError(f"{path}: got no relevant document, expected {expected}")
    if without := len(found) - len(kept):
        say(f"{without} topics have no relevant document and are left out")
    return kept


def say(text: str) -> None:
    """A line beside the results."""
    print(text, file=sys.stderr)


def meet(runs: dict[str, dict], topics: Iterable[str], of: str) -> None:
    """Refuse a run that answers none of some topics; a line says how many it lacks, or knows alone.

    Topics without an answer count 0 in every mean, as with ``trec_eval -c``.
    """
    topics = set(topics)
    for name, run in runs.items():
        missing = topics - run.keys()
        if missing == topics:
            own = ", ".join(map(repr, sorted(run)[:3])) or "none"
            raise InputError(
                f"{name}: got answers to none of the {len(topics)} topics of {of}, such as "
                f"{min(topics)!r}, expected the same topics in both; its own are {own}"
            )
        if missing:
            say(f"{name}: {len(missing)} of {len(topics)} topics have no answer and count 0")
        if extra := len(run.keys() - topics):
            say(f"{name}: {extra} topics are not in {of} and are left out")


def keep(run: dict[str, list], k: int, ties: str) -> tuple[dict[str, list], str]:
    """What to write of a run whose rankings end in whole ties, and what to say of it.

    Parameters
    ----------
    ties : ``cut`` for at most k lines a question (of equal scores those of the first ids), ``all``
        to keep them
    """
    from .. import retrieval

    more = sum(len(ranking) > k for ranking in run.values())
    if ties == "all":
        return run, f", {more} questions with more than {k} because of a tie" if more else ""
    said = f", {more} questions with a tie at place {k} cut by passage id (--ties all keeps it)"
    return retrieval.at_most(run, k), said if more else ""


def report(path: str, run: dict[str, list], said: str) -> dict:
    """Say what a run file holds: questions, how many of them have no answer, lines."""
    unanswered, lines = sum(not one for one in run.values()), sum(map(len, run.values()))
    without = f", {unanswered} of them without an answer" if unanswered else ""
    print(f"{path}: {len(run)} questions{without}, {lines:,} lines, {said}")
    return {"run": path, "questions": len(run), "unanswered": unanswered, "lines": lines}
