"""Pictures: heat maps, links between two sentences and MaxSim's reasons, redrawn in a few milliseconds.

They are what the explorer, the HTML page and ``align --svg`` show. Figures of record come from
:mod:`.figures` and :mod:`.figures_alignment`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from ..settings import InputError
from .drawing import Picture, caption, escape, finite, piece, right_to_left, stack, width

__all__ = ["Picture", "alignment", "caption", "heatmap", "kinds", "matches", "stack"]
BLUE, OCHRE, RED, GREY = "#00306f", "#a8720a", "#8a1538", "#5f6368"  # told apart in grey, too: each has its own dashes
PALE, DARK = np.array([240, 243, 248]), np.array([0, 48, 111])
DASH = {"hit": "", "miss": "9 5", "false": "2 4", "possible": "", "link": ""}
COLOUR = {"hit": BLUE, "miss": OCHRE, "false": RED, "possible": "#5b83bd", "link": BLUE}
MEANING = {"hit": "sure, found", "possible": "possible, found", "miss": "sure, missed", "false": "found, not in gold"}
CELL, WIDE = 22, 980  # pixels; sentences wider than this are set as columns


def _shade(share: float) -> str:
    r, g, b = np.rint(PALE + (DARK - PALE) * min(max(share, 0.0), 1.0)).astype(int)
    return f"#{r:02x}{g:02x}{b:02x}"


def heatmap(
    matrix, rows: Sequence[str], columns: Sequence[str], *, title: str = "", reverse: bool = False,
    limits: tuple[float, float] | None = None, marks: Collection[tuple[int, int]] = (), digits: int = 3,
    masses: tuple[Sequence[float], Sequence[float]] | None = None,
) -> Picture:  # fmt: skip
    """A matrix as coloured cells; each cell tells its value on hover.

    Parameters
    ----------
    matrix : array or Tensor, shape (n, m)
    rows, columns : n and m labels
    reverse : dark means large (default) or small
    limits : values of the palest and the darkest cell; default: those of the matrix
    marks : cells with a frame, for instance the links
    masses : expected row and column sums, lengths n and m: drawn as outlines, filled as far as the matrix fills them
    """
    values = np.asarray(matrix, dtype=float)
    if values.shape != (len(rows), len(columns)):
        raise InputError(
            f"heatmap: got a matrix {values.shape} for {len(rows)} rows and {len(columns)} columns, "
            "expected one label each; leave out padding and special tokens in all three"
        )
    finite(values, "heatmap")
    low, high = limits or (values.min(initial=0.0), values.max(initial=1e-12))
    rows, columns = ([piece(name) for name in names] for names in (rows, columns))
    left = max([width(r) for r in rows], default=0) + 14
    tall = max([width(c) for c in columns], default=0)
    top = 30 + 0.77 * tall + 12
    body = [f'<text class="b" x="8" y="18">{escape(title)}</text>']
    for j, name in enumerate(columns):
        x, y = left + (j + 0.62) * CELL, top - 6
        body.append(f'<text x="{x:.1f}" y="{y:.1f}" transform="rotate(-50 {x:.1f} {y:.1f})">{escape(name)}</text>')
    for i, name in enumerate(rows):
        y = top + (i + 0.5) * CELL + 5
        body.append(f'<text x="{left - 6:.1f}" y="{y:.1f}" text-anchor="end">{escape(name)}</text>')
        for j, other in enumerate(columns):
            share = (values[i, j] - low) / (high - low) if high > low else 0.0
            fill = _shade(1 - share if reverse else share)
            body.append(
                f'<rect class="c" x="{left + j * CELL:.0f}" y="{top + i * CELL:.0f}" width="21" height="21" '
                f'fill="{fill}"><title>{escape(name)} → {escape(other)}: {values[i, j]:.{digits}f}</title></rect>'
            )
    for i, j in sorted(marks):
        body.append(
            f'<rect x="{left + j * CELL + 1:.0f}" y="{top + i * CELL + 1:.0f}" width="19" height="19" fill="none" '
            f'stroke="{OCHRE}" stroke-width="2.5" pointer-events="none"/>'
        )
    right, bottom = left + len(columns) * CELL, top + len(rows) * CELL
    if masses is not None:
        body += _bars(values, masses, left, top, right, bottom)
        right, bottom = right + 52, bottom + 52
    return Picture(max(right, width(title) * 1.1 + 16) + 0.64 * tall * 0.4 + 12, bottom + 8, "".join(body), title)


def _bars(values: np.ndarray, masses: tuple, left: float, top: float, right: float, bottom: float) -> list[str]:
    """Expected masses beside and below a plan as outlines, and what the plan moves as filled bars."""
    a, b = (np.asarray(m, dtype=float) for m in masses)
    body = []
    for axis, (expected, moved) in enumerate(((a, values.sum(1)), (b, values.sum(0)))):
        scale = 44 / max(expected.max(initial=0), moved.max(initial=0), 1e-12)
        for k, (want, got) in enumerate(zip(expected, moved, strict=True)):
            for mass, style in ((got, f'fill="{BLUE}"'), (want, f'fill="none" stroke="{GREY}"')):
                long = mass * scale
                if axis == 0:
                    box = f'x="{right + 4:.1f}" y="{top + k * CELL + 5:.1f}" width="{long:.1f}" height="11"'
                else:
                    box = f'x="{left + k * CELL + 5:.1f}" y="{bottom + 4:.1f}" width="11" height="{long:.1f}"'
                body.append(f"<rect {box} {style}><title>expected {want:.3f}, moved {got:.3f}</title></rect>")
    return body


def kinds(found: Collection, sure: Collection | None = None, possible: Collection | None = None) -> dict:
    """What each link is: ``link`` without gold; else ``hit``, ``possible``, ``false``, and ``miss`` for sure links not found.

    >>> kinds({(0, 0), (1, 1)}, sure={(0, 0), (2, 2)})
    {(0, 0): 'hit', (1, 1): 'false', (2, 2): 'miss'}
    """  # noqa: E501
    if sure is None:
        return dict.fromkeys(sorted(found), "link")
    sure, possible = set(sure), set(possible or ())
    told = {c: "hit" if c in sure else "possible" if c in possible else "false" for c in found}
    return dict(sorted({**dict.fromkeys(sure - set(found), "miss"), **told}.items()))


def _line(words: Sequence[str], length: float, least: float = 16) -> list[float]:
    """Middle of each word when a sentence is spread over a length."""
    widths = [width(w) for w in words]
    gap = max(least, min(60.0, (length - sum(widths)) / max(1, len(words) - 1)))
    place, middles = max(0.0, (length - sum(widths) - gap * (len(words) - 1)) / 2), []
    for w in reversed(widths) if right_to_left(words) else widths:
        middles.append(place + w / 2)
        place += w + gap
    return middles[::-1] if right_to_left(words) else middles


@dataclass(frozen=True)
class Layout:
    """Where two sentences stand, in pixels from the top left.

    Attributes
    ----------
    places : for each side the point of each word
    anchors : which part of a word is at its point: ``middle``, ``start`` or ``end``
    flat : whether the sentences are lines, one above the other, or columns
    """

    places: tuple[list[tuple[float, float]], list[tuple[float, float]]]
    anchors: tuple[str, str]
    flat: bool
    width: float
    height: float

    def curve(self, i: int, j: int) -> np.ndarray:
        """Control points of the link between two words, shape (4, 2)."""
        (x, y), (u, v) = self.places[0][i], self.places[1][j]
        if self.flat:
            return np.array([(x, y + 7), (x, y + 52), (u, v - 60), (u, v - 15)])
        return np.array([(x + 7, y - 5), (x + 80, y - 5), (u - 80, v - 5), (u - 7, v - 5)])


def layout(source: Sequence[str], target: Sequence[str], top: float = 12) -> Layout:
    """Place two sentences: as lines, or as columns where a line would be too wide to read."""
    length = max(sum(map(width, words)) + 16 * (len(words) - 1) for words in (source, target))
    if length <= WIDE:
        lines = [[(x + 12, top + 14 + 104 * k) for x in _line(w, length)] for k, w in enumerate((source, target))]
        return Layout((lines[0], lines[1]), ("middle", "middle"), True, length + 24, top + 132)
    edge = max(map(width, source)) + 14
    columns = [[(x, top + 16 + 25 * i) for i in range(len(w))] for x, w in ((edge, source), (edge + 176, target))]
    height = top + 25 * max(len(source), len(target)) + 8
    return Layout((columns[0], columns[1]), ("end", "start"), False, edge + 190 + max(map(width, target)), height)


def alignment(
    source: Sequence[str], target: Sequence[str], links: Collection[tuple[int, int]], *,
    sure: Collection[tuple[int, int]] | None = None, possible: Collection[tuple[int, int]] | None = None,
    unknown: tuple[Collection[int], Collection[int]] = ((), ()), title: str = "",
) -> Picture:  # fmt: skip
    """Two sentences and the links between their words; long ones stand beside each other, not one above the other.

    Parameters
    ----------
    source, target : words
    links : pairs (source word, target word)
    sure, possible : gold links; with them hits, misses and false links differ in colour and in dashes
    unknown : source and target words of which the tokenizer knows nothing, drawn with a dotted line below
    title : text above

    A word without a link is grey. Hover on a word leaves only its links.
    """
    if not (source and target):
        raise InputError("alignment: got a sentence without words, expected one at least on each side; type some text")
    told = kinds(links, sure, possible)
    outside = [c for c in told if not (0 <= c[0] < len(source) and 0 <= c[1] < len(target))]
    if outside:
        raise InputError(
            f"alignment: got link {outside[0]} for {len(source)} and {len(target)} words, expected numbers from 0 "
            "below these; count words from 0"
        )
    top = 34 if title else 12
    plan = layout(source, target, top)
    body = [f'<text class="b" x="8" y="18">{escape(title)}</text>'] if title else []
    for (i, j), kind in told.items():
        path = "M{:.1f} {:.1f}C{:.1f} {:.1f} {:.1f} {:.1f} {:.1f} {:.1f}".format(*plan.curve(i, j).flatten())
        dash = f' stroke-dasharray="{DASH[kind]}"' if DASH[kind] else ""
        body.append(
            f'<path class="k s{i} t{j}" d="{path}" stroke="{COLOUR[kind]}" stroke-width="2.2"{dash}>'
            f"<title>{escape(source[i])} – {escape(target[j])}{': ' + MEANING[kind] if kind in MEANING else ''}</title>"
            "</path>"
        )
    for side, (words, letter) in enumerate(((source, "s"), (target, "t"))):
        linked = {cell[side] for cell, kind in told.items() if kind != "miss"}
        for k, word in enumerate(words):
            x, y = plan.places[side][k]
            style = "" if k in linked else " q"
            note = " (the tokenizer knows nothing of it)" if k in unknown[side] else "" if k in linked else " (no link)"
            under = ' text-decoration="underline"' if k in unknown[side] else ""
            body.append(
                f'<text class="w {letter}{k}{style}" x="{x:.1f}" y="{y:.1f}" text-anchor="{plan.anchors[side]}"{under}>'
                f"{escape(word)}<title>{escape(word)}{note}</title></text>"
            )
    names = [f"s{k}" for k in range(len(source))] + [f"t{k}" for k in range(len(target))]
    rules = "".join(f".olp .al:has(.w.{n}:hover) .k:not(.{n}){{opacity:.1}}" for n in names)
    inside = f'<g class="al"><style>{rules}</style>{"".join(body)}</g>'
    drawn = Picture(max(plan.width, width(title) * 1.1 + 16), plan.height, inside, title)
    return stack(drawn, _legend(told), title=title, gap=0) if sure is not None else drawn


def _legend(told: dict) -> Picture:
    body, x = [], 12.0
    for kind, meaning in MEANING.items():
        text = f"{meaning}: {sum(k == kind for k in told.values())}"
        dash = f' stroke-dasharray="{DASH[kind]}"' if DASH[kind] else ""
        body.append(
            f'<path d="M{x:.0f} 12h30" stroke="{COLOUR[kind]}" stroke-width="2.2" fill="none"{dash}/>'
            f'<text class="f" x="{x + 36:.0f}" y="16">{text}</text>'
        )
        x += 36 + width(text, 13) + 18
    return Picture(x, 24, "".join(body))


def matches(
    question: Sequence[str], best: Sequence[float], where: Sequence[int], passage: Sequence[str], *, title: str = ""
) -> Picture:
    """Why MaxSim ranks a passage where it does: for each question token its best passage token, and the passage shaded.

    Parameters
    ----------
    question, passage : tokens; a piece that starts with ``##`` continues the word before it
    best, where : similarity and position of each question token's best match, from :func:`optical_lite.retrieval.explain`
    """  # noqa: E501
    scale, left = 220, max([width(q) for q in question], default=0) + 16
    body = [f'<text class="b" x="8" y="18">{escape(title)}</text>'] if title else []
    y = 34.0 if title else 10.0
    for token, value, place in zip(question, best, where, strict=True):
        found = passage[place] if 0 <= place < len(passage) else "(nothing)"
        long = scale * max(0.0, float(value))
        body.append(
            f'<text x="{left - 8:.1f}" y="{y + 12:.1f}" text-anchor="end">{escape(token)}</text>'
            f'<rect class="c" x="{left:.1f}" y="{y:.1f}" width="{long:.1f}" height="15" fill="{BLUE}">'
            f"<title>{escape(token)} → {escape(found)}: {float(value):.3f}</title></rect>"
            f'<text class="f" x="{left + long + 6:.1f}" y="{y + 12:.1f}">{escape(found)} {float(value):.2f}</text>'
        )
        y += 21
    y += 20
    share = np.zeros(len(passage))
    for value, place in zip(best, where, strict=True):
        if 0 <= place < len(passage):
            share[place] += max(0.0, float(value))
    share /= max(share.max(initial=0.0), 1e-12)
    x = 12.0
    for k, token in enumerate(passage):
        word, glued = token.removeprefix("##"), token.startswith("##")
        x += 0 if glued or k == 0 else 5
        if x + width(word) > 640 and not glued:
            x, y = 12.0, y + 23
        light = share[k] > 0.55
        body.append(
            f'<rect x="{x - 1.5:.1f}" y="{y - 14:.1f}" width="{width(word) + 3:.1f}" height="19" '
            f'fill="{_shade(share[k]) if share[k] else "#fff"}"/>'
            f'<text x="{x + width(word) / 2:.1f}" y="{y:.1f}" text-anchor="middle"'
            f"{' style=' + chr(34) + 'fill:#fff' + chr(34) if light else ''}>{escape(word)}</text>"
        )
        x += width(word)
    return Picture(max(left + scale + 130, 660, width(title) * 1.1 + 16), y + 14, "".join(body), title)
