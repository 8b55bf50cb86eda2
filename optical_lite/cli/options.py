"""Options: what a value on the command line must be, refused in one line; and shared groups."""

from __future__ import annotations

import argparse
import math
import os
import re
from collections.abc import Callable
from dataclasses import fields
from fnmatch import fnmatchcase
from pathlib import Path

from ..config import DistillConfig
from ..datasets.reading import READERS
from ..formats.collect import REAL
from ..settings import SEEDS, InputError

MODEL = "minilm"
MODELS = "minilm, multilingual, a folder, or hub:OWNER/NAME"
MOST = 10**9
CODE = re.compile(r"[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*", re.ASCII)
WHOLE = re.compile(r"[+-]?\d{1,18}", re.ASCII)


def _refuse(got: str, expected: str) -> None:
    said = repr(got if len(got) < 60 else f"{got[:57]}...")
    raise argparse.ArgumentTypeError(f"got {said}, expected {expected}")


def whole(least: int, most: int = MOST) -> Callable[[str], int]:
    """A whole number of a range."""

    def parse(value: str) -> int:
        if not WHOLE.fullmatch(value) or not least <= int(value) <= most:
            _refuse(value, f"a whole number from {least} to {most}")
        return int(value)

    return parse


def number(
    least: float = -math.inf, most: float = math.inf, above: bool = False
) -> Callable[[str], float]:
    """A finite number of a range; ``above``: without its lower end."""

    def parse(value: str) -> float:
        found = float(value) if REAL.fullmatch(value) else math.nan
        if not math.isfinite(found) or not least <= found <= most or (above and found == least):
            lower = f" {'above' if above else 'from'} {least:g}" * math.isfinite(least)
            upper = f" to {most:g}" * math.isfinite(most)
            _refuse(value, f"a number{lower}{upper}")
        return found

    return parse


def share(value: str) -> tuple[int, int]:
    """A part of a work that several do.

    >>> share("3/8")
    (3, 8)
    """
    found = re.fullmatch(r"(\d{1,5})/(\d{1,5})", value, re.ASCII)
    if not found or not 1 <= int(found[1]) <= int(found[2]) <= 10_000:
        _refuse(value, "a share such as 3/8")
    return int(found[1]), int(found[2])


def text(value: str) -> str:
    """Text, not empty, that UTF-8 holds."""
    if not value.strip() or re.search("[\0\ud800-\udfff]", value):
        _refuse(value, "text in UTF-8")
    return value


def code(value: str) -> str:
    """A language code; it becomes a part of file names."""
    if not CODE.fullmatch(value):
        _refuse(value, "a language code such as sw, swa or zh-Hans")
    return value


def _place(value: str, expected: str) -> tuple[str, Path, Path]:
    """A path with ``~`` written out, as text and as one, and the nearest part of it that exists."""
    value = os.path.expanduser(value)
    if not value or "\0" in value or value.startswith("~"):
        _refuse(value, expected)
    path = Path(value)
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        # such as a name longer than the system allows
        _refuse(value, f"{expected} ({error.strerror})")
    there = next(place for place in (path, *path.absolute().parents) if place.exists())
    return value, path, there


def somewhere(value: str) -> str:
    """A name, or a path to read from that its reader looks at."""
    return _place(value, "a name or path")[0]


def existing(value: str) -> str:
    """A file to read, or a pipe."""
    value, path, there = _place(value, "a file to read")
    if path != there or path.is_dir():
        said = "that is a folder" if path == there else "no such file"
        _refuse(value, f"a file to read; {said}, check the path")
    return value


def _new(value: str, expected: str, folder: bool) -> str:
    value, path, there = _place(value, expected)
    # a device, but standard output or the like that goes to a file
    if path.parts[:2] == ("/", "dev") and path.parts[2:3] != ("shm",) and path.is_file():
        _refuse(value, f"{expected}, got what a shell writes other text to; name a file")
    if path.is_dir() and not folder:
        _refuse(value, f"{expected}, got a folder")
    if not there.is_dir() and (folder or there != path):
        _refuse(value, f"{expected}, got the file {there}")
    if not os.access(there, os.W_OK):
        _refuse(value, f"{expected}, got no permission in {there}")
    return value


def new_file(value: str) -> str:
    """A file to write: no folder stands there, and its folder can be made and written."""
    return _new(value, "a file to write", False)


def new_folder(value: str) -> str:
    """A folder to write into: no file stands there, and it can be made and written."""
    return _new(value, "a folder to write into", True)


WRITE = new_file, new_folder
# what an option takes, by its name; others take text
KINDS = {
    name: kind
    for names, kind in {
        ("json", "page", "html", "svg", "pharaoh"): new_file,
        ("collection", "model", "teacher", "bitext"): somewhere,
        ("system", "run", "index", "documents", "records"): somewhere,
        ("trec_run", "trec-run", "first-stage", "qrels", "topics", "predictions"): existing,
        ("tune", "tsv", "triples"): existing,
        ("lang", "langs"): code,
        ("k", "size", "steps", "batch", "repetitions", "layer", "max-length", "keep"): whole(1),
        ("save-every",): whole(1),
        ("candidates",): whole(0),
        ("accumulate", "processes"): whole(1, 1024),
        ("seed", "seeds"): whole(0, SEEDS),
        ("rate", "epsilon", "reach"): number(0, above=True),
        ("row-rate", "position"): number(0),
        ("share", "threshold", "null", "warmup"): number(0, 1),
        ("mass",): number(0, 1, above=True),
    }.items()
    for name in names
}


def apart(options: list[Option], values: dict[str, object]) -> None:
    """Refuse to write where a command reads or writes something else; /dev/null keeps nothing.

    What lies in a folder is part of it: nothing is written into what is read, nor into what the
    command fills itself.
    """
    kinds = [(option, how.get("type")) for option, how in options]
    order = [each for each in kinds if each[1] in WRITE]
    order += [each for each in kinds if each[1] in (existing, somewhere)]
    written: list[tuple[str, str]] = []
    for option, kind in order:
        found, writes = values.get(option.lstrip("-").replace("-", "_")), kind in WRITE
        for value in found if isinstance(found, list) else [found] * bool(found):
            place = os.path.realpath(value)
            if place == os.devnull or not (writes or os.path.exists(place)):
                continue
            for other, of in written:
                within = other.startswith(place + os.sep)
                within = within or (writes and place.startswith(other + os.sep))
                if within or place == other:
                    how = "one path inside the other" if within else "one path"
                    expected = "a place of its own for what is written; choose another"
                    raise InputError(value, f"{how} for {of} and {option}", expected)
            written += [(place, option)] * writes


def idle(
    command: str, options: list[Option], rules: dict[str, str], values: dict[str, object]
) -> None:
    """Refuse an option that has no effect beside another, or without it.

    Parameters
    ----------
    rules : options without effect, by the case in which they have none: ``--dry-run``, ``no
        --index``, ``--method exact``, ``--loss *transport*``; several are joined by ``and``
    """
    default = {option: how.get("default", False) for option, how in options}

    def value(option: str) -> object:
        return values[option.lstrip("-").replace("-", "_")]

    def holds(case: str) -> bool:
        option, _, wanted = case.removeprefix("no ").partition(" ")
        found = value(option)
        same = fnmatchcase(str(found), wanted) if wanted else found != default[option]
        return same != case.startswith("no ")

    for case, names in rules.items():
        if all(map(holds, case.split(" and "))):
            for option in names.split():
                if value(option) != default[option]:
                    beside = f"with {case}".replace("with no ", "without ").replace("*", "")
                    expected = "it where it has an effect; leave it out"
                    raise InputError(command, f"{option} {beside}", expected)


class Parser(argparse.ArgumentParser):
    """A parser whose complaint is an InputError."""

    def error(self, message: str) -> None:
        """Refuse a command line."""
        raise InputError(f"{message}; see {self.prog} --help")


Option = tuple[str, dict[str, object]]


def take(name: str, said: str, default: object = None, **how: object) -> Option:
    """An option with a value, of the kind that :data:`KINDS` has for its name."""
    if default not in (None, [], ()):
        said += f" (default {default})"
    kind = KINDS.get(name.lstrip("-"), text)
    return name, {"default": default, "help": said, "type": kind, **how}


def flag(name: str, said: str) -> Option:
    """An option without a value."""
    return name, {"action": "store_true", "help": said}


def names(options: list[Option]) -> str:
    """The names of a group of options."""
    return " ".join(name for name, _ in options)


def reading_to(of: str) -> Option:
    """How much of a text."""
    return take("--max-length", f"tokens that are read of a {of}", metavar="N")


def folder(said: str, required: bool = True) -> Option:
    """Where a command writes."""
    return take("--out", said, required=required, metavar="DIR", type=new_folder)


QUIET = flag("--quiet", "no progress bar")
# what to read; the options of a format that lacks them are refused
READING = [
    take("--collection", "pocket, afriqa, belebele, ...; a BEIR folder; see --format",
         metavar="PATH"),
    take("--format", f"of --collection: {', '.join(READERS)}", metavar="KIND"),
    take("--lang", "question language (default: the run's, where there is one)"),
    take("--split", "test, dev, ...: as the collection has them"),
    flag("--lenient", "leave out judgements of what is not there; trec: a document without a "
         "known text element is empty"),
    take("--documents", "trec: if not in the folder; ir_datasets: of another data set",
         metavar="PATH"),
    take("--topics", "trec: if not in the folder", metavar="PATH"),
    take("--qrels", "trec: if not in the folder", metavar="PATH"),
    take("--fields", "trec: what of a topic is the question (title+desc)"),
    take("--encoding", "trec: of documents and topics (utf-8)"),
]  # fmt: skip
TEACHER = take("--teacher", "of a run that another model than the kit's taught", metavar="MODEL")
# which encoders a system has, and how their vectors are compared
TEACHING = [
    flag("--both", "the student reads the passages, too"),
    take("--model", f"which encoder, where that is the system: {MODELS}", MODEL),
    TEACHER,
    take("--scorer", "of token vectors, or of their means", "maxsim", choices=("maxsim", "mean")),
    reading_to("question or passage (256, the model's limit, or the index's)"),
]
# a ranking that is written
RANKING = [
    take("--k", "passages a question at most", 100),
    take("--ties", "equal scores at the last place: the first passage ids stay, or write "
         "all of them", "cut", choices=("cut", "all")),
    take("--out", "run file to write", required=True, metavar="RUN", type=new_file),
]  # fmt: skip


def training() -> list[Option]:
    """Every field of a training's configuration."""
    found = []
    for field in fields(DistillConfig):
        name, said = f"--{field.name.replace('_', '-')}", field.metadata["help"]
        if isinstance(field.default, bool):
            found.append(flag(name, said))
        else:
            how = {"nargs": "*", "metavar": "N"} if isinstance(field.default, tuple) else {}
            found.append(take(name, said, field.default, **how))
    return found
