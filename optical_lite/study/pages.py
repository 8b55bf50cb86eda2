"""Pages of tables: what stands in them, and the generated files that must equal their records.

Of pages and notebooks that a person wrote these are tables and numbers between marks, see
:mod:`.findings`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from ..formats.lines import read_text
from ..settings import ROOT
from . import evidence_page, findings, markup, published_numbers, records, summary
from .summary import Cell

HEADER = ("system", "data", "metric", "paper", "ours mean ± sd (n)", "Δ", "state", "why", "how")
INTRODUCTION = (
    "Copied as printed from the sources named under each table. *Read in* says how: in the "
    "`original`, in a `copy` of its text, in a `figure` whose cells carry numbers, in somebody "
    "else's `restatement` (secondary), or by `nobody` yet. Quote the source, not this page."
)
SMALL = "small and machine-written: compare orderings, not values"


def _title(metric: str) -> str:
    return metric.upper().replace("NDCG", "nDCG")


def _ours(cell: Cell) -> str:
    """Our number; what is gone is missing."""
    return str(cell.ours or (summary.MISSING if cell.state == summary.MISSING else ""))


def shown(name: str) -> list[Cell]:
    """The cells of the long table: the first metric, and what has a published number beside it."""
    first = summary.spec(name)["metrics"][0]
    return [cell for cell in summary.cells(name) if cell.metric == first or cell.published]


def long(name: str, kind: str = "md") -> str:
    """Published, ours, difference, state, why and how, a line a cell, and what the marks mean.

    Cells of a row and a metric that hold no number and say the same share a line.
    """
    cells = shown(name)
    # a short mark for each different text, in order of appearance
    reasons = dict.fromkeys(cell.reason for cell in cells if cell.reason)
    notes = {text: f"r{n}" for n, text in enumerate(reasons, 1)}
    commands = dict.fromkeys(cell.command for cell in cells)
    notes |= {text: f"c{n}" for n, text in enumerate(commands, 1)}
    found: dict[tuple, list[str]] = {}
    for cell in cells:
        paper = markup.number(cell.paper) or ("empty" if cell.published else "none")
        ours, delta = _ours(cell), markup.number(cell.delta, "+")
        own = cell.column if ours or cell.paper is not None else ""
        marks = notes.get(cell.reason, ""), notes[cell.command]
        said = _title(cell.metric), paper, ours, delta, cell.state, *marks
        found.setdefault((cell.row, own, said), []).append(cell.column)
    rows = [(row, ", ".join(columns), *said) for (row, _, said), columns in found.items()]
    write, marks = markup.FORMATS[kind], [(mark, text) for text, mark in notes.items()]
    return "\n\n".join([write(HEADER, rows), write(("mark", "meaning"), marks)])


def wide(name: str) -> str:
    """Systems down, collections and metrics across: our numbers, where there are any."""
    table = summary.spec(name)
    found = {(x.key, x.metric): _ours(x).partition(" (")[0] for x in summary.cells(name)}
    run = {key.partition("/")[0] for (key, _), said in found.items() if said}
    columns = [
        (key, metric) for key in table["columns"] if key in run for metric in table["metrics"]
    ]
    labels = [f"{table['columns'][key]['label']} {_title(metric)}" for key, metric in columns]
    rows = []
    for row, own in table["rows"].items():
        line = [found.get((f"{key}/{row}", metric), "") for key, metric in columns]
        if any(line):
            rows.append([own["label"], *line])
    return markup.markdown(["system", *labels], rows)


def counts(cells: Iterable[Cell]) -> str:
    """How many cells are in each state, "not attempted" without its reasons."""
    found = Counter(cell.state.split(" (")[0] for cell in cells)
    return ", ".join(f"{number} {state}" for state, number in found.items())


def page(name: str) -> str:
    """The page of a table."""
    table, cells = summary.spec(name), shown(name)
    small = [column["label"] for column in table["columns"].values() if column.get("small")]
    own = wide(name)
    parts = [f"# {table['title']}", markup.MADE, table["question"], table.get("note", "")]
    parts += [f"**{', '.join(small)}**: {SMALL}."] if small else []
    parts += ["## Our numbers", own] if own.count("\n") > 1 else []
    said = f"{counts(cells)}. What the states mean: [README](README.md)."
    if "paper" in table:
        parts += ["## Beside the published ones", said, long(name), "Published numbers from:"]
        found = [cell.published for cell in cells if cell.published]
        lines = (" ".join([f"- {x.source}", *(f"*{doubt}*" for doubt in x.doubts)]) for x in found)
        parts.append("\n".join(dict.fromkeys(lines)))
    else:
        made = f"Made by `{table['command']}`."
        parts.append(f"Nothing is published to compare with: {said} {made}")
    return "\n\n".join(filter(None, parts)) + "\n"


def published(name: str, kind: str = "md") -> str:
    """A published table, ``work/table``, as printed, with its source and doubts."""
    own = published_numbers.table(name)
    found = {row: published_numbers.row(own, row) for row in own["rows"]}
    rows = [(row, *(_printed(x, own) for x in line["values"])) for row, line in found.items()]
    header = (f"{own['title']}: {own['metric']}", *own["columns"])
    parts = [markup.FORMATS[kind](header, rows)]
    sources: dict[tuple[str, str], list[str]] = {}
    for row, line in found.items():
        sources.setdefault((line["source"], line["read_in"]), []).append(row)
    where = f", {own['where']}" if own.get("where") else ""
    for (source, read), names in sources.items():
        scope = "" if len(names) == len(found) else f" ({', '.join(names)})"
        parts.append(f"Source{scope}: {source}{where}; read in: {read}.")
    if own.get("empty"):
        parts.append(f"Empty: {own['empty']}")
    doubts = dict.fromkeys(doubt for line in found.values() for doubt in line["doubts"])
    return "\n\n".join([*parts, *(f"Doubt: {doubt}" for doubt in doubts)])


def _printed(value: float | None, table: dict) -> str:
    if value is None:
        return ""
    if isinstance(value, int):
        return f"{value:,}" if table["unit"] in ("count", "mixed", "setting") else str(value)
    return f"{value:.{table['digits']}f}" if "digits" in table else f"{value:g}"


def published_page() -> str:
    """Every published table on one page."""
    parts = ["# Published numbers", markup.MADE, INTRODUCTION]
    for work, content in published_numbers.works().items():
        about = f"[{content['work']}]({content['url']}), {content['venue']}."
        parts += [f"## {work}", about, content.get("note", "")]
        for name in content["tables"]:
            parts += [f"### {work}/{name}", published(f"{work}/{name}")]
    return "\n\n".join(filter(None, parts)) + "\n"


def generated() -> dict[str, str]:
    """Every generated file by its path from the repository's root, as it should be."""
    found = {f"data/expected/{name}.md": page(name) for name in summary.names()}
    found["data/expected/published.md"] = published_page()
    found["data/expected/systems.csv"] = records.summarise()
    for path, text in findings.texts().items():
        for name in re.findall(rf"{markup.START}(\w+) -->", text):
            own = evidence_page.TABLES.get(name)
            made = own() if own else wide(name)
            text = markup.replace_block(text, name, made, path)
        found[path] = findings.fill(text, path)
    return found


def stale(files: dict[str, str] | None = None) -> list[str]:
    """Generated files that differ; ``files`` where they have been made already."""
    return [
        path
        for path, text in (files or generated()).items()
        if not (ROOT / path).exists() or read_text(ROOT / path) != text
    ]
