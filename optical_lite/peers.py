"""Peers of the benchmarks, run by path in an environment of their own.

``python peers.py NAME request.json answer.json``, from :func:`optical_lite.bench.ask_peer`.
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


def train(request: dict) -> dict:
    """sentence-transformers' trainer with MSELoss; the teacher's vectors are made beforehand and not counted."""
    from datasets import Dataset
    from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments
    from sentence_transformers.losses import MSELoss

    source, target = (list(side) for side in zip(*request["pairs"], strict=True))
    labels = model(request["teacher"], request["length"]).encode(target, batch_size=32)
    student = model(request["student"], request["length"])
    data = Dataset.from_dict({"sentence": source, "label": labels.tolist()})
    seconds = []
    for i in range(request["repetitions"] + 1):
        with tempfile.TemporaryDirectory() as folder:
            options = SentenceTransformerTrainingArguments(
                folder, per_device_train_batch_size=request["batch"], num_train_epochs=1, save_strategy="no",
                report_to="none", disable_tqdm=True, learning_rate=2e-5, use_cpu=True, logging_strategy="no",
            )  # fmt: skip
            trainer = SentenceTransformerTrainer(student, options, train_dataset=data, loss=MSELoss(student))
            start = time.perf_counter()
            trainer.train()
            if i:
                seconds.append(time.perf_counter() - start)
    return {"seconds": seconds, "pairs": len(source)}


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


PEERS = {"train": train, "encode": encode}

if __name__ == "__main__":
    import torch

    name, asked, answered = sys.argv[1:]
    with open(asked, encoding="utf-8") as file:
        request = json.load(file)
    torch.set_num_threads(request["threads"])
    answer = PEERS[name](request)
    with open(answered, "w", encoding="utf-8") as file:
        json.dump(answer, file)
