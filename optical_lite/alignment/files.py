"""Align files: pairs from a file, links into a file."""

from __future__ import annotations

from pathlib import Path

from ..encoder import Encoder
from ..formats import own
from ..safe_files import making
from .linking import to_pharaoh
from .plans import align_pairs


def write_links(
    source: Encoder, english: Encoder, pairs: str | Path, out: str | Path, progress: bool = True,
    **options,
):  # fmt: skip
    """Align a file of pairs into a file of Pharaoh links, line by line; it appears whole.

    Returns
    -------
    dict with the numbers of pairs, links, words the tokenizer does not know and plans that did not
    converge
    """
    from tqdm import tqdm

    found = {"pairs": 0, "links": 0, "unknown_words": 0, "not_converged": 0}
    with making(out) as part, open(part, "w", encoding="utf-8") as file:
        stream = align_pairs(source, english, own.pairs(pairs), **options)
        for one in tqdm(stream, unit="pair", desc="align", disable=not progress, mininterval=1.0):
            file.write(to_pharaoh(one.links) + "\n")
            found["pairs"] += 1
            found["links"] += len(one.links)
            found["unknown_words"] += len(one.source_unknown) + len(one.target_unknown)
            found["not_converged"] += not one.converged
    return found
