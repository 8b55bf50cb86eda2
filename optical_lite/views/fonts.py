"""Fonts: Noto Sans Devanagari (SIL Open Font License), from a package and not from the system.

Latin letters come from DejaVu Sans, which matplotlib brings, on every machine. A browser has
neither: it gets the Devanagari that it needs inside the document, cut out by fontTools, which
matplotlib brings too.
"""

from __future__ import annotations

import base64
import functools
import io
from importlib import resources
from pathlib import Path

DEVANAGARI = "Noto Sans Devanagari"
LETTERS = "".join(map(chr, range(0x900, 0x980)))  # the Unicode block


def file() -> Path:
    """Where the font lies: one file of all weights and widths."""
    return next((resources.files("fontpkg_noto_sans_devanagari") / "files").glob("*.ttf"))


def face(text: str) -> str:
    """A CSS rule that brings the Devanagari letters of a text along.

    Parameters
    ----------
    text : what will be shown; :data:`LETTERS` for all letters (75 KB)

    Returns
    -------
    ``@font-face{...}`` with the font in it, the same bytes on every machine; empty for a text
    without Devanagari

    Examples
    --------
    >>> face("maji"), face("पाणी")[:45]
    ('', '@font-face{font-family:"Noto Sans Devanagari"')
    """
    return _face("".join(sorted({c for c in text if c in LETTERS})))


@functools.lru_cache(64)
def _face(letters: str) -> str:
    if not letters:
        return ""
    from fontTools import subset, ttLib
    from fontTools.varLib import instancer

    options = subset.Options(layout_features=["*"], hinting=False)
    font, cutter = ttLib.TTFont(file(), recalcTimestamp=False), subset.Subsetter(options)
    # with the dotted circle that carries a vowel sign without its letter
    cutter.populate(text=letters + "\u25cc")
    cutter.subset(font)
    instancer.instantiateVariableFont(font, {"wdth": 100, "wght": 400}, inplace=True)
    font.flavor, out = "woff", io.BytesIO()
    font.save(out)
    code = base64.b64encode(out.getvalue()).decode()
    return f'@font-face{{font-family:"{DEVANAGARI}";src:url(data:font/woff;base64,{code})}}'
