"""Paper: the experiment at its real size; the same steps run on a random tiny BERT in seconds.

Five steps: a ColBERT *teacher* learns matching from English triples; a *student*, a copy of it,
learns to read questions of another language from sentence pairs; passages are encoded by the frozen
teacher and *retrieved*, or a given first stage is *re-ranked*; rankings are *evaluated*, and
*compared* by paired t-tests with Bonferroni's correction.
"""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from tokenizers.trainers import WordPieceTrainer

from .. import lexical, metrics, retrieval, significance
from ..corpora import Bitext, Collection
from ..datasets import pocket
from ..encoder import Encoder
from ..formats import trec
from ..index import hash_texts
from ..json_files import read_json, write_json
from ..kernels import pieces
from ..provenance import model_record, sha256
from ..retrieval import PassageIndex, Run
from ..safe_files import discard, hold
from ..settings import DATA, InputError, device, seed_everything
from ..training import runs
from ..training.distill import distill
from .colbert import ColBERT, fit, split
from .configs import TINY, PaperConfig

METRICS = ("map", "p@10", "ndcg@10", "r@100")
TRIPLES = DATA / "samples" / "triples.tsv"


def tiny(seed: int = 0) -> Encoder:
    """A random BERT of 2 layers and 64 dimensions, with a vocabulary learned from pocket."""
    from transformers import BertConfig, BertModel

    texts = [side for pair in pocket.bitext("sw").pairs for side in pair]
    texts += pocket.passages().values()
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[unused0]", "[unused1]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    fixed = special + pieces.letters(tokenizer, texts)
    how = {"vocab_size": TINY["vocab_size"], "show_progress": False, "special_tokens": fixed}
    tokenizer.train_from_iterator(texts, WordPieceTrainer(**how))
    ends = ((token, tokenizer.token_to_id(token)) for token in ("[SEP]", "[CLS]"))
    tokenizer.post_processor = processors.BertProcessing(*ends)
    seed_everything(seed)
    config = BertConfig(**TINY | {"vocab_size": tokenizer.get_vocab_size()})
    model = BertModel(config, add_pooling_layer=False)
    return Encoder(model, tokenizer, "tiny").to(device())


def search(
    index: PassageIndex, encoder: Encoder, queries: dict[str, str], first: Run | None, depth: int,
    parts: dict[str, dict[str, str]],
) -> Run:  # fmt: skip
    """Retrieve from the whole index, or re-rank a first stage; a document is its best passage.

    Re-ranking orders the documents that a question has there by exact MaxSim; nothing else enters
    the ranking, and a question without documents stays without an answer. ``parts`` are passages of
    each document, as :func:`.colbert.split` cuts them.
    """
    owner = {passage: document for document, own in parts.items() for passage in own}
    k, lots = depth * max(map(len, parts.values()), default=1), [queries]
    if first is not None:  # all passages of a question, one after the other, for less memory
        k, lots = len(owner) or 1, [{query: text} for query, text in queries.items()]
    found: Run = {}
    for some in lots:
        for query, ranking in retrieval.search(index, encoder, some, k).items():
            known = parts if first is None else {name for name, _ in first.get(query, ())}
            best: dict[str, float] = {}
            for passage, score in ranking:
                if owner[passage] in known:
                    best.setdefault(owner[passage], score)  # the best passage comes first
            found[query] = list(best.items())
    return retrieval.at_most(found, depth)


def compare(runs: dict[str, Run], qrels: dict) -> dict:
    """Means of every run, and paired t-tests of the student's against the others' (Bonferroni).

    Returns
    -------
    dict with ``systems`` (metric by name, by system) and ``tests`` (difference, p, p_bonferroni by
    system, by metric); p is None where the test is not computable, and does not count in the
    correction
    """
    values = {name: metrics.per_query(run, qrels, METRICS) for name, run in runs.items()}
    means = {name: {m: metrics.mean(v[m]) for m in METRICS} for name, v in values.items()}
    others, tests = [name for name in runs if name != "student"], {}
    for metric in METRICS:
        p = {}
        for name in others:
            # one question, or the same difference on all: no reason to lose the experiment
            with suppress(InputError):
                p[name] = significance.t_test(values["student"][metric], values[name][metric])
        corrected, tests[metric] = significance.bonferroni(p), {}
        for name in others:
            gap = means["student"][metric] - means[name][metric]
            found = {"difference": gap, "p": p.get(name), "p_bonferroni": corrected.get(name)}
            tests[metric][name] = found
    return {"systems": means, "tests": tests}


def run(
    config: PaperConfig, triples: str | Path, bitext: Bitext, data: Collection, out: str | Path, *,
    first: Run | None = None, progress: bool = True,
) -> dict:  # fmt: skip
    """Run an experiment; stop it when you like, the same call goes on where it was.

    Parameters
    ----------
    triples : file of English training triples
    bitext, data : sentence pairs of a language with English; its questions and English passages
    out : folder for ``teacher/``, ``student/`` (a run), ``rankings/`` (TREC runs) and
        ``result.json``
    first : a first stage to re-rank; retrieval from the whole collection without one
    """
    out = Path(out)
    if first is not None:
        first = {query: first[query] for query in data.queries if query in first}
        named = {name for ranking in first.values() for name, _ in ranking}
        if odd := named - data.passages.keys():
            raise InputError("first stage", f"{min(odd)!r}", f"documents of {data.name}")
    plain = json.loads(json.dumps(asdict(config)))
    record = {"config": plain, "bitext": runs.data_hash(bitext), "lang": data.lang}
    texts = [*map(hash_texts, (data.passages, data.queries, data.translations))]
    asked = [data.name, texts, sorted(data.qrels.items()), first]
    asked = sha256(json.dumps(asked, sort_keys=True).encode())
    how = {"save_every": config.student.save_every, "progress": progress}
    with hold(out):
        runs.opened(out / "paper.json", record, "an experiment made")
        before = out / "result.json"
        if before.exists() and read_json(before).get("asked") != asked:
            expected = "the same; move result.json and rankings/ away, what is trained stays"
            raise InputError(out, "a result of another collection or first stage", expected)
        teacher = fit(_untrained(config), triples, config.teacher, out / "teacher", **how)
        student = copy.deepcopy(teacher).requires_grad_(True)
        distill(student, teacher, bitext, config.student, out / "student", progress=progress)
        result = _rank(config, teacher, student, data, out, first, progress)
        settings = {name: [value, source] for name, value, source in config.settings()}
        result |= {"config": config.name, "pairs": len(bitext), "settings": settings}
        result["asked"] = asked
        write_json(before, result)
    return result


def _untrained(config: PaperConfig) -> ColBERT:
    of = config.teacher
    start = tiny(of.seed) if config.model == "tiny" else Encoder.load(config.model)
    return ColBERT(start, of.dimension, (of.question_length, of.passage_length), of.seed)


def _rank(config, teacher, student, data, out, first, progress) -> dict:
    """Rankings, written, and what they say."""
    wanted = data.passages
    if first is not None:
        named = {passage for ranking in first.values() for passage, _ in ranking}
        wanted = {name: text for name, text in wanted.items() if name in named}
        found = {"first stage": first}
    else:
        ranked = lexical.bm25(wanted, data.queries, config.depth)
        found = {"bm25": retrieval.at_most(ranked, config.depth)}
    parts = split(wanted, teacher, config.stride)
    passages = {name: text for own in parts.values() for name, text in own.items()}
    index = PassageIndex.cached(teacher.reading("passage"), passages, progress)
    how = (first, config.depth, parts)
    found["teacher"] = search(index, teacher, data.queries, *how)
    found["student"] = search(index, student, data.queries, *how)
    if data.translations:
        found["translation"] = search(index, teacher, data.translations, *how)
    discard(out / "rankings")
    for name, ranking in found.items():
        tag = name.replace(" ", "_")
        trec.write_run(out / "rankings" / f"{tag}.run", ranking, tag)
    return {
        "collection": data.name,
        "lang": data.lang,
        "questions": len(data.queries),
        "documents": len(wanted),
        "passages": len(passages),
        "passages_cut": index.cut,
        "questions_cut": teacher.read([*data.queries.values()])[1],
        "step": "retrieve" if first is None else "re-rank",
        **compare(found, data.qrels),
        "teacher": model_record(teacher),
        "student": model_record(student),
    }
