"""TREC: documents, topics, judgements and runs as TREC and CLEF write them.

A folder in this form has ``documents/`` (files of ``<DOC>`` elements, in any sub-folders),
``topics.LANG.txt`` or ``topics.txt``, and ``qrels.txt``; each may also lie elsewhere.
"""

from __future__ import annotations

import io
import math
import os
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

from ..corpora import Collection, Run
from ..safe_files import regular, write_atomic
from ..settings import InputError
from .collect import ODD, Qrels, collect, find, identifier, read_judgements, real, unique
from .lines import LONGEST, file_part, lines, placed, table
from .sgml import elements, first_words, marked_up, outside, spans, unwrapped
from .topics import read_topics, renamed, topic

NAME, TITLE = ("DOCNO", "DOCID"), ("HEADLINE", "HEAD", "HL", "TITLE", "TI")
TEXT = ("LEAD", "LD", "LE", "LP", "TEXT", "TX", "TE")
# of newspapers' and agencies' documents, what tells of a text and is none
ABOUT = (
    "AUTHOR", "BYLINE", "CATEGORY", "COUNTRY", "DATE", "DATELINE", "DD", "DOCHDR", "EDITION",
    "FILEID", "FIRST", "HEADER", "HT", "KW", "LANGUAGE", "LENGTH", "NUM", "PAGE", "PARENT",
    "PROFILE", "PUB", "RECORDNO", "SECOND", "SECTION", "SO", "SOURCE", "SUBJECT", "TIME", "TYPE",
)  # fmt: skip
IGNORED = re.compile(r"^\.|\.dtd$", re.IGNORECASE)  # files of a folder


def _documents(file: Path, encoding: str) -> Iterator[tuple[str, str]]:
    """Words before each ``<DOC>`` of a file, and what stands in it; at the end those after all."""
    begun = ended = whole = size = 0
    block = io.StringIO()  # a list of short lines would take far more
    for number, line in enumerate(lines(file, encoding), 1):
        begun += sum(1 for _ in re.finditer(r"<DOC(?:[\s>]|$)", line, re.IGNORECASE))
        block.write(line + "\n")
        size += len(line) + 1
        if size > LONGEST:
            got = f"more than {LONGEST:,} characters without </DOC>"
            raise InputError(f"{file}, line {number}", got, "<DOC>...</DOC>")
        *before, rest = re.split("</DOC>", line, flags=re.IGNORECASE)
        if not before:
            continue
        ended += len(before)
        text, place = block.getvalue(), 0
        for start, _, inside, stop in spans(text, ("DOC",)):
            if "<!--" in unwrapped(text[place:start]):
                expected = "it outside of comments; delete it or the comment's marks"
                raise InputError(f"{file}, line {number}", "<DOC> in a comment", expected)
            yield first_words(text[place:start]), inside
            whole, place = whole + 1, stop
        block, size = io.StringIO(), len(rest) + 1
        block.write(rest + "\n")
    if not whole or not begun == ended == whole:
        got = f"{begun} <DOC> and {whole} whole <DOC>...</DOC>, {ended} </DOC>"
        expected = "equally many and at least one; mend the file or move it away"
        raise InputError(file, got, expected)
    yield first_words(block.getvalue()), ""


def _files(path: Path) -> list[Path]:
    """Files of a folder and of those in it; links are followed, a folder is read once."""
    found, seen = [], set()

    def refuse(error: OSError) -> None:
        raise error

    for folder, below, names in os.walk(path, onerror=refuse, followlinks=True):
        state = os.stat(folder)
        if (state.st_dev, state.st_ino) in seen:
            below.clear()
            continue
        seen.add((state.st_dev, state.st_ino))
        below.sort()
        found += [Path(folder, name) for name in names if not IGNORED.search(name)]
    if odd := [file for file in found if not file.is_file()]:
        said = "a link to nothing" if odd[0].is_symlink() else "something that is no file"
        raise InputError(odd[0], said, "a file; mend it or move it away")
    return sorted(found)


def read_documents(
    path: str | Path, encoding: str = "utf-8", *, lenient: bool = False
) -> dict[str, tuple[str, str]]:
    """Documents of a file or folder by id: headline and text, and the first words not read.

    The id is ``<DOCNO>``, or ``<DOCID>`` where there is none: CLEF's Los Angeles Times has both,
    and judgements name the first. With ``lenient`` a document whose words all stand in elements
    that are no text (a photograph's caption) has its headline alone, or is empty, and is no error;
    nor are words between documents.
    """
    files = _files(Path(path)) if os.path.isdir(path) else [Path(path)]
    found = unique(each for file in files for each in _named(file, encoding, lenient))
    if not found:
        raise InputError(path, "no document", "files with <DOC>...</DOC>; check the path")
    return found


def _named(file: Path, encoding: str, lenient: bool) -> Iterator[tuple[str, str, tuple[str, str]]]:
    """Place, id, text and words that were not read, of each document of a file."""
    around = pairwise(_documents(file, encoding))
    for number, ((before, inside), (after, _)) in enumerate(around, 1):
        inside, where = unwrapped(inside), f"{file}, document {number}"
        ids = next(filter(None, (elements(inside, (tag,)) for tag in NAME)), [])
        if len(ids) != 1:
            raise InputError(where, f"{len(ids) or 'no'} <{NAME[0]}>", "one in each <DOC>...</DOC>")
        need_columns(ids[0], of=where)
        head, body = elements(inside, TITLE), elements(inside, TEXT)
        of = f"{file}, document {ids[0]!r}"
        beside, left = before or after, _left(of, inside)
        if (beside or (left and not any(body))) and not lenient:
            expected = f"all in {', '.join(TEXT)}; move them, or give --lenient to leave them out"
            raise InputError(of, f"words in no element of text: {beside or left!r}", expected)
        yield where, ids[0], (" ".join(filter(None, head + body)), beside or left)


def _left(where: str, inside: str) -> str:
    """The first words of a document that stand in no known element; one without end is refused."""
    left = outside(inside, TITLE + TEXT)
    if tag := re.search(rf"<(/?)({'|'.join(TITLE + TEXT)})(\s[^<>]*)?>", left, re.IGNORECASE):
        said = "</{0}> without <{0}>" if tag[1] else "<{0}> without </{0}>"
        raise InputError(where, said.format(tag[2]), "both; mend it")
    return first_words(outside(left, NAME + ABOUT))


def read_qrels(path: str | Path) -> Qrels:
    """Judgements: lines ``topic iteration document grade``, or BEIR's, whose header tells them."""
    return read_judgements(path, None, sep=None)


def read_run(path: str | Path) -> Run:
    """A run: lines ``topic Q0 document rank score tag``, maybe none, by score, as in trec_eval."""
    found: dict[str, dict[str, float]] = {}
    cells = table(placed(path), 6, "topic Q0 document rank score tag", sep=None)
    for where, query, _, passage, _, score, _ in cells:
        place = f"{where}, topic {query!r}"
        identifier(where, query)
        identifier(place, passage)
        if passage in found.setdefault(query, {}):
            got = f"document {passage!r} twice"
            raise InputError(place, got, "each document once; mend the line")
        found[query][passage] = real(place, score)
    return {query: ranked(scores.items()) for query, scores in found.items()}


def ranked(scores: Iterable[tuple[str, float]]) -> list[tuple[str, float]]:
    """Scored documents, best first, equal scores by name.

    >>> ranked([("b", 1.0), ("c", 2.0), ("a", 1.0)])
    [('c', 2.0), ('a', 1.0), ('b', 1.0)]
    """
    return sorted(scores, key=lambda pair: (-pair[1], pair[0]))


def need_columns(*names: str, of: str | Path) -> None:
    """Refuse names that a file with columns between blanks cannot hold."""
    for name in names:
        if name.split() != [name] or ODD.search(name):
            expected = "one without blanks and control characters; rename it"
            raise InputError(of, f"name {name!r}", expected)


def write_run(path: str | Path, run: Run, tag: str) -> Path:
    """Write a run by score, if :func:`read_run` gives it back, but questions without a document."""
    text = []
    for query, ranking in run.items():
        need_columns(query, tag, *(document for document, _ in ranking), of=path)
        if len(dict(ranking)) < len(ranking):
            got = f"a document twice for topic {query!r}"
            raise InputError(path, got, "each once; not written")
        for rank, (document, score) in enumerate(ranked(ranking), 1):
            if not math.isfinite(score):
                got = f"score {score} of document {document!r} for topic {query!r}"
                raise InputError(path, got, "a finite number; not written")
            text.append(f"{query} Q0 {document} {rank} {float(score)!r} {tag}\n")
    return write_atomic(path, "".join(text))


def read(
    path: str | Path, lang: str = "xx", *, documents: str | Path | None = None,
    topics: str | Path | None = None, qrels: str | Path | None = None, fields: str = "title+desc",
    encoding: str = "utf-8", lenient: bool = False,
) -> Collection:  # fmt: skip
    """Read a folder in TREC form, or from ``documents``, ``topics`` and ``qrels`` elsewhere.

    English topics beside those of another language are the questions' reference English. For
    ``fields`` see :func:`read_topics`, for ``lenient`` :func:`read_documents` and :func:`.collect`.
    """
    folder = Path(path)
    judged = read_qrels(qrels or find(folder, "qrels.txt*", "qrels*"))
    patterns = [f"topics.{file_part('language', lang)}.txt*", "topics.txt*"]
    if lang == "xx" and not [*folder.glob(patterns[0])]:
        del patterns[0]  # a language that nobody named is not asked for
    left: list[str] = []
    how = fields, encoding, left if lenient else None
    asked = renamed(read_topics(topics or find(folder, *patterns), *how), judged)
    english, theirs = sorted(folder.glob("topics.en.txt*")), {}
    if english and not topics and lang != "en":
        theirs = renamed(read_topics(regular(english[0]), *how), judged)
    found = read_documents(documents or folder / "documents", encoding, lenient=lenient)
    texts = {name: text for name, (text, _) in found.items()}
    notes = [f"{words!r} of {name!r}" for name, (_, words) in found.items() if words]
    if notes:
        notes = [f"{len(notes):,} documents have words that are not read: {notes[0]}"]
    if left:
        notes.append(f"words of topics are not read in {len(left):,} places: {left[0]}")
    queries, translations = ({q: each[0] for q, each in some.items()} for some in (asked, theirs))
    flags = {name: marks for name, (_, marks) in asked.items() if marks is not None}
    more = {"translations": translations, "flags": flags, "lenient": lenient, "notes": notes}
    return collect(folder.name, lang, texts, queries, judged, **more)


def write(collection: Collection, folder: Path) -> None:
    """Write a collection as a TREC folder: documents, CLEF topics in both languages, judgements.

    English questions are their own translations and are written once. Flags are a field that others
    need not know.
    """
    lang = file_part("language", collection.lang)
    need_columns(*collection.passages, *collection.queries, of=collection.name)
    documents = (
        f"<DOC>\n<DOCNO>{marked_up(name)}</DOCNO>\n<TEXT>\n{marked_up(text)}\n</TEXT>\n</DOC>\n"
        for name, text in collection.passages.items()
    )
    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", collection.name)[:64] or "documents"
    write_atomic(folder / "documents" / f"{stem}.sgml", "".join(documents))
    translations = collection.translations.items()
    if lang == "en" and not translations <= collection.queries.items():
        got = "English questions and other translations of them"
        raise InputError(collection.name, got, "one English text each; write it in BEIR's form")
    if translations and lang != "en":
        english = (topic("en", *each, {}) for each in translations)
        write_atomic(folder / "topics.en.txt", "".join(english))
    asked = (topic(lang, *each, collection.flags) for each in collection.queries.items())
    write_atomic(folder / f"topics.{lang}.txt", "".join(asked))
    qrels = collection.qrels.items()
    judged = (f"{q} 0 {p} {grade}\n" for q, grades in qrels for p, grade in grades.items())
    write_atomic(folder / "qrels.txt", "".join(judged))
