"""Lexical retrieval: BM25 over words, a lexicon's translations as one structured query, and two runs fused."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

import numpy as np
import torch
from scipy.sparse import csr_matrix

from .lexicon import Lexicon
from .retrieval import Run, check_depth, cut, top
from .settings import InputError
from .text import terms


def bm25(passages: Mapping[str, str], queries: Mapping[str, str], k: int = 100) -> Run:
    """Rank passages by BM25 (bm25s, its default k1 = 1.5 and b = 0.75, Lucene variant).

    Text is cut into :func:`optical_lite.text.terms`; no stemming, no stop words, for every language alike. Passages
    that share no word with the question are not returned.
    """
    import bm25s

    check_depth(k)
    names = sorted(passages)
    corpus = [terms(passages[name]) for name in names]
    if not any(corpus):  # an empty vocabulary is more than the engine can take
        return {query: [] for query in queries}
    engine = bm25s.BM25()
    engine.index(corpus, show_progress=False)
    run = {}
    for query, text in queries.items():
        known = [term for term in terms(text) if term in engine.vocab_dict]
        scores = torch.from_numpy(engine.get_scores(known)) if known else torch.zeros(len(names))
        (found,) = top([query], names, scores[None].float(), k).values()
        run[query] = [(passage, value) for passage, value in found if value > 0]
    return run


def structured(passages: Mapping[str, str], queries: Mapping[str, str], lexicon: Lexicon, k: int = 100) -> Run:
    r"""Rank passages by BM25 for probabilistic structured queries: a source word counts as all its translations.

    .. math:: \mathrm{tf}(f, D) = \sum_e p(e \mid f)\, \mathrm{tf}(e, D), \qquad
              \mathrm{df}(f) = \sum_e p(e \mid f)\, \mathrm{df}(e)

    The ten best translations of a word, rescaled to sum to 1; an unknown word stands for itself (names).
    Source: Darwish and Oard, SIGIR 2003; k1 = 1.5, b = 0.75.
    """
    check_depth(k)
    names = sorted(passages)
    corpus = [terms(passages[name]) for name in names]
    if not any(corpus):
        return {query: [] for query in queries}
    numbers: dict[str, int] = {}
    cells = [(i, numbers.setdefault(term, len(numbers))) for i, each in enumerate(corpus) for term in each]
    tf = csr_matrix((np.ones(len(cells)), tuple(zip(*cells, strict=True))), (len(names), len(numbers)))  # (D, V)
    df = np.asarray((tf > 0).sum(0)).ravel()
    length = np.array([len(each) for each in corpus])
    norm = 1.5 * (0.25 + 0.75 * length / max(length.mean(), 1e-9))
    columns, run = tf.tocsc(), {}
    for query, text in queries.items():
        scores = np.zeros(len(names))
        for term in terms(text):
            found = lexicon.translations(term, 10) or [(term, 1.0)]
            known = [(numbers[e], p) for e, p in found if e in numbers]
            if known:
                ids, p = np.array([e for e, _ in known]), np.array([p for _, p in known])
                p = p / sum(p for _, p in found)
                count = columns[:, ids] @ p
                idf = np.log(1 + (len(names) - df[ids] @ p + 0.5) / (df[ids] @ p + 0.5))
                scores += idf * count / (count + norm)
        (best,) = top([query], names, torch.from_numpy(scores)[None].float(), k).values()
        run[query] = [(passage, value) for passage, value in best if value > 0]
    return run


def fuse(first: Run, second: Run, share: float = 0.5, k: int = 100) -> Run:
    r"""Merge two runs by a convex combination of their scores, each list rescaled to reach from 0 to 1.

    .. math:: s(q, p) = (1 - w)\, s'_1(q, p) + w\, s'_2(q, p), \qquad s' = \frac{s - \min s}{\max s - \min s}

    A passage that a list lacks has 0 there, like that list's last; so has a list whose scores are all the same.

    Parameters
    ----------
    first, second : runs of the same questions
    share : w, the second run's weight, from 0 to 1; choose it on development questions
    k : passages to keep

    Raises
    ------
    InputError
        a share outside 0 to 1, runs of different questions, a passage twice, a score that is no finite number

    Examples
    --------
    >>> fuse({"q": [("a", 9.0), ("b", 8.0), ("c", 7.0)]}, {"q": [("c", 3.0), ("b", 2.0), ("d", 1.0)]})
    {'q': [('a', 0.5), ('b', 0.5), ('c', 0.5), ('d', 0.0)]}

    Source: Bruch, Gai and Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval", arXiv 2210.11934.
    """
    if not 0 <= share <= 1:
        raise InputError(f"fuse: got share {share}, expected a number from 0 to 1")
    if odd := sorted(first.keys() ^ second.keys()):
        raise InputError(f"fuse: got question {odd[0]!r} in one run only, expected the same questions in both")
    check_depth(k)
    run = {}
    for query in first:
        scores: dict[str, float] = {}
        for weight, ranking in ((1 - share, first[query]), (share, second[query])):
            values = dict(ranking).values()
            low, width = min(values, default=0.0), max(values, default=0.0) - min(values, default=0.0)
            if len(values) < len(ranking) or not all(map(isfinite, (width, *values))):
                said = "a passage twice" if len(values) < len(ranking) else f"scores from {low} to {low + width}"
                raise InputError(f"fuse: got {said} for question {query!r}, expected finite scores, a passage once")
            for passage, value in ranking:
                scores[passage] = scores.get(passage, 0.0) + (weight * (value - low) / width if width else 0.0)
        run[query] = cut(list(scores.items()), k)
    return run
