"""Merge two run files of the same questions, by a convex combination of their scores.

A question that one run does not answer has the other's ranking.
"""

from .. import lexical
from ..formats import trec
from ..formats.collect import one_form
from ..settings import InputError
from . import run_files


def command(*, trec_run: list[str], share: float, k: int, ties: str, out: str) -> dict:
    """Read both, fuse and write."""
    runs = [trec.read_run(path) for path in trec_run]
    asked = runs[0] | runs[1]
    for names in (set, run_files.documents):
        one_form(trec_run[1], names(runs[1]), names(runs[0]), trec_run[0])
    if not runs[0].keys() & runs[1].keys():
        both = " and ".join(trec_run)
        raise InputError("fuse", f"no question that both {both} answer", "some")
    run = lexical.fuse(*({query: run.get(query, []) for query in asked} for run in runs), share, k)
    for path, one in zip(trec_run, runs, strict=True):
        if missing := len(asked) - len(one):
            run_files.say(f"{path}: {missing} of {len(asked)} questions have no answer")
    said = f"{share:g} of the score from {trec_run[1]}"
    return {**run_files.write(out, run, "fused", k, ties, said), "share": share}
