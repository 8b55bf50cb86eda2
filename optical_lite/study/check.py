"""Reproduction: print the tables, write their pages, and check that a rerun still gives the expected numbers.

:func:`check` fails on six things, and prints each: a cheap row that comes out *below or above* its expected value by
more than the tolerance, a mean that its records do not give, a run that is gone, a published number that we miss
without a reason, a number between marks that the records do not give, and a page that differs from its
YAML.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..datasets.sources import OutOfReach
from ..safe_files import write_atomic
from ..settings import ROOT, InputError, get
from . import evidence, findings, pages, published_numbers, records
from . import summary as comparison

Rerun = Callable[..., dict[str, dict[str, float]]]  # -> metrics by cell
CHEAP = ("zero_shot", "bm25", "lexicon", "extended")  # in Twi, which has one collection and 481 sentence pairs


@dataclass(frozen=True)
class Cheap:
    """Rows of a table that can be run again on the spot.

    Attributes
    ----------
    run : does it
    rows : systems that are compared; what is trained is left out in profile smoke, where training is a few steps
    seconds : about how long it takes on two cores
    """

    run: Rerun
    rows: tuple[str, ...]
    seconds: int


def pocket_demo(lang: str = "sw") -> dict[str, dict[str, float]]:
    """The demo on the pocket collection: metrics of each system by cell."""
    from . import demo

    config = demo.CONFIGS["smoke" if get().profile == "smoke" else "pocket"]
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        found = demo.run("pocket", lang, out=Path(folder) / "run", config=config, figures=False, progress=False)
    return {f"pocket_{lang}/{system}": metrics for system, metrics in found.record()["systems"].items()}


def grid_cells(
    systems: Sequence[str] = CHEAP, langs: Sequence[str] = ("tw",), seeds: Sequence[int] = (0,)
) -> dict[str, dict[str, float]]:
    """Cells of the comparison, from nothing but the data: metrics by cell, means over the seeds."""
    from . import grid, record_files

    with tempfile.TemporaryDirectory() as folder:
        grid.run(list(systems), list(langs), list(seeds), folder=Path(folder), anew=True, progress=False)
        return records.means(record_files.loose(Path(folder)))


RERUNS = {
    "pocket": Cheap(pocket_demo, ("lexicon", "extended", "student"), 90),
    "grid": Cheap(grid_cells, CHEAP, 120),
}
TRAINED = ("student",)


@dataclass(frozen=True)
class Again:
    """A number of a rerun: ``got`` is None where the run gave none, ``expected`` where nothing is recorded."""

    key: str
    metric: str
    expected: float | None
    tolerance: float
    got: float | None


def rerun(name: str, chosen: dict[str, Sequence] | None = None) -> Iterator[Again]:
    """Run rows of a table again.

    Parameters
    ----------
    name : of the table
    chosen : ``systems``, ``langs`` and ``seeds`` of the comparison, whether the table shows them or not; by default
        the table's cheap rows
    """
    table = comparison.spec(name)
    cheap, stated = RERUNS[table["rerun"]], comparison.expected(table["ours"])["cells"]
    for key, values in cheap.run(**chosen or {}).items():
        row, cell = key.partition("/")[2], stated.get(key, {})
        if chosen or (cell and row in cheap.rows and not (get().profile == "smoke" and row in TRAINED)):
            for metric in table["metrics"]:
                mean = cell.get("metrics", {}).get(metric, {}).get("mean")
                yield Again(key, metric, mean, cell.get("tolerance", table.get("tolerance", 0.0)), values.get(metric))


def check(names: Sequence[str] | None = None, chosen: dict[str, Sequence] | None = None) -> list[str]:
    """Print what is checked and return what is wrong; for ``chosen`` see :func:`rerun`."""
    names, wrong = list(names or comparison.names()), []
    kinds = {name: comparison.spec(name).get("rerun") for name in names}
    if chosen and "grid" not in kinds.values():
        raise InputError(f"check: got {' '.join(chosen)} for {', '.join(names)}, expected them with --table clir alone")
    for name in names:
        for cell in comparison.cells(name):
            if cell.state == comparison.MISSING:
                wrong.append(f"{name}: {cell.key} {cell.metric}: missing")
            elif cell.reason.startswith("the records give"):
                wrong.append(f"{name}: {cell.key} {cell.metric}: {cell.reason}")
            elif cell.state == comparison.DIFFERS and not cell.reason:
                wrong.append(
                    f"{name}: {cell.key} {cell.metric}: differs from the published number, and no reason is given"
                )
    for name, kind in kinds.items():
        if kind == "grid" or (kind and not chosen):
            wrong += _check_rerun(name, chosen)
    return wrong + findings.problems() + [f"{path} differs from its YAML; run: make tables" for path in pages.stale()]


def _check_rerun(name: str, chosen: dict[str, Sequence] | None) -> list[str]:
    start, wrong = time.perf_counter(), []
    try:
        found = list(rerun(name, chosen))
    except OutOfReach as error:
        if chosen:
            raise
        print(f"{name}: nothing run again, its data are out of reach: {error}")
        return []
    for cell in found:
        if cell.expected is None:
            wrong.append(f"{name}: {cell.key} {cell.metric}: no expected value")
            continue
        good = comparison.close(cell.got, cell.expected, cell.tolerance)
        said = "missing" if cell.got is None else f"{cell.got:.4f}"
        line = f"{cell.key} {cell.metric}: got {said}, expected {cell.expected:.4f} ± {cell.tolerance:g}"
        print(f"{'ok  ' if good else 'FAIL'} {line}")
        if not good:
            wrong.append(f"{name}: {line}")
    print(f"{name}: run again in {time.perf_counter() - start:.0f} s")
    return wrong


def plan(names: Sequence[str]) -> list[str]:
    """What :func:`check` would run, and how long that takes."""
    lines = []
    for name in names:
        cheap = RERUNS.get(comparison.spec(name).get("rerun", ""))
        recorded = sum(1 for _ in comparison.cells(name))
        what = f"would run again {', '.join(cheap.rows)}, about {cheap.seconds} s" if cheap else "nothing to run again"
        lines.append(f"{name}: would compare {recorded} cells with their records; {what}")
    return lines


def write() -> list[str]:
    """Write every generated file that differs, the summary first; the answer is drawn anew with its evidence."""
    changed = []
    for make in (lambda: {pages.SUMMARY: records.summarise()}, pages.generated):
        files = make()
        for path in (differ := pages.stale(files)):
            write_atomic(ROOT / path, files[path])
        changed += differ
    return [*changed, *(draw_answer() if pages.EVIDENCE in changed else ())]


def draw_answer(folder: Path | None = None) -> list[str]:
    """Draw the figure of ``docs/answer.md``, where its records are; return its paths."""
    from ..views import figures, figures_evidence

    if not (gains := evidence.answer()):
        return []
    ax = figures_evidence.effects(gains, xlabel="change of MRR@10 from zero-shot, 95 % interval over questions")
    return [str(path) for path in figures.save_figure(ax, "answer", folder)]


def listing() -> list[str]:
    """One line for each table of ours, then the published ones."""
    lines = [
        f"{name}: {comparison.spec(name)['title']}; {pages.counts(pages.shown(name))}" for name in comparison.names()
    ]
    published = [f"{work}/{name}" for work, content in published_numbers.works().items() for name in content["tables"]]
    return [*lines, f"published: {' '.join(published)}"]
