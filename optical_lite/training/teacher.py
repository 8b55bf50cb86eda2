r"""Tuning: teach an English encoder late interaction, as the teacher that OPTICAL assumes knows it.

MiniLM was trained through its mean vector; nobody ever asked its token vectors to match one by one.
Here questions find their passages by MaxSim among the passages of the batch and one BM25 neighbour
each:

.. math:: L = -\log \frac{\exp(s(q, p^+) / \tau)}{\sum_p \exp(s(q, p) / \tau)}, \qquad
          s(q, p) = \frac{1}{n} \sum_i \max_j \langle q_i, p_j \rangle

Passages that equal the right one are no negatives. Source: Khattab and Zaharia, "ColBERT", SIGIR
2020; in-batch negatives as in ColBERTv2 (Santhanam et al., NAACL 2022). Notebook 04.
"""

from __future__ import annotations

import copy
import itertools
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from .. import lexical, metrics, model_files, retrieval, significance
from ..corpora import Bitext, Collection
from ..distillation import length_batches
from ..encoder import Encoder, teacher
from ..json_files import read_json
from ..losses import find_own, mean_maxsim
from ..provenance import model_record
from ..settings import InputError, seed_everything, shown, uses_bf16
from . import runs
from .loop import Session

CUT = ("questions_cut", "passages_cut")
SAVE_EVERY = 50  # steps between states to go on from


@dataclass(frozen=True)
class TuneConfig:
    """How a teacher is tuned.

    Attributes
    ----------
    dimension : length of the token vectors, by a projection; 0 for no projection, as :func:`tune`
        has none
    steps, batch, rate, warmup : as in :class:`optical_lite.config.DistillConfig`
    question_length, passage_length : tokens that are read
    """

    dimension: int = 0
    steps: int = 400
    batch: int = 32
    rate: float = 3e-5
    warmup: float = 0.1
    question_length: int = 32
    passage_length: int = 180
    seed: int = 0


TEACHER = TuneConfig(rate=1e-4)  # chosen on CLAP NQ's dev questions


def neighbours(pairs: list[tuple[str, str]]) -> list[list[int]]:
    """For each question four pairs whose passage BM25 finds for it though it is another passage."""
    first: dict[str, str] = {}
    for i, (_, passage) in enumerate(pairs):
        first.setdefault(passage, str(i))  # each passage once
    texts = {number: passage for passage, number in first.items()}
    run = lexical.bm25(texts, {str(i): question for i, (question, _) in enumerate(pairs)}, 5)
    found = []
    for i, (_, passage) in enumerate(pairs):
        others = [int(number) for number, _ in run[str(i)] if number != first[passage]]
        found.append(others[:4] or [(i + 1) % len(pairs)])
    return found


def tune(
    encoder: Encoder, pairs: Bitext, config: TuneConfig, out: str | Path, *, progress: bool = True
) -> Encoder:
    """Tune a copy of an encoder on (question, passage) pairs; write it and its record to a folder.

    Returns the tuned encoder, frozen. An interrupted training goes on where it was saved; a folder
    that is already finished with the same record is loaded instead.
    """
    record = {
        "config": asdict(config),
        "from": model_record(encoder),
        "pairs": len(pairs),
        "data": pairs.name,
    }
    out, texts = Path(out), list(pairs.pairs)

    def train() -> tuple[Encoder, dict]:
        return _train(encoder, texts, config, out, progress)

    return runs.once(out / "tune.json", record, "a teacher tuned", train)


def _train(encoder, texts, config, out, progress) -> tuple[Encoder, dict]:
    """A tuned copy, and how many texts were cut."""
    seed_everything(config.seed)
    model = copy.deepcopy(encoder.model)
    name = f"{encoder.name}, tuned for MaxSim"
    tuned = Encoder(model, encoder.tokenizer, name, encoder.max_length)
    trained = dict(tuned.requires_grad_(True).named_parameters())
    optimizer = torch.optim.AdamW(trained.values(), lr=config.rate, weight_decay=0.0)
    hard, ids, long = neighbours(texts), {}, {}
    for side, limit in ((0, config.question_length), (1, config.passage_length)):
        reader = tuned.reading_to(limit)
        ids[side], long[CUT[side]] = reader.read([pair[side] for pair in texts])
    batches = length_batches([len(row) for row in ids[1]], config.batch, config.seed)
    session = Session(out, trained, optimizer, config, SAVE_EVERY)

    def gradient(step: int, rows: list[int]) -> dict:
        columns = [*rows, *(hard[i][step % len(hard[i])] for i in rows)]
        passages = [texts[c][1] for c in columns]
        # a passage that equals the right one is no negative
        same = [
            [i != k and passages[i] == passage for k, passage in enumerate(passages)]
            for i in range(len(rows))
        ]
        sides = []
        for side, chosen in ((0, rows), (1, columns)):
            padded, mask = tuned.pad([ids[side][i] for i in chosen])
            with torch.autocast(tuned.device.type, torch.bfloat16, enabled=uses_bf16()):
                vectors = tuned(padded, mask)
            sides += [vectors.float(), tuned.content(padded, mask)]
        loss = find_own(mean_maxsim(*sides), torch.tensor(same, device=tuned.device))
        loss.backward()
        return {"loss": loss.item()}

    work = itertools.islice(batches, session.first, config.steps)
    session.descend(work, gradient, name="tune", progress=progress)
    return tuned, long


def cut(folder: str | Path) -> dict[str, int]:
    """How many questions and passages were cut when a teacher was tuned, as its record says."""
    found = read_json(Path(folder) / "tune.json", dict.fromkeys(CUT, int))
    return {name: found[name] for name in CUT}


def report(before: Encoder, after: Encoder, data: Collection) -> dict:
    """Both encoders on English questions: metrics, and a paired test of MRR@10.

    Parameters
    ----------
    data : questions in English, such as :func:`optical_lite.datasets.english_questions.teacher_dev`
    """
    sizes = {"queries": len(data.queries), "passages": len(data.passages)}
    found, ranks = {"collection": data.name, **sizes}, []
    for name, encoder in (("before", before), ("after", after)):
        index = retrieval.PassageIndex.cached(encoder, data.passages)
        run = retrieval.search(index, encoder, data.queries)
        made = model_record(encoder)["sha256"]
        found[name] = {"model": made, "metrics": metrics.summary(run, data.qrels)}
        ranks.append(metrics.per_query(run, data.qrels)["mrr@10"])
    same = significance.same_passages(data.qrels)
    return {**found, "test": asdict(significance.compare(ranks[1], ranks[0], same))}


def load_teacher(run: str | Path, given: str | Path | None = None) -> Encoder:
    """The teacher of a run, frozen: an encoder that the kit has, or a model that the caller names.

    A name in the run's files is never fetched and never a path; the hash of the weights that stands
    there is compared.
    """
    wanted = runs.read_config(run)["teacher"]
    name, weighs = shown(wanted["name"]), shown(wanted["sha256"])[:12]
    here = model_files.find(wanted["name"]) and model_files.here(wanted["name"])
    if given is None and not here:
        raise InputError(
            f"{run}: got a run with the teacher {name!r}, which the kit does not know or has not "
            f"fetched, expected --teacher with that model (weights {weighs}...); a name in a file "
            "is not followed"
        )
    found = teacher(wanted["name"]) if given is None else Encoder.load(given)
    if (have := model_record(found)["sha256"]) != wanted["sha256"]:
        raise InputError(
            f"{run}: got the teacher {found.name} with weights {have[:12]}..., expected "
            f"{weighs}..., those of {name!r}; give --teacher with the model that trained the run"
        )
    return found.requires_grad_(False)
