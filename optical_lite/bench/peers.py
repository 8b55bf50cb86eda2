"""Peers of the benchmarks, run by path in an environment of their own.

``python peers.py NAME request.json answer.json``, from :func:`.registry.ask_peer`.
Imports nothing of optical_lite. Each function takes the request and returns at least ``{"seconds": [...]}``.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time


def model(folder: str, length: int):
    """A sentence-transformers model with a mean vector, from a transformers folder."""
    from sentence_transformers import SentenceTransformer, models

    transformer = models.Transformer(folder, max_seq_length=length)
    return SentenceTransformer(modules=[transformer, models.Pooling(transformer.get_word_embedding_dimension())])


def epochs(request: dict, student, columns: dict, loss, **more) -> dict:
    """Seconds of one pass of sentence-transformers' trainer over the pairs, again and again, the first not counted."""
    from datasets import Dataset
    from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments

    data, seconds = Dataset.from_dict(columns), []
    for i in range(request["repetitions"] + 1):
        with tempfile.TemporaryDirectory() as folder:
            options = SentenceTransformerTrainingArguments(
                folder, per_device_train_batch_size=request["batch"], num_train_epochs=1, save_strategy="no",
                report_to="none", disable_tqdm=True, learning_rate=2e-5, use_cpu=True, logging_strategy="no",
            )  # fmt: skip
            trainer = SentenceTransformerTrainer(student, options, train_dataset=data, loss=loss, **more)
            start = time.perf_counter()
            trainer.train()
            if i:
                seconds.append(time.perf_counter() - start)
    return {"seconds": seconds, "pairs": len(data)}


def train(request: dict) -> dict:
    """sentence-transformers' trainer with MSELoss; the teacher's vectors are made beforehand and not counted."""
    from sentence_transformers.losses import MSELoss

    source, target = (list(side) for side in zip(*request["pairs"], strict=True))
    labels = model(request["teacher"], request["length"]).encode(target, batch_size=32)
    student = model(request["student"], request["length"])
    return epochs(request, student, {"sentence": source, "label": labels.tolist()}, MSELoss(student))


def distil(request: dict) -> dict:
    """PyLate's distillation from scores: each source sentence with its translation and another, the scores given.

    It trains every weight and a projection to 128, and reads three sentences a pair.
    """
    from pylate import losses, models, utils

    length, pairs = request["length"], request["pairs"]
    student = models.ColBERT(
        request["student"], query_length=length, document_length=length, do_query_expansion=False, device="cpu"
    )
    others = pairs[1:] + pairs[:1]
    columns = {
        "query": [source for source, _ in pairs],
        "documents": [[target, other] for (_, target), (_, other) in zip(pairs, others, strict=True)],
        "scores": [[1.0, 0.0]] * len(pairs),
    }
    collator = utils.ColBERTCollator(student.tokenize)
    return epochs(request, student, columns, losses.Distillation(student), data_collator=collator)


def encode(request: dict) -> dict:
    """sentence-transformers' encode with one vector a token."""
    encoder = model(request["model"], request["length"])
    seconds = []
    for i in range(request["repetitions"] + 1):
        start = time.perf_counter()
        encoder.encode(
            request["texts"], batch_size=request["batch"], output_value="token_embeddings", show_progress_bar=False
        )
        if i:
            seconds.append(time.perf_counter() - start)
    return {"seconds": seconds}


def passages(request: dict) -> tuple[list, list]:
    """Token vectors of each passage and each query, float32 arrays."""
    import numpy as np
    import torch

    index = torch.load(request["index"], weights_only=True)
    parts = [part.float().numpy() for part in index["vectors"].split(index["lengths"].tolist())]
    return parts, [np.asarray(query, dtype=np.float32) for query in request["queries"]]


def repeat(search, queries: list, repetitions: int) -> dict:
    """Time one query after the other; ``top`` holds the first 100 passages of each, best first."""
    seconds = []
    for i in range(repetitions + 1):
        start = time.perf_counter()
        top = [[int(passage) for passage in search(query)] for query in queries]
        if i:
            seconds.append(time.perf_counter() - start)
    return {"seconds": seconds, "top": top}


def qdrant(request: dict) -> dict:
    """Qdrant Edge, every passage scored: multivectors in float16 with MaxSim, on as many threads as ours."""
    import qdrant_edge as api

    parts, queries = passages(request)
    vectors = api.EdgeVectorParams(
        size=parts[0].shape[1], distance=api.Distance.Dot, datatype=api.VectorStorageDatatype.Float16,
        multivector_config=api.MultiVectorConfig(api.MultiVectorComparator.MaxSim),
        hnsw_config=api.HnswIndexConfig(m=0, ef_construct=100, full_scan_threshold=10),
    )  # fmt: skip
    config = api.EdgeConfig(vectors={"p": vectors}, max_search_threads=request["threads"])
    with tempfile.TemporaryDirectory() as folder:
        shard = api.EdgeShard.create(folder, config)
        for start in range(0, len(parts), 200):
            some = [api.Point(i, {"p": part.tolist()}, {}) for i, part in enumerate(parts[start : start + 200], start)]
            shard.update(api.UpdateOperation.upsert_points(some))
        shard.optimize()

        def search(query):
            near, exact = api.Query.Nearest(query.tolist(), using="p"), api.SearchParams(exact=True)
            return [point.id for point in shard.query(api.QueryRequest(limit=100, query=near, params=exact))]

        return {"peer_name": "Qdrant Edge", **repeat(search, queries, request["repetitions"])}


def lancedb(request: dict) -> dict:
    """LanceDB's multivector search without an index, cosine (the vectors have unit length)."""
    import lancedb
    import pyarrow

    parts, queries = passages(request)
    kind = pyarrow.list_(pyarrow.list_(pyarrow.float32(), parts[0].shape[1]))
    columns = {"id": pyarrow.array(range(len(parts))), "vector": pyarrow.array([p.tolist() for p in parts], kind)}
    with tempfile.TemporaryDirectory() as folder:
        table = lancedb.connect(folder).create_table("p", pyarrow.table(columns))

        def search(query):
            found = table.search(query, vector_column_name="vector").distance_type("cosine").limit(100)
            return found.to_arrow()["id"].to_pylist()

        return {"peer_name": "LanceDB, multivector", **repeat(search, queries, request["repetitions"])}


def pylate(request: dict) -> dict:
    """PyLate's rank.rerank over the whole pool."""
    import torch
    from pylate import rank

    parts, queries = passages(request)
    documents, ids = [torch.from_numpy(p) for p in parts], list(range(len(parts)))

    def search(query):
        found = rank.rerank([ids], [torch.from_numpy(query)], [documents])
        return [passage["id"] for passage in found[0][:100]]

    return {"peer_name": "PyLate rank.rerank", **repeat(search, queries, request["repetitions"])}


def plaid(request: dict) -> dict:
    """PLAID as fast-plaid, PyLate's index, has it: its own settings (4-bit residuals, 8 probes, 4,096 full scores)."""
    import importlib.metadata

    import torch
    from fast_plaid.search import FastPlaid

    parts, queries = passages(request)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        engine = FastPlaid(folder, device="cpu")
        engine.create([torch.from_numpy(p) for p in parts])
        built = time.perf_counter() - start

        def search(query):
            (found,) = engine.search(torch.from_numpy(query)[None], top_k=100, show_progress=False)
            return [passage for passage, _ in found]

        found = repeat(search, queries, request["repetitions"])
    name = f"PLAID, fast-plaid {importlib.metadata.version('fast-plaid')}"
    return {"peer_name": name, "built": built, **found}


PEERS = {
    "train": train, "distil": distil, "encode": encode, "qdrant": qdrant, "lancedb": lancedb, "pylate": pylate,
    "plaid": plaid,
}  # fmt: skip

if __name__ == "__main__":
    import torch

    name, asked, answered = sys.argv[1:]
    with open(asked, encoding="utf-8") as file:
        request = json.load(file)
    torch.set_num_threads(request["threads"])
    answer = PEERS[name](request)
    with open(answered, "w", encoding="utf-8") as file:
        json.dump(answer, file)
