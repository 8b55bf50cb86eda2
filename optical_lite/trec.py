"""TREC: documents, topics, judgements and runs as TREC and CLEF write them.

A folder in this form has ``documents/`` (files of ``<DOC>`` elements, in any sub-folders), ``topics.LANG.txt`` or
``topics.txt``, and ``qrels.txt``; each may also lie elsewhere. :func:`write` makes such a folder of any collection.
Topics are read in three forms: elements with closed tags (CLEF, ``<SW-title>...</SW-title>``), elements whose tags
are never closed (TREC, ``<desc> Description:``), and the plain text of the CIIR's Swahili and Somali translations of
CLEF 2000-2003 (``query_id:``, ``title:``, ``description:``, a blank line between topics).
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from .corpora import Collection
from .files import Qrels, collect, find, grade, lines, numbered, real, rows, unique
from .safe_files import write_atomic
from .settings import InputError

Run = dict[str, list[tuple[str, float]]]
NAME, TITLE = ("DOCNO", "DOCID"), ("HEADLINE", "HEAD", "TITLE", "TI")
TEXT = ("LEAD", "LD", "LE", "TEXT", "TX", "TE")
FIELDS = {
    "num": "id", "identifier": "id", "title": "title", "desc": "desc", "description": "desc", "narr": "narr",
    "narrative": "narr",
}  # fmt: skip
SURROGATE = re.compile(r"[\ud800-\udfff]")  # half a character, which UTF-8 does not hold
LABEL = re.compile(r"^(?:number|topic|description|narrative)\s*:\s*", re.IGNORECASE)


def _plain(text: str) -> str:
    """Text without tags, comments and entities, with single blanks.

    >>> _plain("<P>Rain &amp; sun, 3 < 4</P><!-- page 2 -->")
    'Rain & sun, 3 < 4'
    """
    return " ".join(html.unescape(re.sub(r"<!--.*?-->|</?[A-Za-z][^<>]*>", " ", text, flags=re.DOTALL)).split())


def _elements(text: str, names: tuple[str, ...]) -> list[str]:
    """Plain text of every element of some names, in their order."""
    pattern = rf"<({'|'.join(names)})(?:\s[^<>]*)?>(.*?)</\1>"
    return [_plain(inside) for _, inside in re.findall(pattern, text, re.DOTALL | re.IGNORECASE)]


def read_documents(path: str | Path, encoding: str = "utf-8") -> dict[str, str]:
    """Documents of a file, or of all files of a folder: headline and text by id.

    The id is ``<DOCNO>``, or ``<DOCID>`` where there is none: CLEF's Los Angeles Times has both, and judgements name
    the first. CLEF's files are in ISO-8859-1.
    """
    place = Path(path)
    if not place.exists():
        raise InputError(f"{path}: got no such file or folder, expected TREC documents; check the path")
    files = sorted(p for p in place.rglob("*") if p.is_file()) if place.is_dir() else [place]

    def each() -> Iterator[tuple[str, str]]:
        for file in files:
            if file.suffix.lower() == ".dtd" or file.name.startswith("."):
                continue
            text = "\n".join(lines(file, encoding))
            found = re.findall(r"<DOC(?:\s[^<>]*)?>(.*?)</DOC>", text, re.DOTALL | re.IGNORECASE)
            begun = len(re.findall(r"<DOC[\s>]", text, re.IGNORECASE))
            if not found or begun != len(found):
                raise InputError(
                    f"{file}: got {begun} <DOC> and {len(found)} whole <DOC>...</DOC>, expected equally many and at "
                    "least one; mend the file or move it away"
                )
            for number, inside in enumerate(found, 1):
                ids = [name for tag in NAME for name in _elements(inside, (tag,))]
                if not ids or len(ids[0].split()) != 1:
                    raise InputError(f"{file}, document {number}: got {ids[:1]}, expected a <DOCNO> without blanks")
                yield ids[0], " ".join(filter(None, _elements(inside, TITLE) + _elements(inside, TEXT)))

    return unique(path, each())


def read_topics(path: str | Path, fields: str = "title+desc", encoding: str = "utf-8") -> dict[str, str]:
    """Questions by topic id.

    Parameters
    ----------
    fields : what makes a question, of title, desc and narr joined by +; a topic may lack one of them, not all
    """
    wanted = fields.split("+")
    if not set(wanted) <= {"title", "desc", "narr"}:
        raise InputError(f"topics: got fields {fields!r}, expected title, desc, narr joined by +, such as title+desc")
    text = "\n".join(lines(path, encoding))
    tagged = re.findall(r"<(top|topic)(?:\s[^<>]*)?>(.*?)</\1>", text, re.DOTALL | re.IGNORECASE)
    found = [_tagged(path, inside) for _, inside in tagged] or [*_translated(text)]
    if not found:
        raise InputError(f"{path}: got no topic, expected <top>...</top> or lines that start with query_id:")
    questions = {}
    for number, topic in enumerate(found, 1):
        name, question = topic.get("id", ""), " ".join(topic[f] for f in wanted if topic.get(f))
        if not name or name in questions or not question:
            said = f"topic {name!r} twice" if name in questions else f"{'no text' if name else 'no number'}"
            raise InputError(f"{path}, topic {number}: got {said}, expected a number of its own and {fields}")
        questions[name] = question
    return questions


def _tagged(path: str | Path, inside: str) -> dict[str, str]:
    """Fields of a topic whose tags may be closed or not: each reaches to the next tag."""
    topic: dict[str, str] = {}
    parts = re.split(r"<(/?)([\w-]+)[^<>]*>", inside)
    for closing, tag, text in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        field = FIELDS.get(tag.lower().rsplit("-", 1)[-1])
        if closing or not field:
            continue
        if field in topic:
            raise InputError(f"{path}: got two <{tag}> in topic {topic.get('id')!r}, expected one language a file")
        topic[field] = LABEL.sub("", _plain(text))
    return topic


def _translated(text: str) -> Iterator[dict[str, str]]:
    """Topics of the CIIR's text files; a description may go on over lines, each with its label."""
    for block in re.split(r"^.*query_id:", text, flags=re.MULTILINE)[1:]:
        name, *more = (line.strip() for line in block.split("\n"))
        title, *rest = [line for line in more if line] or [""]
        desc = " ".join(line.rpartition("description:")[2].strip() for line in rest)
        yield {"id": name, "title": title.rpartition("title:")[2].strip(), "desc": desc}


def read_qrels(path: str | Path) -> Qrels:
    """Judgements: lines ``topic iteration document grade``."""
    found: Qrels = {}
    for query, _, passage, value in rows(path, 4, "topic iteration document grade", sep=None):
        if passage in found.setdefault(query, {}):
            raise InputError(f"{path}: got document {passage!r} judged twice for topic {query!r}, expected once")
        found[query][passage] = grade(path, value)
    return found


def read_run(path: str | Path) -> Run:
    """A run: lines ``topic Q0 document rank score tag``. The score orders, as in trec_eval; the rank is not read.

    A file without lines is the run of a search that found nothing.
    """
    found: dict[str, dict[str, float]] = {}
    for number, (query, _, passage, _, score, _) in numbered(path, 6, "topic Q0 document rank score tag", sep=None):
        place = f"{path}, line {number}, topic {query!r}"
        if passage in found.setdefault(query, {}):
            raise InputError(f"{place}: got document {passage!r} twice, expected each document once; mend the line")
        found[query][passage] = real(place, score)
    return {query: ranked(scores.items()) for query, scores in found.items()}


def ranked(scores: Iterable[tuple[str, float]]) -> list[tuple[str, float]]:
    """Scored documents, best first, equal scores by name.

    >>> ranked([("b", 1.0), ("c", 2.0), ("a", 1.0)])
    [('c', 2.0), ('a', 1.0), ('b', 1.0)]
    """
    return sorted(scores, key=lambda pair: (-pair[1], pair[0]))


def need_columns(*names: str, of: str | Path) -> None:
    """Refuse names that a file with columns between blanks cannot hold.

    >>> need_columns("water report 1", of="a.run")
    Traceback (most recent call last):
    optical_lite.settings.InputError: a.run: got name 'water report 1', expected one without blanks; rename it
    """
    for name in names:
        if name.split() != [name] or name.startswith("\ufeff") or SURROGATE.search(name):
            raise InputError(f"{of}: got name {name!r}, expected one without blanks; rename it")


def write_run(path: str | Path, run: Run, tag: str) -> Path:
    """Write a run, each question's documents by score; :func:`read_run` gives it back, but for questions without any.

    Raises
    ------
    InputError
        what would not be read back: a name with blanks, a document twice, a score that is no finite number
    """
    text = []
    for query, ranking in run.items():
        need_columns(query, tag, *(document for document, _ in ranking), of=path)
        if len(dict(ranking)) < len(ranking):
            raise InputError(f"{path}: got a document twice for topic {query!r}, expected each once; not written")
        for rank, (document, score) in enumerate(ranked(ranking), 1):
            if not math.isfinite(score):
                said = f"got score {score} of document {document!r} for topic {query!r}"
                raise InputError(f"{path}: {said}, expected a finite number; not written")
            text.append(f"{query} Q0 {document} {rank} {float(score)!r} {tag}\n")
    return write_atomic(path, "".join(text))


def read(
    path: str | Path, lang: str = "xx", *, documents: str | Path | None = None, topics: str | Path | None = None,
    qrels: str | Path | None = None, fields: str = "title+desc", encoding: str = "utf-8", lenient: bool = False,
) -> Collection:  # fmt: skip
    """Read a folder in TREC form.

    Topics ``C041`` and judgements of topic ``41`` belong together; the question then has the name that judgements use.
    English topics beside those of another language are the questions' reference English.

    Parameters
    ----------
    documents, topics, qrels : where they are, if not in the folder under their usual names
    fields : see :func:`read_topics`
    lenient : see :func:`optical_lite.files.collect`
    """
    folder = Path(path)
    judged = read_qrels(qrels or find(folder, "qrels.txt*", "qrels*"))
    numbers = {_number(name): name for name in judged}

    def renamed(place: str | Path) -> dict[str, str]:
        return {numbers.get(_number(n), n): t for n, t in read_topics(place, fields, encoding).items()}

    asked = renamed(topics or find(folder, f"topics.{lang}.txt*", "topics.txt*"))
    english = [] if topics or lang == "en" else sorted(folder.glob("topics.en.txt*"))
    translations = renamed(english[0]) if english else {}
    texts = read_documents(documents or folder / "documents", encoding)
    return collect(folder.name, lang, texts, asked, judged, translations=translations, lenient=lenient)


def _number(name: str) -> str:
    """A topic's number without CLEF's letter and zeros.

    >>> _number("C041"), _number("q-7")
    ('41', 'q-7')
    """
    found = re.fullmatch(r"[A-Za-z]?0*(\d+)", name)
    return found[1] if found else name


def write(collection: Collection, folder: str | Path) -> None:
    """Write a collection as a TREC folder: documents, CLEF topics (the translations, too), judgements."""
    bad = [name for name in (*collection.passages, *collection.queries) if len(name.split()) != 1]
    if bad:
        raise InputError(f"{collection.name}: got id {bad[0]!r}, expected ids without blanks, as TREC needs; rename it")
    folder = Path(folder)
    documents = (
        f"<DOC>\n<DOCNO>{name}</DOCNO>\n<TEXT>\n{html.escape(text, quote=False)}\n</TEXT>\n</DOC>\n"
        for name, text in collection.passages.items()
    )
    write_atomic(folder / "documents" / f"{collection.name}.sgml", "".join(documents))
    for lang, questions in ((collection.lang, collection.queries), ("en", collection.translations)):
        tag = f"{lang.upper()}-title"
        text = (
            f"<top>\n<num>{name}</num>\n<{tag}>{html.escape(question, quote=False)}</{tag}>\n</top>\n"
            for name, question in questions.items()
        )
        if questions:
            write_atomic(folder / f"topics.{lang}.txt", "".join(text))
    judged = (f"{q} 0 {p} {g}\n" for q, grades in collection.qrels.items() for p, g in grades.items())
    write_atomic(folder / "qrels.txt", "".join(judged))
