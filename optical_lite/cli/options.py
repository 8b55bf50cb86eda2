"""Options: what a value on the command line must be, refused in one line; and shared groups."""

from __future__ import annotations

import argparse
import math
import os
import re
from collections.abc import Callable
from pathlib import Path

from ..formats.collect import REAL
from ..settings import PRECISIONS, SEEDS, InputError

MODEL = "minilm"
MODELS = "minilm, multilingual, a folder, or hub:OWNER/NAME"
MOST = 10**9
CODE = re.compile(r"[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*", re.ASCII)
WHOLE = re.compile(r"[+-]?\d{1,18}", re.ASCII)


def _refuse(got: str, expected: str) -> None:
    said = repr(got if len(got) < 60 else f"{got[:57]}...")
    raise argparse.ArgumentTypeError(f"got {said}, expected {expected}")


def whole(least: int, most: int = MOST) -> Callable[[str], int]:
    """A whole number of a range.

    >>> whole(1)("100")
    100
    """

    def parse(value: str) -> int:
        if not WHOLE.fullmatch(value) or not least <= int(value) <= most:
            _refuse(value, f"a whole number from {least} to {most}")
        return int(value)

    return parse


def number(least: float = -math.inf, most: float = math.inf, above: bool = False) -> Callable[[str], float]:
    """A finite number of a range; ``above``: without its lower end.

    >>> number(0, 1)("0.1")
    0.1
    """

    def parse(value: str) -> float:
        found = float(value) if REAL.fullmatch(value) else math.nan
        if not math.isfinite(found) or not least <= found <= most or (above and found == least):
            lower = f" {'above' if above else 'from'} {least:g}" * math.isfinite(least)
            _refuse(value, f"a number{lower}{f' to {most:g}' * math.isfinite(most)}")
        return found

    return parse


def share(value: str) -> tuple[int, int]:
    """A part of a work that several do.

    >>> share("3/8")
    (3, 8)
    """
    number, _, of = value.partition("/")
    if not (WHOLE.fullmatch(number) and WHOLE.fullmatch(of) and 1 <= int(number) <= int(of) <= 10_000):
        _refuse(value, "a share such as 3/8")
    return int(number), int(of)


def text(value: str) -> str:
    """Text, not empty, that UTF-8 holds."""
    if not value.strip() or re.search("[\0\ud800-\udfff]", value):
        _refuse(value, "text in UTF-8")
    return value


def code(value: str) -> str:
    """A language code; it becomes a part of file names.

    >>> code("sw"), code("zh-Hans")
    ('sw', 'zh-Hans')
    """
    if not CODE.fullmatch(value):
        _refuse(value, "a language code such as sw, swa or zh-Hans")
    return value


def _place(value: str, expected: str) -> tuple[Path, Path]:
    """A path, and the nearest part of it that exists."""
    if not value or "\0" in value:
        _refuse(value, expected)
    path = Path(value)
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:  # such as a name longer than the system allows
        _refuse(value, f"{expected} ({error.strerror})")
    return path, next(place for place in (path, *path.absolute().parents) if place.exists())


def somewhere(value: str) -> str:
    """A name, or a path to read from that its reader looks at."""
    _place(value, "a name or path")
    return value


def existing(value: str) -> str:
    """A file to read, or a pipe."""
    path, _ = _place(value, "a file to read")
    if not path.exists() or path.is_dir():
        said = "that is a folder" if path.is_dir() else "no such file"
        _refuse(value, f"a file to read; {said}, check the path")
    return value


def new_file(value: str) -> str:
    """A file to write: no folder stands there, and its folder can be made and written."""
    expected = "a file to write"
    path, there = _place(value, expected)
    if path.is_dir():
        _refuse(value, f"{expected}, got a folder")
    if there != path and not there.is_dir():
        _refuse(value, f"{expected}, got the file {there} in place of a folder")
    if not os.access(there, os.W_OK):
        _refuse(value, f"{expected}, got no permission in {there}")
    return value


def new_folder(value: str) -> str:
    """A folder to write into: no file stands there, and it can be made and written."""
    expected = "a folder to write into"
    _, there = _place(value, expected)
    if not there.is_dir():
        _refuse(value, f"{expected}, got the file {there}")
    if not os.access(there, os.W_OK):
        _refuse(value, f"{expected}, got no permission in {there}")
    return value


KINDS = {  # what an option takes, by its name, or by name and metavar
    name: kind
    for names, kind in {
        ("json", "page", "html", "svg", "pharaoh", "out RUN"): new_file,
        ("out DIR",): new_folder,
        ("collection", "model", "teacher", "bitext", "system", "run", "index", "documents"): somewhere,
        ("trec_run", "trec-run", "first-stage", "qrels", "topics", "predictions"): existing,
        ("tune", "tsv", "triples"): existing,
        ("lang", "langs"): code,
        ("k", "size", "steps", "batch", "repetitions", "layer", "max-length", "keep"): whole(1),
        ("save-every",): whole(1),
        ("candidates",): whole(0),
        ("accumulate", "processes"): whole(1, 1024),
        ("seed", "seeds"): whole(0, SEEDS),
        ("rate", "epsilon", "reach"): number(0, above=True),
        ("row-rate", "epsilon-start", "position"): number(0),
        ("share", "threshold", "null", "warmup"): number(0, 1),
        ("mass",): number(0, 1, above=True),
    }.items()
    for name in names
}


class Parser(argparse.ArgumentParser):
    """A parser whose values are of this module's kinds, and whose complaint is an InputError."""

    def add_argument(self, *names: str, **how: object) -> argparse.Action:
        """As argparse has it; the kind is found by the option's name where none is given."""
        if how.get("action", "store") == "store":
            name, given = names[-1].lstrip("-"), how.get("type", str)
            others = {str: text, int: whole(-MOST), float: number()}
            found = KINDS.get(name) or KINDS.get(f"{name} {how.get('metavar')}") or others.get(given)
            how["type"] = found if given in others else given
        return super().add_argument(*names, **how)

    def option(self, name: str, default: object = None, said: str = "", **how: object) -> None:
        """An option with a value: its type is that of its default, which its help names."""
        if default not in (None, [], ()):
            how.setdefault("type", type(default))
            said += f" (default {default})"
        self.add_argument(name, default=default, help=said, **how)

    def flag(self, name: str, said: str) -> None:
        """An option without a value."""
        self.add_argument(name, action="store_true", help=said)

    def error(self, message: str) -> None:
        """Refuse a command line."""
        raise InputError(f"{message}; see {self.prog} --help")


def reading(parser: Parser) -> None:
    """What to read; the options of a format that lacks them are refused."""
    add = parser.option
    said = "pocket, afriqa, belebele, ...; a BEIR folder; see --format"
    add("--collection", None, said, metavar="PATH")
    add("--format", None, "of --collection: trec, msmarco, ir_datasets, xor, wpr, "
        "qadsm, qam or beir", metavar="KIND")  # fmt: skip
    add("--lang", None, "question language (default: the run's, where there is one)")
    add("--split", None, "test, dev, ...: as the collection has them")
    parser.flag("--lenient", "leave out judgements of what is not there")
    said = "trec: if not in the folder; ir_datasets: of another data set"
    add("--documents", None, said, metavar="PATH")
    for name in ("topics", "qrels"):
        add(f"--{name}", None, "trec: if not in the folder", metavar="PATH")
    add("--fields", None, "trec: what of a topic is the question (title+desc)")
    add("--encoding", None, "trec: of documents and topics (utf-8)")


def number_type(parser: Parser, default: str) -> None:
    """Of matrix products; the environment's goes before the default."""
    said = "number type of matrix products; auto: bf16 where the processor has it"
    said += f" (OPTICAL_LITE_PRECISION, else {default})"
    parser.option("--precision", None, said, choices=PRECISIONS)
    parser.set_defaults(default_precision=default)


def length(parser: Parser) -> None:
    """Of a ranking that is written."""
    parser.option("--k", 100, "passages a question at most")
    said = "equal scores at the last place: the first passage ids stay, or write all of them"
    parser.option("--ties", "cut", said, choices=("cut", "all"))


def reading_to(parser: Parser, of: str) -> None:
    """How much of a text."""
    parser.option("--max-length", None, f"tokens that are read of a {of}", type=int, metavar="N")


def teaching(parser: Parser) -> None:
    """Which encoders a system has, and how their vectors are compared."""
    parser.flag("--both", "the student reads the passages, too")
    parser.option("--model", MODEL, f"which encoder, where that is the system: {MODELS}")
    said = "of a run that another model than the kit's taught"
    parser.option("--teacher", None, said, metavar="MODEL")
    said = "of token vectors, or of their means"
    parser.option("--scorer", "maxsim", said, choices=("maxsim", "mean"))
    reading_to(parser, "question or passage (256, the model's limit, or the index's)")
