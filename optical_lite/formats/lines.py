"""Lines: text files and JSON as every reader of the kit takes them in, bounded.

Files are read line by line, ``.gz`` is unpacked on the way, and whatever is wrong is named with its
file and line. What is too long, unpacks to too much, is nested too deep or holds numbers that are
no numbers is refused here, once for all readers.
"""

from __future__ import annotations

import codecs
import gzip
import io
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from .. import json_files
from ..corpora import LANGUAGES, THREE_LETTERS
from ..json_files import fits
from ..settings import InputError

# characters of one line (a passage has thousands, an article at most a few millions), of a text
# that is written (escaped one by one they stay below LONGEST), of a file that is read whole
LONGEST, TEXT, LARGEST = 2**25, 2**22, 2**28
PACKED, RATIO = 2**25, 50  # most unpacked bytes, and times the file: text packs 3 to 20 times
NO_CHARACTER_SETS = {
    "idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7",
}  # fmt: skip
# what tables call their columns; of these alone no line of text is made
COLUMNS = {
    "id", "_id", "pid", "qid", "docid", "query", "question", "passage", "text", "title", "label",
    "relevant", "positive", "other", "negative", "source", "src", "target", "tgt", "translation",
    "english", "en", "eng",
}  # fmt: skip
CODES = {*LANGUAGES, *THREE_LETTERS, *map(str.lower, LANGUAGES.values())}
SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
FAILURES = (OSError, EOFError, LookupError, ValueError, zlib.error)


class _Unpacked(gzip.GzipFile):
    """A ``.gz`` file that stops when it unpacks to far more than text does, as a bomb would."""

    def __init__(self, path: Path):
        super().__init__(path, "rb")
        self.most = max(PACKED, RATIO * path.stat().st_size)

    def read1(self, size: int = -1) -> bytes:
        chunk = super().read1(size)
        if self.tell() > self.most:
            expected = f"at most {RATIO} times the file; unpack it yourself if you trust it"
            raise InputError(self.name, f"more than {self.most:,} bytes unpacked", expected)
        return chunk


def _open(path: Path, encoding: str) -> io.TextIOWrapper:
    codec = codecs.lookup(encoding)
    if codec.name in NO_CHARACTER_SETS or not codec._is_text_encoding:
        raise LookupError(encoding)
    file = _Unpacked(path) if path.suffix == ".gz" else open(path, "rb")  # noqa: SIM115
    name = "utf-8-sig" if codec.name == "utf-8" else codec.name
    return io.TextIOWrapper(file, encoding=name, newline="\n")  # which closes the file


def _failure(path: object, error: Exception, encoding: str, done: int) -> InputError:
    """What a failed read says, in one line."""
    if isinstance(error, InputError):
        return error
    place = str(path)[:200]
    if isinstance(error, gzip.BadGzipFile | EOFError | zlib.error):
        said = "a file that gzip cannot unpack", "a whole .gz file; copy it again"
    elif isinstance(error, OSError):
        got = str(error.strerror or error).lower()
        said = got, "a text file that can be read; check the path"
    elif isinstance(error, LookupError):
        said = f"encoding {encoding!r}", "a name such as utf-8 or iso-8859-1"
    elif isinstance(error, UnicodeError):
        got, place = str(error), f"{place}, after line {done}"
        if isinstance(error, UnicodeDecodeError):
            got = f"byte 0x{error.object[error.start : error.start + 1].hex()}"
        how = "convert it to UTF-8 with iconv or, where the command has the option, name what it is"
        said = got, f"{encoding}; {how}: --encoding iso-8859-1"
    else:  # a null character in a path or in the name of an encoding
        said = error, "the path of a text file and a known encoding"
    return InputError(place, *said)


def lines(path: str | Path, encoding: str = "utf-8") -> Iterator[str]:
    """Lines of a text file without their ends; ``.gz`` is unpacked, a byte order mark dropped."""
    done = 0
    try:
        with _open(Path(path), encoding) as file:
            while line := file.readline(LONGEST + 1):
                if len(line) > LONGEST:
                    got = f"more than {LONGEST:,} characters"
                    expected = "a shorter line; check that it is a text file"
                    raise InputError(f"{path}, line {done + 1}", got, expected)
                done += 1
                yield line.removesuffix("\n").removesuffix("\r")
    except FAILURES as error:
        raise _failure(path, error, encoding, done) from None


def read_text(path: str | Path, encoding: str = "utf-8") -> str:
    r"""A text file as a whole, with ``\n`` at the ends of lines, bounded like :func:`lines`."""
    found: list[str] = []
    size = 0
    try:
        with _open(Path(path), encoding) as file:
            while chunk := file.read(2**20):
                found.append(chunk)
                size += len(chunk)
                if size > LARGEST:
                    raise InputError(path, f"more than {LARGEST:,} characters", "a smaller file")
    except FAILURES as error:
        raise _failure(path, error, encoding, "".join(found).count("\n")) from None
    return "".join(found).replace("\r\n", "\n")


def headless(where: str, cells: Sequence[str], shape: str) -> None:
    """Refuse names of columns in place of a line of text, which would be read as one."""
    names = {cell.strip(' "').lower() for cell in cells}
    if len(names) == len(cells) and names & COLUMNS and names <= COLUMNS | CODES:
        got = f"the columns' names {', '.join(map(repr, cells))}"
        raise InputError(where, got, f"text: {shape}; mend or delete the line")


def numbered(
    path: str | Path, columns: int, shape: str, *, sep: str | None = "\t",
    rows: Iterable[str] | None = None, header: Sequence[str] = (),
) -> Iterator[tuple[str, ...]]:  # fmt: skip
    """File and number of each line that is not blank, and its cells; quotation marks are text.

    ``shape`` names the columns for the error message; ``sep`` None is any run of blanks; ``rows``
    are the lines where they are open already; ``header`` is left out where it stands.
    """
    for number, line in enumerate(lines(path) if rows is None else rows, 1):
        if not line.strip(" "):
            continue
        where, cells = f"{path}, line {number}", line.split(sep)
        if len(cells) != columns:
            expected = f"{columns} ({shape}); mend the line"
            raise InputError(where, f"{len(cells)} columns", expected)
        if tuple(cells) != tuple(header):
            if header or number == 1:
                headless(where, cells, shape)
            yield where, *cells


def filled(path: str | Path) -> Iterator[tuple[str, str]]:
    """File and number of each line, and its text; blank lines may stand at the end alone."""
    blank = None
    for number, line in enumerate(lines(path), 1):
        where = f"{path}, line {number}"
        if not line.strip():
            blank = blank or where
        elif blank:
            raise InputError(blank, "a blank line", "text; fill or delete it")
        else:
            yield where, line


def parse_json(text: str, where: str):
    """:func:`.json_files.parse_json`; half a character, which no text file holds, is refused."""
    found = json_files.parse_json(text, where)
    if SURROGATE.search(text):
        try:
            json.dumps(found, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            expected = "whole characters; mend it"
            raise InputError(where, "half of a surrogate pair", expected) from None
    return found


def json_lines(path: str | Path, shape: dict) -> Iterator[tuple[str, dict]]:
    """File and number of each line of JSON that is not blank, and its object, see :func:`fits`."""
    for number, line in enumerate(lines(path), 1):
        if line.strip():
            where = f"{path}, line {number}"
            found = parse_json(line, where)
            fits(found, shape, where, "the line")
            yield where, found


def file_part(what: str, name: str) -> str:
    """A name that is part of a file's name: letters, digits, hyphens, and single dots inside.

    >>> file_part("split", "dev.small")
    'dev.small'
    >>> file_part("language", "../../sw")
    Traceback (most recent call last):
    optical_lite.settings.InputError: language: got '../../sw', expected letters, digits, - and _,
    such as sw, dev.small
    """
    if not re.fullmatch(r"(?=.{1,64}\Z)[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", str(name)):
        expected = "letters, digits, - and _, such as sw, dev.small"
        raise InputError(what, repr(str(name)[:64]), expected)
    return name
