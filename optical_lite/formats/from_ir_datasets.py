"""What the package ir_datasets knows by name: WikiCLIR, CLIRMatrix, mMARCO, NeuCLIR and others.

WikiCLIR (Sasaki et al., NAACL 2018) and CLIRMatrix (Sun and Duh, EMNLP 2020) label by rule: by
links of Wikipedia, and by BM25 in the question's language, which favours BM25 over a translation.
"""

from __future__ import annotations

from ..corpora import Collection
from ..settings import InputError
from .collect import collect, judgements, unique


def read_ir_datasets(
    path: str, lang: str, *, documents: str | None = None, lenient: bool = False
) -> Collection:
    """Read a collection by its name, such as ``wikiclir/sw``; what it lacks is downloaded.

    ``lang`` is the questions' language: ``clirmatrix/en/bi139-base/sw/test1`` has Swahili ones and
    English documents. ``documents`` names another data set, whose documents are searched: mMARCO's
    German questions, ``mmarco/v2/de/dev/small``, ask for passages in ``msmarco-passage``.
    """
    try:
        import ir_datasets
    except ImportError:
        expected = "it for its names; run: pip install ir_datasets"
        raise InputError(path, "no package ir_datasets", expected) from None

    def known(name: str, *parts: str):
        try:
            data = ir_datasets.load(name)
        except KeyError:
            expected = "a name of https://ir-datasets.com; check it"
            raise InputError("ir_datasets", repr(name), expected) from None
        if missing := [part for part in parts if not getattr(data, f"has_{part}")()]:
            expected = "a judged one; choose a split"
            raise InputError("ir_datasets", f"{name!r} without {' and '.join(missing)}", expected)
        return data

    def text(record) -> str:
        # WikiCLIR asks the first sentence, from which the title's words were taken out
        return getattr(record, "first_sent", None) or record.default_text()

    asked, searched = known(path, "queries", "qrels"), known(documents or path, "docs")
    of = f"{documents or path}, document"
    passages = unique((of, one.doc_id, text(one)) for one in searched.docs_iter())
    queries = unique((f"{path}, query", one.query_id, text(one)) for one in asked.queries_iter())
    qrels = judgements(
        (f"{path}, judgement", one.query_id, one.doc_id, one.relevance)
        for one in asked.qrels_iter()
    )
    return collect(path, lang, passages, queries, qrels, lenient=lenient)
