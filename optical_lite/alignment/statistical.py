"""Aligners: the statistical word aligners that a plan is compared with, on the same bitext.

IBM Model 1 is :mod:`optical_lite.lexicon`'s; fast_align's algorithm comes from the package
``systran-align``, eflomal from its own (``pip install 'optical-lite[align]'``).
"""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ..lexicon import Lexicon, ibm1
from ..settings import InputError
from ..text import fold, visible
from .linking import Links, from_pharaoh, symmetrize

Words = tuple[Sequence[str], Sequence[str]]
PACKAGES = {"fast_align": "systran_align", "eflomal": "eflomal"}


def available(name: str) -> bool:
    """Whether an aligner's package is installed.

    >>> available("ibm1")
    True
    """
    return name not in PACKAGES or importlib.util.find_spec(PACKAGES[name]) is not None


def _need(name: str) -> None:
    if not available(name):
        expected = "it; pip install 'optical-lite[align]'"
        raise InputError(name, f"no package {PACKAGES[name]}", expected)


def _lower(pairs: Sequence[Words]) -> list[Words]:
    """Words in normal form; as many as before, for links count them."""

    def form(word: str) -> str:
        return fold(visible(word)).replace(" ", "") or word

    return [tuple([form(word) for word in side] for side in pair) for pair in pairs]


def _best(lexicon: Lexicon, source: Sequence[str], target: Sequence[str]) -> Links:
    """For each target word the source word that most probably made it, if not the null word."""
    if not source or not target:
        return set()
    number = {word: k for k, word in enumerate(lexicon.target)}
    rows, columns = [0, *map(lexicon.position, source)], [number[word] for word in target]
    chances = lexicon.table[rows][:, columns].toarray()  # (N + 1, M), null first
    best = enumerate(chances.argmax(0))
    return {(int(i) - 1, j) for j, i in best if i and chances[i, j] > 0}


def ibm_model1(pairs: Sequence[Words], more: Sequence[Words] = ()) -> list[Links]:
    """IBM Model 1, trained both ways on lower-cased words, the directions combined by grow-diag.

    Like all of its kind it trains on the pairs that it aligns, and on ``more``.

    >>> single = [(["maji"], ["water"]), (["safi"], ["clean"])]
    >>> text = [(["maji", "safi"], ["clean", "water"]), *single]
    >>> [sorted(found) for found in ibm_model1(text[:1], text[1:])]
    [[(0, 1), (1, 0)]]
    """
    pairs, more = _lower(pairs), _lower(more)
    bitext = pairs + more
    there, back = ibm1(bitext), ibm1([(target, source) for source, target in bitext])
    found = []
    for source, target in pairs:
        to_source = {(i, j) for j, i in _best(back, target, source)}
        found.append(symmetrize(to_source, _best(there, source, target), "grow-diag"))
    return found


def fast_align(pairs: Sequence[Words], more: Sequence[Words] = ()) -> list[Links]:
    """fast_align's algorithm, a log-linear form of IBM Model 2, as systran-align has it.

    Source: Dyer, Chahuneau and Smith, NAACL 2013; options as its authors recommend (diagonal, tuned
    tension, Dirichlet prior). systran-align combines the directions by grow-diag-final-and.
    """
    _need("fast_align")
    import systran_align

    text = _lower([*pairs, *more])
    with tempfile.TemporaryDirectory() as folder:
        files = [f"{folder}/{name}" for name in ("text", "forward", "backward")]
        lines = (" ||| ".join(map(" ".join, pair)) + "\n" for pair in text)
        Path(files[0]).write_text("".join(lines), encoding="utf-8")
        options = {"favor_diagonal": True, "optimize_tension": True, "variational_bayes": True}
        systran_align.generate_alignment_probabilities(*files, **options)
        aligner = systran_align.Aligner(*files[1:])
        found = (aligner.align(*pair)["alignments"] for pair in text[: len(pairs)])
        return [{(int(i), int(j)) for i, j in links} for links in found]


def eflomal(pairs: Sequence[Words], more: Sequence[Words] = ()) -> list[Links]:
    """eflomal: a Bayesian IBM model with word order and fertility, combined by grow-diag-final.

    Source: Östling and Tiedemann, "Efficient Word Alignment with Markov Chain Monte Carlo", PBML
    2016.
    """
    _need("eflomal")
    from eflomal import Aligner

    text = _lower([*pairs, *more])  # the sentences to align come first: their lines are read back
    with tempfile.TemporaryDirectory() as folder:
        forward, backward = f"{folder}/forward", f"{folder}/backward"
        sides = ([" ".join(side) + "\n" for side in column] for column in zip(*text, strict=True))
        Aligner().align(*sides, links_filename_fwd=forward, links_filename_rev=backward)
        files = [Path(file).read_text().split("\n")[: len(pairs)] for file in (forward, backward)]
    sides = ([from_pharaoh(line)[0] for line in lines] for lines in files)
    return [symmetrize(there, back, "grow-diag-final") for there, back in zip(*sides, strict=True)]


ALIGNERS = {"ibm1": ibm_model1, "fast_align": fast_align, "eflomal": eflomal}
