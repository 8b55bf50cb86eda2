"""Plots of alignments: marginals, links, gold, and the reasons of MaxSim, like those of :mod:`.figures`.

Each takes axes or makes them, and returns them. What colour tells, a shape, a sign or dashes tell as well.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Curve

from ..settings import InputError
from .figures import BLUE, OCHRE, array, cost_heatmap, families, heatmap, label, plan_heatmap

DIVERGING = LinearSegmentedColormap.from_list("ochre_blue", [OCHRE, "#f5f5f5", BLUE])
MEANING = {"hit": "sure, found", "possible": "possible, found", "miss": "sure, missed", "false": "found, not in gold"}
COLOUR = {"hit": BLUE, "miss": OCHRE, "false": "#8a1538", "possible": "#5b83bd", "link": BLUE}
DASH = {"miss": (0, (5, 3)), "false": (0, (1, 1.6))}
MARKERS = {"hit": ("o", 40), "possible": ("o", 14), "miss": ("s", 60), "false": ("x", 55)}


def triptych(C, T, a, b, source: Sequence[str], target: Sequence[str], *, axes: Sequence[Axes] | None = None):
    """Cost, plan and marginals of one problem.

    Parameters
    ----------
    C, T : arrays or Tensors, shape (n, m)
    a, b : expected masses, shapes (n,) and (m,); the third plot draws them as outlines around what the plan moves
    axes : three axes; a new figure by default

    Returns
    -------
    list of three axes
    """
    if axes is None:
        size = 3 * (0.32 * len(target) + 2.2), max(0.36 * len(source) + 1.8, 0.2 * (len(source) + len(target)) + 1.2)
        _, axes = plt.subplots(1, 3, figsize=size, layout="constrained", width_ratios=(1.15, 1.15, 0.8))
    cost_heatmap(C, source, target, ax=axes[0])
    plan_heatmap(T, source, target, ax=axes[1])
    marginals(T, a, b, source, target, ax=axes[2])
    return list(axes)


def marginals(T, a, b, source: Sequence[str], target: Sequence[str], *, ax: Axes | None = None) -> Axes:
    """Expected mass of each token as an outline, what the plan moves as a bar: equal unless mass may stay behind."""
    T, a, b = array(T), array(a), array(b)
    if ax is None:
        _, ax = plt.subplots(figsize=(3.6, 0.2 * (len(source) + len(target)) + 1.2), layout="constrained")
    place = np.arange(len(a) + len(b), dtype=float)
    place[len(a) :] += 1.0  # a gap between the sentences
    moved, expected = np.concatenate([T.sum(1), T.sum(0)]), np.concatenate([a, b])
    ax.barh(place, moved, height=0.62, color=[BLUE] * len(a) + [OCHRE] * len(b))
    ax.barh(place, expected, height=0.86, facecolor="none", edgecolor="0.25", lw=0.9)
    ax.set_yticks(place, [label(t) for t in (*source, *target)], family=families())
    ax.set(ylim=(place[-1] + 0.8, -0.8), xlabel="mass", title="marginals: outline expected, bar moved")
    ax.title.set_fontsize("medium")
    ax.spines[["top", "right"]].set_visible(False)
    return ax


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


def greedy_plan(C, a) -> np.ndarray:
    """The plan of greedy alignment, shape (n, m): each source token sends all its mass to its nearest target token.

    >>> greedy_plan([[0.1, 0.9], [0.2, 0.3]], [0.5, 0.5]).tolist()
    [[0.5, 0.0], [0.5, 0.0]]
    """
    C, a = array(C), array(a)
    found = np.zeros_like(C)
    found[np.arange(len(C)), C.argmin(1)] = a
    return found


def plan_minus_greedy(
    T, C, a, source: Sequence[str], target: Sequence[str], *, title: str = "transport minus greedy",
    ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """Where a plan sends mass that greedy alignment does not (blue), and where greedy alone would (ochre)."""
    difference = array(T) - greedy_plan(C, a)
    size = np.abs(difference).max(initial=1e-12)
    ax = heatmap(difference, source, target, title=title, bar="mass", limits=(-size, size), ax=ax)
    ax.collections[0].set_cmap(DIVERGING)
    for y, x in zip(*np.nonzero(np.abs(difference) > size / 10), strict=True):
        style = {"color": "white" if abs(difference[y, x]) > 0.6 * size else "0.2", "ha": "center", "va": "center"}
        ax.text(x + 0.5, y + 0.5, "+" if difference[y, x] > 0 else "−", **style)  # the sign, without colour
    return ax


def epsilon_sweep(
    epsilons: Sequence[float], cost: Sequence[float], *, error: Sequence[float] | None = None,
    ylabel: str = "alignment error rate", chosen: float | None = None, ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """Transport cost by epsilon on a logarithmic axis; with ``error`` a second axis, with ``chosen`` a dotted line."""
    if not len(epsilons) == len(cost) or (error is not None and len(error) != len(cost)):
        raise InputError(
            f"epsilon_sweep: got {len(epsilons)} epsilons, {len(cost)} costs, expected as many of each; see the lists"
        )
    if ax is None:
        _, ax = plt.subplots(figsize=(6.0, 3.4), layout="constrained")
    handles = ax.plot(epsilons, cost, "o-", color=BLUE, ms=4, label="transport cost $\\langle T, C\\rangle$")
    ax.set(xscale="log", xlabel="epsilon", ylabel="transport cost")
    if error is not None:
        twin = ax.twinx()
        handles += twin.plot(epsilons, error, "s--", color=OCHRE, ms=4, label=ylabel)
        twin.set(ylabel=ylabel, ylim=(0, max(1e-9, 1.15 * max(error))))
    if chosen is not None:
        handles.append(ax.axvline(chosen, color="0.3", ls=":", label=f"epsilon {chosen:g}"))
    ax.legend(handles=handles, frameon=False, loc="best")
    return ax


def levels(
    T, W, tokens: tuple[Sequence[str], Sequence[str]], words: tuple[Sequence[str], Sequence[str]], *,
    axes: Sequence[Axes] | None = None,
) -> list[Axes]:  # fmt: skip
    """The plan between sub-words, shape (n, m), beside its sums over words, shape (N, M)."""
    if axes is None:
        ratio = len(tokens[1]) + 6, len(words[1]) + 6
        size = 0.33 * sum(ratio), 0.36 * max(len(tokens[0]), len(words[0])) + 1.9
        _, axes = plt.subplots(1, 2, figsize=size, layout="constrained", width_ratios=ratio)
    limits = 0.0, float(array(W).max(initial=1e-12))
    plan_heatmap(T, *tokens, title="plan between tokens", bar=None, limits=limits, ax=axes[0])
    plan_heatmap(W, *words, title="summed over words", bar="mass", limits=limits, ax=axes[1])
    return list(axes)


def maxsim(
    question: Sequence[str], best: Sequence[float], where: Sequence[int], passage: Sequence[str], *, around: int = 2,
    title: str = "", ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """Why this passage, token by token: the similarity of each question token with its best passage token, in context.

    Parameters
    ----------
    question, passage : tokens
    best, where : of :func:`optical_lite.retrieval.explain`
    around : passage tokens shown on either side of the best one
    """
    best = array(best)
    if ax is None:
        _, ax = plt.subplots(figsize=(6.8, 0.27 * len(question) + 1.1), layout="constrained")
    rows = np.arange(len(question))
    ax.barh(rows, best, height=0.7, color=BLUE)
    for y, value, place in zip(rows, best, np.asarray(where), strict=True):
        text = context(passage, int(place), around)
        ax.text(max(value, 0) + 0.02, y, text, va="center", fontsize=9, family=families(), parse_math=False)
    ax.set_yticks(rows, [label(t) for t in question], family=families())
    ax.set(xlim=(min(0, best.min(initial=0)), 1.9), ylim=(len(rows) - 0.4, -0.6))
    ax.set_xticks([0, 0.5, 1])
    ax.set_xlabel("similarity with the best passage token", loc="left")
    ax.set_title(f"{title}, score {best.sum():.2f}".removeprefix(", "), loc="left", fontsize="medium")
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def context(tokens: Sequence[str], place: int, around: int = 2) -> str:
    """A token in brackets between its neighbours, its pieces joined.

    >>> context(["the", "un", "##clean", "water", "."], 2)
    'the un[clean] water .'
    """
    if not 0 <= place < len(tokens):
        return "(nothing)"
    text = ""
    for k in range(max(0, place - around), min(len(tokens), place + around + 1)):
        piece = tokens[k].removeprefix("##")
        text += (" " if text and not tokens[k].startswith("##") else "") + (f"[{piece}]" if k == place else piece)
    return text
