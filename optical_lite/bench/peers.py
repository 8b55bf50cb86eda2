"""Peers of the benchmarks, run by path in an environment of their own.

``python peers.py NAME request.json answer.json``, from :func:`.measuring.ask_peer`; without
optical_lite. Each peer takes the request and returns at least ``{"seconds": [...]}``.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import timeit
from pathlib import Path


def repeat(work, request: dict) -> list[float]:
    """Seconds of a work, again and again, after one time that does not count."""
    repetitions = request["repetitions"] + 1
    return timeit.repeat(work, "gc.enable()", number=1, repeat=repetitions)[1:]


def model(folder: str, request: dict):
    """A sentence-transformers model with a mean vector, from a transformers folder."""
    from sentence_transformers import SentenceTransformer, models

    transformer = models.Transformer(folder, max_seq_length=request["length"])
    pooling = models.Pooling(transformer.get_word_embedding_dimension())
    return SentenceTransformer(modules=[transformer, pooling])


def epochs(request: dict, student, columns: dict, loss, **more) -> dict:
    """Passes of sentence-transformers' trainer over the pairs."""
    from datasets import Dataset
    from sentence_transformers import SentenceTransformerTrainer as Trainer
    from sentence_transformers import SentenceTransformerTrainingArguments as Arguments

    data = Dataset.from_dict(columns)
    more |= {"train_dataset": data, "loss": loss}
    with tempfile.TemporaryDirectory() as folder:
        options = Arguments(
            folder, per_device_train_batch_size=request["batch"], num_train_epochs=1,
            learning_rate=2e-5, use_cpu=True, save_strategy="no", logging_strategy="no",
            report_to="none", disable_tqdm=True,
        )  # fmt: skip
        return {"seconds": repeat(lambda: Trainer(student, options, **more).train(), request)}


def train(request: dict) -> dict:
    """sentence-transformers' MSELoss; the teacher's vectors are made before and not counted."""
    from sentence_transformers.losses import MSELoss

    source, target = (list(side) for side in zip(*request["pairs"], strict=True))
    labels = model(request["teacher"], request).encode(target, batch_size=32)
    student = model(request["student"], request)
    columns = {"sentence": source, "label": labels.tolist()}
    return epochs(request, student, columns, MSELoss(student))


def distil(request: dict) -> dict:
    """PyLate's distillation of given scores: a source sentence, its translation and another.

    It trains every weight and a projection to 128, and reads three sentences a pair.
    """
    from pylate import losses, models, utils

    length = {"query_length": request["length"], "document_length": request["length"]}
    student = models.ColBERT(request["student"], do_query_expansion=False, device="cpu", **length)
    source, target = (list(side) for side in zip(*request["pairs"], strict=True))
    documents = zip(target, target[1:] + target[:1], strict=True)
    columns = {"query": source, "documents": list(map(list, documents))}
    columns["scores"] = [[1.0, 0.0]] * len(source)
    collator = utils.ColBERTCollator(student.tokenize)
    return epochs(request, student, columns, losses.Distillation(student), data_collator=collator)


def encode(request: dict) -> dict:
    """sentence-transformers' encode with one vector a token."""
    encoder, how = model(request["model"], request), {"batch_size": request["batch"]}
    how |= {"output_value": "token_embeddings", "show_progress_bar": False}
    return {"seconds": repeat(lambda: encoder.encode(request["texts"], **how), request)}


def passages(request: dict) -> list:
    """Token vectors of each passage, float32 tensors."""
    import torch

    index = torch.load(request["index"], weights_only=True)
    return list(index["vectors"].float().split(index["lengths"].tolist()))


def answers(name: str, search, request: dict) -> dict:
    """One question after the other; ``top`` holds the first 100 passages of each, best first."""
    import torch

    queries = [torch.tensor(query) for query in request["queries"]]
    top = [[int(passage) for passage in search(query)] for query in queries]
    seconds = repeat(lambda: [search(query) for query in queries], request)
    return {"peer_name": name, "seconds": seconds, "top": top}


def qdrant(request: dict) -> dict:
    """Qdrant Edge, every passage scored by MaxSim in float16, on as many threads as ours."""
    import qdrant_edge as api

    parts = passages(request)
    vectors = api.EdgeVectorParams(
        size=parts[0].shape[1], distance=api.Distance.Dot,
        datatype=api.VectorStorageDatatype.Float16,
        multivector_config=api.MultiVectorConfig(api.MultiVectorComparator.MaxSim),
        hnsw_config=api.HnswIndexConfig(m=0, ef_construct=100, full_scan_threshold=10),
    )  # fmt: skip
    config = api.EdgeConfig(vectors={"p": vectors}, max_search_threads=request["threads"])
    with tempfile.TemporaryDirectory() as folder:
        shard = api.EdgeShard.create(folder, config)
        for i, part in enumerate(parts):
            point = api.Point(i, {"p": part.tolist()}, {})
            shard.update(api.UpdateOperation.upsert_points([point]))
        shard.optimize()

        def search(query) -> list[int]:
            near = api.Query.Nearest(query.tolist(), using="p")
            exact = api.SearchParams(exact=True)
            asked = api.QueryRequest(limit=100, query=near, params=exact)
            return [point.id for point in shard.query(asked)]

        return answers("Qdrant Edge", search, request)


def pylate(request: dict) -> dict:
    """PyLate's rank.rerank over the whole pool."""
    from pylate import rank

    parts = passages(request)
    ids = list(range(len(parts)))

    def search(query) -> list[int]:
        (found,) = rank.rerank([ids], [query], [parts])
        return [passage["id"] for passage in found[:100]]

    return answers("PyLate rank.rerank", search, request)


def fast_maxsim(request: dict) -> dict:
    """fast-maxsim, a fork of maxsim-cpu that does not crash at long passages; float32."""
    for threads in ("RAYON_NUM_THREADS", "OMP_NUM_THREADS"):  # read at import
        os.environ[threads] = str(request["threads"])
    import fast_maxsim as api
    import torch

    parts = [part.numpy() for part in passages(request)]

    def search(query) -> list[int]:
        scores = api.maxsim_scores_variable(query.numpy(), parts)
        return torch.as_tensor(scores).topk(min(100, len(parts))).indices.tolist()

    return answers("fast-maxsim", search, request)


def plaid(request: dict) -> dict:
    """PLAID as fast-plaid has it: 4-bit residuals, 8 probes, 4,096 full scores."""
    from importlib.metadata import version

    from fast_plaid.search import FastPlaid

    with tempfile.TemporaryDirectory() as folder:
        engine = FastPlaid(folder, device="cpu")
        engine.create(passages(request))

        def search(query) -> list[int]:
            (found,) = engine.search(query[None], top_k=100, show_progress=False)
            return [passage for passage, _ in found]

        return answers(f"PLAID, fast-plaid {version('fast-plaid')}", search, request)


if __name__ == "__main__":
    import torch

    name, asked, answered = sys.argv[1:]
    request = json.loads(Path(asked).read_text(encoding="utf-8"))
    torch.set_num_threads(request["threads"])
    answer = globals()[name](request)
    Path(answered).write_text(json.dumps(answer), encoding="utf-8")
