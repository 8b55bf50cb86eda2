"""Published numbers beside ours: a table is a TOML file, and every cell of it gets a state.

``data/tables/NAME.toml`` says which systems (``rows``; or ``systems``, names and groups of
:mod:`.study.systems`), collections (``columns``) and ``metrics`` a table has, where our numbers
come from (``ours``, a key of :data:`RECORDED`), and which published numbers stand beside them
(``paper``). ``data/expected/README.md`` explains the states; lesson 08 shows all of this.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from ..json_files import fits, read_json
from ..settings import DATA, InputError
from . import published_numbers, record_files, records, systems
from .published_numbers import Number
from .record_files import load
from .toml_files import read_toml

SPECS, EXPECTED = DATA / "tables", DATA / "expected"
MISSING, DIFFERS = "missing", "differs"  # the states that fail a check
EMPTY = "the published cell is empty; see where data/paper says how to fill it in"


@dataclass(frozen=True)
class Summary:
    """Our number: mean, sample standard deviation (None for one run), runs."""

    mean: float
    sd: float | None = None
    n: int = 1

    def __str__(self) -> str:
        spread = "" if self.sd is None else f" ± {self.sd:.3f}"
        return f"{self.mean:.3f}{spread} (n = {self.n})"


@dataclass(frozen=True)
class Cell:
    """One line of a table: a published number, ours, and what to make of the two."""

    key: str  # ``column/row``, as in :func:`expected`
    row: str
    column: str
    metric: str
    paper: float | None  # the published number as a fraction
    published: Number | None  # as it is printed, and where
    ours: Summary | None
    tolerance: float
    state: str  # see :func:`verdict`
    reason: str
    command: str

    @property
    def delta(self) -> float | None:
        """Ours minus paper."""
        return None if self.paper is None or self.ours is None else self.ours.mean - self.paper

    def record(self) -> dict:
        """The machine-readable form."""
        found = asdict(self) | {"delta": self.delta}
        del found["published"]
        return found | {"source": self.published and self.published.source}


def names() -> list[str]:
    """The tables there are."""
    return sorted(path.stem for path in SPECS.glob("*.toml"))


def spec(name: str) -> dict:
    """A table's file, its rows and columns in one form (a map with at least ``label``)."""
    if name not in (known := names()):
        raise InputError("table", repr(name), f"one of {', '.join(known)}; see tables --list")
    found = dict(read_toml(SPECS / f"{name}.toml", "table"))
    if "rows" not in found:
        chosen = systems.expand(found.get("systems"))
        found["rows"] = {system: systems.find(system).title for system in chosen}
    for part in ("rows", "columns"):
        labelled = {k: v if isinstance(v, dict) else {"label": v} for k, v in found[part].items()}
        own = {"label": str, "columns?": list, "small?": bool, "needs?": str, "command?": str}
        fits(labelled, {str: own}, f"{name}.toml", part)
        found[part] = labelled
    return found


def metrics_of(reference: str) -> dict[str, float]:
    """The numbers of ``file.json#path.inside`` of ``data/expected``, none where it is gone."""
    name, _, inside = reference.partition("#")
    path = EXPECTED / name
    try:
        found = read_json(path) if path.exists() else {}
    except OSError as error:
        raise InputError(name, f"no name of a file ({error})", "a shorter one") from None
    for key in filter(None, inside.split(".")):
        found = found.get(key, {})
    found = found.get("metrics", found)
    return {name: value for name, value in found.items() if isinstance(value, int | float)}


def _demo() -> dict[str, dict]:
    """What was recorded of the demo; training differs more between processors than the rest."""
    cells = {}
    for path in sorted(EXPECTED.glob("demo_*.json")):
        record = read_json(path)["result"]
        for system, found in record["systems"].items():
            cells[f"{record['collection']}_{record['lang']}/{system}"] = {
                "metrics": {metric: {"mean": value} for metric, value in found.items()},
                "tolerance": 0.03 if system == "student" else 0.01,
            }
    return cells


def _alignment() -> dict[str, dict]:
    sets = load(record_files.SETS["alignment"]).get("alignment", {})
    return {
        f"{name}/{system}": {"metrics": {"aer": {"mean": found["aer"]}}}
        for name, (record,) in sets.items()
        for system, found in record["systems"].items()
    }


RECORDED = {
    "demo": _demo,
    "systems": lambda: {
        key: {"metrics": found} for key, found in records.cells(load(records.RECORDS)).items()
    },
    "alignment": _alignment,
}


def expected(kind: str) -> dict:
    """``cells`` by ``column/row``, each with the ``mean`` of its metrics over its records.

    A kind that is not in :data:`RECORDED` has nothing recorded yet.
    """
    return {"cells": RECORDED.get(kind, dict)()}


def verdict(
    paper: float | None, ours: float | None, *, tolerance: float, needs: str = "",
    values: bool = True, gaps: tuple[float, float] | None = None,
) -> str:  # fmt: skip
    """What to make of a published number and ours, None where there is none.

    Parameters
    ----------
    tolerance : largest accepted distance, on both sides
    needs : what we lack, where the run was not attempted
    values : whether the two values may be compared at all; without, only directions
    gaps : distance from the baseline, (published, ours)

    >>> [verdict(0.50, ours, tolerance=0.02) for ours in (0.51, 0.53, None)]
    ['reproduced', 'differs', 'missing']
    >>> verdict(0.50, 0.70, tolerance=0.02, gaps=(0.1, 0.2))
    'direction only'
    """
    if ours is None:
        return f"not attempted (needs {needs})" if needs else MISSING
    if paper is None or (not values and gaps is None):
        return "no verdict"
    if values and close(ours, paper, tolerance):
        return "reproduced"
    return "direction only" if gaps and gaps[0] * gaps[1] > 0 else DIFFERS


def _published(table: dict, column: str, row: str, metric: str) -> tuple[Number | None, dict]:
    """The published number that stands beside a cell, and the group it belongs to."""
    for group in table.get("paper", ()):
        if group["metric"] == metric and column in group["columns"] and row in group["rows"]:
            where = group["rows"][row], group["columns"][column]
            return published_numbers.number(group["table"], *where), group
    return None, {}


def _fraction(number: Number | None) -> float | None:
    if number is None or number.value is None:
        return None
    return number.value / 100 if number.unit == "percent" else number.value


def cells(name: str) -> Iterator[Cell]:
    """Every cell of a table, row by row."""
    table = spec(name)
    recorded = expected(table["ours"])["cells"]
    for row, own in table["rows"].items():
        for column in table["columns"]:
            for metric in table["metrics"] if column in own.get("columns", (column,)) else ():
                yield _cell(table, recorded, row, column, metric)


def _cell(table: dict, recorded: dict, row: str, column: str, metric: str) -> Cell:
    def ours_of(row: str) -> Summary | None:
        found = recorded.get(f"{column}/{row}", {}).get("metrics", {}).get(metric)
        return Summary(**found) if found else None

    own, across, key = table["rows"][row], table["columns"][column], f"{column}/{row}"
    number, group = _published(table, column, row, metric)
    paper, ours, reason = _fraction(number), ours_of(row), group.get("reason", "")
    tolerance = recorded.get(key, {}).get("tolerance", table.get("tolerance", 0.0))
    gaps, baseline = None, group.get("baseline", row)
    if number and paper is None:
        reason = reason or EMPTY
    elif number and ours and baseline != row:
        printed, _ = _published(table, column, baseline, metric)
        base, ours_base = _fraction(printed), ours_of(baseline)
        if base is not None and ours_base:
            # a whole number was rounded, and within half a unit it has no direction
            unit = isinstance(printed.value, int)
            if abs(number.value - printed.value) > unit / 2:
                gaps = paper - base, ours.mean - ours_base.mean
    needs = own.get("needs", table.get("needs", ""))
    values = group.get("values", True) and not across.get("small", False)
    state = verdict(
        paper, ours and ours.mean, tolerance=tolerance, needs=needs, values=values, gaps=gaps
    )
    return Cell(
        key=key, row=own["label"], column=across["label"], metric=metric, paper=paper,
        published=number, ours=ours, tolerance=tolerance, state=state, reason=reason,
        command=across.get("command", table["command"]),
    )  # fmt: skip


def close(got: float | None, wanted: float, tolerance: float) -> bool:
    """Whether a number agrees with another: no further off on either side."""
    return got is not None and math.isfinite(got) and abs(got - wanted) <= tolerance + 1e-9
