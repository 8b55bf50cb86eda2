"""Evidence: the grid's records read as answers. What closes the gap, by how much, and how sure are we?

Everything here reads records and ``data/expected/systems.csv``; :mod:`.grid` makes them. Notebook 07.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from fnmatch import fnmatch

import pandas as pd

from .. import significance
from ..settings import InputError
from ..significance import Comparison
from . import markup, records
from .record_files import load, states
from .systems import OPPONENTS, REFERENCE, SYSTEMS, expand

ANSWER = "m_zero_shot", {"transport": "m_optical", "contrast": "m_late", "both": "m_optical_late"}
CHOICES = {  # in use: what it was compared with
    "optical": ["optical_late", "balance", "epsilon", "marginals"],
    "plus_sharp": ["plus_symmetric"],
}
CHOICE = ("in use", "instead", "languages", "mean difference", "ahead", "behind")
CHOSEN = (
    "The systems in use beside what they were compared with, on development questions alone (AfriQA's where a language "
    "has them, else half of Belebele): the mean difference in MRR@10 over languages, and those in which the system in "
    "use is ahead or behind with p below 0.05, each of one test."
)
DUELS = {  # column: system, its opponents
    "the kit recipe above it": ("plus_sharp", OPPONENTS),
    "above two engines, fused": ("plus_sharp", ("lexicon_fused",)),
    "fused, above the best of one or two": ("plus_fused", (*OPPONENTS, "lexicon_fused")),
}
DUEL = (
    "The kit recipe, alone and fused with the structured query, against what the same pairs give without a student. "
    "The best single engine is chosen anew on every collection. Differences in MRR@10; p after Holm's correction over "
    "the collections of a column, languages with more resources (Hindi, Spanish, German) apart."
)
INTRODUCTION = (
    "Every system on every collection stands in [systems.csv](systems.csv): MRR@10 (mean over *n* seeds, *sd*), *low* "
    "and *high*, the 95 % bootstrap interval over questions, those of one passage drawn together; *gap_closed*, "
    "(system − raw question) / (reference English − raw question) with the English encoder; *vs_lexicon* and "
    "*vs_optical*, differences to these two, with p of a paired permutation test over the same groups after Holm's "
    "correction for all systems of that collection (from 10,000 draws, so with k systems none is below k / 10,001); "
    "*seconds* of a processor to make the student, where that was measured; device, number type and budget. Systems "
    "are defined in `optical_lite/study/systems.py`; `python -m optical_lite tables --run` adds what is missing."
)
BITEXT = ("lang", "bitext", "pairs")
DEVICES = ("system", "cells", "mean difference", "largest", "questions with another rank")
SAME = (
    "Trained systems whose seed 0 was also run on a processor, in float32 like the others: MRR@10 on the accelerator "
    "minus that on the processor, over collections, and the share of questions whose rank changed. The order of "
    "additions differs, and the versions of torch and transformers. Of {all} systems {same} have the same MRR@10 to "
    "the fourth decimal everywhere; the others:"
)
COUNTS = ("queries", "translations", "passages", "of queries", "of passages")
LEAKED = ("language", "bitext", "pairs", "questions", "their translations", "passages")
LEAKAGE = (
    "How many questions, reference English and passages of the collections stand in the whole bitext of a language; a "
    "passage counts when it holds a training sentence of eight words or more. Pairs that would give away a question "
    "or its translation were dropped before training."
)


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
    """What transport, contrast and both add to a multilingual encoder, as :func:`over`; empty before it ran."""
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


def _p(value: float | None) -> str:
    return "" if value is None else "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def _signed(value: float, digits: int = 3) -> str:
    return f"{value:+.{digits}f}".replace("-", "−")


def _duels() -> list[tuple[str, ...]]:
    """One row a collection: its best single engine, and the differences of :data:`DUELS`."""
    found = {
        head: pd.concat([against_best(name, among, reference=apart) for apart in (False, True)])
        for head, (name, among) in DUELS.items()
    }
    first, *_ = found.values()
    rows = []
    for place in sorted({place for each in found.values() for place in each.index}):
        own = (
            (SYSTEMS[first["opponent"][place]].title, f"{first['theirs'][place]:.3f}")
            if place in first.index
            else ("", "")
        )
        rows.append((place, *own, *(_duel(each, place) for each in found.values())))
    return rows


def _duel(found: pd.DataFrame, place: str) -> str:
    if place not in found.index:
        return ""
    line = found.loc[place]
    return f"{_signed(line['difference'])} ({_signed(line['low'])} to {_signed(line['high'])}), {_p(line['p'])}"


def _chosen() -> list[tuple[str, ...]]:
    """One row a pair of :data:`CHOICES`."""
    rows = []
    for (used, instead), own in choices().groupby(["used", "instead"], sort=False):
        sure = own[own["p"] < 0.05]
        sides = (sure[sure["difference"] * sign > 0]["lang"] for sign in (1, -1))
        said = (", ".join(side) or "none" for side in sides)
        titles = (SYSTEMS[name].title for name in (used, instead))
        rows.append((*titles, str(len(own)), _signed(own["difference"].mean()), *said))
    return rows


def _leaked(rows: pd.DataFrame, what: str, of: str) -> str:
    """How many of all; where there are any, in which collections."""
    some = rows[rows[what] > 0]
    if some.empty:
        return f"0 of {rows[of].sum():,}"
    return ", ".join(f"{line[what]} of {line[of]:,} ({line['collection']})" for _, line in some.iterrows())


def page() -> str:
    """``data/expected/evidence.md``: opponents, choices, leakage, devices; what each system has is in the table."""
    return _page(*map(states, (records.RECORDS, records.DEV_RECORDS, records.CPU_RECORDS)))


@functools.lru_cache(maxsize=4)
def _page(*_: tuple) -> str:
    parts, gone = ["# The evidence", markup.MADE, INTRODUCTION], leakage()
    rows = [
        (lang, name, f"{pairs:,}", _leaked(own, "queries", "of queries"),
         _leaked(own, "translations", "of queries"), _leaked(own, "passages", "of passages"))
        for (lang, name, pairs), own in gone.groupby(list(BITEXT))
    ]  # fmt: skip
    found = records.devices()
    differ = found[found["largest"] >= 0.00005]
    twins = [
        (SYSTEMS[name].title, str(int(line["cells"])), _signed(line["mean"], 4), f"{line['largest']:.4f}",
         f"{line['changed']:.1%}")
        for name, line in differ.iterrows()
    ]  # fmt: skip
    same = SAME.format(all=len(found), same=len(found) - len(differ))
    for title, said, header, lines in (
        ("Above whom", DUEL, ("collection", "best single engine", "its MRR@10", *DUELS), _duels()),
        ("What was compared on development questions", CHOSEN, CHOICE, _chosen()),
        ("What the sentence pairs give away", LEAKAGE, LEAKED, rows),
        ("The same cells on a processor", same, DEVICES, twins),
    ):
        parts += [f"## {title}", said, markup.markdown(header, lines)] if lines else []
    return "\n\n".join(parts) + "\n"
