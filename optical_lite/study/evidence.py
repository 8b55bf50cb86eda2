"""Evidence: the grid's records read as answers. What closes the gap, by how much, how sure are we?

Everything here reads records; :mod:`.grid` makes them. Lesson 07.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatch

import numpy as np
import pandas as pd

from ..settings import InputError
from ..significance import Comparison, compare
from . import records
from .systems import SYSTEMS, expand

ADDED = {"vocabulary": "m_extended", "transport": "m_optical", "contrast": "m_late"}
ANSWER = "m_zero_shot", ADDED | {"both": "m_optical_late"}  # what all are compared with, and what
PLACES = "afriqa_*", "belebele_*", "belebele-hard_*"  # where it is asked


def frame(place: str, names: Iterable[str] | None = None) -> pd.DataFrame:
    """MRR@10 of systems, or groups of them, on a place such as ``afriqa_sw``; by default of all.

    One row a system that has records: ``mean``, ``sd`` over its seeds, and their number ``n``.
    """
    if place not in (known := records.places()):
        expected = f"one of {', '.join(known)}; to add it: tables --run"
        raise InputError("evidence", f"{place!r}", expected)
    made = {name: records.read(place, name) for name in expand(names)}
    sums = {name: records.sums(found)["mrr@10"] for name, found in made.items() if found}
    return pd.DataFrame.from_dict(sums, orient="index")


def over(
    base: str, names: Mapping[str, str], among: Iterable[str] = ("*",)
) -> dict[str, dict[str, Comparison]]:
    """What systems add to a base, by place and label, where all of them have records.

    Values are means over seeds a question, so interval and permutation test are over questions.

    Parameters
    ----------
    names : systems by what they are called in a figure
    among : patterns of ``COLLECTION_LANG``
    """
    found = {
        place: {label: records.compare(name, base, place) for label, name in names.items()}
        for place in records.places()
        if any(fnmatch(place, word) for word in among)
    }
    return {place: each for place, each in found.items() if None not in each.values()}


def answer() -> dict[str, dict[str, Comparison]]:
    """What vocabulary and losses add to a multilingual encoder, as :func:`over`."""
    return over(*ANSWER, PLACES)


def pooled(collection: str, plus: Sequence[str], minus: Sequence[str]) -> Comparison | None:
    """The sum of some systems minus that of others, mean over languages that have all of them.

    Languages count alike. Where they ask the same questions, as Belebele's do, a question is one
    unit in all of them: each language would else count the same sentences again.
    """
    signed = [(1, system) for system in plus] + [(-1, system) for system in minus]
    places = [
        place
        for place in records.places()
        if place.rpartition("_")[0] == collection
        and all(records.read(place, system) for _, system in signed)
    ]
    if not places:
        return None
    rows = [sum(sign * records.by_question(p, x) for sign, x in signed) for p in places]
    groups = [list(records.groups(p).values()) for p in places]
    if all(each == groups[0] for each in groups):
        values, labels = np.mean(rows, axis=0), groups[0]
    else:
        mean = sum(map(len, rows)) / len(rows)  # so that the mean over all is that of the means
        values = np.concatenate([row * mean / len(row) for row in rows])
        labels = [f"{k} {label}" for k, each in enumerate(groups) for label in each]
    found, numbers = dict(enumerate(values)), dict(enumerate(labels))
    return compare(found, dict.fromkeys(found, 0.0), numbers, records.DRAWS)


def curve(place: str, names: Iterable[str], *, over: str = "") -> pd.DataFrame:
    """MRR@10 on a place against the number of sentence pairs, of systems run as ``NAME_500``, ...

    Columns are ``system``, ``pairs``, ``mean``, ``sd``, ``n``. With ``over`` the mean of that
    system from as many pairs is taken from each; sizes that it was not run with are left out.
    """
    rows, found = frame(place, ["bitext"]), []
    for name, line in rows.iterrows():
        pairs = SYSTEMS[name].pairs
        base = name.removesuffix(f"_{pairs}")
        if base in names and (not over or f"{over}_{pairs}" in rows.index):
            mean = line["mean"] - (rows.loc[f"{over}_{pairs}", "mean"] if over else 0.0)
            found.append({"system": base, "pairs": pairs, **line[["sd", "n"]], "mean": mean})
    columns = ["system", "pairs", "mean", "sd", "n"]
    return pd.DataFrame(found, columns=columns).sort_values(["system", "pairs"])
