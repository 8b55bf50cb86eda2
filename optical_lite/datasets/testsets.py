"""Test and development collections made of published sets: Belebele, NTREX, IndicQuest, XQuAD, Tatoeba, FLORES.

AfriQA has questions that people asked; it is read by :func:`.published.afriqa`. Most languages have
nothing like it, so here a sentence, a headline or a translated question takes the question's place. Passages are
English; ``translations`` are the reference English of each query: what an English system could do at best.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable

from ..corpora import THREE_LETTERS, Bitext, Collection, language
from ..settings import InputError
from ..text import bare, fold
from .leaks import leakage as leakage
from .published import afriqa, flores, ntrex, read_lines, tatoeba, tidy
from .sources import paths, read_text

BELEBELE_TEST = 300  # passages whose sentences are test queries; those of the others are for development


def _belebele(code: str) -> list[dict]:
    return [json.loads(line) for line in read_text("belebele", f"data/belebele/{code}.jsonl").splitlines()]


def _sentences(lang: str) -> dict[str, tuple[str, str]]:
    """FLORES pairs by name, such as ``dev-17``; some languages have only one half in the registry."""
    found, errors = {}, []
    for split in ("dev", "devtest"):
        try:
            pairs = flores(lang, split).pairs
        except InputError as error:
            if "got language" not in str(error):
                raise
            errors.append(error)
            continue
        found |= {f"{split}-{number}": pair for number, pair in enumerate(pairs)}
    if not found:
        raise errors[-1]
    return found


def belebele(lang: str, split: str = "test", *, hard: bool = False) -> Collection:
    """FLORES sentence -> the one Belebele passage that holds it, of 488 English passages (CC BY-SA 4.0).

    Every Belebele passage is a run of FLORES sentences. Those of 2 to 10 sentences (487) are ordered by the sha256 of
    their text; each has one *own* sentence, the number of its hash modulo its sentences. ``test``: the own sentences of
    the first 300 passages, so that no two queries share a passage. ``dev``: every sentence of the other 187.

    Parameters
    ----------
    lang : any FLORES language; where only devtest is in the registry (de, es, fr, hi, it), about half of the queries
    split : ``test`` or ``dev``
    hard : leave the own sentence out of *every* passage, so that the query must find its context and no passage is
        told by being whole; dev then has the own sentences of the 187 alone. Dev and test share one index.
    """
    if split not in ("test", "dev"):
        raise InputError(f"belebele: got split {split!r}, expected 'test' or 'dev'")
    english = {name: pair[1] for name, pair in _sentences("swh").items()}
    translated = {name: pair[0] for name, pair in _sentences(lang).items()}
    by_text = {bare(text): name for name, text in english.items()}
    texts = [tidy(row["text"]) for row in _belebele("eng_Latn")]
    members = _members(texts, by_text)
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
        qrels |= {name: {f"b{number}": 1} for name in names if name in translated}
    name = "belebele-hard" if hard else "belebele"
    return Collection(
        name, language(lang), passages, {q: translated[q] for q in qrels}, qrels, {q: english[q] for q in qrels}
    )


def _members(texts: list[str], by_text: dict[str, str]) -> list[list[str]]:
    """Names of the sentences that make up each text, in order; FLORES has two that only repeat the end of another."""
    found = []
    for text in map(bare, texts):
        inside = [sentence for sentence in by_text if sentence in text]
        whole = [s for s in inside if not any(s != other and s in other for other in inside)]
        found.append([by_text[sentence] for sentence in sorted(whole, key=text.find)])
    return found


def belebele_questions(lang: str = "de") -> Collection:
    """Belebele's questions in German or English -> the English passage: 900 questions, 488 passages (CC BY-SA 4.0)."""
    codes = {"de": "deu_Latn", "en": "eng_Latn"}
    code = THREE_LETTERS.get(lang, lang)
    if code not in codes:
        raise InputError(f"belebele questions: got language {lang!r}, expected one of {', '.join(codes)}")
    rows = _belebele("eng_Latn")
    passages, queries, translations, qrels = {}, {}, {}, {}
    for number, (row, other) in enumerate(zip(rows, _belebele(codes[code]), strict=True)):
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
    for name, pair in zip(read_lines("ntrex", "DOCUMENT_IDS.tsv"), ntrex(lang).pairs, strict=True):
        documents.setdefault(name, []).append(pair)
    articles = {name: " ".join(english for _, english in pairs[1:]) for name, pairs in documents.items()}
    headlines = {name: pairs[0][1] for name, pairs in documents.items()}
    flags = {name: ["headline-in-article"] for name in documents if bare(headlines[name]) in bare(articles[name])}
    queries = {name: pairs[0][0] for name, pairs in documents.items()}
    return Collection(
        "ntrex-headlines", language(lang), articles, queries, {name: {name: 1} for name in documents}, headlines, flags
    )


def indicquest(lang: str = "mr") -> Collection:
    """L3Cube-IndicQuest question -> English answer, 200 rows in the same order (CC BY-NC-SA 4.0, for research only)."""
    code = language(lang)
    if code not in (names := {"mr": "Marathi", "hi": "Hindi"}):
        raise InputError(f"indicquest: got language {lang!r}, expected one of {', '.join(names)}")

    def rows(name: str) -> list[tuple[str, str]]:
        table = csv.reader(io.StringIO(read_text("indicquest", f"L3Cube-IndicQuest/{name}.csv")))
        return [(tidy(question), tidy(answer)) for question, answer, _ in table][1:]

    english = rows("English")
    queries = {f"i{number}": question for number, (question, _) in enumerate(rows(names[code]))}
    answers = {f"i{number}": answer for number, (_, answer) in enumerate(english)}
    translations = {f"i{number}": question for number, (question, _) in enumerate(english)}
    return twins("indicquest", code, answers, queries, {name: name for name in queries}, translations)


def twins(name: str, lang: str, passages: dict, queries: dict, gold: dict[str, str], translations: dict) -> Collection:
    """A collection in which passages of equal wording are one passage; ``gold`` is a passage id by query id."""
    first: dict[str, str] = {}
    same = {passage: first.setdefault(fold(text), passage) for passage, text in passages.items()}
    kept = {passage: passages[passage] for passage in first.values()}
    return Collection(name, lang, kept, queries, {query: {same[p]: 1} for query, p in gold.items()}, translations)


def _squad(dataset: str, lang: str) -> Iterable[tuple[str, dict, dict]]:
    """(paragraph id, paragraph, question) of a file in SQuAD's form."""
    files = {path.removesuffix(".json")[-2:]: path for path in paths(dataset)}
    code = THREE_LETTERS.get(lang, lang)
    if code not in files:
        raise InputError(f"{dataset}: got language {lang!r}, expected one of {', '.join(sorted(files))}")
    for article in json.loads(read_text(dataset, files[code]))["data"]:
        for paragraph in article["paragraphs"]:
            name = hashlib.sha256(paragraph["context"].encode()).hexdigest()[:12]
            for question in paragraph["qas"]:
                yield name, paragraph, question


def xquad(lang: str) -> Collection:
    """XQuAD question -> English paragraph: 1,190 questions, 240 paragraphs (CC BY-SA 4.0); also ``en``."""
    asked = {question["id"]: tidy(question["question"]) for _, _, question in _squad("xquad", lang)}
    passages, gold, translations = {}, {}, {}
    for name, paragraph, question in _squad("xquad", "en"):
        passages[name], gold[question["id"]] = tidy(paragraph["context"]), name
        translations[question["id"]] = tidy(question["question"])
    return twins("xquad", THREE_LETTERS.get(lang, lang), passages, asked, gold, translations)


def xquad_r(lang: str) -> Collection:
    """XQuAD-R question -> the English sentence that holds the answer: 1,190 questions, 1,180 sentences (CC BY-SA 4.0).

    LAReQA (Roy et al., 2020) ranks sentences of all languages at once; here the candidates are the English ones.
    """
    asked = {question["id"]: tidy(question["question"]) for _, _, question in _squad("xquad-r", lang)}
    passages, gold, translations = {}, {}, {}
    for name, paragraph, question in _squad("xquad-r", "en"):
        start = question["answers"][0]["answer_start"]
        spans = zip(paragraph["sentences"], paragraph["sentence_breaks"], strict=True)
        for number, (sentence, (begin, end)) in enumerate(spans):
            passages[f"{name}-{number}"] = tidy(sentence)
            if begin <= start < end:
                gold[question["id"]] = f"{name}-{number}"
        translations[question["id"]] = tidy(question["question"])
    return twins("xquad-r", THREE_LETTERS.get(lang, lang), passages, asked, gold, translations)


def mates(bitext: Bitext) -> Collection:
    """Sentence -> its translation among the English sides of a bitext: a sanity check, not a search.

    >>> data = mates(Bitext("toy", "sw", "en", (("maji", "water"), ("moto", "fire"))))
    >>> data.queries["1"], data.passages["1"], data.qrels["1"]
    ('moto', 'fire', {'1': 1})
    """
    names = [str(number) for number in range(len(bitext))]
    queries = dict(zip(names, (source for source, _ in bitext.pairs), strict=True))
    english = dict(zip(names, (target for _, target in bitext.pairs), strict=True))
    return twins(f"{bitext.name}-mates", bitext.source, english, queries, {n: n for n in names}, english)


def dev_collection(lang: str) -> Collection:
    """The development set of a language: questions whose results may be looked at to choose settings.

    AfriQA's dev questions where they have passages (ha, ig, tw), its train questions for Yoruba (which has no passages
    for dev), else the development half of :func:`belebele`. Queries that are also AfriQA test questions of the
    language, in either wording, are left out; keep both out of the bitext: ``training_bitext(hold_out=[test, dev])``.
    """
    code = language(lang)
    if code not in {"ha", "ig", "tw", "yo"}:
        return belebele(lang, "dev")
    dev, test = afriqa(lang, "train" if code == "yo" else "dev"), afriqa(lang)
    held = {bare(text) for text in (*test.queries.values(), *test.translations.values())}
    kept = [q for q in dev.queries if not held & {bare(dev.queries[q]), bare(dev.translations[q])}]

    def part(values: dict) -> dict:
        return {query: values[query] for query in kept}

    return Collection("afriqa-dev", code, dev.passages, part(dev.queries), part(dev.qrels), part(dev.translations))


def load(name: str, lang: str, split: str = "test") -> Collection:
    """A published collection by name, as the command line and the tables know it.

    Parameters
    ----------
    name : ``afriqa``, ``belebele``, ``belebele-hard`` (each with ``split``), or a name of ``TEST_ONLY``
    lang : any code of the language
    split : ``test`` or ``dev``; for ``afriqa`` also ``train``
    """
    if name == "afriqa":
        return afriqa(lang, split)
    if name in ("belebele", "belebele-hard"):
        return belebele(lang, split, hard=name == "belebele-hard")
    if name not in TEST_ONLY:
        raise InputError(f"collection: got {name!r}, expected {', '.join(NAMES)}; check the name")
    if split != "test":
        raise InputError(f"{name}: got split {split!r}, expected 'test': all of it is a test set")
    return TEST_ONLY[name](lang)


TEST_ONLY = {
    "ntrex-headlines": ntrex_headlines,
    "indicquest": indicquest,
    "belebele-questions": belebele_questions,
    "xquad": xquad,
    "xquad-r": xquad_r,
    "tatoeba-mates": lambda lang: mates(tatoeba(lang)),
    "flores-mates": lambda lang: mates(flores(lang)),
}
NAMES = ("afriqa", "belebele", "belebele-hard", *TEST_ONLY)
