"""Published numbers beside ours: a table is a YAML file, and every cell of it gets a state.

``data/tables/NAME.yaml`` says which systems (``rows``; or ``systems``, names and groups of :mod:`.study.systems`),
collections (``columns``) and ``metrics`` a table has, where our numbers come from (``ours``: the stem of a file in
``data/expected/``), and which published numbers stand beside them (``paper``). A cell of the expected file lists the
records of its runs, one a seed, and the mean expected of them:

.. code-block:: yaml

    cells:
      pocket_sw/student:
        records: ["demo_pocket_sw/result.json#systems.student"]
        metrics: {mrr@10: {mean: 0.50062, sd: null, n: 1}}
        tolerance: 0.02

The mean is computed from the records again whenever a table is made, so a deleted run shows as *missing* and an edited
mean as *differs*. The states are explained in ``data/expected/README.md``; notebook 08 shows all of this.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..json_files import fits
from ..safe_files import write_atomic
from ..settings import DATA, InputError, shown
from . import published_numbers, record_files, records, systems
from .published_numbers import Number
from .yaml_files import OWN, read_yaml

SPECS, EXPECTED = DATA / "tables", DATA / "expected"
REPRODUCED, DIRECTION, DIFFERS, MISSING, NO_VERDICT = "reproduced", "direction only", "differs", "missing", "no verdict"
SMALL = "small data: compare orderings, not values"
ROUNDING = 1e-4  # of the means in the expected files


@dataclass(frozen=True)
class Summary:
    """Our number: mean, sample standard deviation (None for one run) and count of runs."""

    mean: float
    sd: float | None
    n: int

    def __str__(self) -> str:
        spread = "" if self.sd is None else f" ± {self.sd:.3f}"
        return f"{self.mean:.3f}{spread} (n = {self.n})"


@dataclass(frozen=True)
class Cell:
    """One line of a table: a published number, ours, and what to make of the two.

    Attributes
    ----------
    key : ``column/row`` in the expected file
    paper : the published number as a fraction, or None
    published : where it comes from, or None
    ours : mean over the records that exist, or None where one is gone
    expected : the mean that the expected file states, or None
    tolerance : largest accepted distance, on both sides
    state : see ``data/expected/README.md``
    """

    table: str
    key: str
    row: str
    column: str
    metric: str
    paper: float | None
    published: Number | None
    ours: Summary | None
    expected: float | None
    tolerance: float
    state: str
    reason: str
    command: str

    @property
    def delta(self) -> float | None:
        """Ours minus paper."""
        return None if self.paper is None or self.ours is None else self.ours.mean - self.paper

    def record(self) -> dict:
        """The machine-readable form."""
        own = {name: getattr(self, name) for name in ("table", "key", "row", "column", "metric", "paper", "expected")}
        ours = None if self.ours is None else vars(self.ours)
        source = self.published.source if self.published else None
        rest = {name: getattr(self, name) for name in ("delta", "tolerance", "state", "reason", "command")}
        return {**own, "ours": ours, "source": source, **rest}


def names() -> list[str]:
    """The tables there are.

    Examples
    --------
    >>> "demo" in names()
    True
    """
    return sorted(path.stem for path in SPECS.glob("*.yaml"))


def spec(name: str) -> dict:
    """A table's file, its rows and columns brought to one form (a map with at least ``label``)."""
    if name not in names():
        raise InputError(f"table: got {name!r}, expected one of {', '.join(names())}; see tables --list")
    found = dict(read_yaml(SPECS / f"{name}.yaml", "table"))
    if "systems" in found:
        found["rows"] = {system: systems.find(system).title for system in systems.expand(found.pop("systems"))}
    if missing := {"title", "question", "ours", "metrics", "rows", "columns", "command"} - found.keys():
        raise InputError(f"{name}.yaml: got no {', '.join(sorted(missing))}, expected it; see data/tables/demo.yaml")
    for part in ("rows", "columns"):
        found[part] = {key: v if isinstance(v, dict) else {"label": v} for key, v in found[part].items()}
        shape = {object: {"label": str, "columns?": (list, dict), "small?": bool, **OWN}}
        fits(found[part], shape, f"{name}.yaml", part, "mend the file")
    return found


def recorded(name: str, folder: Path | None = None) -> Path | None:
    """A file of the records (or of another folder) by its name, None where there is none; no name at all is refused."""
    path = (folder or EXPECTED) / name
    try:
        return path if path.exists() else None
    except OSError as error:
        raise InputError(f"{shown(name)}: got no name of a file ({error}), expected a shorter one") from None


def expected(stem: str) -> dict:
    """The cells of an expected file, of ``systems.csv`` or of the alignments; none where nothing is recorded yet."""
    if stem in DERIVED:
        return {"cells": DERIVED[stem]()}
    path = recorded(f"{stem}.yaml")
    return read_yaml(path, "expected") if path else {"cells": {}}


def _alignment() -> dict[str, dict]:
    return {
        f"{name}/{system}": {
            "records": [f"alignment.jsonl#{name}.{system}"],
            "metrics": {metric: {"mean": found[metric]} for metric in ("aer", "precision", "recall")},
        }
        for name, (record,) in record_files.load(record_files.SETS["alignment"]).get("alignment", {}).items()
        for system, found in record["systems"].items()
    }


DERIVED = {"systems": records.cells, "alignment": _alignment}


def metrics_of(reference: str) -> dict[str, float] | None:
    """The metrics of a record, or None where it is gone.

    Parameters
    ----------
    reference : ``file.json``, ``file.json#path.inside``, ``clir/PLACE.jsonl#SYSTEM_SEED`` or
        ``alignment.jsonl#SET.SYSTEM``
    """
    name, _, inside = reference.partition("#")
    path = recorded(name)
    if not path:
        return None
    if path.suffix == ".jsonl":
        found, inside = record_files.cited(path, inside)
    else:
        found = json.loads(path.read_text(encoding="utf-8"))
    for key in filter(None, inside.split(".")):
        found = found.get(key, {})
    found = found.get("metrics", found)
    return {name: value for name, value in found.items() if isinstance(value, int | float)} or None


def summarise(references: Sequence[str]) -> dict:
    """A cell of an expected file from its records: mean, sample standard deviation and count of each metric.

    Examples
    --------
    >>> summarise(["demo_pocket_sw/result.json#systems.lexicon"])["metrics"]["mrr@10"]
    {'mean': 0.34257, 'sd': None, 'n': 1}
    """
    found = [metrics_of(reference) for reference in references]
    if gone := [reference for reference, metrics in zip(references, found, strict=True) if metrics is None]:
        raise InputError(f"record: got no {gone[0]} in {EXPECTED.name}/, expected it; run its command or drop it")
    shared = [name for name in found[0] if all(name in metrics for metrics in found)]
    rows = {name: _summary([metrics[name] for metrics in found]) for name in shared}
    rounded = {k: {"mean": round(s.mean, 5), "sd": s.sd and round(s.sd, 5), "n": s.n} for k, s in rows.items()}
    return {"records": list(references), "metrics": rounded}


def _summary(values: list[float]) -> Summary:
    return Summary(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None, len(values))


def write_expected(stem: str, cells: dict[str, dict], command: str) -> Path:
    """Write ``data/expected/STEM.yaml``."""
    import yaml

    text = yaml.dump(
        {"command": command, "cells": cells}, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper),
        default_flow_style=None, sort_keys=False, allow_unicode=True, width=120,
    )  # fmt: skip
    return write_atomic(EXPECTED / f"{stem}.yaml", text)


def accept(stem: str) -> Path:
    """Take the means of the records as the expected ones; tolerances, commands and reasons stay."""
    found = expected(stem)
    cells = {key: {**cell, **summarise(cell["records"])} for key, cell in found["cells"].items()}
    return write_expected(stem, cells, found["command"])


def verdict(
    paper: float | None, ours: float | None, *, tolerance: float, needs: str = "", values: bool = True,
    gaps: tuple[float, float] | None = None,
) -> str:  # fmt: skip
    """What to make of a published number and ours.

    Parameters
    ----------
    paper, ours : the two numbers, None where there is none
    tolerance : largest accepted distance, on both sides
    needs : what we lack, where the run was not attempted
    values : whether the two values may be compared at all; without, only directions
    gaps : distance from the baseline, (published, ours)

    Examples
    --------
    >>> verdict(0.50, 0.51, tolerance=0.02), verdict(0.50, 0.53, tolerance=0.02), verdict(0.50, None, tolerance=0.02)
    ('reproduced', 'differs', 'missing')
    >>> verdict(0.50, 0.70, tolerance=0.02, gaps=(0.1, 0.2)), verdict(0.50, 0.70, tolerance=0.02, gaps=(-0.1, 0.2))
    ('direction only', 'differs')
    """
    if ours is None:
        return f"not attempted (needs {needs})" if needs else MISSING
    if paper is None or (not values and gaps is None):
        return NO_VERDICT
    if values and close(ours, paper, tolerance):
        return REPRODUCED
    return DIRECTION if gaps and gaps[0] * gaps[1] > 0 else DIFFERS


def _published(table: dict, column: str, row: str, metric: str) -> tuple[Number | None, dict]:
    """The published number that stands beside a cell, and the group it belongs to."""
    for group in table.get("paper", ()):
        if group["metric"] == metric and column in group["columns"] and row in group["rows"]:
            where = group["rows"][row], group["columns"][column]
            return published_numbers.number(group["table"], *map(str, where)), group
    return None, {}


def _fraction(number: Number | None) -> float | None:
    if number is None or number.value is None:
        return None
    return number.value / 100 if number.unit == "percent" else number.value


def _measured(cell: dict | None, metric: str) -> Summary | None:
    found = [metrics_of(reference) for reference in (cell or {}).get("records", ())]
    if not found or any(metrics is None or metric not in metrics for metrics in found):
        return None
    return _summary([metrics[metric] for metrics in found])


def _tolerance(*places: dict, metric: str) -> float:
    for place in places:
        if (value := place.get("tolerance")) is not None:
            return value.get(metric, 0.0) if isinstance(value, dict) else value
    return 0.0


def cells(name: str) -> Iterator[Cell]:
    """Every cell of a table, row by row."""
    table = spec(name)
    recorded = expected(table["ours"])
    for row, row_spec in table["rows"].items():
        for column, column_spec in table["columns"].items():
            for metric in table["metrics"]:
                if "columns" in row_spec and column not in row_spec["columns"]:
                    continue
                yield _cell(name, table, recorded, row, column, metric, {**column_spec, **row_spec})


def _cell(name: str, table: dict, recorded: dict, row: str, column: str, metric: str, own: dict) -> Cell:
    key = f"{column}/{row}"
    there = recorded["cells"].get(key)
    number, group = _published(table, column, row, metric)
    paper, ours = _fraction(number), _measured(there, metric)
    tolerance = _tolerance(group, there or {}, own, table, metric=metric)
    small = table["columns"][column].get("small", False)
    stated = ((there or {}).get("metrics", {}).get(metric) or {}).get("mean")
    gaps, baseline = None, group.get("baseline")
    if baseline and baseline != row and ours is not None and paper is not None:
        base_paper = _fraction(_published(table, column, baseline, metric)[0])
        base_ours = _measured(recorded["cells"].get(f"{column}/{baseline}"), metric)
        if base_paper is not None and base_ours is not None:
            gaps = (paper - base_paper, ours.mean - base_ours.mean)
    needs = "" if there else own.get("needs", table.get("needs", ""))  # what is listed was attempted
    values = group.get("values", table.get("values", True)) and not small
    state = verdict(paper, ours and ours.mean, tolerance=tolerance, needs=needs, values=values, gaps=gaps)
    reason = next(filter(None, ((there or {}).get("reason"), group.get("reason"), own.get("reason"))), "")
    if ours is not None and stated is not None and abs(ours.mean - stated) > ROUNDING:
        state, reason = DIFFERS, f"the records give {ours.mean:.5f}, {table['ours']} states {stated:.5f}"
    if number is not None and number.value is None:
        reason = reason or "the published cell is empty; see where data/paper says how to fill it in"
    command = (there or {}).get("command") or own.get("command") or recorded.get("command") or table["command"]
    label = table["rows"][row]["label"], table["columns"][column]["label"]
    return Cell(name, key, *label, metric, paper, number, ours, stated, tolerance, state, reason, command)


def close(got: float | None, wanted: float, tolerance: float) -> bool:
    """Whether a rerun agrees with the expected value: neither below nor above by more than the tolerance."""
    return got is not None and math.isfinite(got) and abs(got - wanted) <= tolerance + 1e-9
