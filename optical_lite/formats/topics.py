"""Topics: questions as TREC and CLEF write them, in three forms.

Elements with closed tags (CLEF, ``<SW-title>...</SW-title>``), elements whose tags are never closed
(TREC, ``<desc> Description:``), and the plain text of the CIIR's Swahili and Somali translations of
CLEF 2000-2003 (``query_id:``, ``title:``, ``description:``, a blank line between topics).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from ..settings import InputError
from .collect import Qrels
from .lines import read_text
from .sgml import first_words, marked_up, outside, plain, spans, unwrapped

FIELDS = {
    "num": "id", "identifier": "id", "title": "title", "desc": "desc", "description": "desc",
    "narr": "narr", "narrative": "narr", "flags": "flags",
    # of TREC 1 to 4; they end the field before them
    **dict.fromkeys(("head", "dom", "smry", "con", "fac", "def", "nat", "time")),
}  # fmt: skip
# Labels that begin a field, where its tag is not closed and where it is: a closed title stands as
# it is.
LABELS = {
    "id": (r"^\s*number\s*:", r"^\s*number\s*:\s"),
    "title": (r"^\s*topic\s*:", ""),
    "desc": (r"^\s*description\s*:",) * 2,
    "narr": (r"^\s*narrative\s*:",) * 2,
    "flags": ("", ""),
}
TOPIC = ("topic", "top")
PARTS = 10_000  # most tags, lines or flags of a topic, each of which may take 200 bytes
# What begins a topic of the CIIR's, but for "query_id:" itself at the start of a line.
BEGINS = re.compile(r"query_id:|^\W*(?:q\w*[ _-]?id|id|num\w*|topic|title)\s*:", re.IGNORECASE)


def read_topics(
    path: str | Path, fields: str = "title+desc", encoding: str = "utf-8",
    left: list[str] | None = None,
) -> dict[str, tuple[str, list[str] | None]]:  # fmt: skip
    """Question and flags, where there are any, by topic id.

    A question is made of ``fields``; a topic may lack one of them, not all. Words outside of topics
    and of fields are an error, or, where ``left`` is given, noted there.
    """
    wanted = fields.split("+")
    if not set(wanted) <= {"title", "desc", "narr"} or len(set(wanted)) < len(wanted):
        expected = "title, desc, narr joined by +, each once, such as title+desc"
        raise InputError("topics", f"fields {fields!r}", expected)
    text = read_text(path, encoding, pipe=True)
    marked = unwrapped(text)
    if whole := Counter(name.lower() for _, name, _, _ in spans(marked, TOPIC)):
        opening = re.compile(rf"<(?:{'|'.join(whole)})[\s>]", re.IGNORECASE)
        opened = sum(1 for _ in opening.finditer(marked))
        if opened != whole.total():
            got = f"{opened} <top> and {whole.total()} whole <top>...</top>"
            raise InputError(path, got, "equally many; mend the file")
        between = outside(marked, TOPIC)
        if other := re.search(r"<topic[\s>]|<top[\s>]|query_id:", between, re.IGNORECASE):
            expected = "topics of one form; mend the file or make it two"
            raise InputError(path, f"<{next(iter(whole))}> and {other[0]!r}", expected)
        _leave(path, between, left)
        found = (_tagged(path, inside, left) for _, _, inside, _ in spans(marked, TOPIC))
    else:
        found = _translated(path, text)
    topics: dict[str, tuple[str, list[str] | None]] = {}
    for number, topic in enumerate(found, 1):
        name = topic.get("id", "").strip()
        question = " ".join(topic[field] for field in wanted if topic.get(field))
        if not name or name in topics or not question.strip():
            said = f"topic {name!r} twice" if name in topics else "no text" if name else "no number"
            raise InputError(f"{path}, topic {number}", said, f"a number of its own and {fields}")
        marks = _few(path, topic["flags"].split(None, PARTS)) if "flags" in topic else None
        topics[name] = question, marks
    if not topics:
        raise InputError(path, "no topic", "<top>...</top> or lines that start with query_id:")
    return topics


def _few(path: str | Path, found: list) -> list:
    """Parts of a topic, where they are no more than a topic has."""
    if len(found) > PARTS:
        got = f"a topic of more than {PARTS:,} tags, lines or flags"
        raise InputError(path, got, "fewer; mend the file")
    return found


def _leave(where: object, text: str, left: list[str] | None) -> None:
    """Refuse or note what stands outside of topics or of their fields."""
    if words := first_words(text):
        if left is None:
            expected = "each in a field such as <title>; mend it, or give --lenient to leave it out"
            raise InputError(where, f"words outside of fields: {words!r}", expected)
        left.append(f"{words!r} of {where}")


def _tagged(path: str | Path, inside: str, left: list[str] | None) -> dict[str, str]:
    """Fields of a topic: to the end tag, or, where it has none, to the next field, after a label.

    Other tags inside a field are markup of its text.
    """
    topic: dict[str, str] = {}
    # whether it closes, its name, and that without the language
    found = re.finditer(r"<(/?)((?:[\w-]*-)?(\w+))(?:\s[^<>]*)?>", inside)
    known = (tag for tag in found if tag[3].lower() in FIELDS)
    tags, place = _few(path, [*islice(known, PARTS + 1)]), 0
    beside = [inside[: tags[0].start()] if tags else inside]
    for number, mark in enumerate(tags, 1):
        closing, tag, field = mark[1], mark[2], FIELDS[mark[3].lower()]
        after = tags[number].start() if number < len(tags) else len(inside)
        if mark.start() < place:
            continue
        if closing or not field:
            beside += [inside[mark.end() : after]] * bool(closing)
            continue
        if field in topic:
            got = f"two <{tag}> in topic {topic.get('id')!r}"
            raise InputError(path, got, "one language a file")
        same = next((other for other in tags[number:] if other[2].lower() == tag.lower()), None)
        closed = bool(same and same[1])
        place = same.start() if closed else after
        text = inside[mark.end() : place]
        label = re.compile(LABELS[field][closed], re.IGNORECASE)
        topic[field] = plain(label.sub("", text, count=1))
    _leave(f"{path}, topic {topic.get('id', '')!r}", " ".join(beside), left)
    return topic


def _translated(path: str | Path, text: str) -> Iterator[dict[str, str]]:
    """Topics of the CIIR's text files; a description may go on over lines, each with its label."""
    before, *blocks = re.split(r"^[^\w\n]*query_id:", text, flags=re.MULTILINE)
    if blocks and before.strip():
        got = f"{before.strip()[:40]!r} before the first query_id:"
        raise InputError(path, got, "a topic at its start; mend or delete it")
    for block in blocks:
        name, *more = (line.strip() for line in _few(path, block.split("\n", PARTS)))
        title, *rest = [line for line in more if line] or [""]
        if odd := next(filter(BEGINS.search, [name, *rest]), None):
            got = f"{odd[:40]!r} inside of topic {name!r}"
            raise InputError(path, got, "query_id: at the start of each topic; mend it")
        desc = " ".join(re.sub("^.*?description:", "", line).strip() for line in rest)
        yield {"id": name, "title": re.sub("^.*?title:", "", title).strip(), "desc": desc}


def renamed(topics: dict, judged: Qrels) -> dict:
    """Topics under the names that judgements use, where it is clear which is which.

    >>> renamed({"C041": "maji?", "q-7": "moto?"}, {"41": {}, "7": {}})
    {'41': 'maji?', 'q-7': 'moto?'}
    """
    names: dict[str, list[str]] = {}
    for name in judged:
        names.setdefault(_number(name), []).append(name)
    found = {}
    for name, value in topics.items():
        same = [other for other in names.get(_number(name), []) if other not in topics]
        found[same[0] if len(same) == 1 and name not in judged else name] = value
    if len(found) < len(topics):
        expected = "numbers that judgements tell apart"
        raise InputError("topics", f"{', '.join(topics)[:200]}", expected)
    return found


def _number(name: str) -> str:
    """A topic's number without CLEF's letter and zeros."""
    found = re.fullmatch(r"[A-Za-z]?0*(\d+)", name)
    return found[1] if found else name


def topic(lang: str, name: str, question: str, flags: dict[str, list[str]]) -> str:
    """A topic in CLEF's form, whose tags are closed."""
    tag, marks = f"{re.sub('[^A-Za-z0-9]', '-', lang).upper()}-title", flags.get(name)
    if marks is not None and " ".join(marks).split() != marks:
        raise InputError(f"question {name!r}", f"flags {marks}", "words without blanks")
    noted = "" if marks is None else f"<flags>{marked_up(' '.join(marks))}</flags>\n"
    asked = f"<{tag}>{marked_up(question)}</{tag}>"
    return f"<top>\n<num>{marked_up(name)}</num>\n{asked}\n{noted}</top>\n"
