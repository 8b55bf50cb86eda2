"""Evidence: the grid's records read as answers. What closes the gap, by how much, and how sure are we?

Everything here reads records and ``data/expected/systems.csv``; :mod:`.grid` makes them. Notebook 07.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatch

import pandas as pd

from .. import significance
from ..settings import InputError
from ..significance import Comparison
from . import records
from .record_files import load
from .systems import OPPONENTS, REFERENCE, SYSTEMS, expand

ANSWER = (  # what all are compared with, and what is
    "m_zero_shot",
    {"vocabulary": "m_extended", "transport": "m_optical", "contrast": "m_late", "both": "m_optical_late"},
)
CHOICES = {  # in use: what it was compared with
    "optical": ["optical_late", "balance", "epsilon", "marginals"],
    "plus_sharp": ["plus_symmetric"],
}
BITEXT = ("lang", "bitext", "pairs")
COUNTS = ("queries", "translations", "passages", "of queries", "of passages")


def frame(place: str, names: Iterable[str] | None = None) -> pd.DataFrame:
    """One row a system, by its name, with the columns of :data:`.records.COLUMNS`; ``mrr@10`` is called ``mean``.

    Parameters
    ----------
    place : ``COLLECTION_LANG``, such as ``afriqa_sw``
    names : systems or groups of :mod:`.systems`; all that have records by default
    """
    rows = records.table()
    if place not in (known := list(rows["place"].unique())):
        raise InputError(f"evidence: got {place!r}, expected one of {', '.join(known)}; to add it: tables --run")
    rows = rows[rows["place"] == place].drop(columns="place").set_index("system").rename(columns={"mrr@10": "mean"})
    return rows.reindex([name for name in (expand(list(names)) if names else SYSTEMS) if name in rows.index])


def over(base: str, names: Mapping[str, str], among: Iterable[str] = ("*",)) -> dict[str, dict[str, Comparison]]:
    """What systems add to a base, on every collection that has records of all of them.

    Values are means over seeds a question, so interval and permutation test are over questions.

    Parameters
    ----------
    base : a system
    names : systems by what they are called in a figure
    among : patterns of ``COLLECTION_LANG``

    Returns
    -------
    dict
        by place, in the order of :func:`.records.places`, then by the names' keys
    """
    found = {}
    for place in (place for place in records.places() if any(fnmatch(place, word) for word in among)):
        values = {name: records.by_question(place, name) for name in (base, *names.values())}
        if not any(row is None for row in values.values()):
            found[place] = {label: records.compare(values[name], values[base], place) for label, name in names.items()}
    return found


def answer() -> dict[str, dict[str, Comparison]]:
    """What vocabulary, transport, contrast and both add to a multilingual encoder, as :func:`over`."""
    return over(ANSWER[0], ANSWER[1], ("afriqa_*", "belebele_*"))


def against_best(name: str, among: Iterable[str] = OPPONENTS, *, reference: bool = False) -> pd.DataFrame:
    """A system against the best of some others, chosen anew on every collection: the fairest and hardest opponent.

    Parameters
    ----------
    name : the system
    among : the others, by default all that search by one engine with a lexicon and no student; those with records count
    reference : in the languages with more resources, in place of the low-resource ones

    Returns
    -------
    DataFrame
        one row a collection with both: ``opponent``, ``theirs``, ``ours`` (MRR@10), ``difference`` with ``low`` and
        ``high`` (95 % interval over questions), and ``p`` after Holm's correction over the collections
    """
    found, results = {}, {}
    for place in records.places():
        if (place.rpartition("_")[2] in REFERENCE) is not reference:
            continue
        values = {system: records.by_question(place, system) for system in (name, *among)}
        values = {system: row for system, row in values.items() if row is not None}
        ours = values.pop(name, None)
        if ours is None or not values:
            continue
        best = max(values, key=lambda system: values[system].mean())
        result = results[place] = records.compare(ours, values[best], place)
        found[place] = {"opponent": best, "theirs": values[best].mean(), "ours": ours.mean(),
                             "difference": result.difference, "low": result.low, "high": result.high}  # fmt: skip
    corrected = significance.holm({place: result.p for place, result in results.items()})
    columns = ["opponent", "theirs", "ours", "difference", "low", "high"]
    return pd.DataFrame.from_dict(found, orient="index", columns=columns).assign(p=pd.Series(corrected, dtype=float))


def choices() -> pd.DataFrame:
    """The systems in use beside what :data:`CHOICES` says they were compared with, on development questions.

    Returns
    -------
    DataFrame
        one row a language and pair: ``lang``, ``used``, ``ours``, ``instead``, ``theirs`` (MRR@10), ``difference`` with
        ``low`` and ``high`` (95 % interval over questions), ``p``
    """
    rows = []
    pairs = [(used, other) for used, others in CHOICES.items() for other in expand(others)]
    for place in records.places(dev=True):
        for used, other in pairs:
            ours, theirs = records.by_question(place, used), records.by_question(place, other)
            if ours is not None and theirs is not None:
                found = records.compare(ours, theirs, place)
                rows.append((place.removeprefix("dev_"), used, ours.mean(), other, theirs.mean(),
                             found.difference, found.low, found.high, found.p))  # fmt: skip
    columns = ["lang", "used", "ours", "instead", "theirs", "difference", "low", "high", "p"]
    return pd.DataFrame(rows, columns=columns)


def leakage() -> pd.DataFrame:
    """What each whole bitext of the records already says of the collections its students are tested on.

    Returns
    -------
    DataFrame
        one row a bitext and collection: ``lang``, ``bitext``, ``pairs``, ``collection``, and the counts of
        :func:`optical_lite.datasets.leaks.leakage`
    """
    found = {}
    every = (record for rows in load(records.RECORDS).values() for made in rows.values() for record in made)
    for record in every:
        if (counts := record.get("leakage")) and not SYSTEMS[record["system"]].pairs:  # the oldest have no counts
            own = record["bitext"]
            bitext = dict(zip(BITEXT, (record["lang"], own["name"], own["pairs"]), strict=True))
            line = bitext | {"collection": record["collection"], **{name: counts[name] for name in COUNTS}}
            found[record["collection"], record["lang"], own["sha256"]] = line
    rows = sorted(found.values(), key=lambda line: (line["lang"], line["pairs"], line["collection"]))
    return pd.DataFrame(rows, columns=[*BITEXT, "collection", *COUNTS])


def curve(place: str, names: Iterable[str], *, over: str = "") -> pd.DataFrame:
    """MRR@10 against the number of sentence pairs, of systems that were run with ``NAME_500``, ``NAME_1000``, ...

    Parameters
    ----------
    place : ``COLLECTION_LANG``
    names : of systems, without the number
    over : a system whose mean, from as many pairs, is taken from each; sizes that it was not run with are left out

    Returns
    -------
    DataFrame with columns ``system``, ``pairs``, ``mean``, ``sd``, ``n``
    """
    rows, found = frame(place, ["bitext"]), []
    for name, line in rows.iterrows():
        pairs = SYSTEMS[name].pairs
        base = name.removesuffix(f"_{pairs}")
        if base in names and (not over or f"{over}_{pairs}" in rows.index):
            less = rows.loc[f"{over}_{pairs}", "mean"] if over else 0.0
            found.append({"system": base, "pairs": pairs, **line[["sd", "n"]], "mean": line["mean"] - less})
    return pd.DataFrame(found, columns=["system", "pairs", "mean", "sd", "n"]).sort_values(["system", "pairs"])
