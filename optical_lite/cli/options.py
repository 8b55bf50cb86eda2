"""Options: what a value on the command line must be, refused in one line."""

from __future__ import annotations

import argparse
import math
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import fields
from fnmatch import fnmatchcase
from functools import partial
from itertools import chain, combinations, islice, product
from pathlib import Path

from ..config import PIECES, DistillConfig
from ..formats.collect import REAL
from ..settings import DATA, PRECISIONS, ROOT, SEEDS, InputError, Range, get

WHOLE = re.compile("[+-]?[0-9]{1,18}")


def _refuse(got: str, expected: str) -> None:
    said = repr(got if len(got) < 60 else f"{got[:57]}...")
    raise argparse.ArgumentTypeError(f"got {said}, expected {expected}")


def within(allowed: Range) -> Callable[[str], float]:
    """A finite number of a range."""
    kind, form = (int, WHOLE) if allowed.whole else (float, REAL)

    def parse(value: str) -> float:
        if not form.fullmatch(value) or kind(value) not in allowed:
            _refuse(value, str(allowed))
        return kind(value)

    return parse


def whole(least: int, most: int = 10**9) -> Callable[[str], float]:
    """A whole number of a range."""
    return within(Range(least, most, whole=True))


def number(least: float, most: float = math.inf, above: bool = False) -> Callable[[str], float]:
    """A finite number of a range; ``above``: without its lower end."""
    return within(Range(least, most, above))


def share(value: str) -> tuple[int, int]:
    """A part of a work that several do, such as 3/8."""
    found = re.fullmatch("([0-9]{1,5})/([0-9]{1,5})", value)
    if not found or not 1 <= int(found[1]) <= int(found[2]) <= 10_000:
        _refuse(value, "a share such as 3/8")
    return int(found[1]), int(found[2])


def text(value: str) -> str:
    """Text, not empty, that UTF-8 holds."""
    if not value.strip() or re.search("[\0\ud800-\udfff]", value):
        _refuse(value, "text that is not blank, in UTF-8")
    return value


def code(value: str) -> str:
    """A language code; it becomes a part of file names."""
    if not re.fullmatch("[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*", value):
        _refuse(value, "a language code such as sw, swa or zh-Hans")
    return value


def _place(value: str, expected: str) -> str:
    """A path that the system can look for, with ``~`` written out."""
    value = os.path.expanduser(value)
    if not value or "\0" in value or value.startswith("~"):
        _refuse(value, expected)
    try:
        Path(value).stat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        # such as a name longer than the system allows
        _refuse(value, f"{expected} ({error.strerror})")
    return value


def existing(value: str) -> str:
    """A file to read, or a pipe."""
    value = _place(value, "a file to read")
    path = Path(value)
    if path.is_dir() or not path.exists():
        said = "that is a folder" if path.is_dir() else "no such file"
        _refuse(value, f"a file to read; {said}, check the path")
    return value


def _new(value: str, folder: bool) -> str:
    """A place to write: nothing of the other kind stands there, and it can be made and written."""
    expected = "a folder to write into" if folder else "a file to write"
    value = _place(value, expected)
    path = Path(value)
    there = next(place for place in (path, *path.absolute().parents) if place.exists())
    with suppress(OSError):  # a closed one goes nowhere
        # the file, by whatever name, that standard output or error goes to
        if path.is_file() and any(os.path.samefile(path, opened) for opened in (1, 2)):
            _refuse(value, f"{expected}, got what a shell writes other text to; name another file")
    if path.is_dir() and not folder:
        _refuse(value, f"{expected}, got a folder")
    if not there.is_dir() and (folder or there != path):
        _refuse(value, f"{expected}, got the file {there}")
    if not os.access(there, os.W_OK):
        _refuse(value, f"{expected}, got no permission in {there}")
    return value


somewhere = partial(_place, expected="a name or path")  # its reader looks at it
new_file, new_folder = partial(_new, folder=False), partial(_new, folder=True)
filled = partial(_place, expected="a folder")  # read or written into, as other options say
WRITE = new_file, new_folder, filled
# what an option takes, by its parameter; others take text
KINDS = {
    **dict.fromkeys(("json", "page", "html", "svg", "pharaoh"), new_file),
    **dict.fromkeys(("collection", "model", "teacher", "bitext"), somewhere),
    **dict.fromkeys(("system", "run", "index", "documents"), somewhere),
    "records": filled,
    **dict.fromkeys(("trec_run", "first_stage", "qrels", "topics"), existing),
    **dict.fromkeys(("predictions", "tune", "tsv", "triples"), existing),
    **dict.fromkeys(("lang", "langs"), code),
    **{
        one.name: within(one.metadata["allowed"])
        for one in fields(DistillConfig)
        if isinstance(one.metadata["allowed"], Range)
    },
    **dict.fromkeys(("k", "repetitions", "layer"), whole(1)),
    "size": whole(1, PIECES),
    "candidates": whole(0),
    "shard": share,
    **dict.fromkeys(("accumulate", "processes"), whole(1, 1024)),
    "seeds": whole(0, SEEDS),
    "position": number(0),
    **dict.fromkeys(("share", "threshold", "null"), number(0, 1)),
}


def _reached(value: str) -> Iterator[str]:
    """Where a path leads, the folders in it, and where links in these do: the nearest 2,000."""
    places, seen = [os.path.realpath(value)], set()
    for place in islice(places, 2000):
        if place not in seen:
            seen.add(place)
            yield place
            # a file, or what nobody may look into, which its reader says
            with suppress(OSError), os.scandir(place) as found:
                for one in found:
                    if one.is_symlink():
                        places.append(os.path.realpath(one))
                    elif one.is_dir():
                        places.append(one.path)


def apart(command: Command, values: dict[str, object]) -> None:
    """Refuse to write where a command reads or writes something else; /dev/null keeps nothing.

    What lies in a folder is part of it: nothing is written into what is read, nor into what the
    command fills itself, nor into the kit's data and what is here of published data.
    """
    written, read = [], []
    for option, how in command.options:
        kind, found = how.get("type"), values[_field(option)]
        for value in found if isinstance(found, list) else [found] * bool(found):
            if kind in WRITE and (place := os.path.realpath(value)) != os.devnull:
                written.append((option, value, place))
            elif kind in (existing, somewhere) and os.path.exists(value):
                read.append((option, value))
    if not written:
        return
    taken = [(*each, place) for each in read for place in _reached(each[1])]
    # data that a collection's name stands for, laid out OWNER__NAME/PATH
    known = (root.glob("*__*") for root in (get().mirror, get().cache) if root)
    own = [DATA, *chain(*known), *(ROOT / name for name in command.fills)]
    taken += [("what the kit has in", place, os.path.realpath(place)) for place in own]
    for mine, other in chain(combinations(written, 2), product(written, taken)):
        (option, value, place), (of, theirs, there) = mine, other
        within = place.startswith(os.path.join(there, ""))
        within |= other in written and there.startswith(os.path.join(place, ""))
        if within or place == there:
            one = "one path inside the other" if within else "one path"
            expected = "a place of its own for what is written; choose another"
            raise InputError(f"{option} {value}", f"{one} for it and {of} {theirs}", expected)


def idle(
    command: str, options: list[Option], rules: dict[str, str], values: dict[str, object]
) -> None:
    """Refuse an option that has no effect beside another, or without it.

    ``rules`` has the options without effect by the case in which they have none: ``--dry-run``,
    ``no --index``, ``--method exact``, ``--loss *transport*``; several are joined by ``and``.
    """
    found = {option: values[_field(option)] for option, _ in options}
    given = [option for option, how in options if found[option] != how.get("default", False)]

    def holds(case: str) -> bool:
        option, _, wanted = case.removeprefix("no ").partition(" ")
        same = fnmatchcase(str(found[option]), wanted) if wanted else option in given
        return same != case.startswith("no ")

    for case, names in rules.items():
        without = [option for option in names.split() if option in given]
        if without and all(map(holds, case.split(" and "))):
            beside = f"with {case}".replace("with no ", "without ").replace("*", "")
            expected = "it where it has an effect; leave it out"
            raise InputError(command, f"{without[0]} {beside}", expected)


def _field(option: str) -> str:
    """An option's name among the values of a command line."""
    return option.lstrip("-").replace("-", "_")


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
    return name, {"default": default, "help": said, "type": KINDS.get(_field(name), text), **how}


def flag(name: str, said: str) -> Option:
    """An option without a value."""
    return name, {"action": "store_true", "help": said}


class Command:
    """A command's example and options; which of these have no effect when, see :func:`idle`.

    ``defaults`` of parameters are functions of the options' values. ``fills`` are files and folders
    of :data:`.settings.ROOT` that it reads or writes unasked. ``precision`` is the number type of
    its matrix products, if it has any, where nobody says another.
    """

    def __init__(
        self, example: str, *options: Option, idle: dict[str, str] | None = None,
        defaults: dict[str, Callable] | None = None, fills: Sequence[str] = (),
        precision: str | None = None,
    ) -> None:  # fmt: skip
        self.example, self.idle, self.precision = example, idle or {}, precision
        self.defaults, self.fills = defaults or {}, fills
        self.options = [take("--json", "also write the result as JSON", metavar="PATH"), *options]
        if precision:
            said = "number type of matrix products; auto: bf16 where the processor has it "
            said += f" (default OPTICAL_LITE_PRECISION, else {precision})"
            self.options.append(take("--precision", said, choices=PRECISIONS))
