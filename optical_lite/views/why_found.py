"""Reasons: which passages a question finds, and why, token by token, before and after distillation."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field

from torch import Tensor

from .. import retrieval
from ..corpora import Collection
from ..encoder import TokenBatch
from ..settings import InputError
from . import pictures
from .explorer import Explorer
from .pictures import Picture

SHOWN = 5  # passages


@dataclass(frozen=True)
class Reason:
    """Why one passage has its score; see :func:`optical_lite.retrieval.explain` for ``best`` and ``where``."""

    question: list[str]
    passage: list[str]
    best: Tensor
    where: Tensor
    rank: int

    @property
    def score(self) -> float:
        """The MaxSim score."""
        return float(self.best.sum())


def content(batch: TokenBatch) -> tuple[list[str], Tensor]:
    """Tokens of a batch's only text that are not special, and their vectors, shape (n, d)."""
    keep = batch.mask[0]
    return [token for token, k in zip(batch.tokens[0], keep.tolist(), strict=True) if k], batch.vectors[0][keep]


@dataclass
class Finder:
    """A collection ready to be searched by any student of an explorer; what was encoded is remembered."""

    explorer: Explorer
    collection: Collection
    _encoded: dict[tuple[str, str], TokenBatch] = field(default_factory=dict, repr=False)

    @functools.cached_property
    def index(self) -> retrieval.PassageIndex:
        """The passages, encoded by the teacher."""
        return retrieval.PassageIndex.cached(self.explorer.english, self.collection.passages)

    def encode(self, student: str, text: str) -> TokenBatch:
        """A text by a student (the last 512 are kept); the name ``""`` is the teacher."""
        if (student, text) not in self._encoded:
            if len(self._encoded) >= 512:
                self._encoded.clear()
            encoder = self.explorer.students[student] if student else self.explorer.english
            self._encoded[student, text] = encoder.encode([text])
        return self._encoded[student, text]

    def ranking(self, student: str, question: str) -> list[tuple[str, float]]:
        """All passages with their scores, best first."""
        if not question.strip():
            raise InputError("question: got an empty one, expected some words; type a question")
        scores = retrieval.score(self.index, self.encode(student, question))
        return retrieval.top(["q"], self.index.ids, scores, len(self.index.ids))["q"]

    def reason(self, student: str, question: str, passage: str) -> Reason:
        """Why a passage (its id) has its score."""
        ranked = [name for name, _ in self.ranking(student, question)]
        batches = self.encode(student, question), self.encode("", self.collection.passages[passage])
        tokens, vectors = zip(*map(content, batches), strict=True)
        return Reason(*tokens, *retrieval.explain(*vectors), ranked.index(passage) + 1)

    def relevant(self, question: str) -> set[str]:
        """The right passages of a question of the collection; nothing for another question."""
        for name, text in self.collection.queries.items():
            if text == question:
                return {passage for passage, grade in self.collection.qrels[name].items() if grade > 0}
        return set()

    def picture(self, question: str, before: str, after: str, passage: str | None = None) -> Picture:
        """Best passages of two students side by side, and the reasons of both for one passage.

        ``passage`` is by default the right one, or the best of ``after`` where none is known.
        """
        ranked, right = self.ranking(after, question), self.relevant(question)
        passage = passage or next((name for name, _ in ranked if name in right), ranked[0][0])
        columns = []
        for student in (before, after):
            reason = self.reason(student, question, passage)
            lines = [f"{student}: best passages"]
            for place, (name, score) in enumerate(self.ranking(student, question)[:SHOWN], 1):
                mark = "✓" if name in right else " "
                lines.append(f"{place}. {mark} {score:5.2f}  {name}: {shorten(self.collection.passages[name])}")
            title = f"why {passage} has rank {reason.rank}, score {reason.score:.2f}"
            why = pictures.matches(reason.question, reason.best, reason.where, reason.passage, title=title)
            columns.append(pictures.stack(pictures.caption(lines), why))
        return pictures.stack(*columns, across=True, gap=26, title=f"{question}: {before} and {after}")


def shorten(text: str, length: int = 64) -> str:
    """The beginning of a text.

    >>> shorten("How malaria spreads. A mosquito", 22)
    'How malaria spreads. A…'
    """
    return text if len(text) <= length else text[:length].rstrip() + "…"
