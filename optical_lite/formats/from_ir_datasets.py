"""WikiCLIR and CLIRMatrix, made of Wikipedia's links between languages; what ir_datasets knows.

Both label by rule, not by people. WikiCLIR (Sasaki et al., NAACL 2018) asks an English article's
first sentence; its mate in the other language has grade 2, articles linked with the mate both ways
have 1. CLIRMatrix (Sun and Duh, EMNLP 2020) grades 1 to 6 by BM25 in the question's own language,
so BM25 over a translation has an advantage there.
"""

from __future__ import annotations

from pathlib import Path

from ..corpora import Collection
from ..settings import InputError
from .collect import collect, find, judgements, unique
from .lines import file_part, json_lines, numbered


def read_wikiclir(path: str | Path, lang: str, *, lenient: bool = False) -> Collection:
    """Read the unpacked WikiCLIR archive: English questions, documents of ``lang``.

    Files: ``english/wiki_en.queries`` (id, title, first sentence), ``LANGUAGE/wiki_LANG.documents``
    (id, title, text),
    ``LANGUAGE/en2LANG.rel`` (query, document, grade).
    """
    documents = find(path, f"**/wiki_{file_part('language', lang)}.documents*")
    found = numbered(documents, 3, "id, title, text")
    texts = ((n, name, " ".join(filter(None, texts))) for n, (name, *texts) in found)
    passages = unique(documents, texts)
    asked = find(path, "**/wiki_en.queries*")
    found = numbered(asked, 3, "id, title, first sentence")
    queries = unique(asked, ((number, name, first) for number, (name, _, first) in found))
    judged = find(path, f"**/en2{lang}.rel*")
    found = numbered(judged, 3, "query document grade", sep=None)
    qrels = judgements(judged, ((number, *cells) for number, cells in found))
    return collect(f"wikiclir-{lang}", "en", passages, queries, qrels, lenient=lenient)


def read_clirmatrix(
    path: str | Path, lang: str, split: str = "test1", *, lenient: bool = False
) -> Collection:
    """Read a CLIRMatrix folder: questions of ``lang``, English documents.

    Files, in any sub-folders: ``en.tsv`` (id, text) and one of JSON lines whose name starts
    ``LANG.en.`` and holds the split, with ``src_id``, ``src_query`` and ``tgt_results``, a list of
    [document, grade].
    """
    documents = find(path, "**/en.tsv*")
    asked = find(path, f"**/{file_part('language', lang)}.en.*{file_part('split', split)}*.jl*")
    kinds = {"src_id": (str, int), "src_query": str, "tgt_results": list}
    queries, judged = [], []
    for number, record in json_lines(asked, kinds):
        query, results = str(record["src_id"]), record["tgt_results"]
        queries.append((number, query, record["src_query"]))
        if wrong := [pair for pair in results if not _judgement(pair)]:
            where = f"{asked}, line {number}"
            raise InputError(
                f"{where}: got {wrong[0]!r}, expected [document, grade]; mend the line"
            )
        judged += [(number, query, str(name), value) for name, value in results]
    found = ((number, *cells) for number, cells in numbered(documents, 2, "id<TAB>text"))
    texts, name = unique(documents, found), f"clirmatrix-{lang}-{split}"
    qrels = judgements(asked, judged)
    return collect(name, lang, texts, unique(asked, queries), qrels, lenient=lenient)


def _judgement(pair: object) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and type(pair[0]) in (str, int)


def read_ir_datasets(path: str, lang: str, *, lenient: bool = False) -> Collection:
    """Read a collection of the package ir_datasets by its name, such as ``wikiclir/sw``.

    It downloads what it lacks. ``clirmatrix/en/bi139-base/sw/test1`` has Swahili questions and
    English documents; ``lang`` is the questions'.
    """
    try:
        import ir_datasets
    except ImportError:
        raise InputError(
            f"{path}: got no package ir_datasets, expected it for its names; run: pip install "
            "ir_datasets, or download the files yourself and give their folder with --format "
            "wikiclir or clirmatrix"
        ) from None
    try:
        data = ir_datasets.load(path)
    except KeyError:
        raise InputError(
            f"ir_datasets: got {path!r}, expected a name of https://ir-datasets.com; check it"
        ) from None
    parts = [part for part in ("docs", "queries", "qrels") if not getattr(data, f"has_{part}")()]
    if parts:
        got = f"{path!r} without {' and '.join(parts)}"
        raise InputError(f"ir_datasets: got {got}, expected a judged one; choose a split")

    def text(record) -> str:
        # WikiCLIR asks the first sentence, from which the title's words were taken out
        return getattr(record, "first_sent", None) or record.default_text()

    found = ((n, one.doc_id, text(one)) for n, one in enumerate(data.docs_iter(), 1))
    passages = unique(path, found, "document")
    found = ((n, one.query_id, text(one)) for n, one in enumerate(data.queries_iter(), 1))
    queries = unique(path, found, "query")
    judged = enumerate(data.qrels_iter(), 1)
    found = ((n, one.query_id, one.doc_id, one.relevance) for n, one in judged)
    qrels = judgements(path, found, "judgement")
    return collect(path, lang, passages, queries, qrels, lenient=lenient)
