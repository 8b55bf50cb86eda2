"""Main: the commands by name, their grammar, and how one is run. A command's own file is imported when it is called."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import inspect
import os
import sys
from collections.abc import Collection
from types import ModuleType

from ..json_files import write_json
from ..settings import computing_in
from . import console
from .options import Parser

COMMANDS = {  # name, which is its module's: first line of its help, example
    "check": ("Look at the installation; the fix is printed beside each failure.", "check"),
    "demo": ("Train a student and compare it with its baselines.", "demo --lang so"),
    "fetch": ("Download and verify real data, or an encoder that the kit knows by name.", "fetch afriqa mafand tico19"),
    "train": ("Distil a student from sentence pairs.", "train --bitext pairs.tsv --lang sw --out runs/mine"),
    "convert": ("Write a collection as a TREC or BEIR folder.",
               "convert --collection pocket --lang sw --to trec --out pocket_trec"),
    "index": ("Encode the passages of a collection once, batch by batch, into a folder that search reads.",
             "index --format trec --collection pocket_trec --lang sw --out pocket_index"),
    "search": ("Rank the passages of a collection for its questions; write a TREC run file.",
              "search --system runs/mine --format trec --collection pocket_trec --index pocket_index --out a.run"),
    "evaluate": ("Evaluate a run's student on a collection, a TREC run file, or a file of predictions.",
                "evaluate --run runs/mine --collection pocket"),
    "fuse": ("Merge two run files of the same questions into one, by a convex combination of their scores.",
            "fuse student.run structured.run --out fused.run"),
    "significance": ("Paired tests of run files against the first of them, corrected for their number.",
                    "significance bm25.run student.run --qrels pocket_trec/qrels.txt"),
    "tune": ("Tune a teacher for MaxSim, and compare it with the untouched one on English questions.",
            "tune --out runs/teacher"),
    "tables": ("Published numbers beside ours; check that they still hold.", "tables --table demo --check"),
    "align": ("Link the words of a sentence pair, or of a file of pairs, by a transport plan.",
             'align "Maji safi ni muhimu." "Clean water is important." --lang sw --svg links.svg'),
    "paper": ("The experiment at its real size, or on a random tiny BERT; --dry-run says what it costs.",
             "paper --config tiny --out runs/paper_tiny"),
    "bench": ("Measure ours against its peers, side by side in one run.", "bench distillation --json rows.json"),
}  # fmt: skip
EPILOG = """examples:
  python -m optical_lite check
  python -m optical_lite demo --lang so
  python -m optical_lite demo --collection afriqa --lang swa --json demo.json
  python -m optical_lite fetch afriqa mafand tico19
  python -m optical_lite train --bitext pairs.tsv --lang sw --out runs/mine
  python -m optical_lite align "Maji safi ni muhimu." "Clean water is important." --lang sw
  python -m optical_lite evaluate --run runs/mine --collection my_beir_folder
  python -m optical_lite search --system bm25 --collection pocket --lang sw --out bm25.run
  python -m optical_lite tables --check
"""


def module(name: str) -> ModuleType:
    """The file of a command."""
    return importlib.import_module(f".{name}", __package__)


def parser(called: Collection[str] = tuple(COMMANDS)) -> Parser:
    """The command line's grammar; with the options of the commands that are called, which are imported."""
    top = Parser(
        "optical_lite", description="Optimal-transport distillation for cross-lingual retrieval.",
        epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    commands = top.add_subparsers(dest="command", required=True)
    for name, (line, example) in COMMANDS.items():
        sub = commands.add_parser(name, help=line, epilog=f"example: python -m optical_lite {example}")
        if name in called:
            sub.description = module(name).__doc__.strip()
            sub.add_argument("--json", metavar="PATH", help="also write the result as JSON")
            module(name).options(sub)
    return top


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code, see :mod:`optical_lite.cli.console`."""

    def run() -> int:
        words = sys.argv[1:] if arguments is None else arguments
        values = vars(parser(COMMANDS.keys() & set(words)).parse_args(words))
        command, json = module(values.pop("command")).command, values.pop("json")
        if "json" in inspect.signature(command).parameters:  # it writes as it goes on
            values["json"] = json
        later = os.environ.get("RANK", "0") != "0"  # of several processes (torchrun) the first speaks
        with (
            computing_in(values.pop("precision", None), values.pop("default_precision", "float32")),
            open(os.devnull, "w") as nowhere,
            contextlib.redirect_stdout(nowhere if later else sys.stdout),
        ):
            found = command(**values)
        # a command that can find something wrong returns an exit code beside its result
        result, code = found if isinstance(found, tuple) else (found, 0)
        if json and not later:
            write_json(json, result)
        return code

    return console.guarded(run)
