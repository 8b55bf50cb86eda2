"""Pages of tables: a comparison or a published table as text, and the generated files that must equal their YAML.

Generated are ``data/expected/NAME.md`` for every table and for the ledger of claims, ``data/expected/published.md`` for
everything in ``data/paper/``, the tables and numbers between marks in other pages
and in notebooks (:mod:`.findings`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ..settings import ROOT
from . import alignment_page, claims, evidence_page, findings, markup, published_numbers, records, summary
from .summary import SMALL, Cell

HEADER = ("system", "data", "metric", "paper", "ours mean ± sd (n)", "Δ", "state", "why", "how")
INTRODUCTION = (
    "Copied as printed from the sources named under each table. *Read in* says how: in the `original`, in a `copy` of "
    "its text, in a `figure` whose cells carry numbers, in somebody else's `restatement` (secondary), or by `nobody` "
    "yet. Quote the source, not this page."
)
SUMMARY, EVIDENCE = "data/expected/systems.csv", "data/expected/evidence.md"
TITLES = {"aer": "AER", "map": "MAP", "f1": "F1"}


def title(metric: str) -> str:
    """How a metric is written in a table.

    Examples
    --------
    >>> title("mrr@10"), title("ndcg@10"), title("precision")
    ('MRR@10', 'nDCG@10', 'precision')
    """
    return TITLES.get(metric, metric.upper().replace("NDCG", "nDCG") if "@" in metric else metric)


def _number(value: float | None, sign: str = "") -> str:
    return "" if value is None else f"{value:{sign}.3f}".replace("-", "−")


def _notes(texts: Iterable[str], marks: str) -> dict[str, str]:
    """A short mark for each different text, in order of appearance."""
    different = dict.fromkeys(filter(None, texts))
    return {text: f"{marks}{number}" for number, text in enumerate(different, 1)}


def _paper(cell: Cell) -> str:
    return _number(cell.paper) or ("none" if cell.published is None else "empty")


def _ours(cell: Cell) -> str:
    if cell.ours is None:
        return summary.MISSING if cell.state == summary.MISSING else ""
    return str(cell.ours)


def shown(name: str) -> list[Cell]:
    """The cells of the long table: the first metric, and whatever has a published number beside it."""
    first = summary.spec(name)["metrics"][0]
    return [cell for cell in summary.cells(name) if cell.metric == first or cell.published]


def long(name: str, kind: str = "md") -> str:
    """Published | ours | difference | state | why | how, one line a cell, and what the marks mean."""
    cells = shown(name)
    why, how = _notes((c.reason for c in cells), "r"), _notes((c.command for c in cells), "c")
    rows = [
        (c.row, c.column, title(c.metric), _paper(c), _ours(c), _number(c.delta, "+"), c.state,
         why.get(c.reason, ""), how.get(c.command, ""))
        for c in cells
    ]  # fmt: skip
    marks = [(mark, text) for notes in (why, how) for text, mark in notes.items()]
    parts = [markup.FORMATS[kind](HEADER, rows)]
    if marks:
        parts.append(markup.FORMATS[kind](("mark", "meaning"), marks))
    return "\n\n".join(parts)


def wide(name: str, kind: str = "md") -> str:
    """Systems down, collections and metrics across: our numbers alone, without collections that nothing ran on."""
    table = summary.spec(name)
    found = {(cell.key, cell.metric): cell for cell in summary.cells(name)}
    run = {key.partition("/")[0] for (key, _), cell in found.items() if _short(cell)}
    columns = [(key, metric) for key in table["columns"] if key in run for metric in table["metrics"]]
    header = ["system", *(f"{table['columns'][key]['label']} {title(metric)}" for key, metric in columns)]
    rows = []
    for row, own in table["rows"].items():
        line = [_short(found.get((f"{key}/{row}", metric))) for key, metric in columns]
        if any(line):
            rows.append([own["label"], *line])
    return markup.FORMATS[kind](header, rows)


def _short(cell: Cell | None) -> str:
    if cell is None:
        return ""
    if cell.ours is None:
        return "missing" if cell.state == summary.MISSING else ""
    return f"{cell.ours.mean:.3f}" + ("" if cell.ours.sd is None else f" ± {cell.ours.sd:.3f}")


def counts(cells: Iterable[Cell]) -> str:
    """How many cells are in each state, "not attempted" without its reasons."""
    found: dict[str, int] = {}
    for cell in cells:
        state = cell.state.split(" (")[0]
        found[state] = found.get(state, 0) + 1
    return ", ".join(f"{number} {state}" for state, number in found.items())


def page(name: str) -> str:
    """The page of a table."""
    table, cells = summary.spec(name), shown(name)
    small = [column["label"] for column in table["columns"].values() if column.get("small")]
    sources = dict.fromkeys((c.published.source, *c.published.doubts) for c in cells if c.published)
    own = wide(name)
    parts = [f"# {table['title']}", markup.MADE, table["question"], table.get("note", "")]
    parts += [f"**{', '.join(small)}**: {SMALL}."] if small else []
    parts += ["## Our numbers", own] if own.count("\n") > 1 else []
    said = f"{counts(cells)}. What the states mean: [README](README.md)."
    if "paper" in table:
        parts += ["## Beside the published ones", said, long(name)]
    else:
        parts += _waiting(cells)
        parts += [f"Nothing is published to compare with: {said} Made by `{table['command']}`."]
    if sources:
        lines = [f"- {source}{''.join(f' *{doubt}*' for doubt in doubts)}" for source, *doubts in sources]
        parts += ["Published numbers from:", "\n".join(lines)]
    return "\n\n".join(filter(None, parts)) + "\n"


def _waiting(cells: Sequence[Cell]) -> list[str]:
    """Rows without any number, and what they need; a sentence for each need."""
    found: dict[str, list[str]] = {}
    for row in dict.fromkeys(cell.row for cell in cells):
        states = {cell.state for cell in cells if cell.row == row}
        if len(states) == 1 and (state := states.pop()).startswith("not attempted"):
            found.setdefault(state, []).append(row)
    return [f"N{state[1:]}: {'; '.join(rows)}." for state, rows in found.items()]


def published(name: str, kind: str = "md") -> str:
    """A published table, ``work/table``, as printed, with its source and doubts."""
    work, _, key = name.partition("/")
    own = published_numbers.works().get(work, {}).get("tables", {}).get(key)
    if own is None:
        published_numbers.number(name, "", "")  # raises, and says what there is
    found = {row: published_numbers.row(own, row) for row in own["rows"]}
    rows = [(row, *(_printed(value, own) for value in line["values"])) for row, line in found.items()]
    doubts = _notes((doubt for line in found.values() for doubt in line["doubts"]), "")
    lines = [markup.FORMATS[kind]((f"{own['title']}: {own['metric']}", *map(str, own["columns"])), rows)]
    for (source, read), names in _sources(found).items():
        where = f", {own['where']}" if own.get("where") else ""
        scope = "" if len(names) == len(found) else f" ({', '.join(names)})"
        lines.append(f"Source{scope}: {source}{where}; read in: {read}.")
    if own.get("empty"):
        lines.append(f"Empty: {own['empty']}")
    return "\n\n".join([*lines, *(f"Doubt: {doubt}" for doubt in doubts)])


def _sources(rows: dict[str, dict]) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {}
    for name, line in rows.items():
        found.setdefault((line["source"], line["read_in"]), []).append(name)
    return found


def _printed(value: float | None, table: dict) -> str:
    if value is None:
        return ""
    if isinstance(value, int):
        return f"{value:,}" if table["unit"] in ("count", "mixed", "setting") else str(value)
    return f"{value:.{table['digits']}f}" if table.get("digits") is not None else f"{value:g}"


def published_page() -> str:
    """Every published table on one page."""
    parts = ["# Published numbers", markup.MADE, INTRODUCTION]
    for work, content in published_numbers.works().items():
        parts += [f"## {work}", f"[{content['work']}]({content['url']}), {content['venue']}.", content.get("note", "")]
        for name in content["tables"]:
            parts += [f"### {work}/{name}", published(f"{work}/{name}")]
    return "\n\n".join(filter(None, parts)) + "\n"


def generated() -> dict[str, str]:
    """Every generated file by its path from the repository's root, as it should be."""
    found = {f"data/expected/{name}.md": page(name) for name in summary.names()}
    found["data/expected/published.md"] = published_page()
    found["data/expected/claims.md"] = claims.page()
    found["data/expected/alignment_sets.md"] = alignment_page.page()
    found[EVIDENCE] = evidence_page.page()
    found[SUMMARY] = records.summarise()
    readme = {"README.md": (ROOT / "README.md").read_text(encoding="utf-8")}
    for path, text in (readme | findings.texts()).items():
        for name in re.findall(r"<!-- table:(\w+) -->", text):
            text = markup.replace_block(text, name, wide(name), path)
        found[path] = findings.fill(text, path)
    return found


def stale(files: dict[str, str] | None = None) -> list[str]:
    """Generated files that differ from their YAML; ``files`` where they have been made already."""
    return [
        path
        for path, text in (files or generated()).items()
        if not (ROOT / path).exists() or (ROOT / path).read_text(encoding="utf-8") != text
    ]
