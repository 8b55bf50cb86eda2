"""The pocket collection: bundled pairs, passages, questions, alignments; see its README.md."""

from __future__ import annotations

import functools
from pathlib import Path

from ..corpora import THREE_LETTERS, Bitext, Collection
from ..formats.lines import json_lines, lines, read_text
from ..provenance import sha256
from ..safe_files import regular
from ..settings import DATA, InputError, one_of

FOLDER = DATA / "pocket"
LOW_RESOURCE = ("sw", "so", "tl", "mr")
LANGUAGES = (*LOW_RESOURCE, "es", "fr", "de")
Links = set[tuple[int, int]]


def _language(code: str, known: tuple[str, ...] = LANGUAGES) -> str:
    short = THREE_LETTERS.get(code, code)
    one_of("pocket: got language", short, known)
    return short


def _table(name: str) -> list[dict[str, str]]:
    """Rows of a table by the names in its first line."""
    rows = [line.split("\t") for line in lines(regular(FOLDER / name))]
    if any(len(cells) != len(rows[0]) for cells in rows):
        raise InputError(f"{FOLDER / name}: got another file than the kit brings; restore data/")
    return [dict(zip(rows[0], cells, strict=True)) for cells in rows[1:]]


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
    shape = dict.fromkeys(("id", "title", "text"), str)
    records = (record for _, record in json_lines(regular(FOLDER / "passages.jsonl"), shape))
    return {record["id"]: f"{record['title']}. {record['text']}" for record in records}


def collection(lang: str, split: str = "test") -> Collection:
    """The passages with the questions of a language (or ``en``) and split, ``test`` or ``dev``."""
    lang = _language(lang, (*LANGUAGES, "en"))
    one_of("pocket: got split", split, ("test", "dev"))
    rows = [row for row in _table("questions.tsv") if row["split"] == split]
    qrels: dict[str, dict[str, int]] = {row["id"]: {} for row in rows}
    for row in _table("qrels.tsv"):
        if row["query"] in qrels:
            qrels[row["query"]][row["passage"]] = int(row["grade"])
    asked, english = ({row["id"]: row[code] for row in rows} for code in (lang, "en"))
    return Collection("pocket", lang, passages(), asked, qrels, english)


def gold(lang: str) -> list[tuple[str, str, Links, Links]]:
    """Gold word alignments of a low-resource language: source, English, sure and possible links.

    Links are 0-based pairs (source word, English word) over :func:`optical_lite.text.words`.
    """
    lang = _language(lang, LOW_RESOURCE)
    sentences = {row["id"]: (row[lang], row["en"]) for row in _table("bitext.tsv")}
    rows = _table(f"alignments/{lang}.tsv")
    return [(*sentences[row["id"]], _links(row["sure"]), _links(row["possible"])) for row in rows]


def _links(text: str) -> Links:
    return {(int(i), int(j)) for i, j in (pair.split("-") for pair in text.split())}


def validate(folder: Path = FOLDER) -> list[str]:
    """Files of a pocket folder that are not as they were written, one line each.

    ``SHA256SUMS`` has the sha256 of each; how a system ends lines does not count.
    """
    problems = []
    for expected, name in (line.split("  ") for line in lines(regular(FOLDER / "SHA256SUMS"))):
        try:
            found = sha256(read_text(folder / name).encode())
        except InputError as error:
            problems.append(str(error))
        else:
            if found != expected:
                problems.append(f"{name}: got sha256 {found[:12]}..., expected {expected[:12]}...")
    return problems
