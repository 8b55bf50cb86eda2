"""Plots: cost matrices, plans, learning curves. Each returns the axes it drew on.

Their files are byte for byte the same from run to run.
"""

from __future__ import annotations

import base64
import html
import io
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
from PIL import Image

from ..kernels.given import as_array
from ..safe_files import write_atomic
from ..settings import FIGURES, InputError
from . import fonts

matplotlib.rcParams["svg.hashsalt"] = "optical_lite"  # stable ids inside SVG files
matplotlib.rcParams["svg.fonttype"] = "path"  # looks the same where a font is missing
font_manager.fontManager.addfont(fonts.file())
# of labels: the usual one, then one for the letters that it lacks
FAMILIES = [*matplotlib.rcParams["font.family"], fonts.DEVANAGARI]
SAVED = {"dpi": 150, "bbox_inches": "tight", "pad_inches": 0.1}
BLUE, OCHRE = "#00306f", "#a8720a"
# one a system, in every figure; dark enough on white paper, and apart in grey but for the last four
COLOUR = {
    "zero_shot": "#8c8c8c", "extended": OCHRE, "vocabulary": OCHRE, "student": BLUE,
    "ceiling": "#1b1b1b", "lexicon": "#00795c", "bm25": "#8f4a7a", "transport": BLUE,
    "contrast": "#c24d00", "late": "#c24d00", "both": "#3f8fc4", "sentence": "#5b8c2a",
    "greedy": "#b0413e", "match": "#6a6fb0", "score": "#7a5c3e",
}  # fmt: skip
# and one shape, which tells what colour does
MARKER = {
    "zero_shot": "X", "extended": "D", "vocabulary": "D", "student": "o", "ceiling": "P",
    "transport": "o", "contrast": "s", "late": "s", "both": "^", "sentence": "v",
}  # fmt: skip


def heatmap(
    matrix, source: Sequence[str], target: Sequence[str], *, title: str = "", bar: str | None = "",
    reverse: bool = False, limits: tuple[float, float] | None = None, ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """A matrix with source tokens down and target tokens across.

    Parameters
    ----------
    matrix : array or Tensor, shape (n, m)
    bar : text beside the colour bar; None leaves the bar out
    reverse : dark means small
    limits : ends of the colour scale, by default those of the matrix
    """
    values = as_array("heatmap", matrix)
    if values.shape != (len(source), len(target)):
        got = f"a matrix {values.shape} for {len(source)} source and {len(target)} target tokens"
        expected = "one row and column each; leave out padding and special tokens in all three"
        raise InputError("heatmap", got, expected)
    # a plan whose solver lost its numbers must not look like a pale one
    if lost := int((~np.isfinite(values)).sum()):
        raise InputError(
            f"heatmap: got {lost} cells that are not numbers, expected finite values; a plan of "
            "method scaling underflows where epsilon is too small: raise epsilon, or solve with "
            "log or stabilized"
        )
    ax = ax or _axes(target, source, 2.4, 1.6)
    low, high = limits or (values.min(initial=0.0), values.max(initial=1e-12))
    sns.heatmap(
        values, ax=ax, cmap=sns.light_palette(BLUE, reverse=reverse, as_cmap=True), vmin=low,
        vmax=high, square=True, linewidths=0.5, linecolor="0.85", cbar=bar is not None,
        cbar_kws={"label": bar, "shrink": 0.75}, xticklabels=False, yticklabels=False,
    )  # fmt: skip
    # a dollar is a word like another
    look = {"family": FAMILIES, "parse_math": False}
    ax.set_xticks(np.arange(len(target)) + 0.5, target, **look)
    ax.set_yticks(np.arange(len(source)) + 0.5, source, **look)
    ax.tick_params(axis="x", rotation=55)
    plt.setp(ax.get_xticklabels(), ha="right", rotation_mode="anchor")
    ax.set_title(title, parse_math=False)
    return ax


def _axes(across: Sequence, down: Sequence, beside: float, below: float) -> Axes:
    """Axes of a new figure, in which cells have one size, with room for labels."""
    size = 0.42 * len(across) + beside, 0.42 * len(down) + below
    return plt.subplots(figsize=size, layout="constrained")[1]


def cost_heatmap(
    C, source: Sequence[str], target: Sequence[str], *, title: str = "cost matrix C",
    ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """A cost matrix, shape (n, m): dark is cheap, as a plan is dark where the alignment is."""
    return heatmap(C, source, target, title=title, bar="cosine cost", reverse=True, ax=ax)


def plan_heatmap(
    T, source: Sequence[str], target: Sequence[str], *, title: str = "plan T",
    bar: str | None = "mass", limits: tuple[float, float] | None = None, ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """A transport plan, shape (n, m): dark is much mass."""
    return heatmap(T, source, target, title=title, bar=bar, limits=limits, ax=ax)


def plan_strip(
    plans: Sequence, source: Sequence[str], target: Sequence[str], titles: Sequence[str], *,
    columns: int = 4, bar: str = "mass",
) -> list[Axes]:  # fmt: skip
    """Several plans of one sentence pair on one colour scale: over training, over epsilon."""
    columns = min(columns, len(plans))
    rows = -(-len(plans) // columns)
    size = (0.34 * len(target) + 1.6) * columns, (0.36 * len(source) + 1.8) * rows
    figure, grid = plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False)
    axes, spare = grid.flat[: len(plans)].tolist(), grid.flat[len(plans) :]
    limits = 0.0, max(as_array("plans", plan).max() for plan in plans)
    for k, (ax, plan, title) in enumerate(zip(axes, plans, titles, strict=True)):
        plan_heatmap(plan, source, target, title=title, bar=None, limits=limits, ax=ax)
        if k % columns:
            ax.set_yticklabels([])
    for ax in spare:
        ax.remove()
    figure.colorbar(axes[0].collections[0], ax=axes, label=bar, shrink=0.75, aspect=30)
    return axes


def outline_row(ax: Axes, row: int) -> None:
    """Draw attention to a row of a heat map."""
    look = {"edgecolor": COLOUR["contrast"], "lw": 2.5, "clip_on": False, "zorder": 4}
    ax.add_patch(Rectangle((0, row), ax.get_xlim()[1], 1, fill=False, **look))


def plan_and_sums(
    T, a, b, source: Sequence[str], target: Sequence[str], *, title: str = "",
    ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """A plan, shape (n, m); its rows' and columns' sums as bars, what they should be as lines."""
    T, a, b = (as_array("marginals", one) for one in (T, a, b))
    ax, most = ax or _axes(target, source, 3.0, 2.4), max(a.max(), b.max())
    plan_heatmap(T, source, target, title="", bar=None, limits=(0, most), ax=ax)
    beside = make_axes_locatable(ax)
    right, above = (beside.append_axes(side, 0.7, pad=0.08) for side in ("right", "top"))
    rows, columns = np.arange(len(a)) + 0.5, np.arange(len(b)) + 0.5
    right.barh(rows, T.sum(1), height=0.8, color=BLUE)
    right.vlines(a, rows - 0.5, rows + 0.5, color="black", lw=2)
    right.set(ylim=ax.get_ylim(), xlim=(0, 1.8 * a.max()), xlabel="row\nsums", xticks=[], yticks=[])
    above.bar(columns, T.sum(0), width=0.8, color=BLUE)
    above.hlines(b, columns - 0.5, columns + 0.5, color="black", lw=2)
    above.set(xlim=ax.get_xlim(), ylim=(0, 1.8 * b.max()), xticks=[], yticks=[])
    above.set_ylabel("column\nsums")
    above.set_title(title, parse_math=False)
    return ax


def scheme() -> Axes:
    """The method at a glance: two encoders read a pair, a plan compares them, and one learns."""
    _, ax = plt.subplots(figsize=(8.4, 2.7), layout="constrained")
    ax.set(xlim=(0, 11.4), ylim=(-0.9, 3.8))
    ax.axis("off")
    english, student, learns = COLOUR["ceiling"], COLOUR["student"], COLOUR["contrast"]
    for x, y, text, colour in (
        (1.4, 3.1, "English sentence", english), (4.8, 3.1, "teacher (fixed)", english),
        (7.4, 3.1, "vectors H", english), (1.4, 0.8, "Swahili sentence", student),
        (4.8, 0.8, "student", student), (7.4, 0.8, "vectors S", student),
        (10.1, 1.95, "cost C\nplan T", BLUE),
    ):  # fmt: skip
        box = {"boxstyle": "round,pad=0.45", "facecolor": "white", "edgecolor": colour}
        ax.text(x, y, text, ha="center", va="center", bbox=box | {"linewidth": 1.5})
    arrow = {"arrowstyle": "->", "color": "0.3", "lw": 1.5}
    for start, end in (
        ((2.55, 3.1), (3.85, 3.1)), ((2.55, 0.8), (4.2, 0.8)), ((5.8, 3.1), (6.65, 3.1)),
        ((5.4, 0.8), (6.65, 0.8)), ((8.15, 3.0), (9.5, 2.3)), ((8.15, 0.9), (9.5, 1.6)),
    ):  # fmt: skip
        ax.annotate("", end, start, arrowprops=arrow)
    ax.plot([10.1, 10.1, 4.8], [1.3, -0.2, -0.2], color=learns, lw=1.5)
    ax.annotate("", (4.8, 0.4), (4.8, -0.25), arrowprops=arrow | {"color": learns})
    ax.text(7.4, -0.35, "gradient of ⟨T, C⟩", ha="center", va="top", color=learns)
    return ax


def learning_curve(log: Sequence[dict], *, points: dict[int, float] | None = None) -> Axes:
    """Loss by step and its running mean; below them ``points`` {step: MRR@10}, if any."""
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
        below.set(xlabel="step", ylabel="MRR@10, dev questions", ylim=(0, 1))
        ax.set_xlabel("")
        ax.tick_params(labelbottom=False)
    return ax


def few_colours(png: bytes) -> bytes:
    """A PNG in at most 128 colours, a quarter of the size; one with a palette stays as it is."""
    image, out = Image.open(io.BytesIO(png)), io.BytesIO()
    if image.mode == "P":
        return png
    # keeps a colour that few pixels have
    image = image.convert("RGB").quantize(128, method=Image.Quantize.MAXCOVERAGE, kmeans=2)
    image.save(out, "PNG", optimize=True)
    return out.getvalue()


def show(caption: str, alt: str, figure: Figure | Axes | None = None) -> None:
    """Show a figure (the current one by default) in a notebook, with a caption, and in words.

    Front ends disagree on where they look for a description. So it stands in the picture's
    metadata, as its plain text, and below the caption, where it can be unfolded.
    """
    from IPython.display import display

    figure, buffer = (figure or plt.gcf()).figure, io.BytesIO()
    figure.savefig(buffer, format="png", facecolor="white", **SAVED)  # on a dark page, too
    plt.close(figure)  # or the notebook shows it again
    width, height = Image.open(buffer).size
    told = {"width": round(width / 1.5), "height": round(height / 1.5), "alt": alt}
    png = base64.b64encode(few_colours(buffer.getvalue())).decode()
    display({"image/png": png, "text/plain": alt}, metadata={"image/png": told}, raw=True)
    words = f"<details><summary>The figure in words</summary>{html.escape(alt)}</details>"
    below = {"text/html": f"<p>{html.escape(caption)}</p>{words}", "text/plain": caption}
    display(below, raw=True)


def write_figure(ax: Axes, path: Path | str) -> Path:
    """Write a figure as its name says, ``.svg`` or ``.png``."""
    kind, buffer = Path(path).suffix[1:], io.BytesIO()
    if kind not in ("svg", "png"):
        raise InputError(path, f"the ending {kind!r}", ".svg or .png; name the file so")
    ever_new = "Date" if kind == "svg" else "Software"
    ax.figure.savefig(buffer, format=kind, metadata={ever_new: None}, **SAVED)
    return write_atomic(path, buffer.getvalue())


def save_figure(ax: Axes, name: str, folder: Path | None = None) -> list[Path]:
    """Write ``figures/NAME.png`` and ``figures/NAME.svg``; return both paths."""
    return [write_figure(ax, (folder or FIGURES) / f"{name}.{kind}") for kind in ("png", "svg")]
