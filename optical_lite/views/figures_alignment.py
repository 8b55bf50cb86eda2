"""Plots of alignments: links, and gold on a plan, like those of :mod:`.figures`.

Each takes axes or makes them, and returns them. What colour tells, a shape, a sign or dashes tell as well.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Curve

from .figures import BLUE, OCHRE, families, heatmap, label

MEANING = {"hit": "sure, found", "possible": "possible, found", "miss": "sure, missed", "false": "found, not in gold"}
COLOUR = {"hit": BLUE, "miss": OCHRE, "false": "#8a1538", "possible": "#5b83bd", "link": BLUE}
DASH = {"miss": (0, (5, 3)), "false": (0, (1, 1.6))}
MARKERS = {"hit": ("o", 40), "possible": ("o", 14), "miss": ("s", 60), "false": ("x", 55)}


def kinds(found: Collection, sure: Collection | None = None, possible: Collection | None = None) -> dict:
    """What each link is: ``link`` without gold; else ``hit``, ``possible``, ``false``, and ``miss`` for sure ones not found.

    >>> kinds({(0, 0), (1, 1)}, sure={(0, 0), (2, 2)})
    {(0, 0): 'hit', (1, 1): 'false', (2, 2): 'miss'}
    """  # noqa: E501
    if sure is None:
        return dict.fromkeys(sorted(found), "link")
    sure, possible = set(sure), set(possible or ())
    told = {c: "hit" if c in sure else "possible" if c in possible else "false" for c in found}
    return dict(sorted({**dict.fromkeys(sure - set(found), "miss"), **told}.items()))


def _places(words: Sequence[str], length: int) -> np.ndarray:
    """Middle of each word, in letters, when a sentence is spread over a length; one written from the right runs so."""
    widths = np.array([len(word) + 2.0 for word in words])
    middles = (widths.cumsum() - widths / 2) * length / max(widths.sum(), 1)
    backward = (
        sum(unicodedata.bidirectional(c) in ("R", "AL") for word in words for c in word) > len("".join(words)) / 2
    )
    return length - middles if backward else middles


def links(
    source: Sequence[str], target: Sequence[str], found: Collection[tuple[int, int]], *,
    sure: Collection[tuple[int, int]] | None = None, possible: Collection[tuple[int, int]] | None = None,
    title: str = "", ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """Two sentences and their links; with gold, hits, misses and false links differ in their dashes."""
    told, sides = kinds(found, sure, possible), [[label(word) for word in words] for words in (source, target)]
    length = max(sum(len(word) + 2 for word in words) for words in sides)
    if ax is None:
        _, ax = plt.subplots(figsize=(0.105 * length + 0.3, 1.7 + 0.3 * (bool(title) + (sure is not None))))
    places = [_places(words, length) for words in sides]
    for (i, j), kind in told.items():
        x, u = places[0][i], places[1][j]
        path = Curve(
            [(x, 0.93), (x, 0.6), (u, 0.4), (u, 0.07)], [Curve.MOVETO, Curve.CURVE4, Curve.CURVE4, Curve.CURVE4]
        )
        style = {"edgecolor": COLOUR[kind], "linestyle": DASH.get(kind, "-")}
        ax.add_patch(PathPatch(path, facecolor="none", lw=1.8, **style))
    for side, words in enumerate(sides):
        linked = {cell[side] for cell, kind in told.items() if kind != "miss"}
        for k, word in enumerate(words):
            style = {"color": "0.1" if k in linked else "0.4", "family": families(), "fontsize": 10}
            ax.text(places[side][k], 1 - side, word, ha="center", va="top" if side else "bottom", **style)
    ax.set(xlim=(0, length), ylim=(-0.25, 1.25))
    ax.set_title(title, fontsize="medium", fontweight="bold")
    ax.axis("off")
    if sure is not None:
        handles = [
            Line2D([], [], color=COLOUR[kind], ls=DASH.get(kind, "-"), label=f"{text}: {n}")
            for kind, text in MEANING.items()
            if (n := sum(k == kind for k in told.values())) or kind == "hit"
        ]
        ax.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, 0.02), ncols=4, frameon=False, fontsize=9)
    return ax


def gold_overlay(
    matrix, source: Sequence[str], target: Sequence[str], found: Collection[tuple[int, int]],
    sure: Collection[tuple[int, int]], possible: Collection[tuple[int, int]] = (), *, title: str = "plan and gold",
    ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """A word plan with the gold links on it: a disc is a hit, an open square a miss, a cross a false link."""
    ax = heatmap(matrix, source, target, title=title, bar=None, ax=ax)
    told = kinds(found, sure, possible)
    handles = []
    for kind, meaning in MEANING.items():
        cells = [cell for cell, k in told.items() if k == kind]
        shape, size = MARKERS[kind]
        style = {"marker": shape, "s": size, "linewidths": 1.8, "zorder": 3}
        colour = COLOUR["miss"] if kind in ("hit", "possible", "miss") else COLOUR["false"]
        style |= {"facecolors": "none", "edgecolors": colour} if kind == "miss" else {"color": colour}
        y, x = np.array(cells, dtype=float).reshape(-1, 2).T + 0.5
        if kind == "false":  # a white rim, to be seen on dark cells
            ax.scatter(x, y, **{**style, "color": "white", "linewidths": 4.5, "s": size * 1.5})
        handles.append(ax.scatter(x, y, label=f"{meaning}: {len(cells)}", **style))
    ax.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=9)
    return ax
