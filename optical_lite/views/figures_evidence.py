"""Plots of evidence: systems with intervals, the two by two, curves over the amount of bitext."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.transforms import ScaledTranslation

from ..significance import Comparison
from .figures import BLUE, OCHRE

STYLES = (
    ("o", "-"),
    ("s", "--"),
    ("^", ":"),
    ("D", "-."),
    ("v", "-"),
    ("x", "--"),
    ("P", ":"),
    ("*", "-."),
)  # shape and dashes tell what colour does


def forest(frame: pd.DataFrame, *, title: str = "", ends: tuple[str, str] = ("zero_shot", "ceiling"),
           ax: Axes | None = None) -> Axes:  # fmt: skip
    """One line a system: mean MRR@10 and its 95 % interval over questions; the two ends of the gap as vertical lines.

    Parameters
    ----------
    frame : of :func:`optical_lite.study.evidence.frame`
    ends : rows that become vertical lines
    """
    if ax is None:
        _, ax = plt.subplots(figsize=(7.2, 0.27 * len(frame) + 1.0), layout="constrained")
    rows = frame.drop(index=[name for name in ends if name in frame.index])
    place = np.arange(len(rows))
    trained = rows["sd"].notna().to_numpy()
    ax.hlines(place, rows["low"], rows["high"], color="0.6", lw=2)
    for chosen, colour, marker, name in (
        (trained, BLUE, "o", "mean of seeds"),
        (~trained, OCHRE, "s", "one run"),
    ):
        ax.plot(rows["mean"][chosen], place[chosen], marker, color=colour, label=name, zorder=3)
    for name, dashes in zip(ends, (":", "--"), strict=True):
        if name in frame.index:
            ax.axvline(frame["mean"][name], color="0.3", ls=dashes, lw=1, label=frame["title"][name])
    ax.set_yticks(place, rows["title"])
    ax.set(ylim=(len(rows) - 0.4, -0.6), xlabel="MRR@10, 95 % interval over questions", title=title)
    below = ax.transAxes + ScaledTranslation(0, -0.5, ax.figure.dpi_scale_trans)  # half an inch under the axis
    ax.legend(
        frameon=False, fontsize="small", loc="upper center", bbox_to_anchor=(0.4, 0), bbox_transform=below, ncols=2
    )
    return ax


def effects(found: Mapping[str, Mapping[str, Comparison]], *, ax: Axes | None = None,
            xlabel: str = "change of MRR@10 from the untrained student, 95 % interval") -> Axes:  # fmt: skip
    """Differences with their intervals, one group of marks a collection.

    Parameters
    ----------
    found : {place: {name: difference}}, as :func:`optical_lite.study.evidence.two_by_two` returns for a place; rows of
        :func:`optical_lite.study.evidence.against_best` serve as well
    """
    if ax is None:
        _, ax = plt.subplots(figsize=(7.2, 0.62 * len(found) + 1.2), layout="constrained")
    names = list(next(iter(found.values())))
    colours = dict(zip(names, (BLUE, OCHRE, "0.2", "0.55"), strict=False))
    for k, name in enumerate(names):
        place = np.arange(len(found)) + (k - (len(names) - 1) / 2) * 0.18
        each = [effect[name] for effect in found.values()]
        ax.hlines(place, [e.low for e in each], [e.high for e in each], color=colours[name], lw=1.5)
        ax.plot([e.difference for e in each], place, STYLES[k][0], color=colours[name], label=name)
    ax.axvline(0, color="0.3", lw=0.8)
    ax.set_yticks(range(len(found)), list(found))
    ax.set(ylim=(len(found) - 0.5, -0.5), xlabel=xlabel)
    ax.legend(frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
    return ax


def curves(frame: pd.DataFrame, titles: Mapping[str, str], *, x: str = "pairs", xlabel: str = "sentence pairs",
           ylabel: str = "MRR@10", ax: Axes | None = None) -> Axes:  # fmt: skip
    """MRR@10 of several systems against a quantity on a logarithmic axis; bars are standard deviations over seeds.

    Systems stand beside each other by a few per cent of that quantity, so that equal ones hide no other.

    Parameters
    ----------
    frame : columns ``system``, ``x``, ``mean``, ``sd``, as :func:`optical_lite.study.evidence.curve` returns
    titles : of the systems, in the order to draw them
    """
    if ax is None:
        _, ax = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
    shades = sns.color_palette("colorblind", len(titles))
    for k, (name, (marker, dashes), shade) in enumerate(zip(titles, cycle(STYLES), shades, strict=False)):
        own = frame[frame["system"] == name]
        beside = own[x] * 1.03 ** (k - len(titles) / 2)
        ax.errorbar(beside, own["mean"], yerr=own["sd"].fillna(0), marker=marker, ls=dashes, color=shade,
                    label=titles[name], capsize=2)  # fmt: skip
    ax.set(xscale="log", xlabel=xlabel, ylabel=ylabel)
    ax.legend(frameon=False, fontsize="small")
    return ax
