"""Published numbers: ``data/paper/*.toml``, each with its source, how it was read, and its doubts.

A file is a work (``work``, ``venue``, ``url``, ``note``) with tables. A table has ``title``,
``metric``, ``unit`` (fraction, percent, count, mixed, ranks or setting), ``source`` (a paper, an
address or ``owner/repository@commit path``), ``read_in``, ``doubts``, ``columns`` and ``rows``; a
row is a list of values, "" where the cell is empty, or a map with ``values`` and its own
``source``, ``read_in`` or ``doubts``.
``read_in`` says where a value was seen:

===============  ==============================================================
``original``     in the file that ``source`` names
``copy``         in a copy of that text
``figure``       in a figure of that source whose cells carry numbers
``restatement``  in somebody else's restatement: secondary
``nobody``       not at all: every cell is empty, and ``empty`` says why
===============  ==============================================================
"""

from __future__ import annotations

from dataclasses import dataclass

from ..json_files import fits
from ..settings import DATA, InputError
from .toml_files import read_toml

FOLDER = DATA / "paper"
ROW = {"values": [(int, float, type(None))], "doubts?": [str], "source?": str, "read_in?": str}


@dataclass(frozen=True)
class Number:
    """One published number as its file has it; ``value`` is None where the cell is empty."""

    value: float | None
    unit: str
    metric: str
    source: str
    read_in: str
    doubts: tuple[str, ...]


def works() -> dict[str, dict]:
    """Every work by the name of its file.

    >>> works()["simalign"]["tables"]["aer"]["columns"][4]
    'hin'
    """
    return {path.stem: read_toml(path, "work") for path in sorted(FOLDER.glob("*.toml"))}


def table(name: str) -> dict:
    """A published table by ``work/table``."""
    work, _, own = name.partition("/")
    found = works().get(work, {}).get("tables", {}).get(own)
    if found is None:
        raise InputError("published number", f"table {name!r}", "WORK/TABLE of data/paper")
    return found


def row(table: dict, name: str) -> dict:
    """A row with its own source, read_in and doubts, or those of its table."""
    own = table["rows"][name]
    own = dict(own) if isinstance(own, dict) else {"values": own}
    if isinstance(own.get("values"), list):
        own["values"] = [None if value == "" else value for value in own["values"]]
    where = f"table {table['title']}", f"row {name!r}"
    fits(own, ROW, *where)
    got, expected = len(own["values"]), len(table["columns"])
    if got != expected:
        wanted = f"{expected}, one a column; mend the file"
        raise InputError(where[0], f"{got} values in {where[1]}", wanted)
    doubts = (*table["doubts"], *own.get("doubts", ()))
    source = {key: own.get(key, table[key]) for key in ("source", "read_in")}
    return {"values": own["values"], "doubts": doubts, **source}


def number(name: str, row_name: str, column: str) -> Number:
    """A published number by ``work/table``, row and column.

    Examples
    --------
    >>> number("africlirmatrix/ndcg10", "BM25", "swa").value
    0.418
    """
    found = table(name)
    columns = found["columns"]
    if row_name not in found["rows"] or column not in columns:
        expected = f"rows {', '.join(found['rows'])} and columns {', '.join(columns)}"
        raise InputError(name, f"row {row_name!r}, column {column!r}", expected)
    own = row(found, row_name)
    value = own.pop("values")[columns.index(column)]
    return Number(value, found["unit"], found["metric"], **own)
