"""Fonts: Noto Sans Devanagari (SIL Open Font License), from a package and not from the system.

Latin letters come from DejaVu Sans, which matplotlib brings. A browser has neither: it gets the
Devanagari that it needs inside the document.
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


@functools.lru_cache(8)
def face(text: str) -> str:
    """A CSS rule that brings the Devanagari letters of a text along; of all letters it is 75 KB.

    >>> face("maji"), face("पाणी")[:45]
    ('', '@font-face{font-family:"Noto Sans Devanagari"')
    """
    letters = set(LETTERS).intersection(text)
    if not letters:
        return ""
    from fontTools import subset, ttLib
    from fontTools.varLib import instancer

    options = subset.Options(layout_features=["*"], hinting=False)
    font, cutter = ttLib.TTFont(file(), recalcTimestamp=False), subset.Subsetter(options)
    # with the dotted circle that carries a vowel sign without its letter
    cutter.populate(text="".join(letters) + "\u25cc")
    cutter.subset(font)
    instancer.instantiateVariableFont(font, {"wdth": 100, "wght": 400}, inplace=True)
    font.flavor, out = "woff", io.BytesIO()
    font.save(out)
    code = base64.b64encode(out.getvalue()).decode()
    return f'@font-face{{font-family:"{DEVANAGARI}";src:url(data:font/woff;base64,{code})}}'
