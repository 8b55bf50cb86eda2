"""Alignment: which word translates which, read off a transport plan between sub-word tokens.

Tokens are encoded, a plan moves their mass, the mass is summed over the tokens of each word, and a
rule turns the word matrix into links (:mod:`.linking`). Lesson 06 goes through it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from .. import transport
from ..config import POSITIVE, SOLVERS, Checked, option
from ..encoder import Encoder
from ..formats import own
from ..safe_files import making
from ..settings import Range, need_whole, one_of
from .linking import RULES, Links, links, to_pharaoh
from .subwords import Pair, Text, encode_pairs, word_plan

LEVELS, MASSES, SIMILARITY = ("word", "token"), ("uniform", "words"), "similarity"
SHARE = Range(0, 1)


@dataclass(frozen=True)
class AlignConfig(Checked):
    """How links are found, from the cost matrix on.

    Attributes
    ----------
    method : one of :data:`optical_lite.config.SOLVERS`, or ``similarity``: no transport, the rule
        reads ``(1 + cosine) / 2``, as greedy argmax and SimAlign do
    epsilon : entropic regularisation
    marginals : ``uniform``: every token has the same mass; ``words``: every word has, shared by its
        tokens
    rule, threshold : see :func:`.linking.links`
    level : ``word``: mass is summed over words first; ``token``: tokens are linked, and words whose
        tokens are
    null : a word that keeps less than this share of its mass links to nothing (``unbalanced`` and
        ``partial``)
    reach, mass : passed to the unbalanced and the partial solver
    position : added to the cost for words far from the diagonal, times :math:`|i/N - j/M|`, between
        0 and 1
    """

    method: str = option("stabilized", allowed=(*SOLVERS, SIMILARITY))
    epsilon: float = option(0.05, allowed=POSITIVE)
    marginals: str = option("uniform", allowed=MASSES)
    rule: str = option("intersection", allowed=RULES)
    threshold: float = option(0.0, allowed=SHARE)
    level: str = option("word", allowed=LEVELS)
    null: float = option(0.0, allowed=SHARE)
    reach: float | None = option(None, allowed=POSITIVE)
    mass: float | None = option(None, allowed=Range(0, 1, above=True))
    position: float = option(0.0, allowed=Range(0))


@dataclass(frozen=True)
class Alignment(Pair):
    """A pair with its plan and links.

    Attributes
    ----------
    plan : Tensor, shape (n, m), ``T``; the similarities for method ``similarity``
    word_plan : array, shape (N, M), the same for words
    links : set of (source word, target word)
    transport_cost, converged, iterations, marginal_error : of the plan, see
        :class:`optical_lite.transport.TransportPlan`
    """

    plan: Tensor
    word_plan: np.ndarray
    links: Links
    transport_cost: float
    converged: bool
    iterations: int
    marginal_error: float


def masses(owner: Sequence[int], marginals: str = "uniform") -> Tensor:
    """Mass of each token of a sentence, shape (n,), summing to 1.

    >>> masses([0, 0, 1], "words")
    tensor([0.2500, 0.2500, 0.5000])
    """
    one_of("masses: got marginals", marginals, MASSES)
    index = torch.tensor(owner, dtype=torch.long)
    weight = torch.ones(len(index))
    if marginals == "words":
        weight /= torch.bincount(index)[index]
    return weight / weight.sum().clamp_min(1e-12)


def _distance(pair: Pair) -> Tensor:
    """How far each pair of tokens is from the diagonal, by their words: shape (n, m), 0 to 1."""
    sides = (pair.source_owner, pair.source_words), (pair.target_owner, pair.target_words)
    x, y = ((torch.tensor(of, dtype=torch.float32) + 0.5) / len(words) for of, words in sides)
    return (x[:, None] - y).abs()


def realign(pairs: Sequence[Pair], config: AlignConfig = AlignConfig()) -> list[Alignment]:
    """Find plans and links of encoded pairs; pairs of like size are solved together.

    Of alignments everything after the cost is found anew.
    """
    found: list[Alignment | None] = [None] * len(pairs)
    order = sorted(range(len(pairs)), key=lambda k: tuple(pairs[k].cost.shape))
    extra = {"reach": config.reach, "mass": config.mass}
    extra = {name: value for name, value in extra.items() if value is not None}
    for rows in (order[i : i + 64] for i in range(0, len(order), 64)):
        some = [pairs[k] for k in rows]
        a = [masses(p.source_owner, config.marginals) for p in some]
        b = [masses(p.target_owner, config.marginals) for p in some]
        a, b = (pad_sequence(side, batch_first=True) for side in (a, b))  # (B, n), (B, m)
        C = torch.zeros(len(some), a.shape[1], b.shape[1])  # (B, n, m)
        for k, p in enumerate(some):
            C[k, : p.cost.shape[0], : p.cost.shape[1]] = p.cost + config.position * _distance(p)
        if config.method == SIMILARITY:
            T, facts = (1 - C / 2).clamp_min(0), [(float("nan"), True, 0, 0.0)] * len(some)
        else:
            # a side without a known token has nothing to move
            alive = (a.sum(1) > 0) & (b.sum(1) > 0)
            a, b = a * alive[:, None], b * alive[:, None]
            solved = transport.solve(C, a, b, method=config.method, epsilon=config.epsilon, **extra)
            T = solved.plan
            facts = solved.cost, solved.converged, solved.iterations, solved.marginal_error
            facts = list(zip(*(x.tolist() for x in facts), strict=True))
        for k, p in enumerate(some):
            n, m = p.cost.shape
            found[rows[k]] = _link(p, T[k, :n, :m], a[k, :n], b[k, :m], facts[k], config)
    return found


def _link(
    pair: Pair, plan: Tensor, a: Tensor, b: Tensor, facts: tuple, config: AlignConfig
) -> Alignment:
    rows, columns, matrix = pair.source_owner, pair.target_owner, plan.numpy()
    N, M = len(pair.source_words), len(pair.target_words)
    of_cells = np.maximum if config.method == SIMILARITY else np.add
    W = word_plan(matrix, rows, columns, N, M, of_cells)
    # the words that keep too little
    lost = W.sum(1) < config.null * np.bincount(rows, a.numpy(), N)
    alone = lost[:, None] | (W.sum(0) < config.null * np.bincount(columns, b.numpy(), M))  # (N, M)
    if config.level == "token":
        cells = links(matrix, config.rule, config.threshold)
        chosen = {(rows[i], columns[j]) for i, j in cells if not alone[rows[i], columns[j]]}
    else:
        chosen = links(np.where(alone, 0.0, W), config.rule, config.threshold)
    before = (getattr(pair, each.name) for each in fields(Pair))
    return Alignment(*before, plan, W, chosen, *facts)


def align(student: Encoder, teacher: Encoder, source: Text, target: Text, **options) -> Alignment:
    """Align a sentence pair, whose source the student reads, as :class:`AlignConfig` has options.

    >>> from optical_lite.encoder import teacher
    >>> found = align(teacher(), teacher(), "Clean water is safe.", "Clean water is safe.")
    >>> sorted(found.links)
    [(0, 0), (1, 1), (2, 2), (3, 3), (4, 4)]
    """
    return realign(encode_pairs(student, teacher, [(source, target)]), AlignConfig(**options))[0]


def align_pairs(
    student: Encoder, teacher: Encoder, pairs: Iterable[tuple[Text, Text]], *, chunk: int = 512,
    **options,
) -> Iterator[Alignment]:  # fmt: skip
    """Align a stream of sentence pairs, ``chunk`` of them in memory at a time, in order."""
    need_whole("chunk", chunk)
    config, stream, first = AlignConfig(**options), iter(pairs), 1
    while some := list(itertools.islice(stream, chunk)):
        yield from realign(encode_pairs(student, teacher, some, first=first), config)
        first += len(some)


def write_links(
    source: Encoder, english: Encoder, pairs: str | Path, out: str | Path, progress: bool = True,
    **options,
):  # fmt: skip
    """Align a file of pairs into a file of Pharaoh links, line by line; it appears whole.

    Returned are the numbers of pairs, links, unknown words and plans that did not converge.
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
