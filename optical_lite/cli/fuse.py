"""Merge two run files of the same questions, by a convex combination of their scores.

A question that one run does not answer has the other's ranking.
"""

import sys

from ..settings import InputError
from .options import Parser, length


def options(parser: Parser) -> None:
    """Two run files, and the one to write."""
    parser.option("trec_run", None, "two run files", nargs=2, metavar="RUN")
    parser.option("--share", 0.5, "of the second run's scores in the sum")
    length(parser)
    parser.option("--out", None, "run file to write", required=True, metavar="RUN")


def command(*, trec_run: list[str], share: float, k: int, ties: str, out: str) -> dict:
    """Read both, fuse and write."""
    from .. import lexical
    from ..formats import trec
    from . import run_files

    runs = [trec.read_run(path) for path in trec_run]
    asked = [*runs[0], *(query for query in runs[1] if query not in runs[0])]
    if not runs[0].keys() & runs[1].keys():
        both = " and ".join(trec_run)
        raise InputError(f"fuse: got no question that both {both} answer, expected some")
    run = lexical.fuse(*({query: run.get(query, []) for query in asked} for run in runs), share, k)
    run, said = run_files.keep(run, k, ties)
    trec.write_run(out, run, "fused")
    for path, one in zip(trec_run, runs, strict=True):
        if missing := len(asked) - len(one):
            print(f"{path}: {missing} of {len(asked)} questions have no answer", file=sys.stderr)
    said = f"{share:g} of the score from {trec_run[1]}{said}"
    return {**run_files.report(out, run, said), "share": share}
