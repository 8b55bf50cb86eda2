"""Evaluate a run's student on a collection, a TREC run file, or a file of predictions."""

import sys
from pathlib import Path

from ..settings import InputError
from .options import Parser, number_type, reading, teaching

REPORTED = ("map", "p@10", "ndcg@10", "r@100", "mrr@10")  # of a run file


def options(parser: Parser) -> None:
    """What to evaluate, and on what."""
    reading(parser)
    number_type(parser, "float32")
    add = parser.option
    add("--run", None, "a run made by train or demo", metavar="DIR")
    teaching(parser)
    add("--trec-run", None, "instead: a run file, with --qrels", metavar="RUN")
    add("--predictions", None, "instead: predictions for wpr, qadsm, qam or xor", metavar="FILE")
    add("--tune", None, "pairs for qadsm's and qam's threshold (the .dev beside)", metavar="FILE")
    add("--ties", "expected", "of a run file: expected, or trec for trec_eval's order")
    parser.flag("--quiet", "no progress bar")


def command(
    *, run: str | None, trec_run: str | None, predictions: str | None, both: bool, model: str,
    teacher: str | None, scorer: str, max_length: int | None, tune: str | None, ties: str,
    quiet: bool, collection: str | None, lang: str | None, qrels: str | None, **where: object,
) -> dict:  # fmt: skip
    """Evaluate on what ``collection``, ``lang``, ``qrels`` and ``where`` say (:func:`.inputs.read`)."""
    from ..formats import xglue, xor_tydi
    from . import inputs

    said = {"--run": run, "--predictions": predictions, "--trec-run": trec_run}
    if len(given := [name for name, value in said.items() if value]) != 1:
        got = " and ".join(given) or "nothing to evaluate"
        expected = "one of --run, --predictions and --trec-run"
        raise InputError(f"evaluate: got {got}, expected {expected}")
    if trec_run:
        return of_run_file(trec_run, qrels, ties)
    encoders = lang_of_run = None
    if run:
        how = {"model": model, "teacher": teacher, "both": both, "max_length": max_length}
        *encoders, lang_of_run = inputs.encoders(run, **how)
    lang = lang or lang_of_run
    data = inputs.read(collection=collection, lang=lang, qrels=qrels, **where)
    if isinstance(data, xglue.Task):
        found, count, cuts = of_pairs(data, predictions, encoders, Path(collection), tune)
    elif isinstance(data, xor_tydi.Questions):
        found, count, cuts = of_questions(data, predictions, encoders, quiet)
    elif run:
        found, count, cuts = of_collection(data, encoders, scorer, quiet)
    else:
        expected = "--trec-run RUN --qrels QRELS for them"
        raise InputError(f"evaluate: got predictions for {data.name}, expected {expected}")
    name, by = getattr(data, "name", collection), run or predictions
    values = ", ".join(f"{key} {value:.3f}" for key, value in found.items())
    print(f"{by} on {name} ({lang or 'its languages'}, {count} questions): {values}")
    return {"metrics": found, "queries": count, "run": by, "collection": name, **cuts}


def of_run_file(path: str, judgements: str | None, ties: str) -> dict:
    """Metrics of a run file."""
    from .. import metrics
    from ..formats import trec
    from . import run_files

    qrels, run = run_files.judged(judgements), trec.read_run(path)
    run_files.meet({path: run}, qrels, judgements)
    values = metrics.per_query(run, qrels, REPORTED, ties=ties)
    found = {name: metrics.mean(value) for name, value in values.items()}
    values = ", ".join(f"{key} {value:.3f}" for key, value in found.items())
    print(f"{path} ({len(qrels)} topics): {values}")
    unanswered = len(qrels.keys() - run.keys())
    about = {"queries": len(qrels), "unanswered": unanswered, "run": path, "collection": judgements}
    return {"metrics": found, **about}


def of_collection(data, encoders: list, scorer: str, quiet: bool) -> tuple[dict[str, float], int, dict]:
    """Metrics of a student's ranking, questions, and what was cut."""
    from .. import metrics, retrieval
    from . import inputs

    student, english = encoders
    built = retrieval.PassageIndex.cached(english, data.passages, not quiet, scorer)
    cuts = inputs.lengths(built, english, student, data.queries)
    found = metrics.summary(retrieval.search(built, student, data.queries), data.qrels)
    return found, len(data.queries), cuts


def of_questions(data, predictions: str | None, encoders: list | None, quiet: bool) -> tuple[dict, int, dict]:
    """R@2kt and R@5kt of XOR's questions by language, the questions counted, and what was cut."""
    from .. import retrieval
    from ..formats import xor_tydi
    from . import inputs

    cuts = {}
    if predictions:
        made = xor_tydi.read_predictions(predictions)
        ranked = {query: passages for query, passages in made.items() if query in data.questions}
        if missing := len(data.questions) - len(ranked):
            said = f"{missing} of {len(data.questions)} questions have no prediction and are left "
            said += "out, as in the published script"
            print(f"{predictions}: {said}", file=sys.stderr)
    else:
        student, english = encoders
        passages = data.passages.items()
        texts = {name: f"{data.titles[name]} {text}".strip() for name, text in passages}
        built = retrieval.PassageIndex.cached(english, texts, not quiet)
        run = retrieval.search(built, student, data.questions)
        ranked = {query: [data.passages[passage] for passage, _ in ranking] for query, ranking in run.items()}
        cuts = inputs.lengths(built, english, student, data.questions)
    found = xor_tydi.recall(ranked, data.langs, data.answers)
    flat = {f"{key} {lang}": x for key, values in found.items() for lang, x in values.items()}
    return flat, len(ranked), cuts


def of_pairs(
    task, predictions: str | None, encoders: list | None, path: Path, tune: str | None
) -> tuple[dict[str, float], int, dict]:
    """Score on XGLUE's pairs, groups of them, and what was cut; some need a threshold from others."""
    from ..formats import xglue
    from . import inputs

    cuts = {}
    if predictions:
        values = xglue.read_predictions(predictions, task.name)
    else:
        student, english = encoders
        values = xglue.rank(task, student, english)
        if task.name != "wpr":
            place = Path(tune or path.with_suffix(".dev"))
            if place.resolve() == path.resolve():
                expected = "others for the threshold; give --tune FILE"
                raise InputError(f"{place}: got the pairs to judge, expected {expected}")
            other = xglue.read(place, task.lang, task=task.name)
            cut = xglue.threshold(xglue.rank(other, student, english), other.labels)
            values = [float(value > cut) for value in values]
        asked, texts = zip(*task.pairs, strict=True)
        cuts = inputs.said_cut("passages", english.count_cut(texts), len(texts), english)
        cuts |= inputs.said_cut("questions", student.count_cut(asked), len(asked), student)
    name = "ndcg" if task.name == "wpr" else "accuracy"
    return {name: xglue.score(task, values)}, len(xglue.groups(task)), cuts
