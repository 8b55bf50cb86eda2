"""Options: what a value on the command line must be, refused in one line before anything is read; and shared groups."""

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
MODELS = "minilm (default), multilingual, a folder, or hub:OWNER/NAME"
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
        _refuse(value, f"a file to read; {'that is a folder' if path.is_dir() else 'no such file'}, check the path")
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
    **dict.fromkeys(("json", "page", "html", "svg", "pharaoh", "out RUN"), new_file),
    "out DIR": new_folder,
    **dict.fromkeys(("collection", "model", "teacher", "bitext", "system", "run", "index", "documents"), somewhere),
    **dict.fromkeys(
        ("trec_run", "trec-run", "first-stage", "qrels", "topics", "predictions", "tune", "tsv", "triples"), existing
    ),
    **dict.fromkeys(("lang", "langs"), code),
    **dict.fromkeys(
        ("k", "size", "steps", "batch", "repetitions", "layer", "max-length", "save-every", "keep"), whole(1)
    ),
    **dict.fromkeys(("accumulate", "processes"), whole(1, 1024)),
    **dict.fromkeys(("seed", "seeds"), whole(0, SEEDS)),
    **dict.fromkeys(("rate", "epsilon", "reach"), number(0, above=True)),
    **dict.fromkeys(("row-rate", "epsilon-start", "position"), number(0)),
    **dict.fromkeys(("share", "threshold", "null", "warmup"), number(0, 1)),
    "mass": number(0, 1, above=True),
}


class Parser(argparse.ArgumentParser):
    """A parser whose every value is of a kind of this module, and whose complaint is an :class:`InputError`."""

    def add_argument(self, *names: str, **how: object) -> argparse.Action:
        """As argparse has it; the kind is found by the option's name where none is given."""
        if how.get("action", "store") == "store":
            name, given = names[-1].lstrip("-"), how.get("type", str)
            others = {str: text, int: whole(-MOST), float: number()}
            found = KINDS.get(name) or KINDS.get(f"{name} {how.get('metavar')}") or others.get(given)
            how["type"] = found if given in others else given
        return super().add_argument(*names, **how)

    def error(self, message: str) -> None:
        """Refuse a command line."""
        raise InputError(f"{message}; see {self.prog} --help")


def reading(parser: argparse.ArgumentParser) -> None:
    """What to read; the options of a format that lacks them are refused."""
    parser.add_argument(
        "--collection", metavar="PATH", help="pocket, afriqa, belebele, ...; a BEIR folder; see --format"
    )
    parser.add_argument("--format", metavar="KIND", help="trec, msmarco, mmarco, wikiclir, clirmatrix, ir_datasets, "
                        "xor, wpr, qadsm, qam or beir: the form of --collection")  # fmt: skip
    parser.add_argument("--lang", help="question language (default: the run's, where there is one)")
    parser.add_argument("--split", help="test, dev, ...: as the collection has them")
    parser.add_argument("--lenient", action="store_true", help="leave out judgements of what is not there")
    for name in ("documents", "topics", "qrels"):
        parser.add_argument(f"--{name}", metavar="PATH", help="trec: if not in the folder")
    parser.add_argument("--fields", help="trec: what of a topic is the question (title+desc)")
    parser.add_argument("--encoding", help="trec: of documents and topics (utf-8)")


def number_type(parser: argparse.ArgumentParser, default: str) -> None:
    """Of matrix products; the environment's goes before the default."""
    parser.add_argument("--precision", choices=PRECISIONS, help="number type of matrix products; auto: bf16 where the "
                        f"processor has it (OPTICAL_LITE_PRECISION, else {default})")  # fmt: skip
    parser.set_defaults(default_precision=default)


def length(parser: argparse.ArgumentParser) -> None:
    """Of a ranking that is written."""
    parser.add_argument("--k", type=int, default=100, help="passages a question at most (100)")
    parser.add_argument("--ties", choices=("cut", "all"), default="cut", help="equal scores at the last place: cut to "
                        "k, the first passage ids stay (default), or write all of them")  # fmt: skip


def reading_to(parser: argparse.ArgumentParser, of: str) -> None:
    """How much of a text."""
    parser.add_argument("--max-length", type=int, metavar="N", help=f"tokens that are read of a {of}")


def teaching(parser: argparse.ArgumentParser) -> None:
    """Which encoders a system has, and how their vectors are compared."""
    parser.add_argument("--both", action="store_true", help="the student reads the passages, too")
    parser.add_argument("--model", default=MODEL, help=f"which encoder, where that is the system: {MODELS}")
    parser.add_argument("--teacher", metavar="MODEL", help="of a run that another model than the kit's taught")
    parser.add_argument("--scorer", default="maxsim", choices=("maxsim", "mean"), help="of token vectors, or of their "
                        "means (maxsim)")  # fmt: skip
    reading_to(parser, "question or passage (256, the model's limit, or the index's)")
