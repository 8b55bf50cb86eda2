"""Run files: commands that need no encoder, only what searches have written: measure one, fuse two, compare many."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable

from ..settings import InputError

REPORTED = ("map", "p@10", "ndcg@10", "r@100", "mrr@10")


def judged(path: str | None) -> dict[str, dict[str, int]]:
    """Judgements of the topics that have a relevant document; a line says how many have none."""
    from ..formats import trec

    if not path:
        raise InputError("evaluate: got a run without judgements, expected --qrels FILE")
    found = trec.read_qrels(path)
    kept = {query: grades for query, grades in found.items() if any(grade > 0 for grade in grades.values())}
    if not kept:
        raise InputError(
            f"{path}: got no relevant document, expected one at least; check that the last column is the grade"
        )
    if len(kept) < len(found):
        print(f"{len(found) - len(kept)} topics have no relevant document and are left out", file=sys.stderr)
    return kept


def meet(runs: dict[str, dict], topics: Iterable[str], of: str) -> None:
    """Refuse a run that answers none of some topics; a line says how many of them it does not answer, or knows alone.

    Topics without an answer count 0 in every mean, as with ``trec_eval -c``.
    """
    topics = set(topics)
    for name, run in runs.items():
        missing = topics - run.keys()
        if missing == topics:
            raise InputError(
                f"{name}: got answers to none of the {len(topics)} topics of {of}, such as {min(topics)!r}, expected "
                f"the same topics in both; its own are {', '.join(map(repr, sorted(run)[:3])) or 'none'}"
            )
        if missing:
            print(f"{name}: {len(missing)} of {len(topics)} topics have no answer and count 0", file=sys.stderr)
        if extra := len(run.keys() - topics):
            print(f"{name}: {extra} topics are not in {of} and are left out", file=sys.stderr)


def evaluate(args: argparse.Namespace) -> dict:
    """Metrics of a run file."""
    from .. import metrics
    from ..formats import trec

    qrels, run = judged(args.qrels), trec.read_run(args.trec_run)
    meet({args.trec_run: run}, qrels, args.qrels)
    values = metrics.per_query(run, qrels, REPORTED, ties=args.ties)
    found = {name: metrics.mean(value) for name, value in values.items()}
    print(f"{args.trec_run} ({len(qrels)} topics): " + ", ".join(f"{key} {value:.3f}" for key, value in found.items()))
    return {
        "metrics": found, "queries": len(qrels), "unanswered": len(qrels.keys() - run.keys()), "run": args.trec_run,
        "collection": args.qrels,
    }  # fmt: skip


def keep(run: dict[str, list], k: int, ties: str) -> tuple[dict[str, list], str]:
    """What to write of a run whose rankings end in whole ties, and what to say of it.

    Parameters
    ----------
    ties : ``cut`` for at most k lines a question (of equal scores those of the first ids), ``all`` to keep them
    """
    from .. import retrieval

    more = sum(len(ranking) > k for ranking in run.values())
    if ties == "all":
        return run, f", {more} questions with more than {k} because of a tie" if more else ""
    said = f", {more} questions with a tie at place {k} cut by passage id (--ties all keeps it)" if more else ""
    return retrieval.at_most(run, k), said


def report(path: str, run: dict[str, list], said: str) -> dict:
    """Say what a run file holds: questions, how many of them have no answer, lines."""
    found = {
        "run": path, "questions": len(run), "unanswered": sum(not ranking for ranking in run.values()),
        "lines": sum(map(len, run.values())),
    }  # fmt: skip
    without = f", {found['unanswered']} of them without an answer" if found["unanswered"] else ""
    print(f"{path}: {found['questions']} questions{without}, {found['lines']:,} lines, {said}")
    return found


def fuse(args: argparse.Namespace) -> dict:
    """Merge two run files of the same questions into one, by a convex combination of their scores.

    A question that one run does not answer has the other's ranking.
    """
    from .. import lexical
    from ..formats import trec

    runs = [trec.read_run(path) for path in args.trec_run]
    asked = [*runs[0], *(query for query in runs[1] if query not in runs[0])]
    if not runs[0].keys() & runs[1].keys():
        raise InputError(f"fuse: got no question that both {' and '.join(args.trec_run)} answer, expected some")
    run = lexical.fuse(*({query: run.get(query, []) for query in asked} for run in runs), args.share, args.k)
    run, said = keep(run, args.k, args.ties)
    trec.write_run(args.out, run, "fused")
    for path, one in zip(args.trec_run, runs, strict=True):
        if missing := len(asked) - len(one):
            print(f"{path}: {missing} of {len(asked)} questions have no answer", file=sys.stderr)
    return {**report(args.out, run, f"{args.share:g} of the score from {args.trec_run[1]}{said}"), "share": args.share}


def significance(args: argparse.Namespace) -> dict:
    """Paired tests of run files against the first of them, corrected for their number.

    Questions with the same relevant passages count as one group in the interval and the permutation test, not in t.
    """
    from .. import metrics
    from ..formats import trec
    from ..significance import bonferroni, compare, holm, same_passages, t_test

    if len(set(args.trec_run)) < 2 or len(set(args.trec_run)) < len(args.trec_run):
        raise InputError(f"significance: got {', '.join(args.trec_run)}, expected two different run files or more")
    qrels = judged(args.qrels)
    runs = {path: trec.read_run(path) for path in args.trec_run}
    meet(runs, qrels, args.qrels)
    values = {
        path: metrics.per_query(run, qrels, [args.metric], ties=args.ties)[args.metric] for path, run in runs.items()
    }
    baseline, *others = args.trec_run
    groups = same_passages(qrels)
    found = {path: compare(values[path], values[baseline], groups) for path in others}
    if args.test == "t":
        p = {path: t_test(values[path], values[baseline]) for path in others}
    else:
        p = {path: result.p for path, result in found.items()}
    corrected = {"holm": holm, "bonferroni": bonferroni, "none": dict}[args.correction](p)
    print(f"{baseline}: {args.metric} {metrics.mean(values[baseline]):.3f} on {len(qrels)} topics")
    for path, result in found.items():
        print(
            f"{path}: {metrics.mean(values[path]):.3f}, {result.difference:+.3f} "
            f"(95 % interval {result.low:+.3f} to {result.high:+.3f}), {result.wins} better, {result.losses} worse, "
            f"{args.test} test p = {p[path]:.4f}, {args.correction} {corrected[path]:.4f}"
        )
    return {
        "metric": args.metric, "test": args.test, "correction": args.correction, "baseline": baseline,
        "topics": len(qrels), "means": {path: metrics.mean(value) for path, value in values.items()},
        "tests": {path: {**vars(found[path]), "p": p[path], "p_corrected": corrected[path]} for path in others},
    }  # fmt: skip
