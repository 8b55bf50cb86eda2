"""Plots: cost matrices, plans, learning curves. Each takes ``ax=None`` and returns the axes it drew on.

Colours run from white to dark blue, readable in grey and by colour-blind readers; tokens label both axes. A figure
of record is saved by :func:`save_figure` as PNG and SVG, byte for byte the same from run to run.
"""

from __future__ import annotations

import base64
import functools
import html
import io
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from mpl_toolkits.axes_grid1 import make_axes_locatable

from ..safe_files import write_atomic
from ..settings import FIGURES, InputError
from . import fonts

matplotlib.rcParams["svg.hashsalt"] = "optical_lite"  # stable ids inside SVG files
matplotlib.rcParams["svg.fonttype"] = "path"  # looks the same where a font is missing
for _path in fonts.files("fontpkg_noto_sans_devanagari"):
    font_manager.fontManager.addfont(_path)
BLUE, OCHRE = "#00306f", "#a8720a"
COLOUR = {  # one a system, in every figure; dark enough on white paper, and apart in grey but for the last four
    "zero_shot": "#8c8c8c", "extended": OCHRE, "vocabulary": OCHRE, "student": BLUE, "ceiling": "#1b1b1b",
    "lexicon": "#00795c", "bm25": "#8f4a7a", "transport": BLUE, "contrast": "#c24d00", "late": "#c24d00",
    "both": "#3f8fc4", "sentence": "#5b8c2a", "greedy": "#b0413e", "match": "#6a6fb0", "score": "#7a5c3e",
}  # fmt: skip
MARKER = {  # and one shape, which tells what colour does
    "zero_shot": "X", "extended": "D", "vocabulary": "D", "student": "o", "ceiling": "P", "transport": "o",
    "contrast": "s", "late": "s", "both": "^", "sentence": "v",
}  # fmt: skip
DEVANAGARI_FONTS = (
    fonts.DEVANAGARI,
    "Noto Serif Devanagari",
    "Lohit Devanagari",
    "Mangal",
    "Kohinoor Devanagari",
)


@functools.cache
def devanagari_font() -> str | None:
    """The first installed font that has Devanagari, or None."""
    installed = {font.name for font in font_manager.fontManager.ttflist}
    return next((name for name in DEVANAGARI_FONTS if name in installed), None)


def romanise(text: str) -> str:
    """Spell Devanagari in Latin letters, from the names of its characters (a fallback for labels, not a standard).

    >>> romanise("पाणी")
    'paani'
    """
    out = ""
    for c in text:
        kind, _, name = unicodedata.name(c, "").partition("DEVANAGARI ")[2].rpartition(" ")
        name = re.sub(r"^([^aeiou])\1|(i)i$|(u)u$", r"\1\2\3", name.lower())  # DDA is d, VOWEL SIGN II is i
        if not kind and not name:
            out += c
        elif kind.startswith("LETTER"):
            out += name
        elif kind.startswith("VOWEL"):
            out = out.removesuffix("a") + name
        elif name == "virama":
            out = out.removesuffix("a")
        elif name in ("anusvara", "candrabindu"):
            out += "n"
        elif name == "visarga":
            out += "h"
        elif kind == "DIGIT":
            out += str(unicodedata.digit(c))
    return out


def label(token: str) -> str:
    """A token as an axis label: Devanagari as it is where a font has it, else romanised."""
    if any("\u0900" <= c <= "\u097f" for c in token) and devanagari_font() is None:
        return romanise(token)
    return token


def families() -> list[str]:
    """Font families of labels: the usual one, then one with Devanagari for the letters it lacks."""
    return [*matplotlib.rcParams["font.family"], *filter(None, [devanagari_font()])]


def array(matrix) -> np.ndarray:
    """A Tensor or an array as numbers to draw."""
    return np.asarray(matrix.detach().cpu() if hasattr(matrix, "detach") else matrix, dtype=float)


def heatmap(
    matrix, source: Sequence[str], target: Sequence[str], *, title: str = "", bar: str | None = "",
    reverse: bool = False, limits: tuple[float, float] | None = None, ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """A matrix with source tokens down and target tokens across.

    Parameters
    ----------
    matrix : array or Tensor, shape (n, m)
    source, target : n and m labels
    title : text above the plot
    bar : text beside the colour bar; None leaves the bar out
    reverse : dark means large (default) or small
    limits : smallest and largest value of the colour scale; default: those of the matrix
    ax : axes to draw on; a new figure by default
    """
    values = array(matrix)
    if values.shape != (len(source), len(target)):
        raise InputError(
            f"heatmap: got a matrix {values.shape} for {len(source)} source and {len(target)} target tokens, "
            "expected one row and column each; leave out padding and special tokens in all three"
        )
    if lost := int((~np.isfinite(values)).sum()):  # a plan whose solver lost its numbers must not look like a pale one
        raise InputError(
            f"heatmap: got {lost} cells that are not numbers, expected finite values; a plan of method scaling "
            "underflows where epsilon is too small: raise epsilon, or solve with log or stabilized"
        )
    if ax is None:
        size = 0.42 * len(target) + 2.4, 0.42 * len(source) + 1.6
        _, ax = plt.subplots(figsize=size, layout="constrained")
    low, high = limits or (values.min(initial=0.0), values.max(initial=1e-12))
    sns.heatmap(
        values, ax=ax, cmap=sns.light_palette(BLUE, reverse=reverse, as_cmap=True), vmin=low, vmax=high, square=True,
        linewidths=0.5, linecolor="0.85", cbar=bar is not None, cbar_kws={"label": bar, "shrink": 0.75},
        xticklabels=False, yticklabels=False,
    )  # fmt: skip
    ax.set_xticks(np.arange(len(target)) + 0.5, [label(t) for t in target], family=families())
    ax.set_yticks(np.arange(len(source)) + 0.5, [label(t) for t in source], family=families())
    ax.tick_params(axis="x", rotation=55)
    plt.setp(ax.get_xticklabels(), ha="right", rotation_mode="anchor")
    ax.set_title(title)
    return ax


def cost_heatmap(
    C, source: Sequence[str], target: Sequence[str], *, title: str = "cost matrix C", ax: Axes | None = None
) -> Axes:
    """A cost matrix, shape (n, m): dark is cheap, so an alignment shows as dark cells in both kinds of plot."""
    return heatmap(C, source, target, title=title, bar="cosine cost", reverse=True, ax=ax)


def plan_heatmap(
    T, source: Sequence[str], target: Sequence[str], *, title: str = "plan T", bar: str | None = "mass",
    limits: tuple[float, float] | None = None, ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """A transport plan, shape (n, m): dark is much mass."""
    return heatmap(T, source, target, title=title, bar=bar, limits=limits, ax=ax)


def plan_strip(
    plans: Sequence, source: Sequence[str], target: Sequence[str], titles: Sequence[str], *, columns: int = 4,
    bar: str = "mass",
) -> list[Axes]:  # fmt: skip
    """Several plans of one sentence pair on one colour scale: before and after, over training, over epsilon."""
    values = [array(p) for p in plans]
    columns = min(columns, len(values))
    rows = -(-len(values) // columns)
    size = (0.34 * len(target) + 1.6) * columns, (0.36 * len(source) + 1.8) * rows
    figure, grid = plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False)
    limits = 0.0, max(v.max() for v in values)
    axes = grid.flatten()
    for k, (ax, value, title) in enumerate(zip(axes, values, titles, strict=False)):
        plan_heatmap(value, source, target, title=title, bar=None, limits=limits, ax=ax)
        if k % columns:
            ax.set_yticklabels([])
    for ax in axes[len(values) :]:
        ax.remove()
    figure.colorbar(axes[0].collections[0], ax=list(axes[: len(values)]), label=bar, shrink=0.75, aspect=30)
    return list(axes[: len(values)])


def outline_row(ax: Axes, row: int) -> None:
    """Draw attention to a row of a heat map."""
    wide = ax.get_xlim()[1]
    ax.add_patch(
        Rectangle((0, row), wide, 1, fill=False, edgecolor=COLOUR["contrast"], lw=2.5, clip_on=False, zorder=4)
    )


def plan_and_sums(
    T, a, b, source: Sequence[str], target: Sequence[str], *, title: str = "", ax: Axes | None = None
) -> Axes:
    """A plan, shape (n, m), with what its rows and columns add up to as bars, and what they should as black lines."""
    T, a, b = array(T), array(a), array(b)
    if ax is None:
        size = 0.42 * len(target) + 3.0, 0.42 * len(source) + 2.4
        _, ax = plt.subplots(figsize=size, layout="constrained")
    plan_heatmap(T, source, target, title="", bar=None, limits=(0, max(a.max(), b.max())), ax=ax)
    beside = make_axes_locatable(ax)
    right, above = beside.append_axes("right", 0.7, pad=0.08), beside.append_axes("top", 0.7, pad=0.08)
    rows, columns = np.arange(len(a)) + 0.5, np.arange(len(b)) + 0.5
    right.barh(rows, T.sum(1), height=0.8, color=BLUE)
    right.vlines(a, rows - 0.5, rows + 0.5, color="black", lw=2)
    right.set(ylim=ax.get_ylim(), xlim=(0, 1.8 * a.max()), xlabel="row\nsums", xticks=[], yticks=[])
    above.bar(columns, T.sum(0), width=0.8, color=BLUE)
    above.hlines(b, columns - 0.5, columns + 0.5, color="black", lw=2)
    above.set(xlim=ax.get_xlim(), ylim=(0, 1.8 * b.max()), ylabel="column\nsums", xticks=[], yticks=[], title=title)
    return ax


def scheme(ax: Axes | None = None) -> Axes:
    """The method at a glance: two encoders read a pair, a plan compares their vectors, and one of them learns."""
    if ax is None:
        _, ax = plt.subplots(figsize=(8.4, 2.7), layout="constrained")
    ax.set(xlim=(0, 11.4), ylim=(-0.9, 3.8))
    ax.axis("off")
    sides = ((3.1, "English sentence", "teacher (fixed)", "vectors H", "ceiling"),
             (0.8, "Swahili sentence", "student", "vectors S", "student"))  # fmt: skip
    boxes = [
        (x, y, text, COLOUR[kind]) for y, *texts, kind in sides for x, text in zip((1.4, 4.8, 7.4), texts, strict=True)
    ]
    for x, y, text, colour in [*boxes, (10.1, 1.95, "cost C\nplan T", BLUE)]:
        box = {"boxstyle": "round,pad=0.45", "facecolor": "white", "edgecolor": colour, "linewidth": 1.5}
        ax.text(x, y, text, ha="center", va="center", bbox=box)
    paths = [((2.55, y), (end, y)) for y, end in ((3.1, 3.85), (0.8, 4.2))]
    paths += [((x, y), (6.65, y)) for y, x in ((3.1, 5.8), (0.8, 5.4))]
    for start, end in [*paths, ((8.15, 3.0), (9.5, 2.3)), ((8.15, 0.9), (9.5, 1.6))]:
        ax.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": "0.3", "lw": 1.5})
    ax.plot([10.1, 10.1, 4.8], [1.3, -0.2, -0.2], color=COLOUR["contrast"], lw=1.5)
    ax.annotate("", (4.8, 0.4), (4.8, -0.25), arrowprops={"arrowstyle": "->", "color": COLOUR["contrast"], "lw": 1.5})
    ax.text(7.4, -0.35, "gradient of ⟨T, C⟩", ha="center", va="top", color=COLOUR["contrast"])
    return ax


def learning_curve(
    log: Sequence[dict], *, points: dict[int, float] | None = None, ylabel: str = "MRR@10, dev questions",
    ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """Loss by step, thin as logged and thick as a running mean; with ``points`` {step: value} in a panel below it.

    The mean begins where it has all its batches, and the panel of ``points`` shows the whole scale, 0 to 1.
    """
    if ax is None:
        _, ax = plt.subplots(figsize=(6.4, 4.6 if points else 3.6), layout="constrained")
    steps, loss = [line["step"] for line in log], np.array([line["loss"] for line in log])
    window = max(1, len(loss) // 15)
    smooth = np.convolve(loss, np.ones(window) / window, mode="valid")
    ax.plot(steps, loss, color="0.75", lw=0.8, label="a batch")
    ax.plot(steps[window - 1 :], smooth, color=BLUE, lw=2, label=f"mean of {window}")
    ax.set(xlabel="step", ylabel="transport cost $\\langle T, C\\rangle$")
    ax.legend(frameon=False)
    if points:
        below = make_axes_locatable(ax).append_axes("bottom", "80%", pad=0.15, sharex=ax)
        below.plot(list(points), list(points.values()), "o-", color=BLUE)
        below.set(xlabel="step", ylabel=ylabel, ylim=(0, 1))
        ax.set_xlabel("")
        ax.tick_params(labelbottom=False)
    return ax


def few_colours(png: bytes) -> bytes:
    """A PNG in at most 128 colours, a quarter of the size; one that has a palette stays as it is."""
    from PIL import Image

    image, out = Image.open(io.BytesIO(png)), io.BytesIO()
    if image.mode == "P":
        return png
    image = image.convert("RGB")
    image = image.quantize(128, method=Image.Quantize.MAXCOVERAGE, kmeans=2)  # keeps a colour that few pixels have
    image.save(out, "PNG", optimize=True)
    return out.getvalue()


def show(caption: str, alt: str, figure: Figure | Axes | None = None) -> None:
    """Show a figure in a notebook, with a caption below it and a description for readers who cannot see it.

    Front ends disagree on where they look for a description. So it stands in the picture's metadata, as its plain
    text, and below the caption, where it can be unfolded. The ground is white on a dark page too.

    Parameters
    ----------
    caption : what the figure says, beginning "Figure 1."
    alt : what is to be seen
    figure : the current one by default
    """
    from IPython.display import display

    figure = figure.figure if isinstance(figure, Axes) else figure or plt.gcf()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150, facecolor="white", bbox_inches="tight", pad_inches=0.1)
    plt.close(figure)  # or the notebook shows it again
    png = buffer.getvalue()
    size = {"width": round(int.from_bytes(png[16:20]) / 1.5), "height": round(int.from_bytes(png[20:24]) / 1.5)}
    png = few_colours(png)
    picture = {"image/png": base64.b64encode(png).decode(), "text/plain": alt}
    display(picture, metadata={"image/png": size | {"alt": alt}}, raw=True)
    words = f"<details><summary>The figure in words</summary>{html.escape(alt)}</details>"
    display({"text/html": f"<p>{html.escape(caption)}</p>{words}", "text/plain": caption}, raw=True)


def write_figure(figure: Figure | Axes, path: Path | str) -> Path:
    """Write a figure as its name says, ``.svg`` or ``.png``."""
    figure, kind, buffer = figure.figure if isinstance(figure, Axes) else figure, Path(path).suffix[1:], io.BytesIO()
    if kind not in ("svg", "png"):
        raise InputError(f"{path}: got the ending {kind!r}, expected .svg or .png; name the file so")
    metadata = {"Date": None} if kind == "svg" else {"Software": None}
    figure.savefig(buffer, format=kind, dpi=150, metadata=metadata, bbox_inches="tight", pad_inches=0.1)
    return write_atomic(path, buffer.getvalue())


def save_figure(figure: Figure | Axes, name: str, folder: Path | None = None) -> list[Path]:
    """Write ``figures/NAME.png`` and ``figures/NAME.svg``; return both paths."""
    return [write_figure(figure, (folder or FIGURES) / f"{name}.{kind}") for kind in ("png", "svg")]
