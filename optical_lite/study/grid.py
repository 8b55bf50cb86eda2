"""Grid: systems x languages x seeds as a queue that can be stopped and taken up again.

One record a cell: ``runs/records/clir/COLLECTION_LANG/SYSTEM_SEED.json``, until
:func:`.record_files.fold` takes it into ``data/expected/clir``. What is in either is not run again.
A cell is one training at most: its student is tested on every collection of its language.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import itertools
import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from .. import lexical, lexicon, metrics, retrieval, vocabulary
from ..corpora import Bitext, Collection
from ..datasets import leaks, published, testsets
from ..encoder import DEFAULT, Encoder, teacher
from ..json_files import write_json
from ..provenance import environment, model_record, sha256
from ..retrieval import PassageIndex
from ..safe_files import clear, discard, hold
from ..settings import ROOT, InputError
from ..text import unmarked
from ..training.distill import distill
from ..training.runs import data_hash, is_finished, read_metrics
from . import places, record_files, systems
from .systems import SYSTEMS, System

TRAINING = ROOT / "runs" / "grid"  # runs of cells that are not finished
PARTS = {name for system in SYSTEMS.values() for name in system.parts}


def teacher_of(system: System) -> Encoder:
    """The frozen encoder that sees a system's passages, and the English side where it trains."""
    return teacher(system.teacher or DEFAULT)


def _timed(make: Callable) -> tuple[object, np.ndarray]:
    """What a function returns, and the seconds that it took: of the wall, of the processor."""
    began = time.perf_counter(), time.process_time()
    return make(), np.subtract((time.perf_counter(), time.process_time()), began)


def _hash(data: Collection) -> str:
    """sha256 of all that decides a value: passages, questions, translations, judgements."""
    parts = data.passages, data.queries, data.translations, data.qrels
    return sha256(json.dumps(parts, sort_keys=True, ensure_ascii=False).encode())


def _student(system: System) -> System:
    """What decides a system's student, the same for systems that differ in how they search."""
    return replace(system, title="", reads="question", engine="maxsim", scorer="maxsim")


def training(lang: str, system: System, seed: int) -> Path:
    """The run folder of a student, while its cell is not finished."""
    return TRAINING / f"{lang}_{sha256(repr((_student(system), seed)).encode())[:12]}"


def _clear(folder: Path, done: set[Path]) -> None:
    """Remove what a killed queue left: hidden parts, and trainings of cells with records."""
    for place in [TRAINING, *folder.glob("*")]:
        clear(place)
    for place in filter(is_finished, done):
        # refused where another process trains there
        with contextlib.suppress(InputError), hold(place):
            discard(place)


class Workplace:
    """What the cells of one language share, with ``dev`` on its development questions."""

    def __init__(self, lang: str, dev: bool = False) -> None:
        self.lang = places.code(lang)
        self.place = places.place(self.lang)
        tests = {name: testsets.load(name, self.lang) for name in self.place.collections}
        reference = self.lang in places.REFERENCE and not dev  # has no development questions
        held = [] if reference else [testsets.dev_collection(self.lang)]
        asked = [test for name, test in tests.items() if name in places.ASKED]
        self.held_out = {"dev": [*tests.values(), *held], "twins": asked, "equal": asked}
        self.collections = {"dev": held[0]} if dev else tests
        self.trained: list[Path] = []  # folders of runs whose cell has no record yet
        self.ranked: dict[tuple[str, int, str], retrieval.Run] = {}

    @functools.cache  # noqa: B019 (a workplace lives as long as its queue)
    def bitext(
        self, recipe: str = "", pairs: int = 0, draw: int = 0, without: str = "dev"
    ) -> Bitext:
        """A system's :attr:`.System.source`: the pairs of a recipe, or a draw of so many."""
        asked = self.held_out[without]
        found = published.training_bitext(self.lang, asked, recipe or self.place.recipe)
        if without == "twins":
            twins = leaks.near_twins(asked, found)
            kept = tuple(pair for i, pair in enumerate(found.pairs) if i not in twins)
            found = replace(found, pairs=kept, notes={**found.notes, "near twins": len(twins)})
        if not pairs:
            return found
        if pairs > len(found):
            got = f"{pairs} pairs wanted of {len(found)} in {self.lang}"
            raise InputError("bitext", got, "at most all")
        order = list(range(len(found)))
        random.Random(draw).shuffle(order)
        # a prefix of one order: what 500 pairs hold, 1,000 hold too
        return replace(found, pairs=tuple(found.pairs[i] for i in sorted(order[:pairs])))

    @functools.cache  # noqa: B019
    def leakage(self, collection: str, *source) -> dict[str, int]:
        """What a bitext already says of a collection."""
        return leaks.leakage(self.collections[collection], self.bitext(*source))

    def lexicon(self, system: System) -> tuple[lexicon.Lexicon | None, np.ndarray]:
        """Word translations, None where a system has none, and the seconds to make them."""
        if system.reads != "lexicon" and system.engine != "structured":
            return None, np.zeros(2)
        return self._lexicon(system.lexicon, *system.source)

    @functools.cache  # noqa: B019
    def _lexicon(self, kind: str, *source) -> tuple[lexicon.Lexicon, np.ndarray]:
        # without accents, which students in Latin letters do not see either
        bitext, options = self.bitext(*source), vocabulary.LEXICONS[kind]
        return _timed(lambda: lexicon.word_lexicon(bitext, marks=False, **options))

    @functools.cache  # noqa: B019
    def untrained(self, of: Encoder, fill: str, kind: str, seed: int, *source):
        """A student before training, and the seconds to make it."""
        bitext = self.bitext(*source)
        return _timed(lambda: vocabulary.extend(of, bitext, fill=fill, lexicon=kind, seed=seed))

    def encoder(self, system: System, seed: int) -> tuple[Encoder, dict]:
        """The encoder that reads a system's queries, trained if need be, and a record of that."""
        return self._made(_student(system), seed)

    # systems that differ in how they search share their students
    @functools.lru_cache(maxsize=3)  # noqa: B019
    def _made(self, system: System, seed: int) -> tuple[Encoder, dict]:
        of = made = teacher_of(system)
        spent, record = np.zeros(2), {}
        if system.fill:
            drawn = seed if system.fill == "random" else 0
            made, spent = self.untrained(of, system.fill, system.lexicon, drawn, *system.source)
        if system.train:
            made, config = copy.deepcopy(made), replace(system.train, seed=seed)
            bitext = self.bitext(*system.source)
            folder = training(self.lang, system, seed)  # an interrupted one is resumed
            _, took = _timed(lambda: distill(made, of, bitext, config, folder, progress=False))
            spent = spent + took
            record = {"config": asdict(config), "training": read_metrics(folder)}
            self.trained.append(folder)
        return made, {"seconds": float(spent[0]), "cpu_seconds": float(spent[1])} | record

    def ranking(self, name: str, seed: int, collection: str) -> retrieval.Run:
        """Rank a collection's passages by a system; of fused parts the last has its share."""
        system = systems.find(name)
        if system.parts:
            *runs, last = (self.ranking(part, seed, collection) for part in system.parts)
            return lexical.fuse(functools.reduce(lexical.fuse, runs), last, system.share)
        seed = seed if system.train or seed in system.seeds else 0
        found = self.ranked.get((name, seed, collection))
        if found is None:
            encoder, _ = self.encoder(system, seed)
            found = self.search(system, encoder, self.collections[collection])
        if name in PARTS:  # the student of what others fuse takes minutes
            self.ranked[name, seed, collection] = found
        return found

    def search(self, system: System, encoder: Encoder, data: Collection) -> retrieval.Run:
        """Rank a collection's passages by one engine."""
        table, _ = self.lexicon(system)
        queries = data.translations if system.reads == "reference" else data.queries
        if table:
            queries = {query: unmarked(text) for query, text in queries.items()}
        if system.reads == "lexicon":
            queries = {query: table.translate(text) for query, text in queries.items()}
        if system.engine == "bm25":
            return lexical.bm25(data.passages, queries)
        if system.engine == "structured":
            return lexical.structured(data.passages, queries, table)
        index = self.index(teacher_of(system), data.name, system.scorer)
        return retrieval.search(index, encoder, queries)

    @functools.cache  # noqa: B019
    def index(self, of: Encoder, name: str, scorer: str) -> PassageIndex:
        """Passages as a teacher sees them."""
        data = next(data for data in self.collections.values() if data.name == name)
        return PassageIndex.cached(of, data.passages, scorer=scorer)

    def run(self, name: str, seed: int, folder: Path, asked: Sequence[str]) -> None:
        """One cell: write a record for each collection that is asked for."""
        system = systems.find(name)
        (_, record), (table, extra) = self.encoder(system, seed), self.lexicon(system)
        spent = zip(("seconds", "cpu_seconds"), extra.tolist(), strict=True)
        record = record | {key: round(record[key] + more, 1) for key, more in spent}
        bitext = self.bitext(*system.source) if system.fill or table else None
        source = bitext and {"name": bitext.name, "pairs": len(bitext), "sha256": data_hash(bitext)}
        for collection in asked:
            data = self.collections[collection]
            values = metrics.per_query(self.ranking(name, seed, collection), data.qrels)
            ranks = (f"{value:.4g}" for _, value in sorted(values["mrr@10"].items()))
            found = {
                **{"system": name, "collection": collection, "lang": self.lang, "seed": seed},
                "metrics": {metric: metrics.mean(each) for metric, each in values.items()},
                "mrr@10 by question": " ".join(ranks),
                "data": _hash(data),
                "bitext": source,
                "leakage": bitext and self.leakage(collection, *system.source),
                "teacher": model_record(teacher_of(system))["sha256"],
            }
            if system.parts:
                found |= {"fused": list(system.parts), "share": system.share}
            found |= {**record, "environment": environment()}
            place = folder / f"{collection}_{self.lang}"
            record_files.write_groups(place, data.qrels)
            write_json(place / f"{name}_{seed}.json", found)
        while self.trained:
            discard(self.trained.pop())  # the records stay, the weights can be made again


def run(
    names: list[str] | None = None, langs: list[str] | None = None,
    seeds: list[int] | None = None, *, dev: bool = False, folder: Path | None = None,
    anew: bool = False,
) -> int:  # fmt: skip
    """Run what is missing of a queue, and return how many cells that were.

    Stop it when you like, the same call goes on. A language that lacks what a system needs, such as
    10,000 pairs, goes without it, and the queue says so; where the system was asked for by its own
    name it is an error.

    Parameters
    ----------
    names, langs, seeds : systems or groups, languages, and seeds in place of each system's own
    dev : on development questions, for choosing settings
    folder : of the records, by default in ``runs/records``
    anew : run what ``data/expected`` has, too
    """
    kind = "clir_dev" if dev else "clir"
    folder = folder or record_files.LOOSE / kind
    have = {} if anew else record_files.load(record_files.SETS[kind])
    done = {record_files.key(record) for record in record_files.every(have)}
    todo: list[tuple[str, str, int, list[str]]] = []
    finished, needed = set(), set()  # trainings of cells that have their records, and of others
    every = [lang for lang in places.LANGUAGES if not (dev and lang in places.REFERENCE)]
    langs = [places.code(lang) for lang in langs or every]
    for lang, name in itertools.product(langs, systems.expand(names)):
        system = SYSTEMS[name]
        for seed in system.seeds if seeds is None else seeds:
            if seed not in system.seeds and not system.train:
                continue
            missing = [
                each
                for each in (["dev"] if dev else places.tested(lang, name))
                if not (folder / f"{each}_{lang}" / f"{name}_{seed}.json").exists()
                and (f"{each}_{lang}", name, seed) not in done
            ]
            (needed if missing else finished).add(training(lang, system, seed))
            if missing:
                todo.append((lang, name, seed, missing))
    _clear(folder, finished - needed)
    # systems that share a student follow each other, seed by seed, so that it trains once
    first: dict[Path, int] = {}
    todo.sort(key=lambda x: first.setdefault(training(x[0], SYSTEMS[x[1]], x[2]), len(first)))
    place, ran = None, 0
    for lang, name, seed, missing in tqdm(todo, desc="grid", unit="cell", disable=None):
        if place is None or place.lang != lang:
            place = Workplace(lang, dev)
        try:
            for each in (name, *SYSTEMS[name].parts):
                place.bitext(*SYSTEMS[each].source)
        except InputError as error:
            if name in (names or ()):
                raise
            tqdm.write(f"left out: {lang} {name}; {error}")
        else:
            place.run(name, seed, folder, missing)
            ran += 1
    return ran
