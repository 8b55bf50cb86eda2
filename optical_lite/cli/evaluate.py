"""Evaluate a run's student on a collection, a TREC run file, or a file of predictions."""

import os
from pathlib import Path

from .. import metrics
from ..encoder import Encoder
from ..formats import xglue, xor_tydi
from ..settings import InputError
from . import inputs, run_files

# of a run file
REPORTED = ("map", "p@10", "ndcg@10", "r@100", "mrr@10")


def command(
    *, run: str | None, trec_run: str | None, predictions: str | None, both: bool, model: str,
    teacher: str | None, scorer: str, max_length: int | None, tune: str | None, ties: str,
    quiet: bool, collection: str | None, lang: str | None, qrels: str | None, **where: object,
) -> dict:  # fmt: skip
    """Evaluate on what ``collection``, ``lang``, ``qrels`` and ``where`` say: `.inputs.read`."""
    said = {"--run": run, "--predictions": predictions, "--trec-run": trec_run}
    if len(given := [name for name, value in said.items() if value]) != 1:
        got = " and ".join(given) or "nothing to evaluate"
        raise InputError("evaluate", got, "one of --run, --predictions and --trec-run")
    if trec_run:
        return of_run_file(trec_run, qrels, ties)
    encoders = None
    if run:
        *encoders, own = inputs.encoders(run, model, teacher, both, max_length)
        lang = lang or own
    data = inputs.read(collection=collection, lang=lang, qrels=qrels, **where)
    if isinstance(data, xglue.Task):
        found, count, cuts = of_pairs(data, predictions, encoders, Path(collection), tune)
    elif isinstance(data, xor_tydi.Questions):
        found, count, cuts = of_questions(data, collection, predictions, encoders, quiet)
    elif run:
        ranked, cuts = inputs.ranking(data.passages, data.queries, encoders, quiet, scorer)
        found, count = metrics.summary(ranked, data.qrels), len(data.queries)
    else:
        expected = "--trec-run RUN --qrels QRELS for them"
        raise InputError("evaluate", f"predictions for {data.name}", expected)
    name, by = getattr(data, "name", collection), run or predictions
    about = f"{lang}, {count} questions" if lang else f"{count} questions"
    print(f"{by} on {name} ({about}): {run_files.listed(found)}")
    return {"metrics": found, "queries": count, "run": by, "collection": name, **cuts}


def of_run_file(path: str, qrels: str | None, ties: str) -> dict:
    """Metrics of a run file."""
    values, judged, unanswered = run_files.measured([path], qrels, REPORTED, ties)
    found = {name: metrics.mean(value) for name, value in values[path].items()}
    print(f"{path} ({len(judged)} topics): {run_files.listed(found)}")
    about = {"queries": len(judged), "unanswered": unanswered[path]}
    return {"metrics": found, **about, "run": path, "collection": qrels}


def of_questions(
    data, of: str, predictions: str | None, encoders: list[Encoder] | None, quiet: bool
) -> tuple[dict[str, float], int, dict]:
    """R@2kt and R@5kt of XOR's questions by language, questions counted, and what was cut."""
    cuts = {}
    if predictions:
        made = xor_tydi.read_predictions(predictions)
        others = data.langs.keys() - data.questions  # in languages that are not asked
        made = {query: passages for query, passages in made.items() if query not in others}
        missed = "are left out, as in the published script"
        run_files.meet({predictions: made}, data.questions, of, missed)
        ranked = {query: passages for query, passages in made.items() if query in data.questions}
    else:
        passages = data.passages.items()
        texts = {name: f"{data.titles[name]} {text}".strip() for name, text in passages}
        run, cuts = inputs.ranking(texts, data.questions, encoders, quiet)
        ranked = {query: [data.passages[name] for name, _ in best] for query, best in run.items()}
    found = xor_tydi.recall(ranked, data.langs, data.answers)
    flat = {f"{key} {lang}": x for key, values in found.items() for lang, x in values.items()}
    return flat, len(ranked), cuts


def of_pairs(
    task, predictions: str | None, encoders: list[Encoder] | None, path: Path, tune: str | None
) -> tuple[dict[str, float], int, dict]:
    """Score on XGLUE's pairs, groups of them, what was cut; some need a threshold from others."""
    cuts, name = {}, "ndcg" if task.name == "wpr" else "accuracy"
    if predictions:
        values = xglue.read_predictions(predictions, task.name)
    else:
        student, english = encoders
        values = xglue.rank(task, student, english)
        if name == "accuracy":
            place = Path(tune)
            if os.path.realpath(place) == os.path.realpath(path):
                expected = "others for the threshold; give --tune FILE"
                raise InputError(place, "the pairs to judge", expected)
            other = xglue.read(place, task.lang, task=task.name)
            if not other.labels:
                expected = "labelled ones for the threshold; give --tune FILE"
                raise InputError(place, "pairs without labels", expected)
            cut = xglue.threshold(xglue.rank(other, student, english), other.labels)
            values = [float(value > cut) for value in values]
        asked, texts = zip(*task.pairs, strict=True)
        cuts = inputs.said_cut("passages", english.read(texts)[1], len(texts), english)
        cuts |= inputs.said_cut("questions", student.read(asked)[1], len(asked), student)
    return {name: xglue.score(task, values)}, len(xglue.groups(task)), cuts
