"""Errors: which questions one system answers better than another, and what is special about them.

:func:`browse` puts two runs side by side, a question a row; :func:`traits` measures what may explain the difference:
how a tokenizer cuts the question, which of its words training has seen, which stand in the passage as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..corpora import Bitext, Collection
from ..metrics import per_query
from ..text import terms

if TYPE_CHECKING:
    import pandas

    from ..encoder import Encoder
    from ..retrieval import Run

WIDTH = 70  # characters of a passage that are shown


def first_rank(ranking: list[tuple[str, float]], grades: Mapping[str, int]) -> int | None:
    """Rank of the first relevant passage, counting from 1; None where the ranking holds none.

    A passage tied with others stands last among them.

    >>> first_rank([("a", 2.0), ("b", 1.0), ("c", 1.0)], {"b": 1})
    3
    """
    best = max((score for passage, score in ranking if grades.get(passage, 0) > 0), default=None)
    return None if best is None else sum(score >= best for _, score in ranking)


def browse(
    collection: Collection, before: Run, after: Run, *, encoders: tuple[Encoder, Encoder] | None = None,
    metric: str = "mrr@10", width: int = WIDTH,
) -> pandas.DataFrame:  # fmt: skip
    """Two runs over the same questions as one table, the largest gain first and the largest loss last.

    Parameters
    ----------
    collection : the questions, their translations and judgements
    before, after : rankings by query id; a question that a run leaves out has no top passage
    encoders : the encoders of both runs, to show how each cuts the question
    metric : the gain is its difference

    Returns
    -------
    DataFrame, a row a question (its id is the index): ``question``, ``translation``, ``tokens before``, ``tokens
    after`` (with encoders), ``rank before``, ``rank after``, ``gain``, ``top before``, ``top after``, ``right``

    Examples
    --------
    >>> data = Collection("toy", "sw", {"a": "Fire.", "b": "Water."}, {"q": "maji"}, {"q": {"b": 1}}, {"q": "water"})
    >>> table = browse(data, {"q": [("a", 2.0), ("b", 1.0)]}, {"q": [("b", 2.0), ("a", 1.0)]})
    >>> print(*table.loc["q", ["rank before", "rank after", "gain", "top before", "top after"]])
    2 1 0.5 Fire. Water.
    """
    from pandas import DataFrame

    values = [per_query(run, collection.qrels, [metric])[metric] for run in (before, after)]

    def shown(passage: str | None) -> str:
        text = collection.passages.get(passage, "")
        return text if len(text) <= width else text[: width - 1].rstrip() + "…"

    rows = {}
    for query, question in collection.queries.items():
        grades = collection.qrels[query]
        row = {"question": question, "translation": collection.translations.get(query, "")}
        if encoders:
            cut = [" ".join(e.tokenizer.encode(question, add_special_tokens=False).tokens) for e in encoders]
            row |= {"tokens before": cut[0], "tokens after": cut[1]}
        rankings = [run.get(query, []) for run in (before, after)]
        ranks = [first_rank(ranking, grades) for ranking in rankings]
        row |= {"rank before": ranks[0], "rank after": ranks[1], "gain": values[1][query] - values[0][query]}
        tops = [shown(ranking[0][0] if ranking else None) for ranking in rankings]
        row |= {"top before": tops[0], "top after": tops[1], "right": shown(max(grades, key=grades.get))}
        rows[query] = row
    table = DataFrame.from_dict(rows, orient="index").astype({"rank before": "Int64", "rank after": "Int64"})
    return table.sort_values("gain", ascending=False, kind="stable")


def traits(collection: Collection, encoder: Encoder, bitext: Bitext) -> pandas.DataFrame:
    """What may make a question easy or hard, a row a question.

    Returns
    -------
    DataFrame with ``words``; ``pieces``, tokens a word under ``encoder``; ``unseen``, the share of its words that the
    bitext's source side never has; ``shared``, the share that its right passage has as they are, as names do

    Notes
    -----
    Words are :func:`optical_lite.text.terms`. A question without words has 0 everywhere.
    """
    from pandas import DataFrame

    known = {word for source, _ in bitext.pairs for word in terms(source)}
    rows = {}
    for query, question in collection.queries.items():
        mine = terms(question)
        right = max(collection.qrels[query], key=collection.qrels[query].get)
        there, size = set(terms(collection.passages[right])), max(1, len(mine))
        pieces = sum(len(encoder.tokenizer.encode(word, add_special_tokens=False).tokens) for word in mine)
        unseen, shared = (sum(test) / size for test in ([w not in known for w in mine], [w in there for w in mine]))
        rows[query] = {"words": len(mine), "pieces": pieces / size, "unseen": unseen, "shared": shared}
    return DataFrame.from_dict(rows, orient="index")
