"""Records: what the grid has run, read and summed up.

One record a cell, ``data/expected/clir/COLLECTION_LANG/SYSTEM_SEED.json``, made by :mod:`.grid`. Trained
systems ran on an accelerator; ``clir_cpu`` holds some of the same cells made on a processor: what they cost there, and
whether the numbers are the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from .. import significance
from ..provenance import recorded_precision
from ..safe_files import write_atomic
from ..settings import DATA, InputError
from . import summary
from .systems import SYSTEMS

RECORDS, DEV_RECORDS = DATA / "expected" / "clir", DATA / "expected" / "clir_dev"  # of test, of development questions
CPU_RECORDS = DATA / "expected" / "clir_cpu"
GROUPS = "questions_by_passage.txt"  # in each folder: a number a question, the same where the right passage is
BASELINES = ("lexicon", "optical")  # what every system is tested against
COMMAND = "python -m optical_lite tables --table clir --run"


def read(folder: Path, system: str) -> dict[Path, dict]:
    """A system's records in the folder of a collection, one a seed."""
    paths = [path for path in sorted(folder.glob("*.json")) if path.stem.rsplit("_", 1)[0] == system]
    return {path: json.loads(path.read_text(encoding="utf-8")) for path in paths}


def _same_data(place: str, found: list[dict]) -> None:
    """Raise where records of one place were measured on different questions or passages."""
    hashes = {record["data"] for record in found if "data" in record}  # the oldest have none
    lengths = {len(record["mrr@10 by question"].split()) for record in found}
    if len(hashes) > 1 or len(lengths) > 1:
        raise InputError(
            f"records: got {place} of {max(len(hashes), len(lengths))} different collections, expected one; delete the "
            "records of the collection as it was, then tables --run"
        )


def write_groups(place: Path, qrels: Mapping[str, Mapping[str, int]]) -> None:
    """Write which questions of a collection share their passages, beside its records and in their order."""
    groups = significance.same_passages(qrels)
    write_atomic(place / GROUPS, " ".join(str(groups[query]) for query in sorted(groups)) + "\n")


def _groups(place: Path) -> list[int]:
    if not (path := place / GROUPS).exists():
        raise InputError(f"records: got no {path}, expected it; delete a record of that folder, then: {COMMAND}")
    return [int(group) for group in path.read_text(encoding="ascii").split()]


def compare(ours: np.ndarray, baseline: np.ndarray, place: Path) -> significance.Comparison:
    """:func:`.significance.compare` of two rows of :func:`by_question`; questions of one passage are a group.

    Parameters
    ----------
    ours, baseline : shape (questions,)
    place : the folder of records that both are from
    """
    return significance.compare(_as_map(ours), _as_map(baseline), _as_map(_groups(place)))


def _as_map(row: Sequence) -> dict[str, float]:
    return {str(i): float(x) for i, x in enumerate(row)}


def by_question(folder: Path, system: str) -> np.ndarray | None:
    """Reciprocal rank of each question, mean over seeds, shape (questions,); None without records."""
    made = read(folder, system)
    return _ranks(made) if made else None


def _ranks(made: dict[Path, dict]) -> np.ndarray:
    lines = [record["mrr@10 by question"] for record in made.values()]
    return np.mean([np.array(line.split(), dtype=float) for line in lines], axis=0)


def means(folder: Path) -> dict[str, dict[str, float]]:
    """Mean of each metric over the seeds, by ``COLLECTION_LANG/SYSTEM``."""
    found = {}
    for place in sorted(path for path in folder.iterdir() if path.is_dir()):
        for name in SYSTEMS:
            if made := [record["metrics"] for record in read(place, name).values()]:
                found[f"{place.name}/{name}"] = {m: float(np.mean([each[m] for each in made])) for m in made[0]}
    return found


def devices() -> pd.DataFrame:
    """Cells that were run on an accelerator and on a processor, the same seed on both.

    Returns
    -------
    DataFrame
        one row a system: ``cells``, ``mean`` difference of MRR@10, the ``largest`` one, and ``changed``, the share of
        questions whose reciprocal rank is not the same
    """
    rows = []
    for path in sorted(CPU_RECORDS.glob("*/*.json")):
        twin = RECORDS / path.relative_to(CPU_RECORDS)
        if twin.exists():
            ours, theirs = (_ranks({p: json.loads(p.read_text(encoding="utf-8"))}) for p in (path, twin))
            rows.append((path.stem.rpartition("_")[0], theirs.mean() - ours.mean(), (ours != theirs).mean()))
    found = pd.DataFrame(rows, columns=["system", "difference", "changed"]).groupby("system")
    sizes = {"cells": found.size(), "mean": found["difference"].mean(), "changed": found["changed"].mean()}
    table = pd.DataFrame({**sizes, "largest": found["difference"].agg(lambda values: values.abs().max())})
    return table.reindex([name for name in SYSTEMS if name in table.index])


def summarise(folder: Path = RECORDS) -> Path:
    """Write ``data/expected/ours.yaml``: means, spread, intervals, gap closed, tests against the baselines."""
    found = {}
    for place in sorted(path for path in folder.iterdir() if path.is_dir()):
        if not (runs := {name: made for name in SYSTEMS if (made := read(place, name))}):
            continue
        _same_data(place.name, [record for made in runs.values() for record in made.values()])
        values = {name: _ranks(made) for name, made in runs.items()}
        groups = _groups(place)
        tests = {name: _tests(values, name, groups) for name in BASELINES}
        ends = [values[name].mean() for name in ("zero_shot", "ceiling") if name in values]
        intervals = significance.bootstrap(np.stack(list(values.values())), groups).T.tolist()
        for (name, row), interval, made in zip(values.items(), intervals, runs.values(), strict=True):
            cell = summary.summarise([str(path.relative_to(folder.parent)) for path in made])
            cell["metrics"]["mrr@10"]["interval"] = [round(end, 5) for end in interval]
            cell["made"] = sorted({_made(record) for record in made.values()})
            cell["cpu_seconds"] = _cpu_seconds([*made.values(), *read(CPU_RECORDS / place.name, name).values()])
            if len(ends) == 2:
                cell["gap_closed"] = round(float((row.mean() - ends[0]) / (ends[1] - ends[0])), 5)
            if mine := {baseline: tests[baseline][name] for baseline in BASELINES if name in tests[baseline]}:
                cell["tests"] = {"mrr@10": mine}
            found[f"{place.name}/{name}"] = {**cell, "tolerance": 0.02}
    return summary.write_expected("ours", found, COMMAND)


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
    """Every system against one: difference, interval, p, and p after Holm's correction."""
    if baseline not in values:
        return {}
    others = {name: _as_map(row) for name, row in values.items() if name != baseline}
    found = significance.compare_all(others, _as_map(values[baseline]), _as_map(groups))
    corrected = significance.holm({name: result.p for name, result in found.items()})
    return {
        name: {"difference": round(r.difference, 5), "low": round(r.low, 5), "high": round(r.high, 5),
               "p": round(r.p, 5), "p_holm": round(corrected[name], 5)}
        for name, r in found.items()
    }  # fmt: skip
