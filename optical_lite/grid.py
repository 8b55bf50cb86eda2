"""Grid: systems x languages x seeds as a queue that can be stopped and taken up again.

One record a cell: ``data/expected/clir/COLLECTION_LANG/SYSTEM_SEED.json`` with metrics, the reciprocal rank of every
question, configuration, data and model hashes, time and place. What is there is not run again. A cell is one training
at most: its student is tested on every collection of its language.
"""

from __future__ import annotations

import copy
import functools
import hashlib
import json
import random
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from . import comparison, lexicon, metrics, published, retrieval, systems, testsets, translation, tuning, vocabulary
from .corpora import Bitext, Collection, language, unmarked
from .distill import distill
from .encoder import Encoder, model_record, teacher
from .retrieval import PassageIndex
from .runs import data_hash
from .settings import DATA, ROOT, InputError, environment, write_json
from .systems import LANGUAGES, SYSTEMS, System

RECORDS, DEV_RECORDS = DATA / "expected" / "clir", DATA / "expected" / "clir_dev"  # of test, of development questions
BASELINES = ("lexicon", "optical")  # what every system is tested against
COMMAND = "python -m optical_lite tables --table clir --run"


def teacher_of(system: System) -> Encoder:
    """The frozen encoder that sees a system's passages, and the English side where it trains."""
    if not system.teacher:
        return teacher()
    return tuning.tuned_teacher("" if system.teacher == "tuned" else system.teacher)


class Workplace:
    """What the cells of one language share: collections, bitexts, indexes, untrained students.

    Parameters
    ----------
    lang : a language of :data:`optical_lite.systems.LANGUAGES`
    dev : work on the language's development questions in place of its tests
    """

    def __init__(self, lang: str, dev: bool = False) -> None:
        self.lang, self.dev = language(lang), dev
        if self.lang not in LANGUAGES:
            raise InputError(f"language: got {lang!r}, expected one of {', '.join(LANGUAGES)}")
        self.place = LANGUAGES[self.lang]
        tests = [testsets.load(name, self.lang) for name in self.place.collections]
        held = testsets.dev_collection(self.lang)
        self.held_out = [*tests, held]
        names = ["dev"] if dev else self.place.collections
        self.collections: dict[str, Collection] = dict(zip(names, [held] if dev else tests, strict=True))

    @functools.cache  # noqa: B019 (a workplace lives as long as its queue)
    def bitext(self, recipe: str, pairs: int) -> Bitext:
        """The pairs of a recipe without anything that is asked; some of them, drawn once, where a number is given."""
        found = published.training_bitext(self.lang, self.held_out, recipe or self.place.recipe)
        if not pairs:
            return found
        if pairs > len(found):
            raise InputError(f"bitext: got {pairs} pairs wanted of {len(found)} in {self.lang}, expected at most all")
        drawn = sorted(random.Random(0).sample(range(len(found)), pairs))
        return replace(found, pairs=tuple(found.pairs[i] for i in drawn))

    @functools.cache  # noqa: B019
    def leakage(self, collection: str, recipe: str, pairs: int) -> dict[str, int]:
        """What a bitext already says of a collection."""
        return testsets.leakage(self.collections[collection], self.bitext(recipe, pairs))

    def lexicon(self, system: System) -> lexicon.Lexicon | None:
        """Word translation probabilities of a system's bitext, None where it translates no word."""
        if system.reads != "lexicon" and system.engine != "structured":
            return None
        return self._lexicon(system.lexicon, system.recipe, system.pairs, system.marks)

    @functools.cache  # noqa: B019
    def _lexicon(self, kind: str, recipe: str, pairs: int, marks: bool) -> lexicon.Lexicon:
        return lexicon.word_lexicon(self.bitext(recipe, pairs), marks=marks, **vocabulary.LEXICONS[kind])

    @functools.cache  # noqa: B019
    def untrained(self, of: Encoder, fill: str, kind: str, recipe: str, pairs: int, seed: int) -> Encoder:
        """A student before training."""
        return vocabulary.extend(of, self.bitext(recipe, pairs), fill=fill, lexicon=kind, seed=seed)

    def encoder(self, system: System, seed: int) -> tuple[Encoder, dict]:
        """The encoder that reads a system's queries, trained where the system says so, and the record of that."""
        return self._made(replace(system, title="", reads="question", engine="maxsim", marks=True), seed)

    @functools.lru_cache(maxsize=3)  # noqa: B019 (systems that differ in how they search share their students)
    def _made(self, source: System, seed: int) -> tuple[Encoder, dict]:
        began, cpu, record = time.perf_counter(), time.process_time(), {}
        of = made = teacher_of(source)
        where = source.recipe, source.pairs
        if source.fill:
            drawn = seed if source.fill == "random" else 0
            made = self.untrained(of, source.fill, source.lexicon, *where, drawn)
        if source.train:
            made, config = copy.deepcopy(made), replace(source.train, seed=seed)
            name = hashlib.sha256(repr((source, seed)).encode()).hexdigest()[:12]  # an interrupted training is resumed
            folder = ROOT / "runs" / "grid" / f"{self.lang}_{name}"
            distill(made, of, self.bitext(*where), config, folder, progress=False)
            summary = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
            record = {"config": asdict(config), "training": summary}
            shutil.rmtree(folder)  # the record stays, the weights (110 MB) can be made again
        spent = {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - cpu}
        return made, {name: round(value, 1) for name, value in spent.items()} | record

    def queries(self, system: System, data: Collection) -> dict[str, str]:
        """What a system is asked, before any translation of its own."""
        if system.reads == "machine":
            return self.machine(data.name)
        asked = data.translations if system.reads == "human" else data.queries
        return dict(asked) if system.marks else {query: unmarked(text) for query, text in asked.items()}

    def search(self, system: System, encoder: Encoder, data: Collection) -> retrieval.Run:
        """Rank a collection's passages by a system."""
        if system.engine == "fused":
            lexical = replace(system, engine="structured", reads="question", marks=False)
            both = (self.search(each, encoder, data) for each in (replace(system, engine="maxsim"), lexical))
            return retrieval.fuse(*both, systems.LEXICAL_SHARE)
        queries, table = self.queries(system, data), self.lexicon(system)
        if system.reads == "lexicon":
            queries = {query: table.translate(text) for query, text in queries.items()}
        if system.engine == "bm25":
            return retrieval.bm25(data.passages, queries)
        if system.engine == "structured":
            return retrieval.structured(data.passages, queries, table)
        return retrieval.search(self.index(teacher_of(system), data.name), encoder, queries)

    @functools.cache  # noqa: B019
    def machine(self, name: str) -> dict[str, str]:
        """A collection's questions as a neural translator has them in English."""
        asked = self._named(name).queries
        return dict(zip(asked, translation.translate(list(asked.values()), self.lang), strict=True))

    @functools.cache  # noqa: B019
    def index(self, of: Encoder, name: str) -> PassageIndex:
        """Passages as a teacher sees them."""
        return PassageIndex.cached(of, self._named(name).passages)

    def _named(self, name: str) -> Collection:
        return next(data for data in self.collections.values() if data.name == name)

    def run(self, name: str, seed: int, folder: Path) -> dict[str, dict]:
        """One cell: a record for each collection."""
        system = systems.find(name)
        (encoder, record), table = self.encoder(system, seed), self.lexicon(system)
        bitext = self.bitext(system.recipe, system.pairs) if system.fill or table else None
        found = {}
        for collection, data in self.collections.items():
            values = metrics.per_query(self.search(system, encoder, data), data.qrels)
            found[collection] = {
                "system": name, "title": system.title, "collection": collection, "lang": self.lang, "seed": seed,
                "metrics": {metric: metrics.mean(each) for metric, each in values.items()},
                "mrr@10 by question": " ".join(f"{values['mrr@10'][query]:.4g}" for query in sorted(values["mrr@10"])),
                "bitext": bitext and {"name": bitext.name, "pairs": len(bitext), "sha256": data_hash(bitext)},
                "leakage": bitext and self.leakage(collection, system.recipe, system.pairs),
                "teacher": model_record(teacher_of(system))["sha256"],
                **({"known_words": round(table.coverage(self.queries(system, data).values()), 4)} if table else {}),
                **({"lexical_share": systems.LEXICAL_SHARE} if system.engine == "fused" else {}),
                **record, "environment": environment(),
            }  # fmt: skip
        for collection, value in found.items():
            write_json(folder / f"{collection}_{self.lang}" / f"{name}_{seed}.json", value)
        return found


def cells(names: list[str] | None, langs: list[str] | None, seeds: list[int] | None) -> Iterator[tuple[str, str, int]]:
    """(language, system, seed) of a queue; all seeds of a system follow each other, so that its row is soon whole."""
    for lang in langs or LANGUAGES:
        for name in systems.expand(names):
            for seed in SYSTEMS[name].seeds if seeds is None else seeds:
                if seed in SYSTEMS[name].seeds or SYSTEMS[name].train:
                    yield language(lang), name, seed


def run(
    names: list[str] | None = None, langs: list[str] | None = None, seeds: list[int] | None = None, *,
    dev: bool = False, folder: Path | None = None, progress: bool = True,
) -> int:  # fmt: skip
    """Run what is missing of a queue; stop it when you like, the same call goes on.

    Parameters
    ----------
    names : systems or groups of :mod:`optical_lite.systems`, all by default
    langs : two-letter codes, all by default
    seeds : in place of each system's own
    dev : on development questions, for choosing settings
    folder : of the records, :data:`RECORDS` or :data:`DEV_RECORDS` by default

    Returns
    -------
    int, how many cells were run
    """
    folder = folder or (DEV_RECORDS if dev else RECORDS)
    todo: dict[str, list[tuple[str, int]]] = {}
    for lang, name, seed in cells(names, langs, seeds):
        wanted = ["dev"] if dev else LANGUAGES[lang].collections
        if not all((folder / f"{collection}_{lang}" / f"{name}_{seed}.json").exists() for collection in wanted):
            todo.setdefault(lang, []).append((name, seed))
    bar = tqdm(total=sum(map(len, todo.values())), desc="grid", unit="cell", disable=not progress)
    for lang, work in todo.items():
        place = Workplace(lang, dev)
        for name, seed in work:
            bar.set_postfix_str(f"{lang} {name} {seed}")
            place.run(name, seed, folder)
            bar.update()
    bar.close()
    return sum(map(len, todo.values()))


def records(folder: Path, system: str) -> dict[Path, dict]:
    """A system's records in the folder of a collection, one a seed."""
    paths = [path for path in sorted(folder.glob("*.json")) if path.stem.rsplit("_", 1)[0] == system]
    return {path: json.loads(path.read_text(encoding="utf-8")) for path in paths}


def compare(ours: np.ndarray, baseline: np.ndarray) -> metrics.Comparison:
    """:func:`optical_lite.metrics.compare` of two rows of values, the same questions in both."""
    return metrics.compare(_as_map(ours), _as_map(baseline))


def _as_map(row: np.ndarray) -> dict[str, float]:
    return {str(i): float(x) for i, x in enumerate(row)}


def by_question(folder: Path, system: str) -> np.ndarray | None:
    """Reciprocal rank of each question, mean over seeds, shape (questions,); None without records."""
    made = records(folder, system)
    return _ranks(made) if made else None


def _ranks(made: dict[Path, dict]) -> np.ndarray:
    lines = [record["mrr@10 by question"] for record in made.values()]
    return np.mean([np.array(line.split(), dtype=float) for line in lines], axis=0)


def means(folder: Path) -> dict[str, dict[str, float]]:
    """Mean of each metric over the seeds, by ``COLLECTION_LANG/SYSTEM``."""
    found = {}
    for place in sorted(path for path in folder.iterdir() if path.is_dir()):
        for name in SYSTEMS:
            if made := [record["metrics"] for record in records(place, name).values()]:
                found[f"{place.name}/{name}"] = {m: float(np.mean([each[m] for each in made])) for m in made[0]}
    return found


def summarise(folder: Path = RECORDS) -> Path:
    """Write ``data/expected/ours.yaml``: means, spread, intervals, gap closed, tests against the baselines."""
    found = {}
    for place in sorted(path for path in folder.iterdir() if path.is_dir()):
        if not (runs := {name: made for name in SYSTEMS if (made := records(place, name))}):
            continue
        values = {name: _ranks(made) for name, made in runs.items()}
        tests = {name: _tests(values, name) for name in BASELINES}
        ends = [values[name].mean() for name in ("zero_shot", "ceiling") if name in values]
        intervals = metrics.bootstrap(np.stack(list(values.values()))).T.tolist()
        for (name, row), interval, made in zip(values.items(), intervals, runs.values(), strict=True):
            cell = comparison.summarise([str(path.relative_to(folder.parent)) for path in made])
            cell["metrics"]["mrr@10"]["interval"] = [round(end, 5) for end in interval]
            cell["made"] = sorted({_made(record) for record in made.values()})
            cell["cpu_seconds"] = round(float(np.mean([record["cpu_seconds"] for record in made.values()])), 1)
            if len(ends) == 2:
                cell["gap_closed"] = round(float((row.mean() - ends[0]) / (ends[1] - ends[0])), 5)
            if mine := {baseline: tests[baseline][name] for baseline in BASELINES if name in tests[baseline]}:
                cell["tests"] = {"mrr@10": mine}
            found[f"{place.name}/{name}"] = {**cell, "tolerance": 0.02}
    return comparison.write_expected("ours", found, COMMAND)


def _made(record: dict) -> str:
    """Device, number type and budget of a record."""
    where, config = record["environment"], record.get("config")
    kind = "bfloat16" if where["bf16"] else "float32"
    return f"{where['device']} {kind}" + (f", {config['steps']} x {config['batch']} pairs" if config else "")


def _tests(values: dict[str, np.ndarray], baseline: str) -> dict[str, dict]:
    """Every system against one: difference, interval, p, and p after Holm's correction."""
    if baseline not in values:
        return {}
    others = {name: _as_map(row) for name, row in values.items() if name != baseline}
    found = metrics.compare_all(others, _as_map(values[baseline]))
    corrected = metrics.holm({name: result.p for name, result in found.items()})
    return {
        name: {"difference": round(r.difference, 5), "low": round(r.low, 5), "high": round(r.high, 5),
               "p": round(r.p, 5), "p_holm": round(corrected[name], 5)}
        for name, r in found.items()
    }  # fmt: skip
