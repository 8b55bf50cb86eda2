"""Paired tests of run files against the first of them, corrected for their number.

Questions with the same relevant passages count as one group in the interval and the permutation test, not in t.
"""

from ..settings import InputError
from .options import Parser


def options(parser: Parser) -> None:
    """Run files, judgements and the test."""
    parser.add_argument("trec_run", nargs="+", metavar="RUN", help="run files, the baseline first")
    parser.add_argument("--qrels", required=True, metavar="FILE", help="judgements")
    parser.add_argument("--metric", default="map", help="map, p@10, ndcg@10, r@100, mrr@10, ... (map)")
    parser.add_argument("--test", default="permutation", choices=("permutation", "t"), help="paired test (permutation)")
    parser.add_argument("--correction", default="holm", choices=("holm", "bonferroni", "none"), help="for many (holm)")
    parser.add_argument("--ties", default="expected", help="expected, or trec for trec_eval's order")


def command(*, trec_run: list[str], qrels: str, metric: str, test: str, correction: str, ties: str) -> dict:
    """Compare each run with the first."""
    from .. import metrics
    from ..formats import trec
    from ..significance import bonferroni, compare, holm, same_passages, t_test
    from . import run_files

    if len(set(trec_run)) < 2 or len(set(trec_run)) < len(trec_run):
        raise InputError(f"significance: got {', '.join(trec_run)}, expected two different run files or more")
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
            f"(95 % interval {result.low:+.3f} to {result.high:+.3f}), {result.wins} better, {result.losses} worse, "
            f"{test} test p = {p[path]:.4f}, {correction} {corrected[path]:.4f}"
        )
    return {
        "metric": metric, "test": test, "correction": correction, "baseline": baseline, "topics": len(judged),
        "means": means,
        "tests": {path: {**vars(found[path]), "p": p[path], "p_corrected": corrected[path]} for path in others},
    }  # fmt: skip
