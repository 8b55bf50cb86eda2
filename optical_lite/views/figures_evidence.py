"""Plots of evidence: what systems add, with intervals, and curves over the amount of bitext."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ..corpora import LANGUAGES
from ..significance import Comparison
from .figures import COLOUR, MARKER

# by shape; both tell what colour does
DASHES = {"o": "-", "s": "--", "^": ":", "D": "-.", "v": "-."}
GREYS = ("0.15", "0.45", "0.6", "0.75")  # of what has no colour of its own: a collection, say
COLLECTIONS = {"afriqa": "AfriQA", "belebele": "Belebele", "belebele-hard": "Belebele, hard"}


def _look(names: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Colour, shape and dashes of each system, by its name or by what it is called."""
    keys = {name: name if name in MARKER else title for name, title in names.items()}
    taken = {MARKER.get(key) for key in keys.values()}
    shades, shapes = cycle(GREYS), cycle([s for s in DASHES if s not in taken] or DASHES)
    found = {}
    for name, key in keys.items():
        if key in MARKER:
            marker, colour = MARKER[key], COLOUR[key]
        else:
            marker, colour = next(shapes), next(shades)
        found[name] = {"color": colour, "marker": marker, "ls": DASHES.get(marker, "-")}
    return found


def label(place: str) -> str:
    """A collection in words.

    >>> label("belebele-hard_so"), label("toy_sw")
    ('Belebele, hard, Somali', 'toy, Swahili')
    """
    collection, _, lang = place.rpartition("_")
    return f"{COLLECTIONS.get(collection, collection)}, {LANGUAGES.get(lang, lang)}"


def _legend(ax: Axes, **place: object) -> None:
    """A legend of systems as they are called: a dollar begins no formula."""
    for text in ax.legend(frameon=False, fontsize="small", **place).get_texts():
        text.set_parse_math(False)


def effects(
    found: Mapping[str, Mapping[str, Comparison]], *,
    xlabel: str = "change of MRR@10, 95 % interval over questions",
) -> Axes:  # fmt: skip
    """Differences {place: {name: difference}} with intervals, a group of marks a collection."""
    names = dict.fromkeys(name for each in found.values() for name in each)
    size = 7.2, (0.08 + 0.08 * len(names)) * len(found) + 1
    _, ax = plt.subplots(figsize=size, layout="constrained")
    for k, (name, look) in enumerate(_look({name: name for name in names}).items()):
        place = np.arange(len(found)) + (k - (len(names) - 1) / 2) * 0.18
        each = [effect[name] for effect in found.values()]
        low, high = [e.low for e in each], [e.high for e in each]
        ax.hlines(place, low, high, color=look["color"], lw=1.5)
        ax.plot([e.difference for e in each], place, label=name, **{**look, "ls": ""})
    ax.axvline(0, color="0.3", lw=0.8)
    ax.set_yticks(range(len(found)), [label(place) for place in found], parse_math=False)
    ax.set(ylim=(len(found) - 0.5, -0.5), xlabel=xlabel)
    ax.grid(axis="y", color="0.92")
    ax.set_axisbelow(True)
    _legend(ax, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=4)
    return ax


def curves(
    frame: pd.DataFrame, titles: Mapping[str, str], *, x: str = "pairs",
    xlabel: str = "sentence pairs", ylabel: str = "MRR@10", ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """MRR@10 of several systems against a quantity on a logarithmic axis; bars are deviations.

    The columns are those of :func:`.study.evidence.curve`; ``titles`` gives the order.
    """
    ax = ax or plt.subplots(figsize=(5.6, 3.2), layout="constrained")[1]
    for k, (name, look) in enumerate(_look(titles).items()):
        own = frame[frame["system"] == name]
        beside = own[x] * 1.03 ** (k - (len(titles) - 1) / 2)  # so that equal ones hide no other
        how = {"yerr": own["sd"].fillna(0), "label": titles[name], "capsize": 2}
        ax.errorbar(beside, own["mean"], **how, **look)
    ax.set(xscale="log", xlabel=xlabel, ylabel=ylabel)
    ticks = sorted(frame[x].unique())
    ax.set_xticks(ticks, [f"{tick:,g}" for tick in ticks])
    ax.minorticks_off()
    _legend(ax)
    return ax
