"""Your own data: sentence pairs as a TSV, BEIR folders, read and written."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import NoneType

from ..corpora import Bitext, Collection
from ..json_files import fits
from ..safe_files import regular, write_atomic
from ..settings import InputError
from .collect import check_written, collect, read_judgements, unique
from .lines import filled, headless, json_lines

WHOLE = 1 << 24  # bytes of a file of pairs that is kept in memory


def pairs(path: str | Path) -> Iterator[tuple[str, str]]:
    """Stream the pairs of a UTF-8 file with lines ``source<TAB>English``.

    Texts are as they stand in the file, blanks at their ends too. Blank lines may stand at the end
    alone, so that the n-th pair is line n.
    """
    where = None
    for where, line in filled(path):
        cells = line.split("\t")
        if len(cells) != 2:
            expected = "2 (source<TAB>English); mend the line"
            raise InputError(where, f"{len(cells)} columns", expected)
        if where.endswith(", line 1"):
            headless(where, cells, "source<TAB>English")
        for side, cell in zip(("source", "English"), cells, strict=True):
            if not cell.strip():
                raise InputError(where, f"an empty {side} side", "text; fill or delete the line")
        yield cells[0], cells[1]
    if not where:
        raise InputError(path, "no sentence pair", "lines source<TAB>English")


class FilePairs(Sequence):
    """The pairs of a large file, read from it whenever they are gone through."""

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
            expected = "the same; begin anew"
            raise InputError(self.path, "a file that changed while it was read", expected)
        return pairs(self.path)

    def __getitem__(self, place: int | slice) -> tuple:
        chosen = place if isinstance(place, slice) else slice(range(len(self))[place], None)
        found = itertools.islice(self, *chosen.indices(len(self)))
        return tuple(found) if isinstance(place, slice) else next(found)


def read_bitext(path: str | Path, lang: str) -> Bitext:
    """Read one's own bitext: a UTF-8 file with lines ``source<TAB>English``, without a header.

    ``lang`` is any language code of two or three letters; a language in no list is welcome here. A
    file of more than :data:`WHOLE` bytes stays where it is, see :class:`FilePairs`.
    """
    if not re.fullmatch(r"[a-z]{2,3}(-[A-Za-z]+)?", lang):
        expected = "a code of two or three small letters such as sw or luo"
        raise InputError("language", repr(lang), expected)
    large = Path(path).is_file() and Path(path).stat().st_size > WHOLE
    return Bitext(Path(path).name, lang, "en", FilePairs(path) if large else tuple(pairs(path)))


def read_beir(folder: str | Path, lang: str = "xx", *, lenient: bool = False) -> Collection:
    """Read a BEIR folder: ``corpus.jsonl``, ``queries.jsonl``, ``qrels/test.tsv``.

    A passage is its title and its text. A query's optional field ``"translation"`` is its reference
    English, ``"flags"`` a list of marks. ``lenient``: see :func:`.collect.collect`.
    """
    folder = Path(folder)
    corpus, asked = folder / "corpus.jsonl", folder / "queries.jsonl"
    judged, maybe = folder / "qrels" / "test.tsv", (str, NoneType)
    for path in (corpus, asked, judged):
        regular(path)
    records = json_lines(corpus, {"_id": str, "text": str, "title?": maybe})
    parts = ((where, row["_id"], (row.get("title"), row["text"])) for where, row in records)
    passages = unique((where, name, " ".join(filter(None, both))) for where, name, both in parts)
    kinds = {"_id": str, "text": str, "translation?": maybe, "flags?": (list, NoneType)}
    found = [*json_lines(asked, kinds)]
    queries = unique((where, row["_id"], row["text"]) for where, row in found)
    translations, flags = (
        {row["_id"]: row[field] for _, row in found if row.get(field) is not None}
        for field in ("translation", "flags")
    )
    for name, marks in flags.items():
        fits(marks, [str], f"{asked}, query {name!r}", "flags")
    more = {"translations": translations, "flags": flags, "lenient": lenient}
    return collect(folder.name, lang, passages, queries, read_judgements(judged, 3), **more)


def write_beir(data: Collection, folder: str | Path) -> None:
    """Write a collection as a BEIR folder; :func:`read_beir` reads it back the same."""
    folder = Path(folder)
    check_written(data)

    def records(name: str, found) -> None:
        text = (json.dumps(record, ensure_ascii=False) + "\n" for record in found)
        write_atomic(folder / name, "".join(text))

    passages, queries = data.passages.items(), data.queries.items()
    records("corpus.jsonl", ({"_id": i, "title": "", "text": text} for i, text in passages))
    more = {i: {"translation": text} for i, text in data.translations.items()}
    for i, marks in data.flags.items():
        more.setdefault(i, {})["flags"] = marks
    records("queries.jsonl", ({"_id": i, "text": text, **more.get(i, {})} for i, text in queries))
    judged = (f"{q}\t{p}\t{g}\n" for q, grades in data.qrels.items() for p, g in grades.items())
    write_atomic(folder / "qrels" / "test.tsv", "query-id\tcorpus-id\tscore\n" + "".join(judged))
