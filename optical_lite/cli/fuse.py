"""Merge two run files of the same questions into one, by a convex combination of their scores.

A question that one run does not answer has the other's ranking.
"""

import sys

from ..settings import InputError
from .options import Parser, length


def options(parser: Parser) -> None:
    """Two run files, and the one to write."""
    parser.add_argument("trec_run", nargs=2, metavar="RUN", help="two run files")
    parser.add_argument("--share", type=float, default=0.5, help="of the second run's scores in the sum (0.5)")
    length(parser)
    parser.add_argument("--out", required=True, metavar="RUN", help="run file to write")


def command(*, trec_run: list[str], share: float, k: int, ties: str, out: str) -> dict:
    """Read both, fuse and write."""
    from .. import lexical
    from ..formats import trec
    from . import run_files

    runs = [trec.read_run(path) for path in trec_run]
    asked = [*runs[0], *(query for query in runs[1] if query not in runs[0])]
    if not runs[0].keys() & runs[1].keys():
        raise InputError(f"fuse: got no question that both {' and '.join(trec_run)} answer, expected some")
    run = lexical.fuse(*({query: run.get(query, []) for query in asked} for run in runs), share, k)
    run, said = run_files.keep(run, k, ties)
    trec.write_run(out, run, "fused")
    for path, one in zip(trec_run, runs, strict=True):
        if missing := len(asked) - len(one):
            print(f"{path}: {missing} of {len(asked)} questions have no answer", file=sys.stderr)
    return {**run_files.report(out, run, f"{share:g} of the score from {trec_run[1]}{said}"), "share": share}
