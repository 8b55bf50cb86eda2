"""Leakage: what training pairs already say of a test collection."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable

from ..corpora import Bitext, Collection
from ..text import bare, fold

RUN = 8  # words: a shorter English sentence inside a passage says nothing about leakage
_bare = functools.lru_cache(1 << 16)(bare)  # words come again and again


def leakage(collection: Collection, bitext: Bitext) -> dict[str, int]:
    """Count what a training bitext already says of a test collection, by :func:`.text.bare`.

    ``queries`` and ``translations`` stand in the bitext, on either side; ``passages`` contain an
    English training sentence of at least 8 words; the others are totals.

    >>> pairs = Bitext("toy", "sw", "en", (("Nani?", "Who?"), ("maji", "water")))
    >>> asked = {"q": "nani"}, {"q": {"p": 1}}, {"q": "who"}
    >>> found = leakage(Collection("c", "sw", {"p": "Water."}, *asked), pairs)
    >>> found["queries"], found["translations"], found["passages"]
    (1, 1, 0)
    """
    known = {bare(side) for pair in bitext.pairs for side in pair} - {""}
    runs: dict[tuple[str, ...], list[str]] = {}
    for text in {fold(english) for _, english in bitext.pairs}:
        split = _split(text)
        if len(split) >= RUN:
            runs.setdefault(tuple(split[:RUN]), []).append("".join(split))

    def holds(passage: str) -> bool:
        split = _split(passage)
        whole = "".join(split)
        starts = (runs.get(tuple(split[i : i + RUN]), ()) for i in range(len(split) - RUN + 1))
        return any(sentence in whole for found in starts for sentence in found)

    return {
        "queries": sum(bare(text) in known for text in collection.queries.values()),
        "translations": sum(bare(text) in known for text in collection.translations.values()),
        "passages": sum(map(holds, collection.passages.values())),
        "of queries": len(collection.queries),
        "of passages": len(collection.passages),
        "pairs": len(bitext),
    }


def near_twins(collections: Iterable[Collection], bitext: Bitext, share: float = 0.5) -> set[int]:
    """Positions of the pairs whose English shares so many words with a question (Jaccard index).

    Equality, which :func:`.published.training_bitext` looks for, does not see "capital of Portugal"
    in "capital city of Portugal".

    >>> english = {"q": "What is the capital of Portugal?"}
    >>> asked = Collection("c", "pt", {"p": "Lisbon"}, {"q": "?"}, {"q": {"p": 1}}, english)
    >>> other = "What is the capital city of Portugal?"
    >>> pairs = (("a", other), ("b", "What is the time?"), ("c", "Portugal"))
    >>> near_twins([asked], Bitext("toy", "sw", "en", pairs))
    {0}
    """
    english = (text for asking in collections for text in asking.translations.values())
    asked = [{*_split(fold(text))} for text in english]
    holding: dict[str, list[int]] = {}
    for number, found in enumerate(asked):
        for word in found:
            holding.setdefault(word, []).append(number)
    twins = set()
    for position, (_, english) in enumerate(bitext.pairs):
        mine = set(_split(fold(english)))
        common = Counter(number for word in mine for number in holding.get(word, ()))
        if any(n >= share * (len(mine) + len(asked[number]) - n) for number, n in common.items()):
            twins.add(position)
    return twins


def _split(text: str) -> list[str]:
    """Words by :func:`.text.bare`, those that are punctuation left out."""
    return [word for word in map(_bare, text.split()) if word]
