"""Fonts: a sans-serif font with Devanagari that is the same on every machine, from packages and not from the system.

Latin letters come from DejaVu Sans, which matplotlib brings; Devanagari from Noto Sans Devanagari (SIL Open Font
License), which the package ``fontpkg-noto-sans-devanagari`` brings.
"""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path

DEVANAGARI = "Noto Sans Devanagari"
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
