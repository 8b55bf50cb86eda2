"""The pocket collection: bundled sentence pairs, passages, questions, alignments; 7 languages.

Written for this kit, so that every lesson works offline; ``data/pocket/README.md`` is its data
card.
"""

from __future__ import annotations

import functools
import unicodedata
from pathlib import Path

from ..corpora import THREE_LETTERS, Bitext, Collection
from ..formats.lines import json_lines, lines
from ..settings import DATA, InputError, one_of
from ..text import bare, fold, words

FOLDER = DATA / "pocket"
LOW_RESOURCE = ("sw", "so", "tl", "mr")
LANGUAGES = (*LOW_RESOURCE, "es", "fr", "de")
SPLITS = ("test", "dev")
Links = set[tuple[int, int]]
COLUMNS = {  # of each table
    "bitext.tsv": ("id", "en", *LANGUAGES),
    "questions.tsv": ("id", "split", "en", *LANGUAGES),
    "qrels.tsv": ("query", "passage", "grade"),
    **{f"alignments/{lang}.tsv": ("id", "sure", "possible") for lang in LOW_RESOURCE},
}


def _language(code: str, known: tuple[str, ...] = LANGUAGES) -> str:
    short = THREE_LETTERS.get(code, code)
    one_of("pocket: got language", short, known)
    return short


def _table(name: str, folder: Path = FOLDER) -> list[dict[str, str]]:
    """Rows of a table by the names in its first line, which :data:`COLUMNS` must be among."""
    header, *rest = [line.split("\t") for line in lines(folder / name)] or [[]]
    if missing := [column for column in COLUMNS[name] if column not in header]:
        expected = ", ".join(COLUMNS[name])
        raise InputError(
            f"{folder / name}, line 1: got no column {missing[0]}, expected {expected}"
        )
    for number, cells in enumerate(rest, 2):
        if len(cells) != len(header):
            got, expected = f"{len(cells)} columns", f"the header's {len(header)}"
            raise InputError(
                f"{folder / name}, line {number}: got {got}, expected {expected}; mend it"
            )
    return [dict(zip(header, cells, strict=True)) for cells in rest]


def _texts(folder: Path = FOLDER) -> list[dict]:
    shape = dict.fromkeys(("id", "title", "text"), str)
    return [row for _, row in json_lines(folder / "passages.jsonl", shape)]


def bitext(lang: str) -> Bitext:
    """Sentence pairs of one language with English.

    >>> bitext("sw").pairs[0][1]
    'The doctor keeps the pills in a dark room.'
    """
    lang = _language(lang)
    pairs = tuple((row[lang], row["en"]) for row in _table("bitext.tsv"))
    return Bitext("pocket", lang, "en", pairs)


@functools.cache
def passages() -> dict[str, str]:
    """English passages by id: title and text."""
    return {record["id"]: f"{record['title']}. {record['text']}" for record in _texts()}


def collection(lang: str, split: str = "test") -> Collection:
    """The passages with the questions of a language (or ``en``) and split, ``test`` or ``dev``."""
    lang = _language(lang, (*LANGUAGES, "en"))
    one_of("pocket: got split", split, SPLITS)
    rows = [row for row in _table("questions.tsv") if row["split"] == split]
    qrels: dict[str, dict[str, int]] = {row["id"]: {} for row in rows}
    for row in _table("qrels.tsv"):
        if row["query"] in qrels:
            qrels[row["query"]][row["passage"]] = int(row["grade"])
    asked, english = ({row["id"]: row[code] for row in rows} for code in (lang, "en"))
    return Collection("pocket", lang, passages(), asked, qrels, english)


def gold(lang: str) -> list[tuple[str, str, Links, Links]]:
    """Gold word alignments of a low-resource language.

    Returns
    -------
    list of (source, English, sure links, possible links)
        links are 0-based pairs (source word, English word) over :func:`optical_lite.text.words`
    """
    lang = _language(lang, LOW_RESOURCE)
    sentences = {row["id"]: (row[lang], row["en"]) for row in _table("bitext.tsv")}
    rows = _table(f"alignments/{lang}.tsv")
    return [(*sentences[row["id"]], _links(row["sure"]), _links(row["possible"])) for row in rows]


def _links(text: str) -> Links:
    return {(int(i), int(j)) for i, j in (pair.split("-") for pair in text.split())}


def validate(folder: Path = FOLDER) -> list[str]:
    """Everything that is wrong with a pocket folder, one line each; empty when all is well."""
    try:
        names = ("bitext", "questions", "qrels")
        pairs, questions, qrels = (_table(f"{name}.tsv", folder) for name in names)
        texts = _texts(folder)
        links = {lang: _table(f"alignments/{lang}.tsv", folder) for lang in LOW_RESOURCE}
    except InputError as error:
        return [str(error)]
    # what follows the first needs well-formed rows
    return _row_problems(pairs, questions, texts) or [
        *_collection_problems(pairs, questions, texts, qrels), *_link_problems(pairs, links),
    ]  # fmt: skip


def _row_problems(pairs: list[dict], questions: list[dict], texts: list[dict]) -> list[str]:
    """Ids that occur twice, texts that are not clean, sentences repeated or not translated."""
    problems: list[str] = []
    for name, rows in (("bitext", pairs), ("questions", questions), ("passages", texts)):
        ids = [row["id"] for row in rows]
        twice = sorted({i for i in ids if ids.count(i) > 1})
        problems += [f"{name}: id {i!r} occurs twice" for i in twice]
        for row in rows:
            found = (p for key, text in row.items() for p in _text_problems(key, text))
            problems += [f"{name} {row['id']}: {p}" for p in found]
    for name, rows in (("bitext", pairs), ("questions", questions)):
        for lang in ("en", *LANGUAGES):
            seen: dict[str, str] = {}
            for row in rows:
                first = seen.setdefault(fold(row[lang]), row["id"])
                if first != row["id"]:
                    problems.append(f"{name} {lang}: {row['id']} repeats {first}")
                if lang != "en" and row[lang] == row["en"]:
                    problems.append(f"{name} {lang}: {row['id']} is not translated")
    return problems


def _collection_problems(
    pairs: list[dict], questions: list[dict], texts: list[dict], qrels: list[dict]
) -> list[str]:
    """Questions that the bitext gives away, passages of another size, wrong judgements."""
    problems: list[str] = []
    for lang in ("en", *LANGUAGES):  # leakage: a question must not be learned by heart
        known = {bare(row[lang]): row["id"] for row in pairs}
        for row in questions:
            if (text := bare(row[lang])) in known:
                found = f"question {row['id']} is sentence {known[text]} of the bitext"
                problems.append(f"leakage {lang}: {found}")
    passage_ids, question_ids = {row["id"] for row in texts}, {row["id"] for row in questions}
    for row in texts:
        size = len(row["text"].split())
        if not 30 <= size <= 80:
            problems.append(f"passage {row['id']}: {size} words, expected 30 to 80")
    for row in qrels:
        known = row["query"] in question_ids and row["passage"] in passage_ids
        if not known or row["grade"] != "1":
            problems.append(f"qrels: {row} names an unknown id or grade")
    judged = {row["query"] for row in qrels}
    problems += [f"question {i}: no relevant passage" for i in sorted(question_ids - judged)]
    for row in questions:
        if row["split"] not in SPLITS:
            problems.append(f"question {row['id']}: split {row['split']!r}")
    return problems


def _link_problems(pairs: list[dict], links: dict[str, list[dict]]) -> list[str]:
    """Alignments of sentences that are not there, and links that are none or out of bounds."""
    problems: list[str] = []
    sentences = {row["id"]: row for row in pairs}
    for lang, rows in links.items():
        for row in rows:
            where = f"alignment {lang} {row['id']}"
            if row["id"] not in sentences:
                problems.append(f"{where}: no such sentence")
                continue
            try:
                sure, possible = _links(row["sure"]), _links(row["possible"])
            except ValueError:
                problems.append(f"{where}: links are not pairs i-j")
                continue
            n, m = (len(words(sentences[row["id"]][code])) for code in (lang, "en"))
            if any(not (0 <= i < n and 0 <= j < m) for i, j in sure | possible):
                size = f"{n} source and {m} English words"
                problems.append(f"{where}: a link is out of bounds ({size})")
            if not sure or sure & possible:
                problems.append(f"{where}: no sure link, or a link both sure and possible")
    return problems


def _text_problems(key: str, value: str) -> list[str]:
    if not value.strip():
        return [f"{key} is empty"]
    if value != value.strip() or value != unicodedata.normalize("NFC", value):
        return [f"{key} has blanks at an end or is not NFC"]
    if any(unicodedata.category(c) in ("Cc", "Co", "Cn", "Cs") or c == "\ufffd" for c in value):
        return [f"{key} has a control or replacement character"]
    if key == "mr" and not any("\u0900" <= c <= "\u097f" for c in value):
        return [f"{key} is not in Devanagari"]
    return []
