"""Lexical retrieval: BM25 over words, translations as one structured query, two runs fused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite

import numpy as np
import torch
from scipy.sparse import csc_matrix

from .lexicon import Lexicon
from .retrieval import Run, cut, top
from .settings import InputError, need_whole
from .text import terms


def bm25(passages: Mapping[str, str], queries: Mapping[str, str], k: int = 100) -> Run:
    """Rank passages by BM25 (bm25s, its default k1 = 1.5 and b = 0.75, Lucene variant).

    Text is cut into :func:`optical_lite.text.terms`; no stemming, no stop words, for every language
    alike. Passages that share no word with the question are not returned.
    """
    import bm25s

    def scorer(corpus: list[list[str]]) -> Callable[[list[str]], np.ndarray]:
        engine = bm25s.BM25()
        engine.index(corpus, show_progress=False)

        def score(asked: list[str]) -> np.ndarray:
            known = [term for term in asked if term in engine.vocab_dict]
            return engine.get_scores(known) if known else np.zeros(len(corpus))

        return score

    return _ranked(passages, queries, k, scorer)


def structured(
    passages: Mapping[str, str], queries: Mapping[str, str], lexicon: Lexicon, k: int = 100
) -> Run:
    r"""Rank passages by BM25 for structured queries: a source word counts as all its translations.

    .. math:: \mathrm{tf}(f, D) = \sum_e p(e \mid f)\, \mathrm{tf}(e, D), \qquad
              \mathrm{df}(f) = \sum_e p(e \mid f)\, \mathrm{df}(e)

    The ten best translations of a word, rescaled to sum to 1; an unknown word stands for itself
    (names). Source: Darwish and Oard, SIGIR 2003; k1 = 1.5, b = 0.75.
    """

    def scorer(corpus: list[list[str]]) -> Callable[[list[str]], np.ndarray]:
        numbers: dict[str, int] = {}
        length = np.array(list(map(len, corpus)))
        rows = np.repeat(np.arange(len(corpus)), length)
        cells = [numbers.setdefault(term, len(numbers)) for each in corpus for term in each]
        tf = csc_matrix((np.ones(len(cells)), (rows, cells)), (len(corpus), len(numbers)))  # (D, V)
        df = np.asarray((tf > 0).sum(0)).ravel()
        norm = 1.5 * (0.25 + 0.75 * length / max(length.mean(), 1e-9))

        def score(asked: list[str]) -> np.ndarray:
            scores = np.zeros(len(corpus))
            for term in asked:
                found = lexicon.translations(term, 10) or [(term, 1.0)]
                known = [(numbers[e], p) for e, p in found if e in numbers]
                if known:
                    ids, p = map(np.array, zip(*known, strict=True))
                    p = p / sum(p for _, p in found)
                    count, seen = tf[:, ids] @ p, df[ids] @ p
                    idf = np.log(1 + (len(corpus) - seen + 0.5) / (seen + 0.5))
                    scores += idf * count / (count + norm)
            return scores

        return score

    return _ranked(passages, queries, k, scorer)


def _ranked(passages: Mapping[str, str], queries: Mapping[str, str], k: int, scorer) -> Run:
    """Passages with a score above 0, best first; ``scorer`` makes a function of a corpus."""
    need_whole("k", k)
    names = sorted(passages)
    corpus = [terms(passages[name]) for name in names]
    if not any(corpus):  # an empty vocabulary is more than an engine can take
        return {query: [] for query in queries}
    score, run = scorer(corpus), {}
    for query, text in queries.items():
        scores = torch.from_numpy(score(terms(text))).float()
        best = top([query], names, scores[None], k)[query] if scores.any() else []
        run[query] = [(passage, value) for passage, value in best if value > 0]
    return run


def fuse(first: Run, second: Run, share: float = 0.5, k: int = 100) -> Run:
    r"""Merge two runs by a convex combination of their scores, each list rescaled to 0 to 1.

    .. math:: s(q, p) = (1 - w)\, s'_1(q, p) + w\, s'_2(q, p), \qquad
              s' = \frac{s - \min s}{\max s - \min s}

    A passage that a list lacks has 0 there, like that list's last; so has a list whose scores are
    all the same. Where one list is empty the other counts whole. The second run's weight w is
    ``share``, from 0 to 1; choose it on development questions. Runs of different questions, a
    passage twice, a score that is no finite number and another share are an InputError.

    >>> first = {"q": [("a", 9.0), ("b", 8.0), ("c", 7.0)]}
    >>> fuse(first, {"q": [("c", 3.0), ("b", 2.0), ("d", 1.0)]})
    {'q': [('a', 0.5), ('b', 0.5), ('c', 0.5), ('d', 0.0)]}

    Source: Bruch, Gai and Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval", arXiv
    2210.11934.
    """
    if not 0 <= share <= 1:
        raise InputError("fuse", f"share {share}", "a number from 0 to 1")
    if odd := sorted(first.keys() ^ second.keys()):
        raise InputError("fuse", f"question {odd[0]!r} in one run only", "it in both")
    need_whole("k", k)
    run = {}
    for query in first:
        scores: dict[str, float] = {}
        # where one run is empty, the other's ranking stays
        weights = 1 - share if second[query] else 1.0, share if first[query] else 1.0
        for weight, ranking in zip(weights, (first[query], second[query]), strict=True):
            values = dict(ranking).values()
            low, high = min(values, default=0.0), max(values, default=0.0)
            width, twice = high - low, len(values) < len(ranking)
            if twice or not all(map(isfinite, (width, *values))):
                said = "a passage twice" if twice else f"scores from {low} to {high}"
                expected = "finite scores, a passage once"
                raise InputError("fuse", f"{said} for question {query!r}", expected)
            for passage, value in ranking:
                share_of_it = weight * (value - low) / width if width else 0.0
                scores[passage] = scores.get(passage, 0.0) + share_of_it
        run[query] = cut(list(scores.items()), k)
    return run
