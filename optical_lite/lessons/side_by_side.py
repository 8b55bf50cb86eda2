"""Side by side: which questions one system answers better."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..corpora import Collection
from ..metrics import per_query

if TYPE_CHECKING:
    import pandas

    from ..retrieval import Run

WIDTH = 70  # characters of a passage that are shown


def first_rank(ranking: list[tuple[str, float]], grades: Mapping[str, int]) -> int | None:
    """Rank of the first relevant passage, counting from 1; None where the ranking holds none.

    A passage tied with others stands last among them.

    >>> first_rank([("a", 2.0), ("b", 1.0), ("c", 1.0)], {"b": 1})
    3
    """
    relevant = [score for passage, score in ranking if grades.get(passage, 0) > 0]
    return sum(score >= max(relevant) for _, score in ranking) if relevant else None


def browse(collection: Collection, before: Run, after: Run) -> pandas.DataFrame:
    """Two runs over the same questions as one table, the largest gain in MRR@10 first.

    A question, whose id is the index, has no top passage in a run that leaves it out.

    >>> texts, judged = {"a": "Fire.", "b": "Water."}, {"q": {"b": 1}}
    >>> data = Collection("toy", "sw", texts, {"q": "maji"}, judged, {"q": "water"})
    >>> runs = {"q": [("a", 2.0), ("b", 1.0)]}, {"q": [("b", 2.0), ("a", 1.0)]}
    >>> print(*browse(data, *runs).loc["q", ["rank before", "rank after", "gain", "top after"]])
    2 1 0.5 Water.
    """
    from pandas import DataFrame

    def shown(passage: str) -> str:
        text = collection.passages.get(passage, "")
        return text if len(text) <= WIDTH else text[: WIDTH - 1].rstrip() + "…"

    both, rows = (before, after), []
    values = [per_query(run, collection.qrels, ["mrr@10"])["mrr@10"] for run in both]
    for query, question in collection.queries.items():
        grades, rankings = collection.qrels[query], [run.get(query, []) for run in both]
        ranks = [first_rank(ranking, grades) for ranking in rankings]
        tops = [shown(ranking[0][0]) if ranking else "" for ranking in rankings]
        gain, right = values[1][query] - values[0][query], shown(max(grades, key=grades.get))
        english = collection.translations.get(query, "")
        rows.append((question, english, *ranks, gain, *tops, right))
    columns = ["question", "translation", "rank before", "rank after", "gain"]
    columns += ["top before", "top after", "right"]
    table = DataFrame(rows, list(collection.queries), columns)
    table = table.astype({"rank before": "Int64", "rank after": "Int64"})
    return table.sort_values("gain", ascending=False, kind="stable")
