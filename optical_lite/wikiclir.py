"""WikiCLIR and CLIRMatrix: collections made of Wikipedia's links between languages, and whatever ir_datasets knows.

Both label by rule, not by people. WikiCLIR (Sasaki et al., NAACL 2018) asks an English article's first sentence; its
mate in the other language has grade 2, articles linked with the mate both ways have 1. CLIRMatrix (Sun and Duh, EMNLP
2020) grades 1 to 6 by BM25 in the question's own language, so BM25 over a translation has an advantage there.
"""

from __future__ import annotations

import json
from pathlib import Path

from .corpora import Collection
from .files import Qrels, collect, find, grade, lines, rows, unique
from .settings import InputError


def read_wikiclir(path: str | Path, lang: str, *, lenient: bool = False) -> Collection:
    """Read the unpacked WikiCLIR archive: English questions, documents of ``lang``.

    Files: ``english/wiki_en.queries`` (id, title, first sentence), ``LANGUAGE/wiki_LANG.documents`` (id, title, text),
    ``LANGUAGE/en2LANG.rel`` (query, document, grade).
    """
    documents = find(path, f"**/wiki_{lang}.documents*")
    passages = unique(
        documents, ((name, f"{title} {text}".strip()) for name, title, text in rows(documents, 3, "id, title, text"))
    )
    asked = find(path, "**/wiki_en.queries*")
    queries = unique(asked, ((name, first) for name, _, first in rows(asked, 3, "id, title, first sentence")))
    judged, qrels = find(path, f"**/en2{lang}.rel*"), {}
    for query, passage, value in rows(judged, 3, "query document grade", sep=None):
        qrels.setdefault(query, {})[passage] = grade(judged, value)
    return collect(f"wikiclir-{lang}", "en", passages, queries, qrels, lenient=lenient)


def read_clirmatrix(path: str | Path, lang: str, split: str = "test1", *, lenient: bool = False) -> Collection:
    """Read a CLIRMatrix folder: questions of ``lang``, English documents.

    Files, in any sub-folders: ``en.tsv`` (id, text) and one of JSON lines whose name starts ``LANG.en.`` and holds the
    split, with ``src_id``, ``src_query`` and ``tgt_results``, a list of [document, grade].
    """
    documents = find(path, "**/en.tsv*")
    asked = find(path, f"**/{lang}.en.*{split}*.jl*")
    queries, qrels = [], {}
    for number, line in enumerate(lines(asked), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            query = str(record["src_id"])
            queries.append((query, record["src_query"]))
            qrels[query] = {str(name): int(value) for name, value in record["tgt_results"]}
        except (json.JSONDecodeError, KeyError, TypeError, ValueError):
            raise InputError(
                f"{asked}, line {number}: got {line[:60]!r}, expected JSON with src_id, src_query and tgt_results, "
                "a list of [document, grade]; mend the line"
            ) from None
    return collect(
        f"clirmatrix-{lang}-{split}", lang, unique(documents, rows(documents, 2, "id<TAB>text")),
        unique(asked, queries), qrels, lenient=lenient,
    )  # fmt: skip


def read_ir_datasets(path: str, lang: str, *, lenient: bool = False) -> Collection:
    """Read a collection of the package ir_datasets by its name, such as ``wikiclir/sw``; it downloads what it lacks.

    ``clirmatrix/en/bi139-base/sw/test1`` has Swahili questions and English documents; ``lang`` is the questions'.
    """
    try:
        import ir_datasets
    except ImportError:
        raise InputError(
            f"{path}: got no package ir_datasets, expected it for its names; run: pip install ir_datasets, or download "
            "the files yourself and give their folder with --format wikiclir or clirmatrix"
        ) from None
    try:
        data = ir_datasets.load(path)
    except KeyError:
        raise InputError(f"ir_datasets: got {path!r}, expected a name of https://ir-datasets.com; check it") from None
    parts = [part for part in ("docs", "queries", "qrels") if not getattr(data, f"has_{part}")()]
    if parts:
        raise InputError(
            f"ir_datasets: got {path!r} without {' and '.join(parts)}, expected a judged one; choose a split"
        )

    def text(record) -> str:  # WikiCLIR asks the first sentence, from which the title's words were taken out
        return getattr(record, "first_sent", None) or record.default_text()

    passages = unique(path, ((record.doc_id, text(record)) for record in data.docs_iter()))
    queries = unique(path, ((record.query_id, text(record)) for record in data.queries_iter()))
    qrels: Qrels = {}
    for record in data.qrels_iter():
        qrels.setdefault(record.query_id, {})[record.doc_id] = record.relevance
    return collect(path, lang, passages, queries, qrels, lenient=lenient)
