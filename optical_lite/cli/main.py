"""Main: the commands by name, and how one is run; its own file is imported when it is called."""

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
    "fetch": ("Download and verify real data, or an encoder that the kit knows by name.",
              "fetch afriqa mafand tico19"),
    "train": ("Distil a student from sentence pairs.",
              "train --bitext pairs.tsv --lang sw --out runs/mine"),
    "convert": ("Write a collection as a TREC or BEIR folder.",
               "convert --collection pocket --lang sw --to trec --out pocket_trec"),
    "index": ("Encode the passages of a collection once, batch by batch, into a folder that search reads.",
             "index --format trec --collection pocket_trec --lang sw --out pocket_index"),
    "search": ("Rank the passages of a collection for its questions; write a TREC run file.",
              "search --system runs/mine --format trec --collection pocket_trec --out a.run"),
    "evaluate": ("Evaluate a run's student on a collection, a TREC run file, or a file of predictions.",
                "evaluate --run runs/mine --collection pocket"),
    "export": ("Write a student or an encoder for sentence-transformers or PyLate.",
              "export --run runs/mine --to pylate --out mine_pylate"),
    "fuse": ("Merge two run files of the same questions, by a convex combination of their scores.",
            "fuse student.run structured.run --out fused.run"),
    "significance": ("Paired tests of run files against the first of them, corrected for their number.",
                    "significance bm25.run student.run --qrels pocket_trec/qrels.txt"),
    "tune": ("Tune a teacher for MaxSim, and compare it with the untouched one on English questions.",
            "tune --out runs/teacher"),
    "tables": ("Published numbers beside ours; check that they still hold.",
               "tables --table demo --check"),
    "align": ("Link the words of a sentence pair, or of a file of pairs, by a transport plan.",
             'align "Maji safi ni muhimu." "Clean water is important." --lang sw --svg links.svg'),
    "paper": ("The experiment at its real size, or on a random tiny BERT; --dry-run says what it costs.",
             "paper --config tiny --out runs/paper_tiny"),
    "bench": ("Measure ours against its peers, side by side in one run.",
              "bench distillation --json rows.json"),
}  # fmt: skip
EXAMPLE = "python -m optical_lite {}"


def module(name: str) -> ModuleType:
    """The file of a command."""
    return importlib.import_module(f".{name}", __package__)


def parser(called: Collection[str] = tuple(COMMANDS)) -> Parser:
    """The command line's grammar, with the options of the commands called, which are imported."""
    top = Parser(
        "optical_lite", description="Optimal-transport distillation for cross-lingual retrieval.",
        epilog="\n  ".join(["examples:", *(EXAMPLE.format(one) for _, one in COMMANDS.values())]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    commands = top.add_subparsers(dest="command", required=True)
    for name, (line, example) in COMMANDS.items():
        sub = commands.add_parser(name, help=line, epilog=f"example: {EXAMPLE.format(example)}")
        if name in called:
            sub.description = module(name).__doc__.strip()
            sub.option("--json", None, "also write the result as JSON", metavar="PATH")
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
        # of several processes (torchrun) the first speaks
        later = os.environ.get("RANK", "0") != "0"
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
