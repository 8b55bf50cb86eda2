"""Main: the command line, and how a command is run; its file is imported when it is called."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import inspect
import io
import sys
from itertools import takewhile
from pathlib import Path

from ..json_files import write_json
from ..settings import InputError, computing_in, launched
from . import console
from .commands import COMMANDS
from .options import Parser, apart, idle


def parser() -> Parser:
    """The command line's grammar."""
    example = "python -m optical_lite {}".format
    top = Parser(
        "optical_lite",
        description="Optimal-transport distillation for cross-lingual retrieval.",
        epilog="\n  ".join(["examples:", *(example(one.example) for one in COMMANDS.values())]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = top.add_subparsers(dest="command", required=True)
    for name, one in COMMANDS.items():
        # what its file says; read, not imported, so that --help is quick
        file = Path(__file__).with_name(f"{name}.py")
        said = file.read_text(encoding="utf-8").split('"""')[1]
        how = {"help": said.splitlines()[0], "description": said}
        epilog = f"example: {example(one.example)}"
        sub = commands.add_parser(name, **how, epilog=epilog, allow_abbrev=False)
        for option, about in one.options:
            sub.add_argument(option, **about)
    return top


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code, see :mod:`optical_lite.cli.console`."""

    def run() -> int:
        words = sys.argv[1:] if arguments is None else arguments
        values = vars(parser().parse_args(words))
        name, json = values.pop("command"), values["json"]
        one = COMMANDS[name]
        given = [word.partition("=")[0] for word in takewhile("--".__ne__, words)]
        if twice := {word for word in given if word.startswith("--") and given.count(word) > 1}:
            raise InputError(name, f"{min(twice)} twice", "each option once")
        idle(name, one.options, one.idle, values)
        for field, default in one.defaults.items():
            values[field] = values[field] or default(values)
        apart(one, values)
        command = importlib.import_module(f".{name}", __package__).command
        if "json" not in inspect.signature(command).parameters:  # who has it writes as it goes on
            del values["json"]
        # of several processes (torchrun) that train, the first speaks
        later = name == "train" and launched("WORLD_SIZE", 1) > 1 and launched("RANK") > 0
        with (
            computing_in(values.pop("precision", None), one.precision or "float32"),
            contextlib.redirect_stdout(io.StringIO() if later else sys.stdout),
        ):
            found = command(**values)
        # a command that can find something wrong returns an exit code beside its result
        result, code = found if isinstance(found, tuple) else (found, 0)
        if json and not later:
            write_json(json, result)
        return code

    return console.guarded(run)
