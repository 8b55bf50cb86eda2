"""Published numbers: ``data/paper/*.yaml``, each with its source, how it was read, and what is doubtful about it.

A file is a work (``work``, ``venue``, ``url``, ``note``) with tables. A table has ``title``, ``metric``, ``unit``,
``source`` (a paper, an address or ``owner/repository@commit path``), ``read_in``, ``doubts``, ``columns`` and ``rows``;
a row is a list of values, or a map with ``values`` and its own ``source``, ``read_in`` or ``doubts``. ``read_in`` says
where a value was seen:

===============  ==========================================================================================
``original``     in the file that ``source`` names
``copy``         in a copy of that text
``figure``       in a figure of that source whose cells carry numbers
``restatement``  in somebody else's restatement: secondary
``nobody``       not at all: every cell is empty, and ``empty`` says why
===============  ==========================================================================================
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ..json_files import fits
from ..settings import DATA, InputError
from .yaml_files import read_yaml

FOLDER = DATA / "paper"
READ_IN = ("original", "copy", "figure", "restatement", "nobody")
UNITS = ("fraction", "percent", "count", "mixed", "ranks", "setting")
SOURCE = re.compile(r"[\w.-]+/[\w.-]+@[0-9a-f]{7,40} \S+|https://\S+|arXiv:\d{4}\.\d{4,5}(, Table \d+)?|doi:\S+")
WORK_KEYS, TABLE_KEYS = (
    {"work", "venue", "url", "tables"},
    {"title", "metric", "unit", "source", "read_in", "columns", "rows", "doubts"},
)


@dataclass(frozen=True)
class Number:
    """One published number.

    Attributes
    ----------
    value : as printed, or None where the cell is empty
    unit : one of :data:`UNITS`
    metric, source, read_in : as in the file
    doubts : what to know before quoting it
    """

    value: float | None
    unit: str
    metric: str
    source: str
    read_in: str
    doubts: tuple[str, ...]


def works(folder: Path = FOLDER) -> dict[str, dict]:
    """Every work by the name of its file.

    Examples
    --------
    >>> works()["simalign"]["tables"]["aer"]["columns"][4]
    'hin'
    """
    return {path.stem: read_yaml(path, "work") for path in sorted(folder.glob("*.yaml"))}


def row(table: dict, name: str) -> dict:
    """A row with its own source, read_in and doubts, or those of its table."""
    own = table["rows"][name]
    own = own if isinstance(own, dict) else {"values": own}
    shape = {"values": [object], "doubts?": [str], "source?": str, "read_in?": str}
    fits(own, shape, f"table {table.get('title')}", f"row {name!r}", "mend the file")
    doubts = (*table["doubts"], *own.get("doubts", ()))
    return {"values": own["values"], "doubts": doubts} | {k: own.get(k, table[k]) for k in ("source", "read_in")}


def number(table: str, row_name: str, column: str, folder: Path = FOLDER) -> Number:
    """A published number by ``work/table``, row and column.

    Examples
    --------
    >>> number("africlirmatrix/ndcg10", "BM25", "swa").value
    0.418
    >>> number("afriqa/averages", "mDPR, no translation", "mean over languages").read_in
    'restatement'
    """
    work, _, name = table.partition("/")
    found = works(folder).get(work, {}).get("tables", {}).get(name)
    if found is None:
        raise InputError(
            f"published number: got table {table!r}, expected WORK/TABLE of {folder.name}/; check the name"
        )
    fits(found, dict.fromkeys(sorted(TABLE_KEYS - {"title"}), object), table, "the table", "mend the file")
    if row_name not in found["rows"] or column not in map(str, found["columns"]):
        raise InputError(
            f"{table}: got row {row_name!r}, column {column!r}, expected rows {', '.join(map(str, found['rows']))} "
            f"and columns {', '.join(map(str, found['columns']))}"
        )
    own = row(found, row_name)
    value = own["values"][[str(c) for c in found["columns"]].index(column)]
    return Number(value, found["unit"], found["metric"], own["source"], own["read_in"], own["doubts"])


def problems(works: dict[str, dict]) -> list[str]:
    """What is wrong with the registry: keys, sources nobody can look up, lengths, units, means that do not add up."""
    found = []
    for work, content in works.items():
        if missing := WORK_KEYS - content.keys():
            found.append(f"{work}: no {', '.join(sorted(missing))}")
            continue
        for name, table in content["tables"].items():
            where = f"{work}/{name}"
            if missing := TABLE_KEYS - table.keys():
                found.append(f"{where}: no {', '.join(sorted(missing))}")
                continue
            if table["unit"] not in UNITS:
                found.append(f"{where}: unit {table['unit']!r}")
            for key in table["rows"]:
                found += [f"{where}, {key}: {text}" for text in _row_problems(table, row(table, key))]
    return found


def _row_problems(table: dict, own: dict) -> list[str]:
    found, values, columns = [], own["values"], [str(column) for column in table["columns"]]
    if not isinstance(own["source"], str) or not SOURCE.fullmatch(own["source"]):
        found.append(f"source {own['source']!r} is no paper, address or owner/repository@commit path")
    if own["read_in"] not in READ_IN:
        found.append(f"read_in {own['read_in']!r}")
    if own["read_in"] == "restatement" and not own["doubts"]:
        found.append("a restatement without a doubt")
    if len(values) != len(columns):
        return [*found, f"{len(values)} values for {len(columns)} columns"]
    if bad := [v for v in values if isinstance(v, bool) or not isinstance(v, (int, float, type(None)))]:
        return [*found, f"{bad[0]!r} is no number"]
    numbers = [value for value in values if value is not None]
    if (own["read_in"] == "nobody") == bool(numbers) or (not numbers and "empty" not in table):
        found.append("empty cells need read_in nobody and a reason in empty; numbers need another read_in")
    limit = {"fraction": 1, "percent": 100}.get(table["unit"], float("inf"))
    if any(not 0 <= value <= limit for value in numbers):
        found.append(f"a value outside 0 to {limit} for unit {table['unit']}")
    columns = [column.lower() for column in columns]
    if "avg" in columns and not own["doubts"]:
        cells = [v for v, c in zip(values, columns, strict=True) if c not in ("avg", "en") and v is not None]
        english = [v for v, c in zip(values, columns, strict=True) if c == "en" and v is not None]
        average = values[columns.index("avg")]
        step = 10.0 ** -table.get("digits", 4)
        means = [sum(part) / len(part) for part in (cells, cells + english) if part]
        if average is not None and len(cells) > 1 and all(abs(mean - average) > 1.01 * step for mean in means):
            found.append(f"the mean of its cells is {means[-1]:.4f}, not {average}, and no doubt says so")
    return found
