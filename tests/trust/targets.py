"""Targets: every reader of the kit with valid inputs to mutate and a look at what it made of them.

A target's function gets a :class:`Case` and returns what was read, or raises. ``InputError`` is the right answer to a
wrong input; :class:`Wrong` says that a result came out that cannot be right.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from optical_lite.corpora import Collection
from optical_lite.datasets import pocket
from optical_lite.datasets import reading as formats
from optical_lite.formats import own, trec, xglue, xor_tydi
from optical_lite.formats.lines import lines
from optical_lite.json_files import to_json
from optical_lite.settings import DATA, InputError

from . import command_lines
from .cases import Case, Target, Wrong, finite, pairs, tree

SAMPLES = DATA / "samples"
LATIN = {"encoding": "iso-8859-1"}


def sound(data: Collection, folder: Path) -> Collection:
    """A collection, after a look whether what is written of it reads back the same."""
    for kind in ("beir", "trec"):
        place = folder / f"again-{kind}" / data.name
        try:
            formats.write(kind, data, place)
        except InputError:
            continue
        again = formats.read(kind, place, data.lang)
        wanted = replace(data, translations={}) if (kind, data.lang) == ("trec", "en") else data
        if replace(again, name=data.name) != wanted:
            raise Wrong(f"{kind} reads back another collection")
    return data


def collection(kind: str, lang: str, **options) -> Callable[[Case], object]:
    """Read a folder in one of the formats, sometimes leniently."""

    def run(case: Case) -> object:
        chosen = {**options, **({"lenient": True} if case.chance.random() < 0.3 else {})}
        return sound(formats.read(kind, case.folder / "in", lang, **chosen), case.folder)

    return run


def reading(name: str, function: Callable) -> Callable[[Case], object]:
    """Read one file."""
    return lambda case: function(case.folder / "in" / name)


def runs_read(path: Path) -> object:
    found = trec.read_run(path)
    finite(score for ranking in found.values() for _, score in ranking)
    trec.write_run(path.parent / "again.run", found, "x")
    if trec.read_run(path.parent / "again.run") != found:
        raise Wrong("a run reads back another")
    return found


def predictions(path: Path) -> object:
    found = xglue.read_predictions(path, "wpr")
    finite(found)
    return found


def pharaoh(path: Path) -> object:
    from optical_lite.alignment.linking import from_pharaoh, to_pharaoh

    found = [from_pharaoh(line) for line in lines(path)]
    if any(from_pharaoh(to_pharaoh(sure)) != (sure, set()) for sure, _ in found):
        raise Wrong("links read back others")
    return found


def triples(path: Path) -> object:
    from optical_lite.formats import msmarco

    return [*msmarco.triples(path)]


def over(module: str, name: str, value: object, function: Callable) -> object:
    """Call a function while a module's constant is another."""
    import importlib

    place = importlib.import_module(f"optical_lite.{module}")
    before = getattr(place, name)
    setattr(place, name, value)
    try:
        return function(place)
    finally:
        setattr(place, name, before)


def works(case: Case) -> object:
    def look(it):
        tables = [table for work in it.works().values() for table in work["tables"].values()]
        return [it.row(table, name) for table in tables for name in table["rows"]]

    return over("study.published_numbers", "FOLDER", case.folder / "in", look)


def table(case: Case) -> object:
    return over(
        "study.summary",
        "SPECS",
        case.folder / "in",
        lambda it: [cell for name in it.names() for cell in it.cells(name)],
    )


def findings(case: Case) -> object:
    from optical_lite.study import findings

    path = case.folder / "in" / "page.md"
    if not path.is_file():  # only files of the repository are pages
        return ""
    page = findings.fill(path.read_text(encoding="utf-8", errors="replace"), "page.md")
    if findings.fill(page, "page.md") != page:
        raise Wrong("a number that is written in another way the second time")
    return page


def some_findings() -> dict[str, bytes]:
    """A page with three marked numbers."""
    marks = (
        "mean optical afriqa_sw", "least gain optical extended afriqa_*", "published wikiclir/sizes | sw | queries"
    )  # fmt: skip
    return {"page.md": " and ".join(f"<!-- n: {mark} -->0.706<!-- /n -->" for mark in marks).encode()}


def some_records() -> dict[str, bytes]:
    """Two records of one collection as a queue leaves them, and which questions share passages."""
    from optical_lite.study import record_files

    place, (base, *_) = "afriqa_tw", record_files.SETS.values()
    rows, groups = record_files.load(base)[place], record_files.shared(base)["groups"][place]
    made = {f"{place}/{name}_0.json": to_json(rows[name][0]).encode() for name in ("bm25", "optical")}
    return made | {f"{place}/{record_files.GROUPS}": groups.encode()}


def records(case: Case) -> object:
    from optical_lite.study import record_files

    base = case.folder / "set" / "clir"
    base.parent.mkdir()
    folded = record_files.fold({base: case.folder / "in"})
    found = [*record_files.every(record_files.load(base))]
    finite(value for record in found for value in record["metrics"].values())
    if folded["clir"] != (len(found), len(found)) or record_files.fold({base: case.folder / "in"})["clir"][0]:
        raise Wrong("other records than were folded, or new ones a second time")
    return found


def valid(case: Case) -> object:
    """The validator of the bundled data lists what is wrong."""
    found = pocket.validate(case.folder / "in")
    if not all(isinstance(line, str) and line for line in found):
        raise Wrong("a problem that is no line")
    return found


TARGETS: dict[str, Target] = {
    "beir": Target(lambda: tree(SAMPLES / "beir"), collection("beir", "sw"), 2),
    "trec": Target(lambda: tree(SAMPLES / "trec"), collection("trec", "sw", **LATIN), 2),
    "trec topics": Target(lambda: tree(SAMPLES / "trec"), collection("trec", "de", fields="title+desc+narr", **LATIN)),
    "msmarco": Target(lambda: tree(SAMPLES / "msmarco"), collection("msmarco", "en"), 2),
    "xor": Target(lambda: tree(SAMPLES / "xor"), lambda case: xor_tydi.read(case.folder / "in"), 2),
    "xor predictions": Target(
        lambda: tree(SAMPLES / "xor", "predictions.json"), reading("predictions.json", xor_tydi.read_predictions), 2
    ),
    **{
        kind: Target(
            functools.partial(tree, SAMPLES / "xglue", name),
            reading(name, functools.partial(formats.read, kind)),
        )
        for kind, name in (("wpr", "xglue.wpr.de.test"), ("qadsm", "xglue.qadsm.de.dev"), ("qam", "xglue.qam.fr.dev"))
    },
    "predictions": Target(lambda: {"wpr.txt": command_lines.workplace()["wpr.txt"]}, reading("wpr.txt", predictions)),
    "pairs": Target(lambda: pairs(20), reading("pairs.tsv", lambda path: own.read_bitext(path, "sw")), 2),
    "triples": Target(
        lambda: tree(SAMPLES / "msmarco", "triples.train.small.tsv"), reading("triples.train.small.tsv", triples)
    ),
    "links": Target(lambda: {"a.links": b"0-0 1p1 2-2\n\n0-1 3-2\n1-0\n"}, reading("a.links", pharaoh), 2),
    "run": Target(lambda: tree(SAMPLES / "trec", "sample.run"), reading("sample.run", runs_read), 2),
    "qrels": Target(lambda: tree(SAMPLES / "trec", "qrels.txt"), reading("qrels.txt", trec.read_qrels)),
    "pocket": Target(lambda: tree(pocket.FOLDER), valid, 0.5),
    "works": Target(lambda: tree(DATA / "paper", "simalign.toml", "xorqa.toml"), works, 1.5),
    "tables": Target(lambda: tree(DATA / "tables", "demo.toml"), table),
    "records": Target(some_records, records),
    **command_lines.TARGETS,
    "findings": Target(some_findings, findings, 0.5),
}  # fmt: skip


def register() -> dict[str, Target]:
    """All targets, those of models too, which take seconds to import."""
    from . import models

    return TARGETS | models.TARGETS
