"""Scores of exported folders, by the library that they were written for, in an environment that has it.

``python library_scores.py LIBRARY request.json answer.json``. A request has ``folders``, ``questions`` and
``passages``; the answer is a table for each folder, a row for each question.
"""

import json
import sys

import torch


def sentence_transformers(folder, questions, passages):
    """Cosines of mean vectors."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(folder, device="cpu", local_files_only=True)
    return model.similarity(model.encode_query(questions), model.encode_document(passages)).tolist()


def pylate(folder, questions, passages):
    """MaxSim, as PyLate's own reranking has it."""
    from pylate import models, rank

    model = models.ColBERT(folder, device="cpu", local_files_only=True)
    asked, read = (model.encode(texts, is_query=False, batch_size=5) for texts in (questions, passages))
    numbers = list(range(len(passages)))
    ranked = rank.rerank([numbers] * len(questions), asked, [read] * len(questions))
    scores = [{found["id"]: float(found["score"]) for found in one} for one in ranked]
    return [[one[number] for number in numbers] for one in scores]


if __name__ == "__main__":
    library, asked, answered = sys.argv[1:]
    torch.set_num_threads(1)
    with open(asked, encoding="utf-8") as file:
        request = json.load(file)
    texts = request["questions"], request["passages"]
    answer = [globals()[library](folder, *texts) for folder in request["folders"]]
    with open(answered, "w", encoding="utf-8") as file:
        json.dump(answer, file)
