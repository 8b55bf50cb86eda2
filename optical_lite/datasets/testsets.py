"""Test and development collections made of published sets, most of them parallel texts.

AfriQA has questions that people asked; it is read by :func:`.published.afriqa`. Most languages have
nothing like it, so here a sentence, a headline or a translated question takes the question's place.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable
from functools import partial

from ..corpora import Bitext, Collection, language
from ..settings import InputError, one_of
from ..text import bare, fold
from .leaks import leakage as leakage
from .published import afriqa, flores, ntrex, tatoeba, tidy
from .sources import lines, read_json_lines, read_text

BELEBELE_TEST = 300  # passages whose sentences are test queries; the others are for development


def _belebele(code: str) -> list[dict]:
    return read_json_lines("belebele", f"data/belebele/{code}.jsonl")


def belebele(lang: str, split: str = "test", *, hard: bool = False) -> Collection:
    """FLORES sentence -> the one of 488 English Belebele passages that holds it (CC BY-SA 4.0).

    Passages of 2 to 10 FLORES sentences (487) are ordered by the sha256 of their text; each has one
    *own* sentence, the number of its hash modulo its sentences. ``test``: the own sentences of the
    first 300 passages, so that no two queries share one. ``dev``: every sentence of the other 187.

    ``hard`` leaves the own sentence out of *every* passage, so that the query must find its context
    and no passage is told by being whole; dev then has the own sentences of the 187 alone.
    """
    one_of("belebele: got split", split, ("test", "dev"))
    translated, english = {}, {}
    for half in ("dev", "devtest"):
        for number, pair in enumerate(flores(lang, half).pairs):
            translated[f"{half}-{number}"], english[f"{half}-{number}"] = pair
    by_text = {bare(text): name for name, text in english.items()}
    texts = [tidy(row["text"]) for row in _belebele("eng_Latn")]
    members = [_members(bare(text), by_text) for text in texts]
    digests = [int(hashlib.sha256(text.encode()).hexdigest(), 16) for text in texts]
    own = [names[digest % len(names)] for names, digest in zip(members, digests, strict=True)]
    order = sorted((n for n in range(len(texts)) if len(members[n]) > 1), key=digests.__getitem__)
    chosen = order[:BELEBELE_TEST] if split == "test" else order[BELEBELE_TEST:]
    passages, qrels = {}, {}
    for number, text in enumerate(texts):
        rest = " ".join(english[name] for name in members[number] if name != own[number])
        passages[f"b{number}"] = (hard and rest) or text
    for number in sorted(chosen):
        names = [own[number]] if hard or split == "test" else members[number]
        qrels |= {name: {f"b{number}": 1} for name in names}
    name = "belebele-hard" if hard else "belebele"
    queries, english = ({query: side[query] for query in qrels} for side in (translated, english))
    return Collection(name, language(lang), passages, queries, qrels, english)


def _members(text: str, by_text: dict[str, str]) -> list[str]:
    """Names of the sentences that make up a text, in order."""
    inside = [sentence for sentence in by_text if sentence in text]
    # FLORES has two sentences that only repeat the end of another
    whole = [s for s in inside if not any(s != other and s in other for other in inside)]
    return [by_text[sentence] for sentence in sorted(whole, key=text.find)]


def belebele_questions(lang: str) -> Collection:
    """Belebele's 900 questions in German -> 488 English passages (CC BY-SA 4.0)."""
    code = language(lang)
    one_of("belebele questions: got language", code, ("de",))
    rows = _belebele("eng_Latn")
    passages, queries, translations, qrels = {}, {}, {}, {}
    for number, (row, other) in enumerate(zip(rows, _belebele("deu_Latn"), strict=True)):
        passages[f"b{number}"] = tidy(row["text"])
        for item, (asked, english) in enumerate(zip(other["items"], row["items"], strict=True)):
            name = f"b{number}-{item}"
            queries[name], translations[name] = tidy(asked["question"]), tidy(english["question"])
            qrels[name] = {f"b{number}": 1}
    return Collection("belebele-questions", code, passages, queries, qrels, translations)


def ntrex_headlines(lang: str) -> Collection:
    """NTREX headline -> the English article without its headline: 123 of each (CC BY-SA 4.0).

    Four articles say their headline once more; those queries are flagged ``headline-in-article``.
    """
    documents: dict[str, list[tuple[str, str]]] = {}
    of_lines = lines(read_text("ntrex", "DOCUMENT_IDS.tsv"))
    for name, pair in zip(of_lines, ntrex(lang).pairs, strict=True):
        documents.setdefault(name, []).append(pair)
    queries, headlines, articles, flags = {}, {}, {}, {}
    for name, ((queries[name], headlines[name]), *rest) in documents.items():
        articles[name] = " ".join(english for _, english in rest)
        if bare(headlines[name]) in bare(articles[name]):
            flags[name] = ["headline-in-article"]
    qrels, code = {name: {name: 1} for name in documents}, language(lang)
    return Collection("ntrex-headlines", code, articles, queries, qrels, headlines, flags)


def indicquest(lang: str) -> Collection:
    """L3Cube-IndicQuest question -> English answer, 200 rows in one order (CC BY-NC-SA 4.0)."""
    code, names = language(lang), {"mr": "Marathi", "hi": "Hindi"}
    one_of("indicquest: got language", code, names)

    def columns(name: str) -> list[dict[str, str]]:
        """Questions, and answers, by their row."""
        table = csv.reader(io.StringIO(read_text("indicquest", f"L3Cube-IndicQuest/{name}.csv")))
        kept = list(zip(*table, strict=True))[:2]
        return [{f"i{n}": tidy(cell) for n, cell in enumerate(column[1:])} for column in kept]

    queries, _ = columns(names[code])
    translations, answers = columns("English")
    gold = {name: name for name in queries}
    return twins("indicquest", code, answers, queries, gold, translations)


def twins(
    name: str, lang: str, passages: dict, queries: dict, gold: dict[str, str], translations: dict
) -> Collection:
    """A collection in which passages of equal wording are one; ``gold`` is a passage by query."""
    first: dict[str, str] = {}
    same = {passage: first.setdefault(fold(text), passage) for passage, text in passages.items()}
    kept = {passage: passages[passage] for passage in first.values()}
    qrels = {query: {same[passage]: 1} for query, passage in gold.items()}
    return Collection(name, lang, kept, queries, qrels, translations)


def _xquad_r(code: str) -> Iterable[tuple[dict, dict]]:
    """(paragraph, question) of a file in SQuAD's form; paragraphs and questions are parallel."""
    for article in json.loads(read_text("xquad-r", f"xquad-r/{code}.json"))["data"]:
        for paragraph in article["paragraphs"]:
            yield from ((paragraph, question) for question in paragraph["qas"])


def xquad_r(lang: str) -> Collection:
    """XQuAD-R's 1,190 questions -> the English sentence of 1,180 that answers (CC BY-SA 4.0).

    LAReQA (Roy et al., 2020) ranks sentences of all languages at once.
    """
    code = language(lang)
    one_of("xquad-r: got language", code, ("de", "es", "hi"))
    passages, gold, translations = {}, {}, {}
    queries = {question["id"]: tidy(question["question"]) for _, question in _xquad_r(code)}
    for paragraph, question in _xquad_r("en"):
        translations[question["id"]] = tidy(question["question"])
        start = question["answers"][0]["answer_start"]
        name = hashlib.sha256(paragraph["context"].encode()).hexdigest()[:12]
        spans = zip(paragraph["sentences"], paragraph["sentence_breaks"], strict=True)
        for number, (sentence, (begin, end)) in enumerate(spans):
            passages[f"{name}-{number}"] = tidy(sentence)
            if begin <= start < end:
                gold[question["id"]] = f"{name}-{number}"
    return twins("xquad-r", code, passages, queries, gold, translations)


def mates(bitext: Bitext) -> Collection:
    """Sentence -> its translation among the English sides of a bitext: a check, not a search.

    >>> data = mates(Bitext("toy", "sw", "en", (("maji", "water"), ("moto", "fire"))))
    >>> data.queries["1"], data.passages["1"], data.qrels["1"]
    ('moto', 'fire', {'1': 1})
    """
    queries = {str(n): source for n, (source, _) in enumerate(bitext.pairs)}
    english = {str(n): target for n, (_, target) in enumerate(bitext.pairs)}
    gold = {query: query for query in queries}
    return twins(f"{bitext.name}-mates", bitext.source, english, queries, gold, english)


def dev_collection(lang: str) -> Collection:
    """The development set of a language: questions by which settings may be chosen.

    AfriQA's dev questions where they have passages (ha, ig, tw), its train questions for Yoruba
    (which has no passages for dev), else the development half of :func:`belebele`. Queries that are
    also AfriQA test questions of the language, in either wording, are left out.
    """
    code = language(lang)
    if code not in {"ha", "ig", "tw", "yo"}:
        return belebele(lang, "dev")
    dev, test = afriqa(lang, "train" if code == "yo" else "dev"), afriqa(lang)
    held = {bare(text) for text in (*test.queries.values(), *test.translations.values())}
    kept = [q for q in dev.queries if not held & {bare(dev.queries[q]), bare(dev.translations[q])}]
    parts = ({q: values[q] for q in kept} for values in (dev.queries, dev.qrels, dev.translations))
    return Collection("afriqa-dev", code, dev.passages, *parts)


def load(name: str, lang: str, split: str = "test") -> Collection:
    """A published collection of :data:`NAMES`, as the command line and the tables know it.

    ``split`` is ``test`` or ``dev``; of ``afriqa`` also ``train``, of ``TEST_ONLY`` only ``test``.
    """
    if name in SPLIT:
        return SPLIT[name](lang, split)
    if name not in TEST_ONLY:
        raise InputError("collection", repr(name), f"{', '.join(NAMES)}; check the name")
    if split != "test":
        raise InputError(name, f"split {split!r}", "'test': all of it is a test set")
    return TEST_ONLY[name](lang)


SPLIT = {"afriqa": afriqa, "belebele": belebele, "belebele-hard": partial(belebele, hard=True)}
TEST_ONLY = {
    "ntrex-headlines": ntrex_headlines,
    "indicquest": indicquest,
    "belebele-questions": belebele_questions,
    "xquad-r": xquad_r,
    "tatoeba-mates": lambda lang: mates(tatoeba(lang)),
}
NAMES = (*SPLIT, *TEST_ONLY)
