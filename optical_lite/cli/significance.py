"""Paired tests of run files against the first of them, corrected for their number.

Questions with the same relevant passages count as one group in the interval and the permutation
test, not in t.
"""

from .. import metrics
from ..settings import InputError
from ..significance import bonferroni, compare, holm, said, same_passages, t_test
from . import run_files


def command(
    *, trec_run: list[str], qrels: str, metric: str, test: str, correction: str, ties: str
) -> dict:
    """Compare each run with the first."""
    if len(set(trec_run)) < 2 or len(set(trec_run)) < len(trec_run):
        got = ", ".join(trec_run)
        raise InputError("significance", got, "two different run files or more")
    found, judged, _ = run_files.measured(trec_run, qrels, [metric], ties)
    values = {path: of[metric] for path, of in found.items()}
    means = {path: metrics.mean(value) for path, value in values.items()}
    baseline, *others = trec_run
    groups = same_passages(judged)
    found = {path: compare(values[path], values[baseline], groups) for path in others}
    p = {path: result.p for path, result in found.items()}
    if test == "t":
        p = {path: t_test(values[path], values[baseline]) for path in others}
    corrected = {"holm": holm, "bonferroni": bonferroni, "none": dict}[correction](p)
    print(f"{baseline}: {metric} {means[baseline]:.3f} on {len(judged)} topics")
    tests = {}
    for path, result in found.items():
        tests[path] = vars(result) | {"p": p[path], "p_corrected": corrected[path]}
        print(
            f"{path}: {means[path]:.3f}, {result.difference:+.3f} "
            f"(95 % interval {result.low:+.3f} to {result.high:+.3f}), {result.wins} better, "
            f"{result.losses} worse, {test} test {said(p[path])}, "
            f"{correction} {corrected[path]:.4f}"
        )
    return {
        "metric": metric, "test": test, "correction": correction, "baseline": baseline,
        "topics": len(judged), "means": means, "tests": tests,
    }  # fmt: skip
