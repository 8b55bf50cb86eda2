"""Plots of alignments: links, and gold on a plan. What colour tells, signs or dashes tell, too."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Curve

from ..settings import visible
from .figures import BLUE, FAMILIES, OCHRE, heatmap

# what a link is to the gold: in words, its colour and dashes as a line, its sign and size as a mark
KINDS = {
    "hit": ("sure, found", BLUE, "-", ("o", 40)),
    "possible": ("possible, found", "#5b83bd", "-", ("o", 14)),
    "miss": ("sure, missed", OCHRE, (0, (5, 3)), ("s", 60)),
    "false": ("found, not in gold", "#8a1538", (0, (1, 1.6)), ("x", 55)),
}


def kinds(found: Collection, sure: Collection, possible: Collection = ()) -> dict:
    """What each link is: one of :data:`KINDS`, a miss for a sure one not found.

    >>> kinds({(0, 0), (1, 1)}, sure={(0, 0), (2, 2)})
    {(0, 0): 'hit', (1, 1): 'false', (2, 2): 'miss'}
    """
    told = dict.fromkeys(sure, "miss") | dict.fromkeys(found, "false")
    told |= dict.fromkeys(set(found) & set(possible), "possible")
    told |= dict.fromkeys(set(found) & set(sure), "hit")
    return dict(sorted(told.items()))


def _places(words: Sequence[str], length: int) -> np.ndarray:
    """Middle of each word, in letters; a sentence that is written from the right runs so."""
    widths = np.array([len(word) + 2.0 for word in words])
    middles = (widths.cumsum() - widths / 2) * length / max(widths.sum(), 1)
    text = "".join(words)
    backward = sum(unicodedata.bidirectional(c) in ("R", "AL") for c in text) > len(text) / 2
    return length - middles if backward else middles


def links(
    source: Sequence[str], target: Sequence[str], found: Collection[tuple[int, int]], *,
    sure: Collection[tuple[int, int]] | None = None, possible: Collection[tuple[int, int]] = (),
    title: str = "", ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """Two sentences and their links; with gold, hits, misses and false links differ in dashes."""
    told, sides = kinds(found, found if sure is None else sure, possible), (source, target)
    length = max(sum(len(word) + 2 for word in words) for words in sides)
    if ax is None:
        more = bool(title) + (sure is not None)
        _, ax = plt.subplots(figsize=(0.105 * length + 0.3, 1.7 + 0.3 * more))
    places = [_places(words, length) for words in sides]
    curve = [Curve.MOVETO, Curve.CURVE4, Curve.CURVE4, Curve.CURVE4]
    for (i, j), kind in told.items():
        x, u = places[0][i], places[1][j]
        _, colour, dash, _ = KINDS[kind]
        path = Curve([(x, 0.93), (x, 0.6), (u, 0.4), (u, 0.07)], curve)
        ax.add_patch(PathPatch(path, facecolor="none", edgecolor=colour, ls=dash, lw=1.8))
    look = {"ha": "center", "fontsize": 10, "family": FAMILIES, "parse_math": False}
    for side, words in enumerate(sides):
        linked = {cell[side] for cell, kind in told.items() if kind != "miss"}
        look["va"] = "top" if side else "bottom"
        for k, word in enumerate(words):
            text = visible(word)  # a control character is no letter, and breaks an SVG file
            ax.text(places[side][k], 1 - side, text, color="0.1" if k in linked else "0.4", **look)
    ax.set(xlim=(0, length), ylim=(-0.25, 1.25))
    ax.set_title(title, fontsize="medium", fontweight="bold", parse_math=False)
    ax.axis("off")
    if sure is not None:
        counts = Counter(told.values())
        handles = [
            Line2D([], [], color=colour, ls=dash, label=f"{text}: {counts[kind]}")
            for kind, (text, colour, dash, _) in KINDS.items()
            if counts[kind] or kind == "hit"
        ]
        how = {"loc": "upper center", "bbox_to_anchor": (0.5, 0.02), "ncols": 4}
        ax.legend(handles=handles, frameon=False, fontsize=9, **how)
    return ax


def gold_overlay(
    matrix, source: Sequence[str], target: Sequence[str], found: Collection[tuple[int, int]],
    sure: Collection[tuple[int, int]], possible: Collection[tuple[int, int]] = (), *,
    title: str = "plan and gold",
) -> Axes:  # fmt: skip
    """A word plan with the gold links: a disc is a hit, an open square a miss, a cross is false."""
    ax = heatmap(matrix, source, target, title=title, bar=None)
    bar = ax.inset_axes([1.035, 0, 0.025, 0.6])
    ax.figure.colorbar(ax.collections[0], cax=bar, label="mass between two words")
    told = kinds(found, sure, possible)
    for kind, (meaning, colour, _, (shape, size)) in KINDS.items():
        cells = [cell for cell, k in told.items() if k == kind]
        y, x = np.array(cells, dtype=float).reshape(-1, 2).T + 0.5
        look = {"marker": shape, "s": size, "linewidths": 1.8, "zorder": 3}
        if kind == "false":  # a white rim, to be seen on dark cells
            ax.scatter(x, y, **look | {"color": "white", "linewidths": 4.5, "s": size * 1.5})
        else:
            colour = OCHRE  # cells are blue
        hollow = {"facecolors": "none", "edgecolors": colour}
        look |= hollow if kind == "miss" else {"color": colour}
        ax.scatter(x, y, label=f"{meaning}: {len(cells)}", **look)
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=9)
    return ax
