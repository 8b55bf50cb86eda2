"""Alignment: from a transport plan over sub-words to links between words, gold sets, error rates.

``ol.alignment.align`` and its like lie in :mod:`.plans`, :mod:`.subwords` and :mod:`.linking`;
statistical aligners and gold sets stand beside them.
"""

import importlib


def __getattr__(name: str):
    for module in ("plans", "linking"):
        if hasattr(found := importlib.import_module(f".{module}", __name__), name):
            return getattr(found, name)
    raise AttributeError(f"optical_lite.alignment has no {name!r}")
