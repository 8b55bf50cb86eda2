"""Qdrant: an index in an engine that is kept by others, in a folder (Qdrant Edge) or on a server.

Each passage is a point with its token vectors, compared by MaxSim, and their mean, of which there
is a graph. What the choice rests on stands in ``docs/scaling.md``.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from torch import Tensor
from torch.nn.functional import normalize

from ..encoder import TokenBatch
from ..index import PassageIndex
from ..settings import InputError
from .shards import Shards
from .stores import Folder, Point, Server, module


class Engine:
    """An index in an engine, which :func:`optical_lite.retrieval.search` takes like any other.

    Parameters
    ----------
    ids, max_length, cut : of the index that was loaded
    candidates : passages looked up by the mean of their vectors and then scored, k at least; 0
        scores all, as :class:`.PassageIndex` does
    only : what the passages' payload must say, such as ``{"lang": "sw"}``
    """

    scorer = "maxsim"

    def __init__(
        self, store: Folder | Server, ids: Collection[str], max_length: int = 0, cut: int = 0,
        candidates: int = 0, only: Mapping | None = None,
    ) -> None:  # fmt: skip
        self.store, self.candidates, self.only = store, candidates, dict(only or {})
        self.ids, self.max_length, self.cut = frozenset(ids), max_length, cut

    def rank(self, batch: TokenBatch, k: int) -> list[list[tuple[str, float]]]:
        """The k best passages of each question; a tie is cut at k."""
        found, candidates = [], max(k, self.candidates) if self.candidates else 0
        for vectors, mask in zip(batch.vectors, batch.mask, strict=True):
            tokens = vectors[mask].float().cpu()  # (n, d)
            asked = tokens.tolist(), mean(tokens), k, candidates, self.only
            found.append(self.store.best(*asked) if len(tokens) else [])
        for name, _ in itertools.chain.from_iterable(found):
            if name not in self.ids:
                expected = "one of the passages; index anew"
                raise InputError(self.store.place, f"the passage {name!r}", expected)
        return found


def store(engine: str, folder: Path, name: str, width: int | None = None) -> Folder | Server:
    """The store of an index: inside its folder, or the collection ``name`` at a server's URL.

    With a ``width`` of token vectors it is made; without, one that is there is opened.
    """
    if engine == "folder":
        return Folder(folder / "engine", width)
    if "://" not in engine:
        expected = "folder, or a Qdrant server's URL such as http://host:6333"
        raise InputError("engine", f"{engine!r}", expected)
    return Server(engine, name, width)


def need(engine: str, folder: Path, name: str) -> None:
    """Refuse an engine that :func:`store` could not make: lacking, unreachable, or in use."""
    if engine == "folder":
        module("qdrant_edge")
    else:
        kept = store(engine, folder, name)
        kept.need_free()
        kept.close()


def mean(tokens: Tensor) -> list[float]:
    """The unit vector of some token vectors' mean: shape (n, d) -> (d,)."""
    return normalize(tokens.float().mean(0), dim=0).tolist()


def load(
    index: PassageIndex | Shards, store: Folder | Server,
    payloads: Mapping[str, Mapping] | None = None, mark: object = None,
) -> int:  # fmt: skip
    """Write an index into an engine, with payloads by passage id; how many passages it holds.

    The first point keeps the ``mark`` of the index, so that no other is taken for this one.
    """
    payloads, numbers = payloads or {}, itertools.count()

    def points() -> Iterator[Point]:
        for part in index.shards(1 << 12):
            passages = part.vectors.split(part.lengths.tolist())
            for name, vectors in zip(part.ids, passages, strict=True):
                if len(vectors):  # no passage without tokens is ever found
                    both = {"tokens": vectors.float().tolist(), "mean": mean(vectors)}
                    number, more = next(numbers), {"id": name, **payloads.get(name, {})}
                    yield number, both, more if number else {**more, "of": mark}

    try:
        store.put(points())
        if (there := store.count()) != (sent := next(numbers)):
            expected = f"{sent:,}; load anew"
            raise InputError(store.place, f"{there:,} passages after {sent:,} were sent", expected)
    except BaseException:
        store.drop()
        raise
    return there
