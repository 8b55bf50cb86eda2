"""Files: what every reader of a published format needs: lines as a stream, columns, unique ids, one file of a folder.

Published collections are large and come in many encodings, so files are read line by line, ``.gz`` is unpacked on the
way, and whatever is wrong is named with its file and line.
"""

from __future__ import annotations

import gzip
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from .corpora import Collection
from .settings import InputError

Qrels = dict[str, dict[str, int]]
REAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)  # float() also takes nan, 1_0 and other digits


def lines(path: str | Path, encoding: str = "utf-8") -> Iterator[str]:
    """Lines of a text file without their ends; a name that ends in ``.gz`` is unpacked, a byte order mark dropped."""
    path, done = Path(path), 0
    try:
        with (gzip.open if path.suffix == ".gz" else open)(
            path, "rt", encoding="utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding, newline="\n"
        ) as file:
            for line in file:
                yield line.rstrip("\r\n")
                done += 1
    except LookupError:
        raise InputError(f"{path}: got encoding {encoding!r}, expected a name such as utf-8 or iso-8859-1") from None
    except FileNotFoundError:
        raise InputError(f"{path}: got no such file, expected a text file; check the path") from None
    except IsADirectoryError:
        raise InputError(f"{path}: got a folder, expected a text file") from None
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}, after line {done}: got byte 0x{error.object[error.start]:02x}, expected {encoding}; "
            "name the file's encoding, for instance --encoding iso-8859-1"
        ) from None
    except (gzip.BadGzipFile, EOFError):
        raise InputError(
            f"{path}: got a file that gzip cannot unpack, expected a whole .gz file; copy it again"
        ) from None


def rows(
    path: str | Path, columns: int, shape: str, *, sep: str | None = "\t", encoding: str = "utf-8"
) -> Iterator[list[str]]:
    """Cells of each line that is not blank, see :func:`numbered`."""
    return (cells for _, cells in numbered(path, columns, shape, sep=sep, encoding=encoding))


def numbered(
    path: str | Path, columns: int, shape: str, *, sep: str | None = "\t", encoding: str = "utf-8"
) -> Iterator[tuple[int, list[str]]]:
    """Number and cells of each line that is not blank.

    Parameters
    ----------
    columns : how many cells a line has
    shape : the columns in words, for the error message
    sep : what separates them, None for any run of blanks
    """
    for number, line in enumerate(lines(path, encoding), 1):
        if not line.strip():
            continue
        cells = line.split(sep)
        if len(cells) != columns:
            raise InputError(
                f"{path}, line {number}: got {len(cells)} columns, expected {columns} ({shape}); mend the line"
            )
        yield number, cells


def unique(path: str | Path, pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Texts by id; an id that is empty or occurs twice is an error.

    >>> unique("toy", [("1", "maji"), ("2", "moto")])
    {'1': 'maji', '2': 'moto'}
    """
    found: dict[str, str] = {}
    for name, text in pairs:
        if not name or name in found:
            said = f"id {name!r} twice" if name else f"no id for {text[:40]!r}"
            raise InputError(f"{path}: got {said}, expected an id of its own for each; mend the file")
        found[name] = text
    return found


def grade(path: str | Path, text: str) -> int:
    """A judgement as a number."""
    try:
        return int(text)
    except ValueError:
        raise InputError(f"{path}: got grade {text!r}, expected a whole number such as 0 or 1; mend the line") from None


def real(place: str, text: str) -> float:
    """A score as a finite number; ``place`` is the file and line, for the error message.

    >>> real("a.run, line 1", "-1.5e3")
    -1500.0
    """
    value = float(text) if REAL.fullmatch(text) else math.inf
    if not math.isfinite(value):
        raise InputError(f"{place}: got score {text[:40]!r}, expected a finite number such as 0.5; mend the line")
    return value


def find(folder: str | Path, *patterns: str) -> Path:
    """The one file of a folder that fits the first of some patterns that any file fits."""
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: got no such folder, expected one with {patterns[0]}; check the path")
    for pattern in patterns:
        found = sorted(folder.glob(pattern))
        if len(found) > 1:
            names = ", ".join(str(path.relative_to(folder)) for path in found[:3])
            raise InputError(f"{folder}: got {names} for {pattern}, expected one file; move the others away")
        if found:
            return found[0]
    raise InputError(f"{folder}: got no file {' or '.join(patterns)}, expected one; check the folder and the language")


def collect(
    name: str, lang: str, passages: dict[str, str], queries: Mapping[str, str], qrels: Qrels, *,
    translations: Mapping[str, str] | None = None, lenient: bool = False,
) -> Collection:  # fmt: skip
    """A collection of what a reader found; questions without any judgement are left out.

    Parameters
    ----------
    lenient : also leave out judgements of unknown passages or questions, and questions that then have no relevant
        passage. Without it both are errors. CLEF needs it when only a part of its documents is at hand: the convention
        there is to keep a topic if one of its relevant documents is.

    Examples
    --------
    >>> texts, asked = {"p": "Water is wet."}, {"q": "maji?", "r": "moto?"}
    >>> judged = {"q": {"p": 1, "elsewhere": 1}, "r": {"elsewhere": 1}}
    >>> collect("toy", "sw", texts, asked, judged, lenient=True).qrels
    {'q': {'p': 1}}
    """
    if lenient:
        known = {q: {p: g for p, g in grades.items() if p in passages} for q, grades in qrels.items() if q in queries}
        qrels = {q: grades for q, grades in known.items() if any(g > 0 for g in grades.values())}
    if not qrels:
        raise InputError(
            f"{name}: got no judged question, expected at least one; check that the ids of the files agree"
        )
    kept = {q: text for q, text in queries.items() if q in qrels}
    try:
        return Collection(
            name, lang, passages, kept, qrels, {q: text for q, text in (translations or {}).items() if q in qrels}
        )
    except InputError as error:
        raise InputError(f"{error}, or give --lenient to leave them out") from None
