"""Main: the command line, and how a command is run; its file is imported when it is called."""

from __future__ import annotations

import argparse
import ast
import contextlib
import importlib
import inspect
import os
import sys
from collections.abc import Collection
from itertools import takewhile
from pathlib import Path

from ..json_files import write_json
from ..settings import InputError, computing_in, launched
from . import console
from .commands import COMMANDS
from .options import Parser, apart, idle

EXAMPLE = "python -m optical_lite {}"


def line(command: str) -> str:
    """What a command's file says of it; read, not imported, so that ``--help`` is quick."""
    tree = ast.parse(Path(__file__).with_name(f"{command}.py").read_text(encoding="utf-8"))
    return ast.get_docstring(tree).splitlines()[0]


def parser(called: Collection[str] = tuple(COMMANDS)) -> Parser:
    """The command line's grammar, with the options of the commands called."""
    top = Parser(
        "optical_lite",
        description="Optimal-transport distillation for cross-lingual retrieval.",
        epilog="\n  ".join(["examples:", *(EXAMPLE.format(c.example) for c in COMMANDS.values())]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = top.add_subparsers(dest="command", required=True)
    for name, one in COMMANDS.items():
        example = f"example: {EXAMPLE.format(one.example)}"
        sub = commands.add_parser(name, help=line(name), epilog=example, allow_abbrev=False)
        if name in called:
            sub.description = f"{line(name)} {one.more}"
            for option, how in one.options:
                sub.add_argument(option, **how)
    return top


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code, see :mod:`optical_lite.cli.console`."""

    def run() -> int:
        words = sys.argv[1:] if arguments is None else arguments
        values = vars(parser(COMMANDS.keys() & set(words)).parse_args(words))
        name, json = values.pop("command"), values.pop("json")
        given = [word.partition("=")[0] for word in takewhile("--".__ne__, words)]
        if twice := {word for word in given if word.startswith("--") and given.count(word) > 1}:
            raise InputError(name, f"{min(twice)} twice", "each option once")
        apart(COMMANDS[name].options, {"json": json, **values})
        idle(name, COMMANDS[name].options, COMMANDS[name].idle, {"json": json, **values})
        command = importlib.import_module(f".{name}", __package__).command
        # it writes as it goes on
        if "json" in inspect.signature(command).parameters:
            values["json"] = json
        # of several processes (torchrun) that train, the first speaks
        later = name == "train" and launched("WORLD_SIZE", 1) > 1 and launched("RANK") > 0
        with (
            computing_in(values.pop("precision", None), COMMANDS[name].precision or "float32"),
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
