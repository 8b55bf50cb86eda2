r"""Tuning: teach an English encoder late interaction, so that it is the kind of teacher that OPTICAL assumes.

MiniLM was trained through its mean vector; nobody ever asked its token vectors to match one by one. Here questions find
their passages by MaxSim among the passages of the batch and one BM25 neighbour each:

.. math:: L = -\log \frac{\exp(s(q, p^+) / \tau)}{\sum_p \exp(s(q, p) / \tau)}, \qquad
          s(q, p) = \frac{1}{n} \sum_i \max_j \langle q_i, p_j \rangle

Passages that equal the right one are no negatives. Source: Khattab and Zaharia, "ColBERT", SIGIR 2020; in-batch
negatives as in ColBERTv2 (Santhanam et al., NAACL 2022). Notebook 04.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from .. import model_files
from ..corpora import Bitext, Collection
from ..encoder import Encoder, teacher
from ..json_files import read_json, write_json
from ..losses import find_own, mean_maxsim
from ..provenance import environment, model_record
from ..safe_files import hold
from ..settings import InputError, seed_everything, shown, uses_bf16
from . import loop, runs

CUT = ("questions_cut", "passages_cut")


@dataclass(frozen=True)
class TuneConfig:
    """How a teacher is tuned.

    Attributes
    ----------
    dimension : length of the token vectors, by a projection; 0 for no projection, as :func:`tune` has none
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


def neighbours(pairs: list[tuple[str, str]], k: int = 4) -> list[list[int]]:
    """For each question, pairs whose passage BM25 finds for it though it is another passage."""
    from ..lexical import bm25

    texts = {passage: str(i) for i, (_, passage) in reversed(list(enumerate(pairs)))}  # each passage once
    run = bm25({number: text for text, number in texts.items()}, {str(i): q for i, (q, _) in enumerate(pairs)}, k + 1)
    return [
        [int(p) for p, _ in run[str(i)] if p != texts[passage]][:k] or [(i + 1) % len(pairs)]
        for i, (_, passage) in enumerate(pairs)
    ]


def tune(
    encoder: Encoder, pairs: Bitext, config: TuneConfig, out: str | Path, *, save_every: int = 50, wait: bool = False,
    progress: bool = True, on_step: Callable[[dict], None] | None = None,
) -> Encoder:  # fmt: skip
    """Tune a copy of an encoder on (question, passage) pairs; write it, its record and its log to a folder.

    Returns the tuned encoder, frozen. An interrupted training goes on where it was saved; a folder that is already
    finished with the same record is loaded instead.

    Parameters
    ----------
    save_every : steps between states to go on from
    wait : for another process that writes to the folder; without it, that is an error
    on_step : called with each line of the log
    """
    out = Path(out)
    record = {"config": asdict(config), "from": model_record(encoder), "pairs": len(pairs), "data": pairs.name}
    with hold(out, wait):
        if runs.opened(out / "tune.json", record, "a teacher tuned"):
            return Encoder.load(out).requires_grad_(False)
        tuned, long = _train(encoder, list(pairs.pairs), config, out, save_every, progress, on_step)
        tuned.requires_grad_(False).save(out)
        made = {"result": model_record(tuned), "environment": environment(), "log": runs.read_log(out)}
        write_json(out / "tune.json", {**record, **long, **made})
        (out / "resume.pt").unlink(missing_ok=True)
    return tuned


def _train(encoder, texts, config, out, save_every, progress, on_step) -> tuple[Encoder, dict]:
    """The loop of :func:`tune`, in a folder that no other process writes to; and how many texts were cut."""
    from ..distillation import length_batches

    seed_everything(config.seed)
    model = copy.deepcopy(encoder.model)
    tuned = Encoder(model, encoder.tokenizer, f"{encoder.name}, tuned for MaxSim", encoder.max_length)
    trained = dict(tuned.requires_grad_(True).named_parameters())
    optimizer = torch.optim.AdamW(trained.values(), lr=config.rate, weight_decay=0.0)
    hard, ids, long = neighbours(texts), {}, {}
    for side, limit in ((0, config.question_length), (1, config.passage_length)):
        reader = tuned.reading_to(limit)
        whole = reader.whole([pair[side] for pair in texts])
        long[CUT[side]] = sum(len(row) > reader.room for row in whole)
        ids[side] = [reader.fit(row) for row in whole]
    batches = length_batches([len(row) for row in ids[1]], config.batch, config.seed)
    session = loop.begin(out, trained, optimizer, config, save_every)

    def gradient(step: int, rows: list[int]) -> dict:
        columns = [*rows, *(hard[i][step % len(hard[i])] for i in rows)]
        same = torch.tensor([[i != k and texts[rows[i]][1] == texts[c][1] for k, c in enumerate(columns)]
                             for i in range(len(rows))], device=tuned.device)  # fmt: skip
        sides = []
        for side, chosen in ((0, rows), (1, columns)):
            padded, mask = tuned.pad([ids[side][i] for i in chosen])
            with torch.autocast(tuned.device.type, torch.bfloat16, enabled=uses_bf16()):
                vectors = tuned(padded, mask)
            sides += [vectors.float(), tuned.content(padded, mask)]
        loss = find_own(mean_maxsim(*sides), same)
        loss.backward()
        return {"loss": loss.item()}

    work = itertools.islice(batches, session.first, config.steps)
    loop.descend(session, config, work, gradient, name="tune", progress=progress, on_step=on_step)
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
    from .. import metrics, retrieval, significance

    found, ranks = {"collection": data.name, "queries": len(data.queries), "passages": len(data.passages)}, []
    for name, encoder in (("before", before), ("after", after)):
        run = retrieval.search(retrieval.PassageIndex.cached(encoder, data.passages), encoder, data.queries)
        found[name] = {"model": model_record(encoder)["sha256"], "metrics": metrics.summary(run, data.qrels)}
        ranks.append(metrics.per_query(run, data.qrels)["mrr@10"])
    return {**found, "test": asdict(significance.compare(ranks[1], ranks[0], significance.same_passages(data.qrels)))}


def load_teacher(run: str | Path, given: str | Path | None = None) -> Encoder:
    """The teacher of a run, frozen: an encoder that the kit knows and has, or the model that the caller names.

    A name in the run's files is never fetched and never a path; the hash of the weights that stands there is compared.
    """
    wanted = runs.read_config(run)["teacher"]
    name, weighs = shown(wanted["name"]), shown(wanted["sha256"])[:12]
    if given is None and not (model_files.find(wanted["name"]) and model_files.here(wanted["name"])):
        raise InputError(
            f"{run}: got a run with the teacher {name!r}, which the kit does not know or has not fetched, expected "
            f"--teacher with that model (weights {weighs}...); a name in a file is not followed"
        )
    found = teacher(wanted["name"]) if given is None else Encoder.load(given).requires_grad_(False)
    if (have := model_record(found)["sha256"]) != wanted["sha256"]:
        raise InputError(
            f"{run}: got the teacher {found.name} with weights {have[:12]}..., expected {weighs}..., those of "
            f"{name!r}; give --teacher with the model that trained the run"
        )
    return found
