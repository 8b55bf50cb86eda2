"""The page of :mod:`.evidence`: opponents, the multilingual encoder, choices, leakage, devices."""

from __future__ import annotations

import functools
import statistics
from collections.abc import Iterable

import pandas as pd

from .. import significance
from ..significance import Comparison
from . import markup, records
from .evidence import ANSWER, BITEXT, against_best, answer, choices, leakage
from .record_files import states
from .systems import OPPONENTS, SYSTEMS, UNSEEN

CHOICE = ("in use", "instead", "languages", "mean difference", "ahead", "behind")
CHOSEN = (
    "The systems in use beside what they were compared with, on development questions alone (AfriQA's where a language "
    "has them, else half of Belebele): the mean difference in MRR@10 over languages, and those in which the system in "
    "use is ahead or behind with p below 0.05, each of one test."
)
DUELS = {  # column: system, its opponents
    "the kit recipe above it": ("plus_sharp", OPPONENTS),
    "above two engines, fused": ("plus_sharp", ("lexicon_fused",)),
}
DUEL = (
    "The kit recipe against what the same pairs give without a student. "
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
GAINS = (
    "Students of the multilingual encoder against the encoder as it is, by MaxSim: differences in MRR@10 with 95 % "
    "intervals over questions, those of one passage drawn together; p after Holm's correction over the table."
)
GROUP = ("languages", "collections", "zero-shot", *ANSWER[1], "reference English", "gap before", "gap after both")
GROUPED = (
    "Means over the collections of the table above, by whether XLM-R, from which the encoder descends, was trained on "
    "text in the language; what later training read is not known here. The gap is to the reference English, read by "
    "the same encoder."
)
DEVICES = ("system", "cells", "mean difference", "largest", "questions with another rank")
SAME = (
    "Trained systems whose seed 0 was also run on a processor, in float32 like the others: MRR@10 on the accelerator "
    "minus that on the processor, over collections, and the share of questions whose rank changed. The order of "
    "additions differs, and the versions of torch and transformers. Of {all} systems {same} have the same MRR@10 to "
    "the fourth decimal everywhere; the others:"
)
LEAKED = ("language", "bitext", "pairs", "questions", "their translations", "passages")
LEAKAGE = (
    "How many questions, reference English and passages of the collections stand in the whole bitext of a language; a "
    "passage counts when it holds a training sentence of eight words or more. Pairs that would give away a question "
    "or its translation were dropped before training."
)


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
    return _said(found.loc[place], found.loc[place]["p"])


def _gains(found: dict[str, dict[str, Comparison]]) -> list[tuple[str, ...]]:
    """One row a collection: MRR@10 of zero-shot, then what each loss adds."""
    p = significance.holm({(place, name): each.p for place, row in found.items() for name, each in row.items()})
    return [
        (place, f"{_mean(place, ANSWER[0]):.3f}", *(_said(each, p[place, name]) for name, each in row.items()))
        for place, row in found.items()
    ]


def _said(found: Comparison | pd.Series, p: float) -> str:
    return f"{_signed(found.difference)} ({_signed(found.low)} to {_signed(found.high)}), {_p(p)}"


def _mean(place: str, system: str) -> float:
    return float(records.by_question(place, system).mean())


def _grouped(among: Iterable[str]) -> list[tuple[str, ...]]:
    """Languages that XLM-R saw and others: zero-shot, each loss, reference English; the gap before and after."""
    rows, names = [], [ANSWER[0], *ANSWER[1].values(), "m_ceiling"]
    for said, unseen in (("seen", False), ("unseen", True)):
        places = [place for place in among if (place.rpartition("_")[2] in UNSEEN) is unseen]
        if places:
            means = [statistics.fmean(_mean(place, name) for place in places) for name in names]
            gaps = (means[-1] - means[0], means[-1] - means[-2])
            rows.append((said, str(len(places)), *(f"{value:.3f}" for value in (*means, *gaps))))
    return rows


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
    parts, gone, gains = ["# The evidence", markup.MADE, INTRODUCTION], leakage(), answer()
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
        ("What training adds to a multilingual encoder", GAINS, ("collection", "zero-shot", *ANSWER[1]), _gains(gains)),
        ("Languages that XLM-R saw, and others", GROUPED, GROUP, _grouped(gains)),
        ("What was compared on development questions", CHOSEN, CHOICE, _chosen()),
        ("What the sentence pairs give away", LEAKAGE, LEAKED, rows),
        ("The same cells on a processor", same, DEVICES, twins),
    ):
        parts += [f"## {title}", said, markup.markdown(header, lines)] if lines else []
    return "\n\n".join(parts) + "\n"
