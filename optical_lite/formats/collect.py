"""Collect: what every reader of a collection needs: unique ids, grades, the file of a folder."""

from __future__ import annotations

import itertools
import math
import os
import re
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..corpora import Collection
from ..safe_files import regular
from ..settings import InputError
from .lines import TEXT, placed, table

Qrels = dict[str, dict[str, int]]
BEIR = ["query-id", "corpus-id", "score"]  # header of its judgements
# float() also takes nan, 1_0 and other digits
REAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
# control characters, ends of lines, halves of characters, and a mark that files may begin with
ODD = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff]")


def identifier(where: str, name: str) -> None:
    """Refuse the name of a passage or a question that breaks a line or cannot be seen."""
    if not name or (not name.isprintable() and ODD.search(name)):  # a long run asks of every line
        expected = "one without tabs, line breaks and control characters; mend it"
        raise InputError(where, f"id {name!r}" if name else "no id", expected)


def one_form(
    place: object, names: Iterable[str], known: Mapping[str, Any] | set[str], of: object
) -> None:
    r"""Refuse a name that differs from a known one in its Unicode normal form alone.

    >>> one_form("a.run", ["e\u0301"], {"\xe9"}, "qrels")
    Traceback (most recent call last):
    optical_lite.settings.InputError: a.run: got id 'e\u0301', which looks the same as '\xe9' of
    qrels, expected one Unicode normal form in both; convert both to NFC (uconv -x any-nfc)
    """
    if apart := sorted(name for name in names if not name.isascii() and name not in known):
        composed = {unicodedata.normalize("NFC", name): name for name in known}
        for name in apart:
            if other := composed.get(unicodedata.normalize("NFC", name)):
                got = f"id {name!a}, which looks the same as {other!a} of {of}"
                expected = "one Unicode normal form in both; convert both to NFC (uconv -x any-nfc)"
                raise InputError(place, got, expected)


def unique(items: Iterable[tuple[str, str, Any]]) -> dict[str, Any]:
    """Texts by id, of place, id and text; an id that breaks lines or comes twice is an error.

    >>> unique([("toy, line 1", "a", "maji"), ("toy, line 2", "b", "moto")])
    {'a': 'maji', 'b': 'moto'}
    """
    found: dict[str, Any] = {}
    for where, name, text in items:
        if name in found:
            raise InputError(
                where, f"id {name!r} twice", "an id of its own for each; mend the file"
            )
        identifier(where, name)
        found[name] = text
    return found


def grade(where: str, value: object) -> int:
    """A judgement as a number, from its text or from JSON."""
    if isinstance(value, bool) or not re.fullmatch(r"[+-]?[0-9]{1,9}", str(value)):
        expected = "a whole number such as 0 or 1; mend the line"
        raise InputError(where, f"grade {str(value)[:40]!r}", expected)
    return int(value)


def judgements(items: Iterable[tuple[str, str, str, object]]) -> Qrels:
    """Grades by passage, by query, from place, query, passage and grade; none may come twice."""
    found: Qrels = {}
    for where, query, passage, value in items:
        identifier(where, query)
        identifier(where, passage)
        grades = found.setdefault(query, {})
        if passage in grades:
            got = f"passage {passage!r} judged twice for query {query!r}"
            raise InputError(where, got, "once; delete one of the two")
        grades[passage] = grade(where, value)
    return found


def read_judgements(path: str | Path, columns: int | None = 4, sep: str | None = "\t") -> Qrels:
    """Judgements of a file, of four columns, or of BEIR's three, with their header or without.

    Without a number of columns there are three where the header stands, else four.
    """
    rows = ((where, line) for where, line in placed(path) if line.strip(" "))
    if columns is None:
        first = next(rows, ("", ""))
        columns = 3 if first[1].split(None, 3) == BEIR else 4
        rows = itertools.chain([first], rows)  # a pipe can be read once only
    header, shape = [], "query iteration passage grade"
    if columns == 3:
        header, shape = BEIR, " ".join(BEIR)
    cells = table(rows, columns, shape, sep=sep, header=header)
    return judgements((where, query, *rest[-2:]) for where, query, *rest in cells)


def real(place: str, text: str) -> float:
    """A score as a finite number; ``place`` is the file and line, for the error message."""
    value = float(text) if REAL.fullmatch(text) else math.inf
    if not math.isfinite(value):
        raise InputError(
            place, f"score {text[:40]!r}", "a finite number such as 0.5; mend the line"
        )
    return value


def find(folder: str | Path, *patterns: str) -> Path:
    """The one file of a folder that fits the first of some patterns that any file fits."""
    if not os.path.isdir(folder):
        expected = f"one with {patterns[0]}; check the path"
        raise InputError(str(folder)[:200], "no such folder", expected)
    globbed = (sorted(Path(folder).glob(pattern)) for pattern in patterns)
    found = next(filter(None, globbed), [])
    if len(found) != 1:
        got = f"{', '.join(path.name for path in found[:3])} for" if found else "no file"
        expected = "one file; move the others away, or check the folder and the language"
        raise InputError(folder, f"{got} {' or '.join(patterns)}", expected)
    return regular(found[0])


def collect(
    name: str, lang: str, passages: dict[str, str], queries: Mapping[str, str], qrels: Qrels, *,
    translations: Mapping[str, str] | None = None, flags: Mapping[str, list[str]] | None = None,
    lenient: bool = False, notes: Iterable[str] = (),
) -> Collection:  # fmt: skip
    """A collection of what a reader found; questions without a judgement are left out and counted.

    A question or translation without text is an error; ``notes`` say what the reader left out.
    ``lenient`` also leaves out judgements of unknown passages or questions, and questions that then
    have no relevant passage, which are errors without it: CLEF's convention where only a part of
    its documents is at hand.

    >>> texts, asked = {"p": "Water is wet."}, {"q": "maji?", "r": "moto?"}
    >>> judged = {"q": {"p": 1, "elsewhere": 1}, "r": {"elsewhere": 1}}
    >>> collect("toy", "sw", texts, asked, judged, lenient=True).qrels
    {'q': {'p': 1}}
    """
    one_form(f"{name}, judgements", qrels, queries, "the questions")
    one_form(f"{name}, judgements", {*itertools.chain(*qrels.values())}, passages, "the passages")
    one_form(f"{name}, translations", translations or (), queries, "the questions")
    if lenient:
        asked = ((q, grades) for q, grades in qrels.items() if q in queries)
        known = {q: {p: g for p, g in grades.items() if p in passages} for q, grades in asked}
        qrels = {q: grades for q, grades in known.items() if max(grades.values(), default=0) > 0}
    if not qrels:
        expected = "at least one; check that the ids of the files agree"
        raise InputError(name, "no judged question", expected)
    kept, *more = (
        {q: value for q, value in (values or {}).items() if q in qrels}
        for values in (queries, translations, flags)
    )
    need_text(name, kept, more[0])
    if left := len((translations or {}).keys() - queries):
        of = f"{left:,} of {len(translations):,} translations"
        if left == len(translations):
            expected = "one of a question at least; check that the ids of the files agree"
            raise InputError(name, f"{of} of no question", expected)
        notes = [*notes, f"{of} are of no question and are left out"]
    if left := len(queries) - len(kept):
        of = f"{left:,} of {len(queries):,} questions"
        notes = [*notes, f"{of} have no judgement and are left out"]
    try:
        return Collection(name, lang, passages, kept, qrels, *more, tuple(notes))
    except InputError as error:
        raise InputError(f"{error}, or give --lenient to leave them out") from None


def need_text(of: str, *questions: Mapping[str, str]) -> None:
    """Refuse a question, or a translation of one, that asks nothing."""
    for name, text in itertools.chain(*(some.items() for some in questions)):
        if not text.strip():
            raise InputError(f"{of}, question {name!r}", "no text", "some; fill it or leave it out")


def check_written(data: Collection) -> None:
    """Refuse what no form of a collection can hold: all that is written reads back the same."""
    need_text(data.name, data.queries, data.translations)
    kinds = {"passage": data.passages, "question": data.queries, "translation": data.translations}
    for what, texts in kinds.items():
        for name, text in texts.items():
            identifier(f"{data.name}, {what}", name)
            if len(text) > TEXT:
                where, got = f"{data.name}, {what} {name!r}", f"{len(text):,} characters"
                raise InputError(where, got, f"{TEXT:,} at most")
    if unasked := sorted((data.translations.keys() | data.flags.keys()) - data.queries.keys()):
        raise InputError(data.name, f"a translation or flag of {unasked[0]!r}", "a question's id")
    if not data.qrels:
        raise InputError(data.name, "no judged question", "at least one")
    for query, grades in data.qrels.items():
        for passage, value in grades.items():
            grade(f"{data.name}, question {query!r}, passage {passage!r}", value)
