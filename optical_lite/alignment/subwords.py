"""Sub-words: which word each token belongs to, sums over a word's tokens, encoded pairs."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from ..cost import cosine_cost
from ..encoder import Encoder
from ..kernels.given import as_array
from ..settings import InputError
from ..text import words as split_words
from ..tokenizer_files import encoded

Text = str | Sequence[str]  # a sentence, or its words where somebody has split it before


@dataclass(frozen=True)
class Pair:
    """A sentence pair, encoded: N source and M target words, cut into n and m tokens.

    Attributes
    ----------
    source_words, target_words : lists of N and M strings
    source_tokens, target_tokens : lists of n and m strings, special tokens left out
    source_owner, target_owner : word to which each token belongs, lists of n and m numbers
    source_unknown, target_unknown : words of which the tokenizer knows nothing (``[UNK]``): they
        have no token
    cost : Tensor, shape (n, m), the cosine cost ``C``
    """

    source_words: list[str]
    target_words: list[str]
    source_tokens: list[str]
    target_tokens: list[str]
    source_owner: list[int]
    target_owner: list[int]
    source_unknown: list[int]
    target_unknown: list[int]
    cost: Tensor


def _owners(text: str, words: Sequence[str], offsets: Sequence[tuple[int, int]]) -> list[int]:
    """The word that shares most characters with each span of the text; the next one for blanks."""
    of, place = np.full(len(text) + 1, len(words) - 1), 0  # the word of each character
    for k, word in enumerate(words):
        end = text.index(word, place) + len(word)
        of[place:end] = k
        place = end
    spans = (of[start : max(end, start + 1)] for start, end in offsets)
    return [int(np.bincount(span).argmax()) for span in spans]


def _sides(encoder: Encoder, texts: Sequence[Text], name: str, first: int) -> list[tuple]:
    """One side of some pairs, each its words, tokens, owners, unknown words and vectors (n, d)."""
    words = [split_words(text) if isinstance(text, str) else list(text) for text in texts]
    whole = [text if isinstance(text, str) else " ".join(text) for text in texts]
    codes = list(encoded(encoder.tokenizer, whole))
    for number, (found, code) in enumerate(zip(words, codes, strict=True), first):
        if not found:
            expected = "text; fill or delete it"
            raise InputError("align", f"an empty {name} side in pair {number}", expected)
        if len(code.ids) > encoder.max_length:
            raise InputError(
                f"align: got {len(code.ids)} tokens on the {name} side of pair {number}, expected "
                f"at most {encoder.max_length}; nothing is cut off silently, so split the text "
                "into sentences"
            )
    sides: list[tuple] = [()] * len(words)
    for rows, vectors in encoder.batches_of_ids([code.ids for code in codes]):
        for k, row in zip(rows, vectors, strict=True):
            code = codes[k]
            keep = [place for place, i in enumerate(code.ids) if i not in encoder.special]
            owner = _owners(whole[k], words[k], [code.offsets[place] for place in keep])
            unknown = sorted(set(range(len(words[k]))).difference(owner))
            sides[k] = words[k], [code.tokens[place] for place in keep], owner, unknown, row[keep]
    return sides


def word_plan(
    plan, source_owner: Sequence[int], target_owner: Sequence[int], N: int, M: int,
    of_cells: np.ufunc = np.add,
) -> np.ndarray:  # fmt: skip
    """Sum a plan over the tokens of each word: shape (n, m) -> (N, M).

    The owners are the words of the n and of the m tokens; a word without one has an empty row or
    column. Of similarities the largest of a word's cells is taken, with ``np.maximum``.

    >>> word_plan([[0.2, 0.1], [0.1, 0.2], [0.0, 0.4]], [0, 0, 1], [0, 1], 2, 2).round(2).tolist()
    [[0.3, 0.3], [0.0, 0.4]]
    """
    found = np.zeros((N, M))
    sides = (np.asarray(owner, int) for owner in (source_owner, target_owner))
    of_cells.at(found, np.ix_(*sides), as_array("word_plan", plan))
    return found


def encode_pairs(
    student: Encoder, teacher: Encoder, pairs: Sequence[tuple[Text, Text]], *, first: int = 1
) -> list[Pair]:
    """Encode sentence pairs: the slow half of :func:`.plans.align`; ``realign`` does the rest.

    An empty side, or one of more tokens than its encoder reads, is an InputError, which counts the
    pairs from ``first``.
    """
    left = _sides(student, [source for source, _ in pairs], "source", first)
    right = _sides(teacher, [target for _, target in pairs], "target", first)
    found = []
    for (*source, S), (*target, H) in zip(left, right, strict=True):
        both = itertools.chain.from_iterable(zip(source, target, strict=True))
        found.append(Pair(*both, cosine_cost(S, H).cpu()))
    return found
