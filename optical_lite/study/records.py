"""Records: what the grid has run, read and summed up.

One record a cell, a line of ``data/expected/clir/PLACE.jsonl`` (see :mod:`.record_files`), made by :mod:`.grid`; a
place is ``COLLECTION_LANG``, of development questions ``dev_LANG``. Trained systems ran on an accelerator;
``clir_cpu.jsonl`` holds some of the same cells made on a processor: what they cost there, and whether the numbers are
the same.
"""

from __future__ import annotations

import functools
import statistics
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from .. import significance
from ..provenance import recorded_precision
from ..settings import InputError
from . import record_files
from .record_files import Records, load
from .systems import SYSTEMS

RECORDS, DEV_RECORDS, CPU_RECORDS = (record_files.SETS[name] for name in ("clir", "clir_dev", "clir_cpu"))
BASELINES = ("lexicon", "optical")  # what every system is tested against
METRICS = ("mrr@10", "r@10", "r@100", "map")
COLUMNS = [  # of the summary: n seeds, sd and the interval of MRR@10, differences with p after Holm, processor seconds
    "place", "system", "title", "n", "mrr@10", "sd", "low", "high", *METRICS[1:], "gap_closed",
    *(f"{kind}_{name}" for name in BASELINES for kind in ("vs", "p")), "seconds", "made",
]  # fmt: skip


def _base(place: str) -> Path:
    """The set that a place is of."""
    return DEV_RECORDS if place.startswith("dev_") else RECORDS


def read(place: str, system: str) -> list[dict]:
    """A system's records on a collection, one a seed."""
    return load(_base(place)).get(place, {}).get(system, [])


def places(dev: bool = False) -> list[str]:
    """Collections with records, ``COLLECTION_LANG``; with ``dev``, languages whose development questions were used."""
    return list(load(DEV_RECORDS if dev else RECORDS))


def _same_data(place: str, found: list[dict]) -> None:
    """Raise where records of one place were measured on different questions or passages."""
    hashes = {record["data"] for record in found if "data" in record}  # the oldest have none
    lengths = {len(record["mrr@10 by question"].split()) for record in found}
    if len(hashes) > 1 or len(lengths) > 1:
        raise InputError(
            f"records: got {place} of {max(len(hashes), len(lengths))} different collections, expected one; delete the "
            "records of the collection as it was, then tables --run"
        )


def _groups(place: str) -> list[int]:
    found = record_files.shared(_base(place)).get("groups", {})
    if place not in found:
        raise InputError(f"records: got no groups of questions for {place}, expected them; run a cell of it, then "
                         "tables --fold")  # fmt: skip
    return [int(group) for group in found[place].split()]


def compare(ours: np.ndarray, baseline: np.ndarray, place: str) -> significance.Comparison:
    """:func:`.significance.compare` of two rows of :func:`by_question`; questions of one passage are a group.

    Parameters
    ----------
    ours, baseline : shape (questions,)
    place : that both are from
    """
    return significance.compare(_as_map(ours), _as_map(baseline), _as_map(_groups(place)))


def _as_map(row: Sequence) -> dict[str, float]:
    return {str(i): float(x) for i, x in enumerate(row)}


def by_question(place: str, system: str) -> np.ndarray | None:
    """Reciprocal rank of each question, mean over seeds, shape (questions,); None without records."""
    made = read(place, system)
    return _ranks(made) if made else None


def _ranks(made: list[dict]) -> np.ndarray:
    lines = [record["mrr@10 by question"] for record in made]
    return np.mean([np.array(line.split(), dtype=float) for line in lines], axis=0)


def means(found: Records) -> dict[str, dict[str, float]]:
    """Mean of each metric over the seeds, by ``PLACE/SYSTEM``."""
    return {
        f"{place}/{name}": {m: float(np.mean([record["metrics"][m] for record in made])) for m in made[0]["metrics"]}
        for place, rows in found.items()
        for name, made in rows.items()
    }


def devices() -> pd.DataFrame:
    """Cells that were run on an accelerator and on a processor, the same seed on both.

    Returns
    -------
    DataFrame
        one row a system: ``cells``, ``mean`` difference of MRR@10, the ``largest`` one, and ``changed``, the share of
        questions whose reciprocal rank is not the same
    """
    rows = []
    for place, found in load(CPU_RECORDS).items():
        for name, made in found.items():
            twins = {record["seed"]: record for record in read(place, name)}
            for record in (record for record in made if record["seed"] in twins):
                ours, theirs = _ranks([record]), _ranks([twins[record["seed"]]])
                rows.append((name, theirs.mean() - ours.mean(), (ours != theirs).mean()))
    found = pd.DataFrame(rows, columns=["system", "difference", "changed"]).groupby("system")
    sizes = {"cells": found.size(), "mean": found["difference"].mean(), "changed": found["changed"].mean()}
    table = pd.DataFrame({**sizes, "largest": found["difference"].agg(lambda values: values.abs().max())})
    return table.reindex([name for name in SYSTEMS if name in table.index])


def summarise() -> str:
    """Text of ``data/expected/systems.csv``: each system on each place, its interval, tests and cost."""
    return _summarise(*map(record_files.states, (RECORDS, CPU_RECORDS)))


@functools.lru_cache(maxsize=4)
def _summarise(*_: tuple) -> str:
    lines, cheap = [], load(CPU_RECORDS)
    for place, rows in load(RECORDS).items():
        runs = {name: rows[name] for name in SYSTEMS if name in rows}
        _same_data(place, [record for made in runs.values() for record in made])
        values = {name: _ranks(made) for name, made in runs.items()}
        groups = _groups(place)
        tests = {name: _tests(values, name, groups) for name in BASELINES}
        ends = [values[name].mean() for name in ("zero_shot", "ceiling") if name in values]
        intervals = significance.bootstrap(np.stack(list(values.values())), groups).T.tolist()
        for (name, row), interval, made in zip(values.items(), intervals, runs.values(), strict=True):
            each = {metric: [record["metrics"][metric] for record in made] for metric in METRICS}
            line = {"place": place, "system": name, "title": SYSTEMS[name].title, "n": len(made)}
            line |= {metric: statistics.fmean(found) for metric, found in each.items()}
            line |= {"sd": statistics.stdev(each["mrr@10"]) if len(made) > 1 else None}
            line |= dict(zip(("low", "high"), interval, strict=True))
            line |= {"gap_closed": (row.mean() - ends[0]) / (ends[1] - ends[0])} if len(ends) == 2 else {}
            line |= {key: value for test in tests.values() for key, value in test.get(name, {}).items()}
            line |= {"seconds": _cpu_seconds([*made, *cheap.get(place, {}).get(name, ())])}
            lines.append(line | {"made": "; ".join(sorted({_made(record) for record in made}))})
    return pd.DataFrame(lines, columns=COLUMNS).to_csv(index=False, float_format="%.5f", lineterminator="\n")


def table() -> pd.DataFrame:
    """``data/expected/systems.csv`` as it lies there: one row a place and system, :data:`COLUMNS`."""
    path = RECORDS.parent / "systems.csv"
    if not path.exists():
        raise InputError(f"records: got no {path.name}, expected it; run: make tables")
    return _table(path, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=4)
def _table(path: Path, _: int) -> pd.DataFrame:
    return pd.read_csv(path)


def cells() -> dict[str, dict]:
    """What tables read: by ``PLACE/SYSTEM`` the means that the summary states, and where their records are."""
    found, recorded = {}, load(RECORDS)
    for place, system, *means in table()[["place", "system", *METRICS]].itertuples(index=False, name=None):
        seeds = [record["seed"] for record in recorded.get(place, {}).get(system, ())] or [0]
        values = {metric: {"mean": mean} for metric, mean in zip(METRICS, means, strict=True)}
        made = [f"clir/{place}.jsonl#{system}_{seed}" for seed in seeds]
        found[f"{place}/{system}"] = {"records": made, "metrics": values}
    return found


def _cpu_seconds(found: list[dict]) -> float | None:
    """Mean of the records that were made on a processor; those of an accelerator say nothing of it."""
    spent = [record["cpu_seconds"] for record in found if record["environment"]["device"] == "cpu"]
    return round(float(np.mean(spent)), 1) if spent else None


def _made(record: dict) -> str:
    """Device, number type and budget of a record."""
    where, config = record["environment"], record.get("config")
    kind = "bfloat16" if recorded_precision(where) == "bf16" else "float32"
    return f"{where.get('accelerator', where['device'])} {kind}" + (
        f", {config['steps']} x {config['batch']} pairs" if config else ""
    )


def _tests(values: dict[str, np.ndarray], baseline: str, groups: list[int]) -> dict[str, dict]:
    """Every system against one: its difference, and p after Holm's correction."""
    if baseline not in values:
        return {}
    others = {name: _as_map(row) for name, row in values.items() if name != baseline}
    found = significance.compare_all(others, _as_map(values[baseline]), _as_map(groups))
    corrected = significance.holm({name: result.p for name, result in found.items()})
    return {n: {f"vs_{baseline}": r.difference, f"p_{baseline}": corrected[n]} for n, r in found.items()}
