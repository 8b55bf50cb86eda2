"""Linking: from a matrix between words to links, links to scores, and the Pharaoh format.

A matrix is a plan summed over words, or a similarity; a link ``(i, j)`` says that source word i and
target word j translate each other. Cells that are 0 never link. Notebook 06 builds all rules up to
grow-diag by hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ..settings import InputError, one_of
from ..significance import Comparison

Links = set[tuple[int, int]]
COMBINE = ("forward", "backward", "intersection", "union", "grow-diag", "grow-diag-final")
RULES = (*COMBINE, "itermax", "match", "threshold")
NEIGHBOURS = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)]


def links(matrix, rule: str = "intersection", threshold: float = 0.0) -> Links:
    """Choose links from a matrix between words.

    Parameters
    ----------
    matrix : array or Tensor, shape (N, M), non-negative
        mass of a plan or similarity between N source and M target words
    rule : one of :data:`RULES`
        ``forward``: each source word takes its largest cell; ``backward``: each target word does;
        ``intersection`` and ``union`` of both; ``grow-diag`` adds to the intersection those links
        of the union that touch it and bring in a new word, ``grow-diag-final`` then every link of
        the union between two words that are still without one (Och and Ney, Computational
        Linguistics 2003; Koehn et al., NAACL 2003: "final-and");
        ``itermax`` intersects again among the words left over, at 0.9 of the similarity for a word
        that has a link (Jalili Sabet et al., SimAlign, 2020); ``match`` is the best one-to-one
        assignment; ``threshold`` takes every cell of enough share
    threshold : float, 0 to 1
        a link must hold at least this share of its row's sum and of its column's sum, whatever the
        rule

    Returns
    -------
    set of (int, int)

    Raises
    ------
    InputError
        unknown rule, wrong shape, NaN or negative cells, a threshold outside 0 to 1

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
    W = np.asarray(matrix, dtype=np.float64)
    one_of("links: got rule", rule, RULES)
    if W.ndim != 2 or not np.isfinite(W).all() or (W < 0).any():
        raise InputError(
            f"links: got a matrix of shape {W.shape}, expected (N, M) with finite cells >= 0"
        )
    if not 0 <= threshold <= 1:
        raise InputError(f"links: got threshold {threshold}, expected a share from 0 to 1")
    if not W.size:
        return set()
    chosen = _choose(W, rule) & (W > 0)
    if threshold > 0:
        for sums in (W.sum(1, keepdims=True), W.sum(0)):
            chosen &= W / np.maximum(sums, np.finfo(float).tiny) >= threshold
    return {(int(i), int(j)) for i, j in np.argwhere(chosen)}


def _choose(W: np.ndarray, rule: str) -> np.ndarray:
    """Boolean matrix of the links of a rule, shape (N, M)."""
    if rule == "threshold":
        return np.ones(W.shape, bool)
    if rule == "match":
        from scipy.optimize import linear_sum_assignment

        chosen = np.zeros(W.shape, bool)
        chosen[linear_sum_assignment(W, maximize=True)] = True
        return chosen
    if rule == "itermax":
        return _itermax(W)
    return _combine(*_both(W), rule)


def _both(W: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    forward, backward = np.zeros(W.shape, bool), np.zeros(W.shape, bool)
    forward[np.arange(len(W)), W.argmax(1)] = True
    backward[W.argmax(0), np.arange(W.shape[1])] = True
    return forward & (W > 0), backward & (W > 0)


def symmetrize(forward: Links, backward: Links, rule: str, shape: tuple[int, int]) -> Links:
    """Combine two directions of one-sided links, as statistical aligners make them.

    >>> sorted(symmetrize({(0, 0), (1, 0)}, {(0, 0), (1, 1)}, "grow-diag", (2, 2)))
    [(0, 0), (1, 0), (1, 1)]
    """
    one_of("links: got rule", rule, COMBINE)
    sides = np.zeros((2, *shape), bool)
    for side, found in zip(sides, (forward, backward), strict=True):
        for cell in found:
            side[cell] = True
    return {(int(i), int(j)) for i, j in np.argwhere(_combine(*sides, rule))}


def _combine(forward: np.ndarray, backward: np.ndarray, rule: str) -> np.ndarray:
    if rule in ("forward", "backward"):
        return forward if rule == "forward" else backward
    if rule == "union":
        return forward | backward
    chosen = forward & backward
    return chosen if rule == "intersection" else _grow(chosen, forward | backward, rule)


def _grow(chosen: np.ndarray, union: np.ndarray, rule: str) -> np.ndarray:
    """Grow along neighbours, one link at a time, until nothing can be added."""
    chosen = chosen.copy()
    rows, columns = chosen.any(1), chosen.any(0)
    front = [tuple(cell) for cell in np.argwhere(chosen)]
    while front:
        i, j = front.pop(0)
        for x, y in ((i + di, j + dj) for di, dj in NEIGHBOURS):
            inside = 0 <= x < len(rows) and 0 <= y < len(columns)
            if inside and union[x, y] and not chosen[x, y] and not (rows[x] and columns[y]):
                chosen[x, y] = rows[x] = columns[y] = True
                front.append((x, y))
    if rule == "grow-diag-final":
        for x, y in np.argwhere(union):
            if not rows[x] and not columns[y]:
                chosen[x, y] = rows[x] = columns[y] = True
    return chosen


def _itermax(W: np.ndarray) -> np.ndarray:
    """Mutual best cells, then again at 0.9 for words where one is taken, 0 where both are."""
    chosen = np.logical_and(*_both(W))
    rows, columns = chosen.any(1), chosen.any(0)
    if min(W.shape) <= 2 or rows.all() or columns.all():
        return chosen
    free = np.where(rows[:, None] | columns, 0.9, 1.0) * ~(rows[:, None] & columns)
    return chosen | np.logical_and(*_both(W * free))


@dataclass(frozen=True)
class AlignmentScore:
    """Counts of links, and what follows from them; those of sentences add up to a corpus's.

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

    def __add__(self, other: AlignmentScore) -> AlignmentScore:
        return AlignmentScore(**{name: n + getattr(other, name) for name, n in vars(self).items()})


def score(found: Links, sure: Links, possible: Iterable[tuple[int, int]] = ()) -> AlignmentScore:
    r"""Score the links of one sentence; add scores up for a corpus.

    .. math:: \mathrm{AER} = 1 - \frac{|A \cap S| + |A \cap P|}{|A| + |S|}, \qquad S \subseteq P

    Parameters
    ----------
    found : links A
    sure, possible : gold links; sure ones count as possible whether or not ``possible`` repeats
        them

    Examples
    --------
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
    return sum(scores, AlignmentScore())


def _aer(counts: np.ndarray) -> np.ndarray:
    """AER of summed counts, shape (..., 4) -> (...)."""
    return 1 - (counts[..., 2] + counts[..., 3]) / np.maximum(counts[..., 0] + counts[..., 1], 1)


def compare(
    ours: Sequence[AlignmentScore], baseline: Sequence[AlignmentScore], draws: int = 2000,
    seed: int = 0,
) -> Comparison:  # fmt: skip
    """Paired comparison of two systems' corpus AER on the same sentences; below 0 ours errs less.

    Sentences are drawn with replacement for the interval, and swapped between the systems for the p
    value.
    ``wins`` counts sentences on which ours errs less.

    Examples
    --------
    >>> good, bad = AlignmentScore(2, 2, 2, 2), AlignmentScore(2, 2, 1, 1)
    >>> found = compare([good] * 12, [bad] * 12)
    >>> found.difference, found.p < 0.01, found.wins
    (-0.5, True, 12)
    """
    if len(ours) != len(baseline):
        got = f"{len(ours)} and {len(baseline)} sentences"
        raise InputError(f"compare: got {got}, expected the same in both")
    rows = ([list(vars(s).values()) for s in scores] for scores in (ours, baseline))
    x, y = (np.array(counts, float).reshape(-1, 4) for counts in rows)  # (sentences, 4)
    random = np.random.default_rng(seed)
    gap = float(_aer(x.sum(0)) - _aer(y.sum(0)))
    # how many times each sentence is drawn
    drawn = random.multinomial(len(x), np.full(len(x), 1 / max(1, len(x))), size=draws)
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
    sure: Links = set()
    possible: Links = set()
    for item in line.split():
        found = re.fullmatch("([0-9]{1,6})([-p])([0-9]{1,6})", item)
        if not found or min(int(found[1]), int(found[3])) < base:
            raise InputError(
                f"links: got {item[:60]!r}, expected i-j or ipj with numbers from {base}; mend the "
                "line"
            )
        (sure if found[2] == "-" else possible).add((int(found[1]) - base, int(found[3]) - base))
    return sure, possible
