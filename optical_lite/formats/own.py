"""Your own data: sentence pairs as a TSV or as OPUS's two files, and BEIR folders, which it also writes."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import NoneType

from ..corpora import Bitext, Collection
from ..safe_files import write_atomic
from ..settings import InputError
from .collect import check_written, collect, judgements, unique
from .lines import file_part, filled, json_lines, lines, numbered

WHOLE = 1 << 24  # bytes of a file of pairs that is kept in memory


def pairs(path: str | Path) -> Iterator[tuple[str, str]]:
    """Stream the pairs of a UTF-8 file with lines ``source<TAB>English``; memory does not grow with the file.

    Texts are as they stand in the file, blanks at their ends too. Blank lines may stand at the end alone, so that the
    n-th pair is line n.
    """
    number = 0
    for number, line in filled(path):
        cells = line.split("\t")
        if len(cells) != 2:
            raise InputError(
                f"{path}, line {number}: got {len(cells)} columns, expected 2 (source<TAB>English); mend the line"
            )
        if not all(cell.strip() for cell in cells):
            side = "source" if not cells[0].strip() else "English"
            raise InputError(f"{path}, line {number}: got an empty {side} side, expected text; fill or delete the line")
        yield cells[0], cells[1]
    if not number:
        raise InputError(f"{path}: got no sentence pair, expected lines source<TAB>English")


class FilePairs(Sequence):
    """The pairs of a large file, read from it whenever they are gone through; memory holds none of them."""

    def __init__(self, path: str | Path) -> None:
        self.path, self.state = path, self._now(path)
        self.count = sum(1 for _ in pairs(path))

    def _now(self, path: str | Path) -> tuple[int, int]:
        found = Path(path).stat()
        return found.st_size, found.st_mtime_ns

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[tuple[str, str]]:
        if self._now(self.path) != self.state:
            raise InputError(f"{self.path}: got a file that changed while it was read, expected the same; begin anew")
        return pairs(self.path)

    def __getitem__(self, place: int | slice) -> tuple:
        chosen = place if isinstance(place, slice) else slice(range(len(self))[place], None)
        found = itertools.islice(self, *chosen.indices(len(self)))
        return tuple(found) if isinstance(place, slice) else next(found)


def read_bitext(path: str | Path, lang: str) -> Bitext:
    """Read one's own bitext: a UTF-8 file with lines ``source<TAB>English``, without a header.

    ``lang`` is any language code of two or three letters; a language in no list is welcome here. A file of more than
    :data:`WHOLE` bytes stays where it is, see :class:`FilePairs`.
    """
    if not re.fullmatch(r"[a-z]{2,3}(-[A-Za-z]+)?", lang):
        raise InputError(f"language: got {lang!r}, expected a code of two or three small letters such as sw or luo")
    large = Path(path).is_file() and Path(path).stat().st_size > WHOLE
    return Bitext(Path(path).name, lang, "en", FilePairs(path) if large else tuple(pairs(path)))


def read_opus(stem: str | Path, lang: str, target: str = "en") -> Bitext:
    """Read two line-aligned files as OPUS distributes them: ``STEM.sw`` and ``STEM.en``, a sentence a line.

    Pairs with an empty side, which OPUS has many of, are dropped and counted in ``notes``.
    """
    sides = [lines(f"{stem}.{file_part('language', code)}") for code in (lang, target)]
    kept, empty, uneven = [], 0, [0, 0]
    for source, english in itertools.zip_longest(*sides):
        if source is None or english is None:
            uneven[source is None] += 1
        elif source.strip() and english.strip():
            kept.append((source, english))
        else:
            empty += 1
    if any(uneven):
        both = len(kept) + empty
        raise InputError(
            f"{stem}: got {both + uneven[0]} lines in .{lang} and {both + uneven[1]} in .{target}, expected equally "
            "many; take both files from one download"
        )
    if not kept:
        raise InputError(f"{stem}: got no pair with text on both sides, expected at least one; check the two files")
    return Bitext(Path(stem).name, lang, target, tuple(kept), {"empty": empty})


def read_beir(folder: str | Path, lang: str = "xx", *, lenient: bool = False) -> Collection:
    """Read a BEIR folder: ``corpus.jsonl``, ``queries.jsonl``, ``qrels/test.tsv`` with its header or without.

    A passage is its title and its text. A query's optional field ``"translation"`` is its reference English,
    ``"flags"`` a list of marks. ``lenient``: see :func:`.collect.collect`.
    """
    folder = Path(folder)
    corpus, asked, judged = folder / "corpus.jsonl", folder / "queries.jsonl", folder / "qrels" / "test.tsv"
    maybe = (str, NoneType)
    passages = unique(
        corpus,
        (
            (number, row["_id"], " ".join(filter(None, (row.get("title"), row["text"]))))
            for number, row in json_lines(corpus, {"_id": str, "text": str, "title": maybe})
        ),
    )
    kinds = {"_id": str, "text": str, "translation": maybe, "flags": (list, NoneType)}
    found = [*json_lines(asked, kinds)]
    queries = unique(asked, ((number, row["_id"], row["text"]) for number, row in found))
    flags = {row["_id"]: row["flags"] for _, row in found if row.get("flags") is not None}
    if wrong := [name for name, marks in flags.items() if not all(isinstance(mark, str) for mark in marks)]:
        raise InputError(f"{asked}: got flags {flags[wrong[0]]} of {wrong[0]!r}, expected a list of texts")
    qrels = judgements(
        judged,
        (
            (number, *cells)
            for number, cells in numbered(judged, 3, "query-id<TAB>corpus-id<TAB>score")
            if not (number == 1 and cells[2] == "score")
        ),
    )
    translations = {row["_id"]: row["translation"] for _, row in found if row.get("translation") is not None}
    return collect(folder.name, lang, passages, queries, qrels, translations=translations, flags=flags, lenient=lenient)


def write_beir(data: Collection, folder: str | Path) -> None:
    """Write a collection as a BEIR folder; :func:`read_beir` reads it back the same."""
    folder = Path(folder)
    check_written(data)

    def records(name: str, found) -> None:
        write_atomic(folder / name, "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in found))

    records("corpus.jsonl", ({"_id": i, "title": "", "text": text} for i, text in data.passages.items()))
    more = {i: {"translation": text} for i, text in data.translations.items()}
    for i, marks in data.flags.items():
        more.setdefault(i, {})["flags"] = marks
    records("queries.jsonl", ({"_id": i, "text": text, **more.get(i, {})} for i, text in data.queries.items()))
    judged = (f"{q}\t{p}\t{g}\n" for q, grades in data.qrels.items() for p, g in grades.items())
    write_atomic(folder / "qrels" / "test.tsv", "query-id\tcorpus-id\tscore\n" + "".join(judged))
