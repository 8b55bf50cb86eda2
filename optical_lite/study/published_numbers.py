"""Published numbers: ``data/paper/*.toml``, each with its source, how it was read, and its doubts.

``work`` in :data:`.toml_files.SHAPES` says what such a file holds, the page of all of them
(:mod:`.pages`) what ``read_in`` means. A ``unit`` is fraction, percent, count, mixed, ranks or
setting. A row is a list of values, "" where the cell is empty, or a map with ``values`` and its own
``source``, ``read_in`` or ``doubts``.
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
    """The ``values`` of a row, its ``source``, ``read_in`` and ``doubts`` or those of its table."""
    own = table["rows"][name]
    own = dict(own) if isinstance(own, dict) else {"values": own}
    if isinstance(own.get("values"), list):
        own["values"] = [None if value == "" else value for value in own["values"]]
    where = f"table {table['title']}"
    fits(own, ROW, where, f"row {name!r}")
    got, expected = len(own["values"]), len(table["columns"])
    if got != expected:
        wanted = f"{expected}, one a column; mend the file"
        raise InputError(where, f"{got} values in row {name!r}", wanted)
    doubts = (*table["doubts"], *own.get("doubts", ()))
    source = {key: own.get(key, table[key]) for key in ("source", "read_in")}
    return {"values": own["values"], "doubts": doubts, **source}


def number(name: str, row_name: str, column: str) -> Number:
    """A published number by ``work/table``, row and column.

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
    return Number(value, found["unit"], **own)
