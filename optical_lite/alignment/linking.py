"""Linking: from a matrix between words to links, links to scores, and the Pharaoh format.

A matrix is a plan summed over words, or a similarity; a link ``(i, j)`` says that source word i and
target word j translate each other. Cells that are 0 never link. Lesson 06 builds all rules up to
grow-diag by hand.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ..kernels.given import as_array
from ..settings import SEEDS, InputError, need_whole, one_of
from ..significance import Comparison

Links = set[tuple[int, int]]
COMBINE = ("forward", "backward", "intersection", "union", "grow-diag", "grow-diag-final")
RULES = (*COMBINE, "itermax", "match", "threshold")
TINY = np.finfo(float).tiny


def links(matrix, rule: str = "intersection", threshold: float = 0.0) -> Links:
    """Choose links from a matrix between words.

    An unknown rule, a wrong shape, NaN or negative cells, a threshold outside 0 to 1 are an
    InputError.

    Parameters
    ----------
    matrix : array or Tensor, shape (N, M), non-negative
        mass of a plan or similarity between N source and M target words
    rule : one of :data:`RULES`
        ``forward``: each source word takes its largest cell; ``backward``: each target word does;
        ``intersection`` and ``union`` of both; ``grow-diag`` adds to the intersection those links
        of the union that touch it and bring in a new word, ``grow-diag-final`` then every link of
        the union between two words that are still without one (Och and Ney, Computational
        Linguistics 2003; Koehn et al., NAACL 2003: "final-and"). Cells are visited in another order
        than Koehn's, breadth-first from the sorted links and row by row around each, so that where
        links compete for a word others can win: in a tenth of random cases;
        ``itermax`` intersects again among the words left over, at 0.9 of the similarity for a word
        that has a link (Jalili Sabet et al., SimAlign, 2020); ``match`` is the best one-to-one
        assignment; ``threshold`` takes every cell of enough share
    threshold : float, 0 to 1
        a link must hold at least this share of its row's sum and of its column's sum, whatever the
        rule

    Examples
    --------
    >>> plan = [[0.4, 0.1, 0.0], [0.0, 0.2, 0.3]]
    >>> sorted(links(plan))
    [(0, 0), (1, 2)]
    >>> sorted(links(plan, "union"))
    [(0, 0), (1, 1), (1, 2)]
    >>> sorted(links(plan, "threshold", threshold=0.5))
    [(0, 0), (1, 2)]
    """
    W = as_array("links", matrix)
    one_of("links: got rule", rule, RULES)
    if W.ndim != 2 or not np.isfinite(W).all() or (W < 0).any():
        raise InputError("links", f"a matrix of shape {W.shape}", "(N, M) with finite cells >= 0")
    if not 0 <= threshold <= 1:
        raise InputError("links", f"threshold {threshold}", "a share from 0 to 1")
    if not W.size:
        return set()
    if rule == "threshold":
        chosen = np.ndindex(W.shape)
    elif rule == "match":
        from scipy.optimize import linear_sum_assignment

        rows, columns = linear_sum_assignment(W, maximize=True)
        chosen = zip(rows.tolist(), columns.tolist(), strict=True)
    elif rule == "itermax":
        chosen = _itermax(W)
    else:
        chosen = symmetrize(*_largest(W), rule)
    share = np.minimum(W / W.sum(1, keepdims=True).clip(TINY), W / W.sum(0).clip(TINY))
    return {cell for cell in chosen if W[cell] > 0 and share[cell] >= threshold}


def _largest(W: np.ndarray) -> tuple[Links, Links]:
    """The largest cell of each source word, and of each target word, where it is not 0."""
    forward = {(i, j) for i, j in enumerate(W.argmax(1).tolist()) if W[i, j] > 0}
    backward = {(i, j) for j, i in enumerate(W.argmax(0).tolist()) if W[i, j] > 0}
    return forward, backward


def symmetrize(forward: Links, backward: Links, rule: str) -> Links:
    """Combine two directions of one-sided links, as statistical aligners make them.

    >>> sorted(symmetrize({(0, 0), (1, 0)}, {(0, 0), (1, 1)}, "grow-diag"))
    [(0, 0), (1, 0), (1, 1)]
    """
    one_of("links: got rule", rule, COMBINE)
    both, union = forward & backward, forward | backward
    plain = {"forward": forward, "backward": backward, "intersection": both, "union": union}
    return plain[rule] if rule in plain else _grow(both, union, rule == "grow-diag-final")


def _grow(both: Links, union: Links, final: bool) -> Links:
    """Grow along neighbours, one link at a time, until nothing can be added."""
    grown, front = set(both), sorted(both)

    def alone(cell: tuple[int, int]) -> list[bool]:
        return [all(cell[side] != link[side] for link in grown) for side in (0, 1)]

    while front:
        i, j = front.pop(0)
        for cell in itertools.product((i - 1, i, i + 1), (j - 1, j, j + 1)):
            if cell in union and cell not in grown and any(alone(cell)):
                grown.add(cell)
                front.append(cell)
    for cell in sorted(union) if final else ():
        if all(alone(cell)):
            grown.add(cell)
    return grown


def _itermax(W: np.ndarray) -> Links:
    """Mutual best cells, then again at 0.9 for words where one is taken, 0 where both are."""
    chosen = set.intersection(*_largest(W))
    rows, columns = (sorted({cell[side] for cell in chosen}) for side in (0, 1))
    if min(W.shape) <= 2 or len(rows) == len(W) or len(columns) == W.shape[1]:
        return chosen
    taken = np.zeros(W.shape, int)
    taken[rows] = 1
    taken[:, columns] += 1
    left = W * np.array([1.0, 0.9, 0.0])[taken]
    return chosen | set.intersection(*_largest(left))


@dataclass(frozen=True)
class AlignmentScore:
    """Counts of links, of a sentence or of a corpus, and what follows from them.

    Attributes
    ----------
    found, sure : numbers of links found and of sure gold links
    in_sure, in_possible : found links that are sure; that are sure or possible
    """

    found: int = 0
    sure: int = 0
    in_sure: int = 0
    in_possible: int = 0

    @property
    def precision(self) -> float:
        """Share of the found links that are at least possible."""
        return self.in_possible / self.found if self.found else 0.0

    @property
    def recall(self) -> float:
        """Share of the sure links that were found."""
        return self.in_sure / self.sure if self.sure else 0.0

    @property
    def aer(self) -> float:
        """Alignment error rate, 0 (all right) to 1."""
        total = self.found + self.sure
        return 1 - (self.in_sure + self.in_possible) / total if total else 0.0


def score(found: Links, sure: Links, possible: Iterable[tuple[int, int]] = ()) -> AlignmentScore:
    r"""Score the links of one sentence; :func:`total` is for a corpus.

    .. math:: \mathrm{AER} = 1 - \frac{|A \cap S| + |A \cap P|}{|A| + |S|}, \qquad S \subseteq P

    A are the links found, S and P the gold ones; sure ones count as possible whether or not
    ``possible`` repeats them.

    >>> one = score({(0, 0), (1, 1), (2, 2)}, sure={(0, 0), (1, 1)}, possible={(2, 1)})
    >>> round(one.precision, 3), one.recall, round(one.aer, 3)
    (0.667, 1.0, 0.2)

    Source: Och and Ney, "A Systematic Comparison of Various Statistical Alignment Models", 2003,
    section 6.
    """
    sure, found = set(sure), set(found)
    right = found & sure, found & (sure | set(possible))
    return AlignmentScore(len(found), len(sure), *map(len, right))


def total(scores: Iterable[AlignmentScore]) -> AlignmentScore:
    """The score of a corpus: counts summed over its sentences, not the mean of their rates."""
    counts = zip(*(vars(one).values() for one in scores), strict=True)
    return AlignmentScore(*map(sum, counts))


def _aer(counts: np.ndarray) -> np.ndarray:
    """AER of summed counts, shape (..., 4) -> (...)."""
    return 1 - (counts[..., 2] + counts[..., 3]) / np.maximum(counts[..., 0] + counts[..., 1], 1)


def compare(
    ours: Sequence[AlignmentScore], baseline: Sequence[AlignmentScore], draws: int = 2000,
    seed: int = 0,
) -> Comparison:  # fmt: skip
    """Paired comparison of two systems' corpus AER on the same sentences; below 0 ours errs less.

    Sentences are drawn with replacement for the interval, and swapped between the systems for the p
    value. ``wins`` counts sentences on which ours errs less.

    >>> good, bad = AlignmentScore(2, 2, 2, 2), AlignmentScore(2, 2, 1, 1)
    >>> found = compare([good] * 12, [bad] * 12)
    >>> found.difference, found.p < 0.01, found.wins
    (-0.5, True, 12)
    """
    if len(ours) != len(baseline) or not ours:
        expected = "the same in both, at least one"
        raise InputError("compare", f"{len(ours)} and {len(baseline)} sentences", expected)
    need_whole("draws", draws)
    need_whole("seed", seed, 0, SEEDS)
    rows = ([list(vars(s).values()) for s in scores] for scores in (ours, baseline))
    x, y = (np.array(counts, float).reshape(-1, 4) for counts in rows)  # (sentences, 4)
    random = np.random.default_rng(seed)
    gap = float(_aer(x.sum(0)) - _aer(y.sum(0)))
    # how many times each sentence is drawn
    drawn = random.multinomial(len(x), np.full(len(x), 1 / len(x)), size=draws)
    low, high = np.percentile(_aer(drawn @ x) - _aer(drawn @ y), [2.5, 97.5])
    swap = random.integers(0, 2, size=(draws, len(x)))
    flips = _aer(x.sum(0) + swap @ (y - x)) - _aer(y.sum(0) + swap @ (x - y))
    # the identity is one of the permutations
    p = (1 + np.sum(np.abs(flips) >= abs(gap) - 1e-12)) / (draws + 1)
    each = _aer(x) - _aer(y)
    wins, losses = int((each < 0).sum()), int((each > 0).sum())
    return Comparison(gap, float(low), float(high), float(p), wins, losses)


def to_pharaoh(found: Links) -> str:
    """One line of the Pharaoh format, words counted from 0.

    >>> to_pharaoh({(1, 2), (0, 0)})
    '0-0 1-2'
    """
    return " ".join(f"{i}-{j}" for i, j in sorted(found))


def from_pharaoh(line: str, base: int = 0) -> tuple[Links, Links]:
    """Sure and possible links (``ipj``) of a line; ``base`` is the number of the first word.

    >>> from_pharaoh("1-1 2p1", base=1)
    ({(0, 0)}, {(1, 0)})
    """
    sure, possible = set(), set()
    for item in line.split():
        found = re.fullmatch("([0-9]{1,6})([-p])([0-9]{1,6})", item)
        if not found or min(int(found[1]), int(found[3])) < base:
            expected = f"i-j or ipj with numbers from {base}; mend the line"
            raise InputError("links", f"{item[:60]!r}", expected)
        (sure if found[2] == "-" else possible).add((int(found[1]) - base, int(found[3]) - base))
    return sure, possible
