"""Stores: where Qdrant keeps an index, a folder of Qdrant Edge or a server's collection."""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType

from ..safe_files import guard
from ..settings import InputError

# written at a time: passages, and numbers of theirs, some 20 MB of JSON where a server takes 32
POINTS, NUMBERS = 256, 1 << 20
PAUSES = (1, 2, 4, 8)  # seconds until a server that is busy or starts anew is asked again
GRAPH = {"m": 16, "ef_construct": 100, "full_scan_threshold": 1_000}  # of the means
Point = tuple[int, dict, dict]  # its number, its vectors (``tokens`` and ``mean``), its payload


def module(name: str) -> ModuleType:
    """A client of Qdrant's, which may not be installed."""
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


def _where(api: ModuleType, only: dict) -> object | None:
    """The filter of passages whose payload says all of ``only``."""
    fields = [
        api.FieldCondition(key=key, match=api.MatchValue(value=value))
        for key, value in only.items()
    ]
    return api.Filter(must=fields) if fields else None


class Folder:
    """A shard of Qdrant Edge in a folder, in this process."""

    expected = "an engine that was loaded whole; index anew"

    def __init__(self, place: str | Path, width: int | None = None) -> None:
        self.api, self.place = module("qdrant_edge"), place
        self.shard = self._open(width)

    @_told
    def _open(self, width: int | None) -> object:
        api, place = self.api, str(self.place)
        if width is None:
            return api.EdgeShard.load(place)
        every = api.MultiVectorConfig(api.MultiVectorComparator.MaxSim)
        common = {"size": width, "distance": api.Distance.Dot}
        common["datatype"] = api.VectorStorageDatatype.Float16
        none = api.HnswIndexConfig(**{**GRAPH, "m": 0})  # a graph of MaxSim takes hours to build
        tokens = api.EdgeVectorParams(
            **common, multivector_config=every, hnsw_config=none, memory=api.Memory.Cold
        )
        mean = api.EdgeVectorParams(**common, hnsw_config=api.HnswIndexConfig(**GRAPH))
        Path(place).mkdir(parents=True, exist_ok=True)
        # a folder is loaded as a whole or made again: no log of single writes is needed
        config = api.EdgeConfig(vectors={"tokens": tokens, "mean": mean}, wal_enabled=False)
        return api.EdgeShard.create(place, config)

    @_told
    def put(self, points: Iterable[Point]) -> None:
        """Write points."""
        for some in batches(points):
            made = [self.api.Point(*point) for point in some]
            self.shard.update(self.api.UpdateOperation.upsert_points(made))
        self.shard.flush()
        self.shard.optimize()
        self.shard.flush()

    def drop(self) -> None:
        """Nothing: who makes a folder takes one that failed away."""

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
        """What the points are of, see :func:`.qdrant.load`."""
        found = self.shard.retrieve([0], with_payload=True, with_vector=False)
        return found[0].payload.get("of") if found else None

    @_told
    def best(
        self, tokens: list, mean: list, k: int, candidates: int, only: dict
    ) -> list[tuple[str, float]]:
        """The k best passages of a question."""
        api, where = self.api, _where(self.api, only)
        near = api.Query.Nearest
        first = api.Prefetch(limit=candidates, query=near(mean, using="mean"), filter=where)
        asked = api.QueryRequest(
            limit=k, query=near(tokens, using="tokens"), prefetches=[first] if candidates else None,
            filter=where, with_payload=["id"], params=api.SearchParams(exact=not candidates),
        )  # fmt: skip
        return [(point.payload["id"], point.score) for point in self.shard.query(asked)]


class Server:
    """A collection of a Qdrant server, by its URL; ``:memory:`` is one in this process."""

    def __init__(self, place: str, name: str, width: int | None = None) -> None:
        self.api, self.place, self.name = module("qdrant_client.models"), place, name
        self.expected = (
            "a Qdrant server; check its URL, that it runs, the key in QDRANT_API_KEY and, to "
            f"search, that it has the collection {name!r}"
        )
        self.client = self._open(width)

    @_told
    def _open(self, width: int | None) -> object:
        how = {"api_key": os.environ.get("QDRANT_API_KEY"), "check_compatibility": False}
        client = module("qdrant_client").QdrantClient(self.place, timeout=60, **how)
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

    def _patient(self, call: Callable, *given: object, **more: object) -> object:
        """The answer to a call, which is made again while the server is busy or cannot be had."""
        failed = module("qdrant_client.http.exceptions")
        for pause in PAUSES:
            try:
                return call(*given, **more)
            except failed.UnexpectedResponse as error:
                if error.status_code not in (429, 500, 502, 503, 504):
                    raise
            except failed.ApiException:
                pass
            time.sleep(pause)
        return call(*given, **more)

    @_told
    def put(self, points: Iterable[Point]) -> None:
        """Write points; a number is there once, however often sent."""
        for some in batches(points):
            made = [
                self.api.PointStruct(id=number, vector=vector, payload=more)
                for number, vector, more in some
            ]
            self._patient(self.client.upsert, self.name, made, wait=True)

    def drop(self) -> None:
        """Take the collection away, if the server can still be asked."""
        with contextlib.suppress(Exception):
            self.client.delete_collection(self.name)

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
        """What the points are of, see :func:`.qdrant.load`."""
        found = self.client.retrieve(self.name, [0])
        return found[0].payload.get("of") if found else None

    @_told
    def need_free(self) -> None:
        """Refuse a name that the server has a collection of."""
        if self.client.collection_exists(self.name):
            expected = (
                "a new one; choose another --out, or delete it: "
                f"curl -X DELETE {self.place}/collections/{self.name}"
            )
            raise InputError(self.place, f"a collection {self.name!r} that is there", expected)

    @_told
    def best(
        self, tokens: list, mean: list, k: int, candidates: int, only: dict
    ) -> list[tuple[str, float]]:
        """The k best passages of a question."""
        api, where = self.api, _where(self.api, only)
        first = api.Prefetch(query=mean, using="mean", limit=candidates, filter=where)
        found = self._patient(
            self.client.query_points, self.name, query=tokens, using="tokens", limit=k,
            prefetch=first if candidates else None, query_filter=where, with_payload=["id"],
            search_params=api.SearchParams(exact=not candidates),
        )  # fmt: skip
        return [(point.payload["id"], point.score) for point in found.points]


def batches(points: Iterable[Point]) -> Iterator[list[Point]]:
    """Points, so many at a time that one request holds them."""
    some: list[Point] = []
    size = 0
    for point in points:
        numbers = len(point[1]["tokens"]) * len(point[1]["mean"])
        if some and (len(some) == POINTS or size + numbers > NUMBERS):
            yield some
            some, size = [], 0
        some.append(point)
        size += numbers
    if some:
        yield some
