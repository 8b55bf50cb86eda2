"""Alignment study: transport beside similarity and statistical aligners, one record a gold set.

``python -m optical_lite.study.alignment_grid pocket-sw xlmalign-de`` trains what is not trained,
writes ``runs/records/alignment/SET.json`` and takes it into ``data/expected/alignment.jsonl``;
``tables --write`` makes the page. A record that is there is kept. ``--choose`` first searches the
settings of all methods on development sets alone, the same grid for each, and writes
``data/expected/alignment_settings.json``.

A system is ``ENCODER_METHOD``, with the word-order prior ``ENCODER_METHOD_order``. Statistical
aligners, which read no encoder and know word order themselves, go by their own names.
"""

from __future__ import annotations

import functools
import itertools
import operator
import statistics
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace

from .. import vocabulary
from ..alignment import gold, statistical
from ..alignment.linking import compare, links, score, total
from ..alignment.plans import SIMILARITY, AlignConfig, Pair, encode_pairs, realign
from ..config import DistillConfig
from ..corpora import Bitext
from ..datasets import pocket, published
from ..encoder import DEFAULT, Encoder, teacher
from ..json_files import read_json, write_json
from ..provenance import environment
from ..settings import DATA, ROOT
from ..text import words
from ..training.distill import distill
from ..training.runs import data_hash, is_finished, load_student
from . import record_files, systems

RECORDS = record_files.SETS["alignment"]
SETTINGS = DATA / "expected" / "alignment_settings.json"
PUBLISHED = ("tico19", "ntrex", "flores")
EXTRA = dict.fromkeys(("fr", "es", "hi"), PUBLISHED) | dict.fromkeys(("de", "it"), PUBLISHED[1:])
# The multilingual student learns at the layer that is read: the encoder as it is errs least there
# on development sets. It keeps its vocabulary and trains every weight: on the same sets new rows
# err more, with the rest trained or not.
LAYER = 7
ENCODERS = {  # teacher, layers to choose from, training
    "english": (DEFAULT, (4, 5, 6), DistillConfig(steps=160)),
    "multilingual": ("multilingual", (6, 7, 8), None),
    "distilled": ("multilingual", (LAYER,), replace(systems.SHARP, loss="transport", steps=160)),
}
# Every method chooses from the same layers, priors and thresholds; SimAlign's are a rule each.
FREE = ("intersection", "grow-diag", "itermax")
METHODS = dict.fromkeys(("transport", "exact", "similarity"), FREE) | {
    "greedy": ("forward",),
    "argmax": ("intersection",),
    "itermax": ("itermax",),
    "match": ("match",),
}
PRIORS = {"": (0.0,), "_order": (0.05, 0.1, 0.2)}
THRESHOLDS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3)
SOLVERS = {  # of the others: similarity, without a plan
    "transport": [
        {"method": "stabilized", "epsilon": epsilon, "marginals": marginals}
        for epsilon, marginals in itertools.product((0.05, 0.1, 0.2), ("uniform", "words"))
    ],
    "exact": [{"method": "exact"}],
}
CHOSEN_ON = {"pocket": ("pocket-dev-sw",), "published": ("bicici-de", "xlwa-dev-pt")}
SYSTEMS = [
    f"{encoder}_{method}{prior}" for prior in PRIORS for encoder in ENCODERS for method in METHODS
]


def bitext(lang: str) -> Bitext:
    """What aligners train on: pocket, or published pairs and the raw sentences of gold sets."""
    if lang in pocket.LOW_RESOURCE:
        return pocket.bitext(lang)
    parts = [getattr(published, name)(lang) for name in EXTRA.get(lang, ())]
    return functools.reduce(operator.add, [*parts, gold.raw(lang)]).clean()


def encoders(kind: str, lang: str) -> tuple[Encoder, Encoder]:
    """Who reads a language, and who reads English; a student is distilled if need be."""
    name, layers, config = ENCODERS[kind]
    of = teacher(name)
    of = (of if len(layers) > 1 else of.upto(*layers)).reading_to(of.limit)
    if config is None:
        return of, of
    pairs = bitext(lang)
    run = ROOT / "runs" / "alignment" / f"{kind}-{lang}-{data_hash(pairs)[:12]}"
    if not is_finished(run):
        student = vocabulary.extend(of, pairs) if config.trainable == "new" else of.copy(of.name)
        distill(student, of, pairs, config, run, progress=False)
    return load_student(run).reading_to(of.limit), of


def _encoded(read: tuple[Encoder, Encoder], data: gold.GoldSet, layer: int) -> list[Pair]:
    return encode_pairs(*(one.upto(layer) for one in read), data.pairs)


def options(method: str, prior: str) -> Iterator[AlignConfig]:
    """The settings that a method is solved with, before a rule makes links."""
    solvers = SOLVERS.get(method, [{"method": SIMILARITY}])
    for position, solver in itertools.product(PRIORS[prior], solvers):
        yield AlignConfig(position=position, **solver)


def search(kind: str, sets: tuple[str, ...]) -> dict[str, dict]:
    """What errs least on development sets, for each method: ``layer``, ``config``, ``aer``."""
    found: dict[str, dict] = {}
    data = [gold.load(name) for name in sets]
    read = [encoders(kind, each.lang) for each in data]
    solved_alike = ("transport",), ("exact",), tuple(METHODS)[2:]
    for layer in ENCODERS[kind][1]:
        encoded = [_encoded(*both, layer) for both in zip(read, data, strict=True)]
        for prior, methods in itertools.product(PRIORS, solved_alike):
            for config in options(methods[0], prior):
                plans = [[one.word_plan for one in realign(each, config)] for each in encoded]
                rules = ((method, rule) for method in methods for rule in METHODS[method])
                for (method, rule), threshold in itertools.product(rules, THRESHOLDS):
                    rates = (_rate(*x, rule, threshold) for x in zip(plans, data, strict=True))
                    aer, system = round(statistics.fmean(rates), 4), f"{kind}_{method}{prior}"
                    if system not in found or aer < found[system]["aer"]:
                        chosen = asdict(replace(config, rule=rule, threshold=threshold))
                        found[system] = {"aer": aer, "layer": layer, "config": chosen}
    return found


def _rate(plans: list, data: gold.GoldSet, rule: str, threshold: float) -> float:
    rows = zip(plans, data.rows, strict=True)
    return total([score(links(W, rule, threshold), *marked) for W, (_, _, *marked) in rows]).aer


def study(name: str) -> dict:
    """Measure every system on one set; a record for ``data/expected/alignment.jsonl``."""
    began, data, chosen = time.perf_counter(), gold.load(name), read_json(SETTINGS)
    settings = chosen["pocket" if name.startswith("pocket") else "published"]
    pairs, found, late = bitext(data.lang), {}, {}
    for kind in ENCODERS:
        read = functools.cache(functools.partial(_encoded, encoders(kind, data.lang), data))
        for system in (system for system in SYSTEMS if system.startswith(f"{kind}_")):
            config = AlignConfig(**settings[system]["config"])
            alignments = realign(read(settings[system]["layer"]), config)
            found[system] = [one.links for one in alignments]
            late[system] = sum(not one.converged for one in alignments)
    for system in filter(statistical.available, statistical.ALIGNERS):
        found[system] = statistical.ALIGNERS[system](data.pairs, _more(data, pairs))
    scores, measured = {}, {}
    for system, each in found.items():
        rows = zip(each, data.rows, strict=True)
        scores[system] = [score(x, *marked) for x, (_, _, *marked) in rows]
        whole = total(scores[system])
        measured[system] = {
            **{rate: round(getattr(whole, rate), 4) for rate in ("aer", "precision", "recall")},
            **{"counts": asdict(whole), "not_converged": late.get(system, 0)},
            **{key: x for key, x in settings.get(system, {}).items() if key != "aer"},
        }
    against = {
        ours: {
            system: asdict(compare(scores[ours], scores[system]))
            for system in rivals(ours)
            if system in found
        }
        for ours in SYSTEMS
        if "_transport" in ours
    }
    return {
        **{"set": name, "lang": data.lang, "sentences": len(data), "notes": data.notes},
        "bitext": {"name": pairs.name, "pairs": len(pairs), "sha256": data_hash(pairs)},
        "not installed": [name for name in statistical.ALIGNERS if name not in found],
        "training": {kind: config and asdict(config) for kind, (*_, config) in ENCODERS.items()},
        "systems": measured,
        "transport against": against,
        "seconds": round(time.perf_counter() - began, 1),
        "environment": environment(),
    }


def _more(data: gold.GoldSet, pairs: Bitext) -> list[tuple[list[str], list[str]]]:
    """Further word pairs for the statistical aligners, without those of the set itself."""
    mine = {(tuple(source), tuple(target)) for source, target in data.pairs}
    cut = words if data.lang in pocket.LOW_RESOURCE else str.split
    every = ((cut(source), cut(target)) for source, target in pairs.pairs)
    return [pair for pair in every if tuple(map(tuple, pair)) not in mine]


def rivals(ours: str) -> list[str]:
    """What a transport system is compared with: with a prior statistical aligners, too.

    >>> rivals("distilled_transport_order")[-4:]
    ['distilled_match_order', 'ibm1', 'fast_align', 'eflomal']
    """
    kind, _, prior = ours.partition("_transport")
    mine = [f"{kind}_{method}{prior}" for method in METHODS if method != "transport"]
    others = ("english", "multilingual") if kind == "distilled" else ()
    before = [f"{each}_transport{prior}" for each in others]
    return [*before, *mine, *(statistical.ALIGNERS if prior else ())]


def known() -> dict[str, dict]:
    """The record of each gold set that has one, in the order of :data:`.gold.REPORTED`."""
    found = record_files.load(RECORDS).get("alignment", {})
    return {name: found[name][0] for name in gold.REPORTED if name in found}


def verdicts(records: Iterable[dict], ours: str) -> dict[str, dict[str, int]]:
    """On how many sets a transport system errs less than each rival, more, or not clearly.

    >>> ends = [(-0.1, -0.05), (-0.1, 0.02), (0.01, 0.04), (-0.2, -0.1)]
    >>> greedy = [{"greedy": {"low": low, "high": high}} for low, high in ends]
    >>> verdicts([{"transport against": {"x": each}} for each in greedy], "x")
    {'greedy': {'fewer': 2, 'unclear': 1, 'more': 1}}
    """
    found: dict[str, dict[str, int]] = {}
    for record in records:
        for system, test in record["transport against"].get(ours, {}).items():
            counts = found.setdefault(system, {"fewer": 0, "unclear": 0, "more": 0})
            counts["fewer" if test["high"] < 0 else "more" if test["low"] > 0 else "unclear"] += 1
    return found


def main(names: list[str]) -> None:
    """Measure the sets that have no record yet; ``--choose`` searches the settings first."""
    loose = record_files.LOOSE / RECORDS.stem
    if names[:1] == ["--choose"]:
        chosen = {place: {} for place in CHOSEN_ON} | {"environment": environment()}
        for (place, sets), kind in itertools.product(CHOSEN_ON.items(), ENCODERS):
            chosen[place] |= search(kind, sets)
        write_json(SETTINGS, chosen)
        names = names[1:]
    for name in names or gold.REPORTED:
        if name not in known():
            record = study(name)
            write_json(loose / f"{name}.json", record)
            print(name, {s: v["aer"] for s, v in record["systems"].items()}, flush=True)
            record_files.fold({RECORDS: loose})


if __name__ == "__main__":
    main(sys.argv[1:])
