"""Evidence: the grid's records read as answers. What closes the gap, by how much, and how sure are we?

Everything here reads records and ``data/expected/ours.yaml``; :mod:`.grid` makes them. Notebook 07.
"""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from .. import significance
from ..settings import InputError
from . import markup, records, summary
from .record_files import load
from .systems import OPPONENTS, REFERENCE, SYSTEMS, expand

CORNERS = {(False, False): "extended", (True, False): "optical", (False, True): "late", (True, True): "optical_late"}
HEADER = ("system", "MRR@10 ± sd (n)", "95 % interval", "gap closed", "against lexicon", "against OPTICAL", "CPU s",
          "made on")  # fmt: skip
CHOICES = {  # in use: what it was compared with
    "optical": ["optical_late", "balance", "epsilon", "marginals"],
    "plus_sharp": ["plus_symmetric", "plus_untuned", "plus_annealed", "plus_sharp_tuned"],
}
CHOICE = ("language", "in use", "MRR@10", "instead", "its MRR@10", "difference", "p")
CHOSEN = (
    "The systems in use beside what they were compared with, on development questions alone (AfriQA's where a language "
    "has them, else half of Belebele): difference with its interval over questions, those of one passage drawn "
    "together (Belebele's 678 sentences come from 187), and p of that one test."
)
DUEL = ("collection", "opponent", "its MRR@10", "ours", "difference", "p")
DUELS = (
    ("plus_sharp", OPPONENTS, "the best single engine with a lexicon and no student", False),
    ("plus_sharp", ("lexicon_fused",), "two engines with a lexicon and no student", False),
    ("plus_fused", (*OPPONENTS, "lexicon_fused"), "the best with a lexicon and no student", False),
    ("plus_sharp", OPPONENTS, "the best single engine, in languages with more resources", True),
)
INTRODUCTION = (
    "Every system on every collection that has been run, MRR@10. *Interval*: bootstrap over questions, those of one "
    "passage drawn together. *Gap closed*: (system − raw question) / (reference English − raw question), both with "
    "the untuned English encoder. *Against*: difference, and p of a paired permutation test over the same groups "
    "after Holm's correction for all systems of that table; from 10,000 draws no p is below 0.0001, so with k systems "
    "none is below k / 10,001 there. *CPU s*: making the student on a processor, training included, and the "
    "teacher's vectors where they were not stored yet, where that was measured; of the older records, only the first "
    "on a lexicon or filling counts the time to make it. The first tables choose, on each collection, the best of all "
    "systems without a student; their p is corrected over the collections. Systems are defined in "
    "`optical_lite/study/systems.py`; `python -m optical_lite tables --run` adds what is missing."
)
BITEXT = ("lang", "bitext", "pairs", "sha256")
DEVICES = ("system", "cells", "mean difference", "largest", "questions with another rank")
SAME = (
    "Trained systems whose seed 0 was also run on a processor, in float32 like the others: MRR@10 on the accelerator "
    "minus that on the processor, over collections, and the share of questions whose rank changed. The order of "
    "additions differs, the versions of torch and transformers, and for a low-rank change its random start."
)
COUNTS = ("queries", "translations", "passages", "of queries", "of passages")
LEAKED = ("language", "bitext", "pairs", "sha256", "questions", "their translations", "passages")
LEAKAGE = (
    "How many questions, reference English and passages of the collections stand in the bitext of a language; a "
    "passage counts when it holds a training sentence of eight words or more. Pairs that would give away a question "
    "or its translation were dropped before training."
)


def places() -> list[str]:
    """Collections with records, ``COLLECTION_LANG``."""
    return list(dict.fromkeys(key.split("/")[0] for key in summary.expected("ours")["cells"]))


def _cells(place: str) -> dict[str, dict]:
    found = summary.expected("ours")["cells"]
    rows = {key.split("/")[1]: cell for key, cell in found.items() if key.split("/")[0] == place}
    if not rows:
        raise InputError(f"evidence: got {place!r}, expected one of {', '.join(places())}; to add it: tables --run")
    return rows


def frame(place: str, names: Iterable[str] | None = None) -> pd.DataFrame:
    """One row a system: mean, standard deviation, number of seeds, interval, gap closed, tests, cost.

    Parameters
    ----------
    place : ``COLLECTION_LANG``, such as ``afriqa_sw``
    names : systems or groups of :mod:`.systems`; all that have records by default
    """
    rows, found = _cells(place), []
    for name in expand(list(names)) if names else SYSTEMS:
        if name not in rows:
            continue
        cell, value = rows[name], rows[name]["metrics"]["mrr@10"]
        line = {"system": name, "title": SYSTEMS[name].title, **{k: value[k] for k in ("mean", "sd", "n")}}
        line |= {"low": value["interval"][0], "high": value["interval"][1], "gap_closed": cell.get("gap_closed")}
        for baseline in records.BASELINES:
            test = cell.get("tests", {}).get("mrr@10", {}).get(baseline, {})
            line |= {f"vs_{baseline}": test.get("difference"), f"p_{baseline}": test.get("p_holm")}
        found.append(line | {"cpu_seconds": cell["cpu_seconds"], "made": "; ".join(cell["made"])})
    return pd.DataFrame(found).set_index("system")


def two_by_two(place: str, both: str = "optical_late") -> dict[str, significance.Comparison]:
    """Transport yes/no by contrastive yes/no: both effects alone, together, and their interaction.

    Every value is a mean over seeds a question, so the interval and the permutation test are over questions. The
    interaction is what both together add beyond the sum of what each adds alone.

    Parameters
    ----------
    place : ``COLLECTION_LANG``
    both : the system with both losses; ``optical_late_0.5`` is another weight of the contrastive one

    Returns
    -------
    dict
        ``transport``, ``contrast``, ``both``: against the untrained student; ``interaction``
    """
    corners = CORNERS | {(True, True): both}
    values = {name: records.by_question(place, name) for name in corners.values()}
    if missing := [name for name, row in values.items() if row is None]:
        raise InputError(f"{place}: got no record of {', '.join(missing)}, expected all four; run: tables --run")
    none, transport, contrast, together = values.values()
    return {
        "transport": records.compare(transport, none, place),
        "contrast": records.compare(contrast, none, place),
        "both": records.compare(together, none, place),
        "interaction": records.compare(together + none, transport + contrast, place),
    }


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
    """What each bitext of the records already says of the collections its students are tested on.

    Returns
    -------
    DataFrame
        one row a bitext and collection: ``lang``, ``bitext``, ``pairs``, ``sha256``, ``collection``, and the counts of
        :func:`optical_lite.datasets.leaks.leakage`
    """
    found = {}
    every = (record for rows in load(records.RECORDS).values() for made in rows.values() for record in made)
    for record in every:
        if counts := record.get("leakage"):  # records without a bitext have none, and the oldest lack it
            own = record["bitext"]
            bitext = dict(zip(BITEXT, (record["lang"], own["name"], own["pairs"], own["sha256"][:12]), strict=True))
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
    rows, found = _cells(place), []
    for name, cell in rows.items():
        base, _, pairs = name.rpartition("_")
        if base in names and pairs.isdigit() and (not over or f"{over}_{pairs}" in rows):
            value = cell["metrics"]["mrr@10"]
            less = rows[f"{over}_{pairs}"]["metrics"]["mrr@10"]["mean"] if over else 0.0
            found.append({"system": base, "pairs": int(pairs), "mean": value["mean"] - less,
                          "sd": value["sd"], "n": value["n"]})  # fmt: skip
    return pd.DataFrame(found, columns=["system", "pairs", "mean", "sd", "n"]).sort_values(["system", "pairs"])


def _p(value: float | None) -> str:
    return "" if value is None else "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def _row(line: pd.Series) -> tuple[str, ...]:
    number = lambda x, form: "" if x is None or pd.isna(x) else format(x, form).replace("-", "−")  # noqa: E731
    spread = "" if pd.isna(line["sd"]) else f" ± {line['sd']:.3f}"
    against = [
        "" if pd.isna(line[f"vs_{b}"]) else f"{number(line[f'vs_{b}'], '+.3f')}, {_p(line[f'p_{b}'])}"
        for b in records.BASELINES
    ]
    return (line["title"], f"{line['mean']:.3f}{spread} ({line['n']})", f"{line['low']:.3f} to {line['high']:.3f}",
            number(line["gap_closed"], ".2f"), *against, number(line["cpu_seconds"], ".0f"), line["made"])  # fmt: skip


def _gain(line: pd.Series) -> str:
    return f"{line['difference']:+.3f} ({line['low']:+.3f} to {line['high']:+.3f})".replace("-", "−")


def _duel(place: str, line: pd.Series) -> tuple[str, ...]:
    return (place, SYSTEMS[line["opponent"]].title, f"{line['theirs']:.3f}", f"{line['ours']:.3f}", _gain(line),
            _p(line["p"]))  # fmt: skip


def _leaked(rows: pd.DataFrame, what: str, of: str) -> str:
    """How many of all; where there are any, in which collections."""
    some = rows[rows[what] > 0]
    if some.empty:
        return f"0 of {rows[of].sum():,}"
    return ", ".join(f"{line[what]} of {line[of]:,} ({line['collection']})" for _, line in some.iterrows())


def page() -> str:
    """``data/expected/evidence.md``: the hardest opponents, leakage, then all systems, intervals, tests and cost."""
    parts = ["# The evidence", markup.MADE, INTRODUCTION]
    for name, among, said, reference in DUELS:
        rows = [_duel(place, line) for place, line in against_best(name, among, reference=reference).iterrows()]
        parts += [f"## {SYSTEMS[name].title}, against {said}", markup.markdown(DUEL, rows)] if rows else []
    rows = [
        (line["lang"], SYSTEMS[line["used"]].title, f"{line['ours']:.3f}", SYSTEMS[line["instead"]].title,
         f"{line['theirs']:.3f}", _gain(line), _p(line["p"]))
        for _, line in choices().iterrows()
    ]  # fmt: skip
    parts += ["## What was compared on development questions", CHOSEN, markup.markdown(CHOICE, rows)] if rows else []
    rows = [
        (lang, name, f"{pairs:,}", key, _leaked(own, "queries", "of queries"),
         _leaked(own, "translations", "of queries"), _leaked(own, "passages", "of passages"))
        for (lang, name, pairs, key), own in leakage().groupby(list(BITEXT))
    ]  # fmt: skip
    parts += ["## What the sentence pairs give away", LEAKAGE, markup.markdown(LEAKED, rows)] if rows else []
    rows = [
        (SYSTEMS[name].title, str(int(line["cells"])), f"{line['mean']:+.4f}".replace("-", "−"),
         f"{line['largest']:.4f}", f"{line['changed']:.1%}")
        for name, line in records.devices().iterrows()
    ]  # fmt: skip
    parts += ["## The same cells on a processor", SAME, markup.markdown(DEVICES, rows)] if rows else []
    for place in places():
        rows = [_row(line) for _, line in frame(place).iterrows()]
        parts += [f"## {place}", markup.markdown(HEADER, rows)]
    return "\n\n".join(parts) + "\n"
