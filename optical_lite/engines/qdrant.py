"""Qdrant: an index in an engine that is kept by others, in a folder (Qdrant Edge) or on a server.

Each passage is a point with all its token vectors, which the engine compares by MaxSim, and their
mean, for which it keeps a graph. With ``candidates`` the engine looks up so many passages by the
mean and scores these alone by MaxSim; without, it scores every passage: the ranking of
:class:`optical_lite.index.PassageIndex`. What the choice rests on stands in ``docs/scaling.md``.
``pip install 'optical_lite[engine]'`` brings both clients.
"""

from __future__ import annotations

import functools
import importlib
import itertools
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType

from torch import Tensor
from torch.nn.functional import normalize

from ..encoder import TokenBatch
from ..index import PassageIndex
from ..safe_files import guard
from ..settings import InputError
from .shards import Shards

POINTS = 256  # passages written at a time
GRAPH = {"m": 16, "ef_construct": 100, "full_scan_threshold": 1_000}  # of the means


def _module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError:
        expected = "it to be installed; pip install 'optical_lite[engine]'"
        raise InputError("engine", f"no {name}", expected) from None


def _told(method: Callable) -> Callable:
    """A method of a store, where whatever Qdrant raises becomes one line that names the store."""

    @functools.wraps(method)
    def told(store: Folder | Server, *args: object, **more: object) -> object:
        with guard(store.place, store.expected):
            return method(store, *args, **more)

    return told


class Folder:
    """A shard of Qdrant Edge in a folder, in this process."""

    expected = "an engine that was loaded whole; index anew"

    def __init__(self, place: str | Path, width: int | None = None) -> None:
        self.api, self.place = _module("qdrant_edge"), place
        self.shard = self._open(width)

    @_told
    def _open(self, width: int | None) -> object:
        api, place = self.api, self.place
        if width is None:
            return api.EdgeShard.load(str(place))
        every = api.MultiVectorConfig(api.MultiVectorComparator.MaxSim)
        common = {
            "size": width,
            "distance": api.Distance.Dot,
            "datatype": api.VectorStorageDatatype.Float16,
        }
        none = api.HnswIndexConfig(**{**GRAPH, "m": 0})  # a graph of MaxSim takes hours to build
        tokens = api.EdgeVectorParams(
            **common, multivector_config=every, hnsw_config=none, memory=api.Memory.Cold
        )
        mean = api.EdgeVectorParams(**common, hnsw_config=api.HnswIndexConfig(**GRAPH))
        Path(place).mkdir(parents=True, exist_ok=True)
        # a folder is loaded as a whole or made again: no log of single writes is needed
        config = api.EdgeConfig(vectors={"tokens": tokens, "mean": mean}, wal_enabled=False)
        return api.EdgeShard.create(str(place), config)

    @_told
    def put(self, points: Iterator[tuple[int, dict, dict]]) -> None:
        """Write points: number, vectors, payload."""
        while some := [self.api.Point(*point) for point in itertools.islice(points, POINTS)]:
            self.shard.update(self.api.UpdateOperation.upsert_points(some))
        self.shard.flush()
        self.shard.optimize()
        self.shard.flush()

    @_told
    def close(self) -> None:
        """Let the folder go, so that it can be moved and another process can open it."""
        self.shard.close()

    @_told
    def count(self) -> int:
        """Points there are."""
        return self.shard.count(self.api.CountRequest(exact=True))

    @_told
    def mark(self) -> object:
        """What the points are of, see :func:`load`."""
        found = self.shard.retrieve([0], with_payload=True, with_vector=False)
        return found[0].payload.get("of") if found else None

    @_told
    def best(
        self, tokens: list, mean: list, k: int, candidates: int, only: dict
    ) -> list[tuple[str, float]]:
        """The k best passages of a question."""
        api = self.api
        must = [
            api.FieldCondition(key=key, match=api.MatchValue(value)) for key, value in only.items()
        ]
        where = api.Filter(must=must) if must else None
        first = api.Prefetch(
            limit=candidates, query=api.Query.Nearest(mean, using="mean"), filter=where
        )
        asked = api.QueryRequest(
            limit=k, query=api.Query.Nearest(tokens, using="tokens"),
            prefetches=[first] if candidates else None, filter=where, with_payload=["id"],
            params=api.SearchParams(exact=not candidates),
        )  # fmt: skip
        return [(point.payload["id"], point.score) for point in self.shard.query(asked)]


class Server:
    """A collection of a Qdrant server, by its URL; ``:memory:`` is one in this process."""

    def __init__(self, place: str, name: str, width: int | None = None) -> None:
        self.api, self.place, self.name = _module("qdrant_client.models"), place, name
        self.expected = (
            "a Qdrant server; check its URL, that it runs, the key in QDRANT_API_KEY and, to "
            f"search, that it has the collection {name!r}"
        )
        self.client = self._open(width)

    @_told
    def _open(self, width: int | None) -> object:
        how = {"api_key": os.environ.get("QDRANT_API_KEY"), "check_compatibility": False}
        client = _module("qdrant_client").QdrantClient(self.place, timeout=60, **how)
        if width is not None:
            api, common = self.api, {"size": width, "distance": "Dot", "datatype": "float16"}
            every = api.MultiVectorConfig(comparator="max_sim")
            none = api.HnswConfigDiff(m=0)
            tokens = api.VectorParams(
                **common, multivector_config=every, hnsw_config=none, on_disk=True
            )
            mean = api.VectorParams(**common, hnsw_config=api.HnswConfigDiff(**GRAPH))
            client.create_collection(self.name, {"tokens": tokens, "mean": mean})
        return client

    @_told
    def put(self, points: Iterator[tuple[int, dict, dict]]) -> None:
        """Write points: number, vectors, payload; a number is there once, however often sent."""
        made = (
            self.api.PointStruct(id=number, vector=vector, payload=more)
            for number, vector, more in points
        )
        self.client.upload_points(self.name, made, batch_size=POINTS, max_retries=5, wait=True)

    @_told
    def close(self) -> None:
        """Let the server go."""
        self.client.close()

    @_told
    def count(self) -> int:
        """Points there are."""
        return self.client.count(self.name, exact=True).count

    @_told
    def mark(self) -> object:
        """What the points are of, see :func:`load`."""
        found = self.client.retrieve(self.name, [0])
        return found[0].payload.get("of") if found else None

    @_told
    def need_free(self) -> None:
        """Refuse a name that the server has a collection of."""
        if self.client.collection_exists(self.name):
            expected = "a new one; delete it, or choose another --out"
            raise InputError(self.place, f"a collection {self.name!r} that is there", expected)

    @_told
    def best(
        self, tokens: list, mean: list, k: int, candidates: int, only: dict
    ) -> list[tuple[str, float]]:
        """The k best passages of a question."""
        api = self.api
        must = [
            api.FieldCondition(key=key, match=api.MatchValue(value=value))
            for key, value in only.items()
        ]
        where = api.Filter(must=must) if must else None
        first = api.Prefetch(query=mean, using="mean", limit=candidates, filter=where)
        found = self.client.query_points(
            self.name, query=tokens, using="tokens", limit=k,
            prefetch=first if candidates else None, query_filter=where, with_payload=["id"],
            search_params=api.SearchParams(exact=not candidates),
        )  # fmt: skip
        return [(point.payload["id"], point.score) for point in found.points]


class Engine:
    """An index in an engine, which :func:`optical_lite.retrieval.search` takes like any other.

    Parameters
    ----------
    store : a :class:`Folder` or a :class:`Server`
    passages, max_length, cut : of the index that was loaded
    candidates : passages looked up by the mean of their vectors and then scored, k at least; 0
        scores all
    only : what the passages' payload must say, such as ``{"lang": "sw"}``

    Attributes
    ----------
    ids : numbers of the passages; their names stay in the engine
    """

    scorer = "maxsim"

    def __init__(
        self, store: Folder | Server, passages: int, max_length: int = 0, cut: int = 0,
        candidates: int = 0, only: Mapping | None = None,
    ) -> None:  # fmt: skip
        self.store, self.candidates, self.only = store, candidates, dict(only or {})
        self.ids, self.max_length, self.cut = range(passages), max_length, cut

    def rank(self, batch: TokenBatch, k: int) -> list[list[tuple[str, float]]]:
        """The k best passages of each question; a tie is cut at k."""
        found, candidates = [], max(k, self.candidates) if self.candidates else 0
        for vectors, mask in zip(batch.vectors, batch.mask, strict=True):
            tokens = vectors[mask].float().cpu()  # (n, d)
            asked = tokens.tolist(), mean(tokens), k, candidates, self.only
            found.append(self.store.best(*asked) if len(tokens) else [])
        return found


def store(engine: str, folder: Path, name: str, width: int | None = None) -> Folder | Server:
    """The store of an index folder: a folder in it, or a collection at a server's URL.

    Parameters
    ----------
    engine : ``folder`` or a URL
    name : of the collection
    width : of token vectors, where the store is to be made; one that is there is opened
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
        _module("qdrant_edge")
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
    """Write an index into an engine; how many passages it holds.

    Parameters
    ----------
    payloads : by passage id
    mark : what the index is of; the first point keeps it, so that no other is taken for this one
    """
    payloads = payloads or {}

    def points() -> Iterator[tuple[int, dict, dict]]:
        numbers = itertools.count()
        for part in index.shards(1 << 12):
            passages = part.vectors.split(part.lengths.tolist())
            for name, vectors in zip(part.ids, passages, strict=True):
                if len(vectors):  # no passage without tokens is ever found
                    both = {"tokens": vectors.float().tolist(), "mean": mean(vectors)}
                    more = {"id": name, **payloads.get(name, {})}
                    number = next(numbers)
                    yield number, both, more if number else {**more, "of": mark}

    store.put(points())
    return store.count()
