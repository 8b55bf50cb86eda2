"""Alignment: from a transport plan over sub-words to links between words, gold sets, error rates.

``ol.alignment.align`` and its like lie in :mod:`.plans`; statistical aligners and files of pairs
stand beside them.
"""

import importlib


def __getattr__(name: str):
    return getattr(importlib.import_module(".plans", __name__), name)
