"""Drawing: SVG text without scripts that shows itself in a notebook and turns into the same PNG on every machine.

A :class:`Picture` answers to the mouse by CSS alone; its PNG is drawn with bundled fonts (:mod:`.fonts`).
What is drawn is in :mod:`.pictures`.
"""

from __future__ import annotations

import html
import io
import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..safe_files import write_atomic
from ..settings import InputError
from . import fonts

SIZE = 14  # pixels
STYLE = (
    '.olp{font:14px "DejaVu Sans","Noto Sans","Noto Sans Devanagari",sans-serif;background:#fff}'
    ".olp text{fill:#1b1b1b}.olp .q{fill:#5f6368}.olp .b{font-weight:bold}.olp .f{font-size:12px}"
    ".olp .c:hover{stroke:#a8720a;stroke-width:2}.olp .k{fill:none}.olp .k:hover{stroke-width:5}"
)


@dataclass(frozen=True)
class Picture:
    """A drawing: its size in pixels and the inside of its SVG.

    Examples
    --------
    >>> caption(["cost 0.3"]).svg[:42]
    '<svg xmlns="http://www.w3.org/2000/svg" cl'
    """

    width: float
    height: float
    body: str
    title: str = ""

    @property
    def svg(self) -> str:
        """The whole document, for a place that has fonts."""
        return self._document("")

    @property
    def file(self) -> str:
        """The whole document for a file: with the Devanagari letters it shows, where it shows some."""
        return self._document(fonts.face(self.body + self.title)) + "\n"

    def _document(self, face: str) -> str:
        w, h = math.ceil(self.width), math.ceil(self.height)
        # the font that comes along is named first, or a browser asks for it too late
        style = STYLE.replace("14px ", f'14px "{fonts.DEVANAGARI}",', 1) if face else STYLE
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="olp" role="img" aria-label="{escape(self.title)}" '
            f'viewBox="0 0 {w} {h}" width="{w}" height="{h}" style="max-width:100%;height:auto">'
            f'<style>{face}{style}</style><rect width="{w}" height="{h}" fill="#fff"/>{self.body}</svg>'
        )

    def png(self, zoom: float = 2) -> bytes:
        """The same as PNG, drawn with the bundled fonts only: the same bytes on every machine."""
        import resvg_py

        files = [str(path) for path in fonts.files()]
        return bytes(resvg_py.svg_to_bytes(svg_string=self.svg, zoom=zoom, skip_system_fonts=True, font_files=files))

    def save(self, path: str | Path) -> Path:
        """Write the picture as ``.svg`` or ``.png``, whichever the name says."""
        kind = Path(path).suffix
        if kind not in (".svg", ".png"):
            raise InputError(f"{path}: got the ending {kind!r}, expected .svg or .png; name the file so")
        return write_atomic(path, self.file if kind == ".svg" else self.png())

    def _repr_png_(self) -> tuple[bytes, dict]:
        """How a notebook shows it: as PNG, which every viewer trusts, in few colours; its size and its title."""
        zoom = 1.5 if self.width < 900 else 1.0
        size = {"width": math.ceil(self.width), "height": math.ceil(self.height)}
        return few_colours(self.png(zoom)), size | {"alt": self.title}

    def __repr__(self) -> str:
        return self.title or "picture"


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


def finite(values: np.ndarray, name: str) -> None:
    """Raise where a matrix holds NaN or infinity: a plan whose solver lost its numbers must not look like a pale one.

    >>> finite(np.array([[0.5]]), "heatmap")
    """
    if not np.isfinite(values).all():
        count = int((~np.isfinite(values)).sum())
        raise InputError(
            f"{name}: got {count} cells that are not numbers, expected finite values; a plan of method scaling "
            "underflows where epsilon is too small: raise epsilon, or solve with log or stabilized"
        )


def escape(value: object) -> str:
    """Text that may stand in SVG."""
    return html.escape(str(value), quote=True)


def piece(token: str) -> str:
    r"""A token as a label: a vowel sign without its letter stands on a dotted circle, as fonts expect it.

    >>> piece("##ा") == "##◌ा", piece("##gil")
    (True, '##gil')
    """
    bare = token.removeprefix("##")
    return token[: -len(bare)] + "\u25cc" + bare if bare and unicodedata.category(bare[0])[0] == "M" else token


def width(text: str, size: float = SIZE) -> float:
    """About how wide a text is, in pixels, in a sans-serif font.

    >>> width("maji") < width("kitabu") < width("KITABU")
    True
    """
    total = 0.5 if text.removeprefix("##")[:1] and unicodedata.category(text.removeprefix("##")[0])[0] == "M" else 0.0
    for c in text:
        kind = unicodedata.category(c)
        if kind in ("Mn", "Me", "Cf"):
            continue
        if unicodedata.east_asian_width(c) in "WF":
            total += 1.0
        elif kind in ("Mc", "Zs", "Po", "Ps", "Pe") or c in "iljtfrI":
            total += 0.38
        elif c in "mwMW" or kind == "Lu":
            total += 0.85 if c in "mwMW" else 0.7
        else:
            total += 0.64
    return total * size


def right_to_left(words: Sequence[str]) -> bool:
    """Whether a sentence is written from right to left, by its letters.

    >>> right_to_left(["ماء", "نظيف"]), right_to_left(["maji"])
    (True, False)
    """
    kinds = [unicodedata.bidirectional(c) for word in words for c in word]
    return sum(k in ("R", "AL") for k in kinds) > sum(k == "L" for k in kinds)


def stack(*pictures: Picture, title: str = "", across: bool = False, gap: float = 14) -> Picture:
    """Several pictures below each other, or ``across``: beside each other."""
    body, place = [], 0.0
    for p in pictures:
        x, y = (place, 0.0) if across else (0.0, place)
        body.append(f'<g transform="translate({x:.1f},{y:.1f})">{p.body}</g>')
        place += (p.width if across else p.height) + gap
    sizes = [(p.width, p.height) for p in pictures] or [(1.0, 1.0)]
    length, most = max(1.0, place - gap), max(s[1 if across else 0] for s in sizes)
    title = title or "; ".join(p.title for p in pictures if p.title)
    return Picture(length if across else most, most if across else length, "".join(body), title)


def caption(lines: Sequence[str]) -> Picture:
    """Lines of plain text."""
    body = "".join(f'<text class="f" x="8" y="{16 + 18 * k}">{escape(line)}</text>' for k, line in enumerate(lines))
    return Picture(max([width(line, 13) for line in lines], default=1) + 16, 18 * len(lines) + 6, body)
