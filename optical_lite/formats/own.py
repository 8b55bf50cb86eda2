"""Your own data: sentence pairs as a TSV, BEIR folders, read and written."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import NoneType

from ..corpora import Bitext, Collection
from ..json_files import fits
from ..safe_files import regular, write_atomic
from ..settings import InputError
from .collect import BEIR, collect, read_judgements, unique
from .lines import filled, json_lines, table

WHOLE = 1 << 24  # bytes of a file of pairs that is kept in memory
SENTENCE = 1 << 16  # characters of one side of a pair


def pairs(path: str | Path) -> Iterator[tuple[str, str]]:
    """Stream the pairs of a UTF-8 file with lines ``source<TAB>English``, as they stand there.

    Blank lines may stand at the end alone, so that the n-th pair is line n.
    """
    where = None
    for where, source, english in table(filled(path), 2, "source<TAB>English"):
        for side, text in (("source", source), ("English", english)):
            if not text.strip():
                raise InputError(where, f"an empty {side} side", "text; fill or delete the line")
            if len(text) > SENTENCE:
                got = f"a {side} side of {len(text):,} characters"
                raise InputError(where, got, f"at most {SENTENCE:,}; split it into sentences")
        yield source, english
    if not where:
        raise InputError(path, "no sentence pair", "lines source<TAB>English")


class FilePairs(Sequence):
    """The pairs of a large file, read from it whenever they are gone through."""

    def __init__(self, path: str | Path) -> None:
        self.path = path
        self.state = self._now()
        self.count = sum(1 for _ in pairs(path))

    def _now(self) -> tuple[int, int]:
        found = Path(self.path).stat()
        return found.st_size, found.st_mtime_ns

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[tuple[str, str]]:
        if self._now() != self.state:
            got = "a file that changed while it was read"
            raise InputError(self.path, got, "the same; begin anew")
        return pairs(self.path)

    def __getitem__(self, place: int | slice) -> tuple:
        chosen = place if isinstance(place, slice) else slice(range(len(self))[place], None)
        found = itertools.islice(self, *chosen.indices(len(self)))
        return tuple(found) if isinstance(place, slice) else next(found)


def read_bitext(path: str | Path, lang: str) -> Bitext:
    """Read one's own bitext: a UTF-8 file with lines ``source<TAB>English``, without a header.

    A language in no list is welcome here. A file of more than :data:`WHOLE` bytes stays where it
    is, see :class:`FilePairs`.
    """
    if not re.fullmatch(r"[a-z]{2,3}(-[A-Za-z]+)?", lang):
        expected = "a code of two or three small letters such as sw or luo"
        raise InputError("language", repr(lang), expected)
    file = Path(path)
    large = file.is_file() and file.stat().st_size > WHOLE
    return Bitext(file.name, lang, "en", FilePairs(path) if large else tuple(pairs(path)))


def read_beir(folder: str | Path, lang: str = "xx", *, lenient: bool = False) -> Collection:
    """Read a BEIR folder: ``corpus.jsonl``, ``queries.jsonl``, ``qrels/test.tsv``.

    A passage is its title and its text. A query's optional field ``"translation"`` is its reference
    English, ``"flags"`` a list of marks. ``lenient``: see :func:`.collect.collect`.
    """
    folder = Path(folder)
    names, maybe = ("corpus.jsonl", "queries.jsonl", "qrels/test.tsv"), (str, NoneType)
    corpus, asked, judged = (regular(folder / name) for name in names)
    passages = unique(
        (where, row["_id"], " ".join(filter(None, (row.get("title"), row["text"]))))
        for where, row in json_lines(corpus, {"_id": str, "text": str, "title?": maybe})
    )
    kinds = {"_id": str, "text": str, "translation?": maybe, "flags?": (list, NoneType)}
    found = []
    for where, row in json_lines(asked, kinds):  # whose other fields are not kept
        fits(row.get("flags") or [], [str], where, "flags")
        found.append((where, *map(row.get, ("_id", "text", "translation", "flags"))))
    queries = unique(each[:3] for each in found)
    translations, flags = ({row[1]: row[n] for row in found if row[n] is not None} for n in (3, 4))
    more = {"translations": translations, "flags": flags, "lenient": lenient}
    return collect(folder.name, lang, passages, queries, read_judgements(judged, 3), **more)


def _write_records(path: Path, records: Iterable[dict]) -> None:
    write_atomic(path, "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in records))


def write_beir(data: Collection, folder: Path) -> None:
    """Write a collection as a BEIR folder; :func:`read_beir` reads it back the same."""
    passages = ({"_id": i, "title": "", "text": text} for i, text in data.passages.items())
    _write_records(folder / "corpus.jsonl", passages)
    queries = {i: {"_id": i, "text": text} for i, text in data.queries.items()}
    for i, text in data.translations.items():
        queries[i]["translation"] = text
    for i, marks in data.flags.items():
        queries[i]["flags"] = marks
    _write_records(folder / "queries.jsonl", queries.values())
    judged = (f"{q}\t{p}\t{g}\n" for q, grades in data.qrels.items() for p, g in grades.items())
    write_atomic(folder / "qrels" / "test.tsv", "\t".join(BEIR) + "\n" + "".join(judged))
