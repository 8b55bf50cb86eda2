"""Material: what the explorer shows, as plain values: costs of sentence pairs and rankings of questions, by student.

Python encodes; the browser solves and draws (``solver.js``, ``drawing.js``, ``explorer.js``).
"""

from __future__ import annotations

import base64
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .. import retrieval
from ..alignment.subwords import Pair, encode_pairs
from ..corpora import Collection, language
from ..cost import idf_table
from ..datasets import pocket
from ..encoder import Encoder, teacher
from ..settings import InputError
from ..training import runs

LONGEST = 64  # tokens a side: more do not fit a heat map
SHOWN = 5  # passages of a ranking
Row = Sequence  # source and target, and where there is gold its sure and its possible links
Loader = Encoder | str | Path | Callable[[], Encoder]


def pack(cost) -> str:
    """Costs from 0 to 2 as base64 of little-endian 16-bit numbers; none is off by more than 0.000016.

    >>> pack([[0.0, 2.0]])
    'AAD//w=='
    """
    values = np.clip(np.rint(np.asarray(cost, dtype=float) / 2 * 65535), 0, 65535)
    return base64.b64encode(values.astype("<u2").tobytes()).decode()


@dataclass
class Material:
    """Sentence pairs, questions and students, and what these have encoded so far.

    Attributes
    ----------
    lang : code of the source language; questions and idf weights are pocket's, where it has the language
    students : encoders, run folders or functions that return an encoder, by name; loaded when first used
    rows : sentence pairs, with gold links where there are some; default: pocket's gold
    layers : where the encoders stop, student and teacher alike; 0 is the last layer
    english : encoder of the English side; default: the kit's teacher
    """

    lang: str
    students: Mapping[str, Loader]
    rows: Sequence[Row] | None = None
    layers: Sequence[int] = (0,)
    english: Encoder | None = None
    _loaded: dict[str, Encoder] = field(default_factory=dict, repr=False)
    _pairs: dict[tuple, Pair] = field(default_factory=dict, repr=False)
    _rarity: dict[str, list[float]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.lang = language(self.lang)
        if self.rows is None:
            self.rows = pocket.gold(self.lang) if self.lang in pocket.LOW_RESOURCE else []
        if not self.students or not self.rows:
            raise InputError(
                f"explorer: got {len(self.students)} students and {len(self.rows)} sentence pairs, expected one of "
                "each at least; pocket has gold pairs of Swahili, Somali, Tagalog and Marathi, give your own of others"
            )

    def student(self, name: str) -> Encoder:
        """A student by its name; "" is the teacher."""
        if name and name not in self.students:
            raise InputError(f"explorer: got student {name!r}, expected one of {', '.join(self.students)}")
        if name not in self._loaded:
            what = self.students[name] if name else self.english or teacher
            what = runs.load_student(what) if isinstance(what, str | Path) else what
            self._loaded[name] = what if isinstance(what, Encoder) else what()
        return self._loaded[name]

    @property
    def steps(self) -> dict[str, list]:
        """The students of each run, as [step, name]."""
        found: dict[str, list] = {}
        for name in self.students:
            run, _, step = name.rpartition(", step ")
            if run and step.isdigit():
                found.setdefault(run, []).append([int(step), name])
        return found

    @property
    def compared(self) -> tuple[str, str]:
        """The students to compare: the last, and before it the first of its run, or else the first of all."""
        names = list(self.students)
        run = self.steps.get(names[-1].rpartition(", step ")[0])
        return (run[0][1] if run else names[0]), names[-1]

    def encoded(self, rows: Sequence[Row], name: str, layer: int = 0) -> list[Pair]:
        """Sentence pairs as a student and the teacher read them; what was encoded is remembered.

        Raises
        ------
        InputError
            an empty side, or more tokens than the view can draw
        """
        keys = [(name, layer, *map(str, row[:2])) for row in rows]
        if new := {key: row[:2] for key, row in zip(keys, rows, strict=True) if key not in self._pairs}:
            sides = (e.upto(layer) if layer else e for e in (self.student(name), self.student("")))
            found = encode_pairs(*sides, list(new.values()))
            longest = max(len(tokens) for pair in found for tokens in (pair.source_tokens, pair.target_tokens))
            if longest > LONGEST:
                raise InputError(
                    f"explorer: got {longest} tokens on one side, expected at most {LONGEST} to draw; give a shorter "
                    "sentence, or use: python -m optical_lite align"
                )
            self._pairs.update(zip(new, found, strict=True))
        return [self._pairs[key] for key in keys]

    def _idf(self, name: str, tokens: Sequence[str]) -> list[float] | None:
        """Weights of the marginals of ``DistillConfig(marginals="idf")`` on pocket's bitext."""
        if self.lang not in pocket.LANGUAGES:
            return None
        encoder = self.student(name)
        if name not in self._rarity:
            texts = [pair[0 if name else 1] for pair in pocket.bitext(self.lang).pairs]
            self._rarity[name] = idf_table(encoder.tokenize(texts), encoder.rows).tolist()
        return [round(self._rarity[name][encoder.tokenizer.token_to_id(token)], 4) for token in tokens]

    def pairs(self, rows: Sequence[Row], names: Sequence[str], layers: Sequence[int] | None = None) -> list[dict]:
        """Sentence pairs for the view: words, tokens, gold, and each student's costs by layer."""
        found = []
        for row, p in zip(rows, self.encoded(rows, names[0], (layers or self.layers)[0]), strict=True):
            gold = [sorted(map(list, links)) for links in (*row[2:4], ())[:2]] if len(row) > 2 else [None, None]
            found.append({
                "source": row[0] if isinstance(row[0], str) else " ".join(row[0]), "s": p.source_words,
                "t": p.target_words, "tt": p.target_tokens, "to": p.target_owner, "tu": p.target_unknown,
                "idf": self._idf("", p.target_tokens), "sure": gold[0], "possible": gold[1], "students": {},
            })  # fmt: skip
        for name in names:
            for layer in layers or self.layers:
                for one, p in zip(found, self.encoded(rows, name, layer), strict=True):
                    part = {
                        "tokens": p.source_tokens, "words": p.source_owner, "unknown": p.source_unknown,
                        "idf": self._idf(name, p.source_tokens), "costs": {},
                    }  # fmt: skip
                    one["students"].setdefault(name, part)["costs"][layer] = pack(p.cost)
        return found

    @functools.cached_property
    def collection(self) -> Collection | None:
        """Pocket's passages and questions, where it has the language."""
        return pocket.collection(self.lang) if self.lang in pocket.LANGUAGES else None

    @functools.cached_property
    def index(self) -> retrieval.PassageIndex:
        """The passages, encoded by the teacher."""
        return retrieval.PassageIndex.cached(self.student(""), self.collection.passages)

    def rankings(self, texts: Sequence[str], name: str) -> list[list[tuple[str, float]]]:
        """For each question all passages with a student's scores, best first."""
        if self.collection is None or not all(text.strip() for text in texts):
            raise InputError(
                "search: got an empty question or a language that pocket has no passages for, expected text"
            )
        scores = retrieval.score(self.index, self.student(name).encode(list(texts)))
        return list(
            retrieval.top(list(map(str, range(len(texts)))), self.index.ids, scores, len(self.index.ids)).values()
        )

    def right(self, text: str) -> set[str]:
        """The right passages of a question of the collection; nothing for another question."""
        known = [name for name, query in self.collection.queries.items() if query == text]
        return {passage for name in known for passage, grade in self.collection.qrels[name].items() if grade > 0}

    def questions(self, texts: Sequence[str], names: Sequence[str]) -> tuple[list[dict], dict[str, dict]]:
        """Questions with each student's best passages and the reasons for their scores; and these passages.

        A reason is, for each token of the question, its largest similarity in the passage and where it lies; see
        :func:`optical_lite.retrieval.explain`.
        """
        found = [{"text": text, "right": sorted(self.right(text)), "students": {}} for text in texts]
        ranked = {name: self.rankings(texts, name) for name in names}
        wanted = [sorted({*one["right"], *(p for name in names for p, _ in ranked[name][k][:SHOWN])})
                  for k, one in enumerate(found)]  # fmt: skip
        ids = sorted({name for some in wanted for name in some})
        read = dict(zip(ids, _content(self.student(""), [self.collection.passages[i] for i in ids]), strict=True))
        for name in names:
            for k, (tokens, vectors) in enumerate(_content(self.student(name), texts)):
                ranks = {passage: place for place, (passage, _) in enumerate(ranked[name][k], 1)}
                why = {i: [x.tolist() for x in retrieval.explain(vectors, read[i][1])] for i in wanted[k]}
                found[k]["students"][name] = {
                    "tokens": tokens, "top": [[p, round(score, 3)] for p, score in ranked[name][k][:SHOWN]],
                    "rank": min((ranks[i] for i in found[k]["right"]), default=0), "ranks": {i: ranks[i] for i in why},
                    "why": {i: [[round(x, 3) for x in best], where] for i, (best, where) in why.items()},
                }  # fmt: skip
        titles = {i: f"{i}: {self.collection.passages[i]}" for i in ids}
        return found, {i: {"title": titles[i][:70].rstrip() + "…", "tokens": read[i][0]} for i in ids}

    def data(self, rows: Sequence[tuple[int, str]], texts: Sequence[tuple[str, str]], names: Sequence[str]) -> dict:
        """What the view starts with: some rows and questions, each with a note why, as some students read them."""
        pairs = self.pairs([self.rows[k] for k, _ in rows], names)
        found, passages = self.questions([text for text, _ in texts], names) if texts else ([], {})
        for item, (_, note) in zip([*pairs, *found], [*rows, *texts], strict=True):
            item["note"] = note
        return {
            "names": list(self.students), "compared": self.compared, "runs": list(self.steps.values()),
            "layers": list(self.layers), "idf": self.lang in pocket.LANGUAGES, "pairs": pairs, "questions": found,
            "passages": passages,
        }  # fmt: skip

    def answer(self, asked: Mapping) -> dict:
        """What the view asks a kernel for: a row or a question, known or typed, as some students read it."""
        names = list(dict.fromkeys(asked["students"]))
        if asked["kind"] == "question":
            (item,), passages = self.questions(asked["texts"], names)
            return {"item": item, "passages": passages}
        row = self.rows[asked["row"]] if "row" in asked else asked["texts"]
        return {"item": self.pairs([row], names, [asked["layer"]])[0]}


def _content(encoder: Encoder, texts: Sequence[str]) -> list[tuple]:
    """Tokens of each text that are not special, and their vectors, shape (n, d)."""
    batch = encoder.encode(list(texts))
    return [
        ([token for token, k in zip(tokens, mask.tolist(), strict=True) if k], vectors[mask])
        for tokens, mask, vectors in zip(batch.tokens, batch.mask, batch.vectors, strict=True)
    ]
