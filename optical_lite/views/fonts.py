"""Fonts: a sans-serif font with Devanagari that is the same on every machine, from packages and not from the system.

Latin letters come from DejaVu Sans, which matplotlib brings; Devanagari from Noto Sans Devanagari (SIL Open Font
License), which the package ``fontpkg-noto-sans-devanagari`` brings. A browser has neither: it gets the letters it needs
inside the document, cut out by fontTools, which matplotlib brings too.
"""

from __future__ import annotations

import base64
import functools
import importlib.util
import io
from pathlib import Path

DEVANAGARI = "Noto Sans Devanagari"
LETTERS = "".join(map(chr, range(0x900, 0x980)))  # the Unicode block
PLACES = (
    ("matplotlib", "mpl-data/fonts/ttf/DejaVuSans.ttf"),
    ("matplotlib", "mpl-data/fonts/ttf/DejaVuSans-Bold.ttf"),
    ("fontpkg_noto_sans_devanagari", "files/*.ttf"),
)


@functools.cache
def files(package: str | None = None) -> tuple[Path, ...]:
    """Font files of one package or of all; nothing for a package that is not installed.

    >>> "DejaVuSans.ttf" in [path.name for path in files()]
    True
    """
    found = []
    for name, pattern in PLACES:
        spec = importlib.util.find_spec(name)
        if package in (None, name) and spec and spec.submodule_search_locations:
            found += sorted(Path(spec.submodule_search_locations[0]).glob(pattern))
    return tuple(found)


def face(text: str) -> str:
    """A CSS rule that brings the Devanagari letters of a text along, for browsers without such a font.

    Parameters
    ----------
    text : what will be shown; :data:`LETTERS` for all letters (75 KB)

    Returns
    -------
    ``@font-face{...}`` with the font in it, the same bytes on every machine; empty for a text without Devanagari

    Examples
    --------
    >>> face("maji"), face("पाणी")[:45]
    ('', '@font-face{font-family:"Noto Sans Devanagari"')
    """
    return _face("".join(sorted({c for c in text if c in LETTERS})))


@functools.lru_cache(64)
def _face(letters: str) -> str:
    found = files("fontpkg_noto_sans_devanagari")
    if not (letters and found):
        return ""
    from fontTools import subset, ttLib
    from fontTools.varLib import instancer

    options = subset.Options(layout_features=["*"], hinting=False)
    font, cutter = ttLib.TTFont(found[0], recalcTimestamp=False), subset.Subsetter(options)
    cutter.populate(text=letters + "\u25cc")  # the dotted circle that carries a vowel sign without its letter
    cutter.subset(font)
    instancer.instantiateVariableFont(font, {"wdth": 100, "wght": 400}, inplace=True)
    font.flavor, out = "woff", io.BytesIO()
    font.save(out)
    code = base64.b64encode(out.getvalue()).decode()
    return f'@font-face{{font-family:"{DEVANAGARI}";src:url(data:font/woff;base64,{code})}}'
