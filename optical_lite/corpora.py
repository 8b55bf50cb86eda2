"""Corpora: sentence pairs (:class:`Bitext`) and retrieval collections (:class:`Collection`).

Your own files are read by :mod:`optical_lite.formats.own`, the bundled data by
:mod:`optical_lite.datasets.pocket`, published data sets by :mod:`optical_lite.datasets.published`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite

from .settings import InputError
from .text import bare, fold

LANGUAGES = {
    "sw": "Swahili", "so": "Somali", "tl": "Tagalog", "mr": "Marathi", "es": "Spanish",
    "fr": "French", "de": "German", "ha": "Hausa", "ig": "Igbo", "yo": "Yoruba", "zu": "Zulu",
    "hi": "Hindi", "tw": "Twi", "it": "Italian", "fi": "Finnish", "id": "Indonesian",
}  # fmt: skip
THREE_LETTERS = {
    "swa": "sw", "swh": "sw", "som": "so", "tgl": "tl", "fil": "tl", "mar": "mr", "spa": "es",
    "fra": "fr", "deu": "de", "hau": "ha", "ibo": "ig", "yor": "yo", "zul": "zu", "hin": "hi",
    "twi": "tw", "ita": "it", "fin": "fi", "ind": "id",
}  # fmt: skip
Run = dict[str, list[tuple[str, float]]]  # what a search returns: scored passages of each query


def _bare(texts: Iterable[str]) -> set[str]:
    """Texts that a pair must not have, compared as :func:`.text.bare` makes them."""
    if isinstance(texts, str):
        raise InputError("texts", "one string", "a list of texts; write [text]")
    return {bare(text) for text in texts} - {""}


@dataclass(frozen=True)
class Bitext:
    """Sentence pairs: ``pairs[i] == (source sentence, English sentence)``."""

    name: str  # where the pairs come from
    source: str  # language code
    target: str  # the code of English
    pairs: Sequence[
        tuple[str, str]
    ]  # in memory, or read from a file whenever they are gone through
    notes: dict = field(default_factory=dict)  # what was dropped and why, for the run's record

    def __len__(self) -> int:
        return len(self.pairs)

    def clean(self, *, without: Sequence[str] = ()) -> Bitext:
        """Drop empty, repeated and untranslated pairs, and those with a side of ``without``.

        >>> pairs = (("maji", "water"), ("maji", "water"), ("OK", "OK"))
        >>> Bitext("x", "sw", "en", pairs).clean().pairs
        (('maji', 'water'),)
        """
        banned, seen, kept = _bare(without), set(), []
        dropped = {"empty": 0, "untranslated": 0, "repeated": 0, "held out": 0}
        for source, target in self.pairs:
            key = fold(source), fold(target)
            if not all(key):
                dropped["empty"] += 1
            elif key[0] == key[1]:
                dropped["untranslated"] += 1
            elif key in seen:
                dropped["repeated"] += 1
            elif banned and banned & {bare(source), bare(target)}:
                dropped["held out"] += 1
            else:
                seen.add(key)
                kept.append((source, target))
        return replace(self, pairs=tuple(kept), notes={**self.notes, "dropped": dropped})

    def leave_out(self, texts: Sequence[str]) -> Bitext:
        """Drop pairs with a side of ``texts``, as :meth:`clean` does, and nothing else.

        >>> pairs = (("Nani ?", "Who?"), ("maji", "water"), ("maji", "water"))
        >>> Bitext("x", "sw", "en", pairs).leave_out(["nani"]).pairs
        (('maji', 'water'), ('maji', 'water'))
        """
        banned = _bare(texts)
        kept = tuple(pair for pair in self.pairs if banned.isdisjoint(map(bare, pair)))
        dropped = {"held out": len(self) - len(kept)}
        return replace(self, pairs=kept, notes={**self.notes, "dropped": dropped})

    def __add__(self, other: Bitext) -> Bitext:
        ours, theirs = f"{self.source}-{self.target}", f"{other.source}-{other.target}"
        if ours != theirs:
            raise InputError("bitext", f"{theirs} added to {ours}", "one pair")
        return replace(
            self,
            name=f"{self.name}+{other.name}",
            pairs=(*self.pairs, *other.pairs),
            notes={self.name: self.notes, other.name: other.notes},
        )


@dataclass(frozen=True)
class Collection:
    """Passages, questions and relevance judgements."""

    name: str
    lang: str  # of the questions
    passages: dict[str, str]  # text by id
    queries: dict[str, str]  # text by id
    qrels: dict[
        str, dict[str, int]
    ]  # grade by passage id, by query id; every query has one above 0
    # the reference English of each question, where there is one: by people (AfriQA), the sentence
    # that was translated (Belebele), or machine-written (pocket)
    translations: dict[str, str] = field(default_factory=dict)
    flags: dict[str, list[str]] = field(default_factory=dict)  # marks by query id (see the reader)
    # what a reader left out, a line each
    notes: tuple[str, ...] = field(default=(), compare=False, repr=False)

    def __post_init__(self) -> None:
        for query, grades in self.qrels.items():
            for passage in grades:
                if query not in self.queries or passage not in self.passages:
                    got = f"a judgement for query {query!r} and passage {passage!r}"
                    raise InputError(self.name, got, "ids of the collection; mend the qrels")
            if not all(map(isfinite, grades.values())):
                got = f"a grade that is no number of query {query!r}"
                raise InputError(self.name, got, "finite numbers; mend the qrels")
        best = {query: max(grades.values(), default=0) for query, grades in self.qrels.items()}
        if unjudged := [query for query in self.queries if best.get(query, 0) <= 0]:
            got = f"{len(unjudged)} queries without a relevant passage (first {unjudged[0]!r})"
            raise InputError(self.name, got, "at least one each; drop them or judge them")


def need_pairs(bitext: Bitext, of: str) -> None:
    """Refuse a bitext that nothing can be learned from."""
    if not len(bitext):
        raise InputError(of, "a bitext without pairs", "at least one")


def language(code: str) -> str:
    """Two-letter code of a known language.

    >>> language("swa")
    'sw'
    """
    short = THREE_LETTERS.get(code, code)
    if short not in LANGUAGES:
        expected = f"one of {', '.join(LANGUAGES)} (or a three-letter code of one)"
        raise InputError("language", repr(code), expected)
    return short
