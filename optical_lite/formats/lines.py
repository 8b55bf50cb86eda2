"""Lines: text files and JSON as every reader takes them in; what is wrong is named by its line.

What is too long, unpacks to too much or is nested too deep is refused here, once for all readers.
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
from ..safe_files import regular
from ..settings import InputError

# characters of one line (a passage has thousands, an article at most a few millions), of a text
# that is written (escaped one by one they stay below LONGEST), of a file that is read whole
LONGEST, TEXT, LARGEST = 2**25, 2**22, 2**28
# most unpacked bytes, and times the file: text packs 3 to 20 times, and as JSON one byte of it may
# take 30 of memory, so that what a small file unpacks to stays far below a gigabyte
PACKED, RATIO = 2**23, 50
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


def _read(path: str | Path, encoding: str | None, most: int) -> Iterator[str]:
    """Lines of a text file with their ends, of each at most one character more than ``most``.

    An encoding that is a choice of the user is named where it is wrong; None is UTF-8, always.
    """
    place, done, choice = str(path)[:200], 0, encoding
    encoding = "utf-8" if encoding is None else encoding
    try:
        with _open(Path(path), encoding) as file:
            while line := file.readline(most + 1):
                done += 1
                yield line
        return
    except InputError:
        raise
    except (gzip.BadGzipFile, EOFError, zlib.error):
        said = "a file that gzip cannot unpack", "a whole .gz file; copy it again"
    except OSError as error:
        said = str(error.strerror or error).lower(), "a text file that can be read; check the path"
    except LookupError:
        said = f"encoding {encoding!r}", "a name such as utf-8 or iso-8859-1"
    except UnicodeError as error:
        got, place = str(error), f"{place}, after line {done}"
        if isinstance(error, UnicodeDecodeError):
            got = f"byte 0x{error.object[error.start : error.start + 1].hex()}"
        packed = "end its name in .gz if it is packed"
        how = "say what it is: --encoding iso-8859-1" if choice else packed
        said = got, f"{encoding}; convert it to UTF-8 with iconv, or {how}"
    except ValueError as error:  # a null character in a path or in the name of an encoding
        said = error, "the path of a text file and a known encoding"
    raise InputError(place, *said)


def lines(path: str | Path, encoding: str | None = None) -> Iterator[str]:
    """Lines of a text file without their ends; ``.gz`` is unpacked, a byte order mark dropped."""
    for number, line in enumerate(_read(path, encoding, LONGEST), 1):
        if len(line) > LONGEST:
            got = f"more than {LONGEST:,} characters"
            expected = "a shorter line; check that it is a text file"
            raise InputError(f"{path}, line {number}", got, expected)
        yield line.removesuffix("\n").removesuffix("\r")


def read_text(path: str | Path, encoding: str | None = None, *, pipe: bool = False) -> str:
    r"""A text file as a whole, with ``\n`` at the ends of lines, bounded like :func:`lines`.

    ``pipe``: it may come from one, which a user names.
    """
    # not a list, where each line of a packed file would be an object of its own
    found = io.StringIO(newline="\n")
    for line in _read(path if pipe else regular(path), encoding, LARGEST):
        found.write(line)
        if found.tell() > LARGEST:
            raise InputError(path, f"more than {LARGEST:,} characters", "a smaller file")
    return found.getvalue().replace("\r\n", "\n")


def placed(path: str | Path) -> Iterator[tuple[str, str]]:
    """File and number of each line, and its text."""
    for number, line in enumerate(lines(path), 1):
        yield f"{path}, line {number}", line


def filled(path: str | Path) -> Iterator[tuple[str, str]]:
    """Lines as :func:`placed`, of which blank ones may stand at the end alone."""
    blank = None
    for where, line in placed(path):
        if not line.strip():
            blank = blank or where
        elif blank:
            raise InputError(blank, "a blank line", "text; fill or delete it")
        else:
            yield where, line


def headless(where: str, cells: Sequence[str], shape: str) -> None:
    """Refuse names of columns in place of a line of text, which would be read as one."""
    names = {cell.strip(' "').lower() for cell in cells}
    if len(names) == len(cells) and names & COLUMNS and names <= COLUMNS | CODES:
        got = f"the columns' names {', '.join(map(repr, cells))}"
        raise InputError(where, got, f"text: {shape}; mend or delete the line")


def table(
    rows: Iterable[tuple[str, str]], columns: int, shape: str, *, sep: str | None = "\t",
    header: Sequence[str] = (),
) -> Iterator[tuple[str, ...]]:  # fmt: skip
    """Place and cells of each line of :func:`placed` that is not blank; quotation marks are text.

    ``shape`` names the columns for the error message; ``sep`` None is any run of blanks; ``header``
    is left out where it stands.
    """
    first = True
    for where, line in rows:
        if not line.strip(" "):
            continue
        cells = line.split(sep, 99)
        if len(cells) != columns:
            got = f"{len(cells)}{' or more' * (len(cells) > 99)} columns"
            raise InputError(where, got, f"{columns} ({shape}); mend the line")
        if cells != list(header):
            if header or first:
                headless(where, cells, shape)
            first = False
            yield where, *cells


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
    for where, line in placed(path):
        if line.strip():
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
