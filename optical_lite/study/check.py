"""Reproduction: write the tables' pages, and check that a rerun still gives their numbers."""

from __future__ import annotations

import contextlib
import io
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ..datasets.sources import OutOfReach
from ..safe_files import write_atomic
from ..settings import ROOT, InputError, get
from . import evidence, findings, grid, pages, published_numbers, record_files, records, summary


def demo_rows() -> dict[str, dict[str, float]]:
    """Rows of the demo on the pocket collection: metrics by cell."""
    from . import demo

    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        found = demo.run(out=Path(folder) / "run", figures=False, progress=False)
    # in profile smoke training is a few steps
    rows = ("lexicon", "extended", "student")[: 2 if get().profile == "smoke" else 3]
    return {f"pocket_sw/{row}": found.record()["systems"][row] for row in rows}


def grid_cells(
    systems: Sequence[str] = ("zero_shot", "bm25", "lexicon", "extended"),
    langs: Sequence[str] = ("tw",), seeds: Sequence[int] = (0,),
) -> dict[str, dict[str, float]]:  # fmt: skip
    """Cells of the comparison made anew: metrics by cell, means over the seeds.

    By default cheap ones of Twi, which has one collection and 481 sentence pairs.
    """
    with tempfile.TemporaryDirectory() as folder:
        grid.run([*systems], [*langs], [*seeds], folder=Path(folder), anew=True)
        found = records.cells(record_files.loose(Path(folder)))
    return {key: {name: own["mean"] for name, own in cell.items()} for key, cell in found.items()}


# tables with rows that can be run again on the spot, a minute or two on two cores
RERUNS: dict[str, Callable[..., dict]] = {"demo": demo_rows, "clir": grid_cells}


def rerun(name: str, chosen: dict[str, Sequence] | None = None) -> list[str]:
    """Run rows of a table again; print each number and return what is wrong, see :func:`check`."""
    table, start, wrong = summary.spec(name), time.perf_counter(), []
    stated = summary.expected(table["ours"])["cells"]
    try:
        found = RERUNS[name](**chosen or {})
    except OutOfReach as error:
        if chosen:
            raise
        print(f"{name}: nothing run again, its data are out of reach: {error}")
        return []
    for key, values in found.items():
        cell = stated.get(key, {})
        tolerance = cell.get("tolerance", table.get("tolerance", 0.0))
        for metric in table["metrics"]:
            got, own = values.get(metric), cell.get("metrics", {}).get(metric)
            if own is None:
                wrong.append(f"{name}: {key} {metric}: no expected value")
                continue
            good = summary.close(got, own["mean"], tolerance)
            said = "missing" if got is None else f"{got:.4f}"
            line = f"{key} {metric}: got {said}, expected {own['mean']:.4f} ± {tolerance:g}"
            print(f"{'ok  ' if good else 'FAIL'} {line}")
            wrong += [] if good else [f"{name}: {line}"]
    print(f"{name}: run again in {time.perf_counter() - start:.0f} s")
    return wrong


def check(names: Sequence[str], chosen: dict[str, Sequence] | None = None) -> list[str]:
    """Print what is checked and return what is wrong, a line each (``data/expected/README.md``).

    Parameters
    ----------
    names : of tables; those of :data:`RERUNS` run again
    chosen : ``systems``, ``langs`` and ``seeds`` of the comparison to run in place of its cheap
        rows, whether the table shows them or not
    """
    wrong = []
    if chosen and "clir" not in names:
        expected = "them with --table clir alone"
        raise InputError("check", f"{' '.join(chosen)} for {', '.join(names)}", expected)
    for name in names:
        for cell in summary.cells(name):
            where = f"{name}: {cell.key} {cell.metric}"
            if cell.state == summary.MISSING:
                wrong.append(f"{where}: missing")
            elif cell.state == summary.DIFFERS and not cell.reason:
                wrong.append(f"{where}: differs from the published number, and no reason is given")
        if name == "clir" or (name in RERUNS and not chosen):
            wrong += rerun(name, chosen)
    differ = [f"{path} differs from its records; run: make tables" for path in pages.stale()]
    return wrong + findings.problems() + differ


def write() -> list[str]:
    """Write every generated file that differs; the answer is drawn anew with its evidence."""
    files = pages.generated()
    for path in (changed := pages.stale(files)):
        write_atomic(ROOT / path, files[path])
    return [*changed, *(draw_answer() if "data/expected/evidence.md" in changed else ())]


def draw_answer(folder: Path | None = None) -> list[str]:
    """Draw the figure of ``docs/answer.md``, where its records are; return its paths."""
    from ..views import figures, figures_evidence

    if not (gains := evidence.answer()):
        return []
    xlabel = "change of MRR@10 from zero-shot, 95 % interval over questions"
    ax = figures_evidence.effects(gains, xlabel=xlabel)
    return [str(path) for path in figures.save_figure(ax, "answer", folder)]


def listing() -> list[str]:
    """One line for each table of ours, then the published ones."""
    works = published_numbers.works().items()
    published = (f"{work}/{name}" for work, content in works for name in content["tables"])
    ours = [
        f"{name}: {summary.spec(name)['title']}; {pages.counts(pages.shown(name))}"
        for name in summary.names()
    ]
    return [*ours, f"published: {' '.join(published)}"]
