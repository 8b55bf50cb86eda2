"""Records: what the grid has run, read and summed up.

A place is ``COLLECTION_LANG``, of development questions ``dev_LANG``. ``clir_cpu.jsonl`` holds some
of the cells that ran on an accelerator made on a processor again: what they cost there, and whether
the numbers are the same.
"""

from __future__ import annotations

import functools
import statistics
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from .. import significance
from ..metrics import METRICS
from ..settings import InputError
from . import record_files
from .record_files import Records, load
from .systems import SYSTEMS

RECORDS, DEV_RECORDS, CPU_RECORDS = map(record_files.SETS.get, ("clir", "clir_dev", "clir_cpu"))
DRAWS = 20_000  # of a test: p is told after a correction for up to a hundred of them
BASELINES = ("lexicon", "optical")  # what every system is tested against
ENDS = ("zero_shot", "ceiling")  # of the gap that a system closes


def _base(place: str) -> Path:
    return DEV_RECORDS if place.startswith("dev_") else RECORDS


def read(place: str, system: str) -> list[dict]:
    """A system's records on a collection, one a seed."""
    return load(_base(place)).get(place, {}).get(system, [])


def places(dev: bool = False) -> list[str]:
    """Collections with records, ``COLLECTION_LANG``; with ``dev``, of development questions."""
    return list(load(DEV_RECORDS if dev else RECORDS))


def groups(place: str) -> dict[str, int]:
    """For each question a number, the same for those that share their passages."""
    found = record_files.shared(_base(place)).get("groups", {})
    if place not in found:
        expected = "them; run a cell of it, then tables --fold"
        raise InputError("records", f"no groups of questions for {place}", expected)
    return _as_map(map(int, found[place].split()))


def _as_map(row: Iterable) -> dict[str, float]:
    return {str(i): x for i, x in enumerate(row)}


def ranks(made: list[dict]) -> np.ndarray:
    """Reciprocal rank of each question, mean over records, shape (questions,)."""
    return np.mean([np.array(x["mrr@10 by question"].split(), dtype=float) for x in made], axis=0)


def by_question(place: str, system: str) -> np.ndarray | None:
    """:func:`ranks` of a system, mean over seeds; None without records."""
    made = read(place, system)
    return ranks(made) if made else None


def compare(ours: str, baseline: str, place: str) -> significance.Comparison | None:
    """Two systems on a place, means over seeds a question; None where one has no records."""
    return _compare(ours, baseline, place, record_files.states(_base(place)))


@functools.lru_cache(maxsize=1024)
def _compare(ours: str, baseline: str, place: str, _: tuple) -> significance.Comparison | None:
    rows = [by_question(place, system) for system in (ours, baseline)]
    if any(row is None for row in rows):
        return None
    return significance.compare(*map(_as_map, rows), groups(place), DRAWS)


def sums(made: list[dict]) -> dict[str, dict]:
    """``mean``, ``sd`` (None for one seed) and ``n`` of each metric over a system's records."""
    found = {}
    for metric in made[0]["metrics"]:
        values = [each[metric] for each in (x["metrics"] for x in made) if metric in each]
        sd = statistics.stdev(values) if len(values) > 1 else None
        found[metric] = {"mean": statistics.fmean(values), "sd": sd, "n": len(values)}
    return found


def cells(found: Records) -> dict[str, dict[str, dict]]:
    """:func:`sums` of every system, by ``PLACE/SYSTEM``."""
    runs = ((place, name, made) for place, rows in found.items() for name, made in rows.items())
    return {f"{place}/{name}": sums(made) for place, name, made in runs}


def summarise() -> str:
    """Text of ``data/expected/systems.csv``: each system on each place, interval, tests, cost."""
    lines = [line for place, rows in load(RECORDS).items() for line in _lines(place, rows)]
    return pd.DataFrame(lines).to_csv(index=False, float_format="%.5f", lineterminator="\n")


def _lines(place: str, rows: dict[str, list[dict]]) -> Iterator[dict]:
    """The lines of a place."""
    runs = {name: rows[name] for name in SYSTEMS if name in rows}
    values, labels = {name: ranks(made) for name, made in runs.items()}, groups(place)
    intervals = significance.bootstrap(np.stack([*values.values()]), [*labels.values()]).T
    tests = {name: _tests(values, name, labels) for name in BASELINES}
    cheap = load(CPU_RECORDS).get(place, {})
    for (name, made), (low, high) in zip(runs.items(), intervals.tolist(), strict=True):
        line = {"place": place, "system": name, "title": SYSTEMS[name].title, "n": len(made)}
        own = sums(made)
        line |= {"mrr@10": own["mrr@10"]["mean"], "sd": own["mrr@10"]["sd"]}
        line |= {"low": low, "high": high}
        line |= {metric: own[metric]["mean"] for metric in METRICS[1:]}
        line["gap_closed"] = None
        if values.keys() >= {*ENDS}:
            zero, ceiling = (values[end].mean() for end in ENDS)
            line["gap_closed"] = (values[name].mean() - zero) / (ceiling - zero)
        for base, test in tests.items():
            line[f"vs_{base}"], line[f"p_{base}"] = test.get(name, (None, None))
        every = [*made, *cheap.get(name, ())]
        # those of an accelerator say nothing of a processor
        spent = [x.get("cpu_seconds") for x in every if x["environment"]["device"] == "cpu"]
        spent = [seconds for seconds in spent if seconds is not None]
        line["seconds"] = round(float(np.mean(spent)), 1) if spent else None
        line["made"] = "; ".join(sorted({_made(record) for record in made}))
        yield line


def _tests(values: dict[str, np.ndarray], baseline: str, labels: dict) -> dict[str, tuple]:
    """Every system against one: its difference, and p after Holm's correction."""
    others = {name: _as_map(row) for name, row in values.items()}
    base = others.pop(baseline, None)
    found = significance.compare_all(others, base, labels, DRAWS) if base else {}
    p = significance.holm({name: result.p for name, result in found.items()})
    return {name: (result.difference, p[name]) for name, result in found.items()}


def _made(record: dict) -> str:
    """Device, number type and budget of a record."""
    where, config = record["environment"], record.get("config")
    # old records say whether it was bf16
    kind = "bfloat16" if where.get("precision", where.get("bf16")) in ("bf16", True) else "float32"
    budget = f", {config['steps']} x {config['batch']} pairs" if config else ""
    return f"{where.get('accelerator', where['device'])} {kind}{budget}"
