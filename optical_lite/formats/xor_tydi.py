"""XOR-TyDi (XOR-Retrieve): questions in seven languages, English passages, R@2kt and R@5kt.

Source: Asai et al., NAACL 2021, and its evaluation script.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..json_files import fits
from ..settings import InputError, one_of
from ..text import words
from .collect import find, unique
from .lines import json_lines, parse_json, placed, read_text, table

TOKENS = {"R@2kt": 2000, "R@5kt": 5000}
HEADER = ["id", "text", "title"]


@dataclass(frozen=True)
class Questions:
    """Questions, languages and English answers by id; passages, and titles, no part of them."""

    questions: dict[str, str]
    langs: dict[str, str]
    answers: dict[str, list[str]]
    passages: dict[str, str]
    titles: dict[str, str]


def read_questions(path: str | Path) -> tuple[dict[str, str], dict[str, str], dict[str, list[str]]]:
    """Questions, languages and answers by id, from JSON lines."""
    questions, langs, answers = [], {}, {}
    shape = {"id": (str, int), "question": str, "lang": str, "answers": [str]}
    for where, record in json_lines(path, shape):
        name = str(record["id"])
        if blank := [text for text in (record["question"], *record["answers"]) if not text.strip()]:
            raise InputError(where, f"a question or answer {blank[0]!r}", "some text; mend it")
        questions.append((where, name, record["question"]))
        langs[name], answers[name] = record["lang"], record["answers"]
    return unique(questions), langs, answers


def _unquoted(cell: str) -> str:
    r"""A cell of DPR's file, which puts quotation marks around one that holds some, doubled.

    >>> _unquoted('"a ""red"" sky"'), _unquoted('a "red" sky')
    ('a "red" sky', 'a "red" sky')
    """
    inside = cell[1:-1]  # an expression would keep every repetition in memory
    quoted = f'"{inside}"' == cell and '"' not in inside.replace('""', "")
    return inside.replace('""', '"') if quoted else cell


def read(path: str | Path, lang: str = "xx") -> Questions:
    """Read a folder with a ``*.jsonl`` of questions and a ``*.tsv`` of passages as DPR has them.

    ``lang`` keeps the questions of one language; ``xx`` keeps all.
    """
    questions, langs, answers = read_questions(find(path, "*.jsonl*"))
    kept = {name: text for name, text in questions.items() if lang in ("xx", langs[name])}
    if not kept:
        one_of(f"{path}: got no question in", lang, sorted(set(langs.values())))
    rows = table(placed(find(path, "*.tsv*")), 3, ", ".join(HEADER), header=HEADER)
    cells = ((where, *map(_unquoted, row)) for where, *row in rows)
    found = unique((where, name, (text, title)) for where, name, text, title in cells)
    passages, titles = ({name: both[side] for name, both in found.items()} for side in (0, 1))
    return Questions(kept, langs, answers, passages, titles)


def read_predictions(path: str | Path) -> dict[str, list[str]]:
    """Passages of each question, best first, from JSON: a list of ``id``, ``lang``, ``ctxs``."""
    records = parse_json(read_text(path, pipe=True), str(path))
    fits(records, [{"id": (str, int), "ctxs": [str]}], path, "the file")
    named = ((n, str(record["id"]), record["ctxs"]) for n, record in enumerate(records, 1))
    return unique((f"{path}, object {n}", name, passages) for n, name, passages in named)


def recall(
    found: Mapping[str, Sequence[str]], langs: Mapping[str, str],
    answers: Mapping[str, Sequence[str]],
) -> dict[str, dict[str, float]]:  # fmt: skip
    """R@2kt and R@5kt by language, and their mean over languages, of passages, best first.

    The share of questions one of whose answers stands in the first 2,000 (5,000) tokens. As in the
    published script, tokens are joined by blanks before an answer is looked for, capitals count,
    answers yes and no do not, and a question counts if it is among the predictions and has another
    answer than those two. The script cuts words by NLTK's ``word_tokenize``; ours splits at
    punctuation in the same way, but for a few contractions and abbreviations.

    >>> recall({"q": ["Nairobi is a city.", "It rains."]}, {"q": "te"}, {"q": ["rains"]})
    {'R@2kt': {'te': 1.0, 'mean': 1.0}, 'R@5kt': {'te': 1.0, 'mean': 1.0}}
    """
    hits: dict[str, dict[str, list[bool]]] = {key: {} for key in TOKENS}
    for name, passages in found.items():
        wanted = set(answers.get(name, ())) - {"yes", "no"}
        if not wanted:
            continue
        split: list[str] = []
        for passage in passages:
            split += words(passage)
            if len(split) >= max(TOKENS.values()):
                break
        for key, count in TOKENS.items():
            text = " ".join(split[:count])
            hit = any(answer in text for answer in wanted)
            hits[key].setdefault(langs[name], []).append(hit)
    if not all(hits.values()):
        expected = "at least one; check the ids"
        raise InputError("xor", "no question with an answer to look for", expected)
    shares = {key: {lang: sum(h) / len(h) for lang, h in by.items()} for key, by in hits.items()}
    return {key: {**by, "mean": sum(by.values()) / len(by)} for key, by in shares.items()}
