"""Material: what the explorer shows, as plain values: costs of pairs and rankings, by student.

Python encodes; the browser solves and draws (``solver.js``, ``drawing.js``, ``explorer.js``).
"""

from __future__ import annotations

import base64
import functools
from collections.abc import Callable, Mapping, Sequence
from itertools import compress
from pathlib import Path

import numpy as np

from .. import retrieval
from ..alignment.subwords import Pair, encode_pairs
from ..corpora import THREE_LETTERS
from ..cost import idf_table
from ..datasets import pocket
from ..encoder import Encoder, teacher
from ..settings import InputError, one_of
from ..training import runs

LONGEST = 64  # tokens a side: more do not fit a heat map
SHOWN = 5  # passages of a ranking
Row = Sequence  # source and target, and where there is gold its sure and its possible links
Loader = Encoder | str | Path | Callable[[], Encoder]


def pack(cost) -> str:
    """Costs from 0 to 2 as base64 of little-endian 16-bit numbers; none is off by over 0.000016.

    >>> pack([[0.0, 2.0]])
    'AAD//w=='
    """
    values = np.clip(np.rint(np.asarray(cost, dtype=float) / 2 * 65535), 0, 65535)
    return base64.b64encode(values.astype("<u2").tobytes()).decode()


class Material:
    """Sentence pairs, questions and students, and what these have encoded so far.

    Parameters
    ----------
    lang : code of the source language; questions and idf weights are pocket's, where it has it
    students : by name; loaded when first used
    rows : sentence pairs, by default pocket's gold
    layers : where the encoders stop, student and teacher alike; 0 is the last layer
    english : encoder of the English side, by default the kit's teacher
    """

    def __init__(
        self, lang: str, students: Mapping[str, Loader], rows: Sequence[Row] | None = None,
        layers: Sequence[int] = (0,), english: Encoder | None = None,
    ) -> None:  # fmt: skip
        self.lang = THREE_LETTERS.get(lang, lang)
        if rows is None:
            rows = pocket.gold(self.lang) if self.lang in pocket.LOW_RESOURCE else []
        if not students or not rows:
            raise InputError(
                f"explorer: got {len(students)} students and {len(rows)} sentence pairs, expected "
                "one of each at least; pocket has gold pairs of Swahili, Somali, Tagalog and "
                "Marathi, give your own of others"
            )
        self.students, self.rows, self.layers = students, rows, layers
        known = self.lang in pocket.LANGUAGES
        self.collection = pocket.collection(self.lang) if known else None
        self._loaded = {"": english or teacher()}
        self._pairs: dict[tuple, Pair] = {}
        self._rarity: dict[str, list[float]] = {}

    def student(self, name: str) -> Encoder:
        """A student by its name; "" is the teacher."""
        if name not in self._loaded:
            one_of("explorer: got student", name, self.students)
            what = self.students[name]
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
        """The students to compare: the last, and the first of its run, or else of all."""
        names = list(self.students)
        run = self.steps.get(names[-1].rpartition(", step ")[0])
        return (run[0][1] if run else names[0]), names[-1]

    def encoded(self, rows: Sequence[Row], name: str, layer: int = 0) -> list[Pair]:
        """Sentence pairs as a student and the teacher read them; what was encoded is remembered.

        An empty side, or more tokens than the view can draw, are an InputError.
        """
        keys = [(name, layer, *map(str, row[:2])) for row in rows]
        named = zip(keys, rows, strict=True)
        new = {key: row[:2] for key, row in named if key not in self._pairs}
        if new:
            sides = self.student(name), self.student("")
            if layer:
                sides = [encoder.upto(layer) for encoder in sides]
            found = encode_pairs(*sides, list(new.values()))
            longest = max(max(len(p.source_tokens), len(p.target_tokens)) for p in found)
            if longest > LONGEST:
                raise InputError(
                    f"explorer: got {longest} tokens on one side, expected at most {LONGEST} to "
                    "draw; give a shorter sentence, or use: python -m optical_lite align"
                )
            self._pairs.update(zip(new, found, strict=True))
        return [self._pairs[key] for key in keys]

    def _idf(self, name: str, tokens: Sequence[str]) -> list[float] | None:
        """Weights of the marginals of ``DistillConfig(marginals="idf")`` on pocket's bitext."""
        if self.collection is None:
            return None
        encoder = self.student(name)
        if name not in self._rarity:
            texts = [pair[0 if name else 1] for pair in pocket.bitext(self.lang).pairs]
            self._rarity[name] = idf_table(encoder.tokenize(texts), encoder.rows).tolist()
        ids = map(encoder.tokenizer.token_to_id, tokens)
        return [round(self._rarity[name][i], 4) for i in ids]

    def pairs(
        self, rows: Sequence[Row], names: Sequence[str], layers: Sequence[int] | None = None
    ) -> list[dict]:
        """Sentence pairs for the view: words, tokens, gold, and each student's costs by layer."""
        layers = layers or self.layers
        read = {(name, n): self.encoded(rows, name, n) for name in names for n in layers}
        found = []
        for k, row in enumerate(rows):
            students = {}
            for name in names:
                p = read[name, layers[0]][k]
                students[name] = {
                    "tokens": p.source_tokens, "words": p.source_owner,
                    "unknown": p.source_unknown, "idf": self._idf(name, p.source_tokens),
                    "costs": {n: pack(read[name, n][k].cost) for n in layers},
                }  # fmt: skip
            p = read[names[0], layers[0]][k]
            gold = [sorted(map(list, links)) for links in (*row[2:4], ())[:2]]
            sure, possible = gold if len(row) > 2 else (None, None)
            found.append({
                "source": row[0] if isinstance(row[0], str) else " ".join(row[0]),
                "s": p.source_words, "t": p.target_words, "tt": p.target_tokens,
                "to": p.target_owner, "tu": p.target_unknown, "idf": self._idf("", p.target_tokens),
                "sure": sure, "possible": possible, "students": students,
            })  # fmt: skip
        return found

    @functools.cached_property
    def index(self) -> retrieval.PassageIndex:
        """The passages, encoded by the teacher."""
        return retrieval.PassageIndex.cached(self.student(""), self.collection.passages)

    def rankings(self, texts: Sequence[str], name: str) -> list[dict[str, float]]:
        """For each question all passages with a student's scores, best first."""
        if self.collection is None or not all(text.strip() for text in texts):
            got = "an empty question or a language that pocket has no passages for"
            raise InputError("search", got, "text")
        asked = {str(k): text for k, text in enumerate(texts)}
        found = retrieval.search(self.index, self.student(name), asked, len(self.index.ids))
        return [dict(found[k]) for k in asked]

    def right(self, text: str) -> set[str]:
        """The right passages of a question, if the collection has it."""
        known = [name for name, query in self.collection.queries.items() if query == text]
        grades = [pair for name in known for pair in self.collection.qrels[name].items()]
        return {passage for passage, grade in grades if grade > 0}

    def questions(self, texts: Sequence[str], names: Sequence[str]) -> tuple[list[dict], dict]:
        """Questions with each student's best passages and the reasons for their scores; and these.

        A reason is what :func:`optical_lite.retrieval.explain` says of each token of the question.
        """
        ranked = {name: self.rankings(texts, name) for name in names}
        found = [{"text": x, "right": sorted(self.right(x)), "students": {}} for x in texts]
        wanted = []
        for k, one in enumerate(found):
            best = (passage for name in names for passage in list(ranked[name][k])[:SHOWN])
            wanted.append(sorted({*one["right"], *best}))
        ids, passages = sorted(set().union(*wanted)), self.collection.passages
        read = dict(zip(ids, _content(self.student(""), [passages[i] for i in ids]), strict=True))
        for name in names:
            for k, (tokens, vectors) in enumerate(_content(self.student(name), texts)):
                scores, why = ranked[name][k], {}
                for i in wanted[k]:
                    best, where = retrieval.explain(vectors, read[i][1])
                    why[i] = [[round(x, 3) for x in best.tolist()], where.tolist()]
                ranks = {passage: place for place, passage in enumerate(scores, 1)}
                found[k]["students"][name] = {
                    "tokens": tokens,
                    "top": [[i, round(scores[i], 3)] for i in list(scores)[:SHOWN]],
                    "rank": min((ranks[i] for i in found[k]["right"]), default=0),
                    "ranks": {i: ranks[i] for i in why},
                    "why": why,
                }
        titles = {i: f"{i}: {passages[i]}"[:70].rstrip() + "…" for i in ids}
        return found, {i: {"title": titles[i], "tokens": read[i][0]} for i in ids}

    def data(self, rows: Sequence[tuple], texts: Sequence[tuple], names: Sequence[str]) -> dict:
        """What the view starts with: (row number, note why) and (question, note why), as read."""
        pairs = self.pairs([self.rows[k] for k, _ in rows], names)
        found, passages = self.questions([text for text, _ in texts], names) if texts else ([], {})
        for item, (_, note) in zip([*pairs, *found], [*rows, *texts], strict=True):
            item["note"] = note
        return {
            "names": list(self.students), "compared": self.compared,
            "runs": list(self.steps.values()), "layers": list(self.layers),
            "idf": self.collection is not None, "pairs": pairs, "questions": found,
            "passages": passages,
        }  # fmt: skip

    def answer(self, asked: Mapping) -> dict:
        """What the view asks a kernel for: a row or a question, known or typed, by students."""
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
        (list(compress(tokens, mask.tolist())), vectors[mask])
        for tokens, mask, vectors in zip(batch.tokens, batch.mask, batch.vectors, strict=True)
    ]
