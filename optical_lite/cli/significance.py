"""Paired tests of run files against the first of them, corrected for their number.

Questions with the same relevant passages count as one group in the interval and the permutation
test, not in t.
"""

from ..settings import InputError
from .options import Parser


def options(parser: Parser) -> None:
    """Run files, judgements and the test."""
    add = parser.option
    add("trec_run", None, "run files, the baseline first", nargs="+", metavar="RUN")
    add("--qrels", None, "judgements", required=True, metavar="FILE")
    add("--metric", "map", "map, p@10, ndcg@10, r@100, mrr@10, ...")
    add("--test", "permutation", "paired test", choices=("permutation", "t"))
    add("--correction", "holm", "for many", choices=("holm", "bonferroni", "none"))
    add("--ties", "expected", "expected, or trec for trec_eval's order")


def command(*, trec_run: list[str], qrels: str, metric: str, test: str, correction: str, ties: str) -> dict:
    """Compare each run with the first."""
    from .. import metrics
    from ..formats import trec
    from ..significance import bonferroni, compare, holm, same_passages, t_test
    from . import run_files

    if len(set(trec_run)) < 2 or len(set(trec_run)) < len(trec_run):
        got = ", ".join(trec_run)
        raise InputError(f"significance: got {got}, expected two different run files or more")
    judged = run_files.judged(qrels)
    runs = {path: trec.read_run(path) for path in trec_run}
    run_files.meet(runs, judged, qrels)
    values = {path: metrics.per_query(run, judged, [metric], ties=ties)[metric] for path, run in runs.items()}
    means = {path: metrics.mean(value) for path, value in values.items()}
    baseline, *others = trec_run
    groups = same_passages(judged)
    found = {path: compare(values[path], values[baseline], groups) for path in others}
    if test == "t":
        p = {path: t_test(values[path], values[baseline]) for path in others}
    else:
        p = {path: result.p for path, result in found.items()}
    corrected = {"holm": holm, "bonferroni": bonferroni, "none": dict}[correction](p)
    print(f"{baseline}: {metric} {means[baseline]:.3f} on {len(judged)} topics")
    for path, result in found.items():
        print(
            f"{path}: {means[path]:.3f}, {result.difference:+.3f} "
            f"(95 % interval {result.low:+.3f} to {result.high:+.3f}), {result.wins} better, "
            f"{result.losses} worse, {test} test p = {p[path]:.4f}, {correction} {corrected[path]:.4f}"
        )
    said = {"p": p, "p_corrected": corrected}
    return {
        "metric": metric, "test": test, "correction": correction, "baseline": baseline,
        "topics": len(judged), "means": means,
        "tests": {path: vars(found[path]) | {k: v[path] for k, v in said.items()} for path in others},
    }  # fmt: skip
