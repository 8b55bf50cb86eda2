"""Vocabulary: give a student the words of its language, each where its translations are.

The English vocabulary is kept, so that most English words and names are cut in a question as they
are in a passage. Not all are: a new piece may win inside another word (of some 33,000 Swahili pairs
2.2 % of the English tokens under WordPiece, "Ebola" among them; see :mod:`.kernels.pieces`). Added
are pieces learned from the bitext's source side; English pieces that are frequent there but rare in
English (Swahili "na") get a new row as well. The new rows ``[base:]`` of the embedding table come
after the teacher's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import torch
from tokenizers import Tokenizer
from torch import nn

from . import tokenizer_files
from .config import PIECES
from .corpora import Bitext, need_pairs
from .encoder import Encoder
from .kernels import pieces, shared_rows
from .kernels.shared_rows import SplitEmbedding
from .lexicon import Lexicon, ibm1
from .settings import InputError, need_whole, one_of, seed_everything
from .text import latin, words

FILLS = ("lexicon", "mean", "random", "none")
# what `ibm1` is called with: the second has a prior for like places, and both directions
LEXICONS = {"ibm1": {}, "symmetric": {"diagonal": 4.0, "symmetric": True}}
MEND = "distil without extension instead (--fill none)"
LEARNED = 100_000  # sentence pairs, evenly spaced, that words and translations are learned from
# a unigram tokenizer gains the words that occur SEEN times, or FEW times in less than SMALL pairs
SEEN, FEW, SMALL = 3, 2, 1_000


def extend(
    teacher: Encoder, bitext: Bitext, *, size: int = 20_000, fill: str = "lexicon",
    lexicon: str = "ibm1", seed: int | None = None,
) -> Encoder:  # fmt: skip
    """Make a student: a copy of the teacher whose vocabulary knows the bitext's source language.

    It is on the teacher's device; :func:`base_rows` says how many rows are the teacher's. See
    lesson 04.

    Parameters
    ----------
    teacher : an encoder with a WordPiece or a unigram tokenizer
    bitext : sentence pairs; of more than :data:`LEARNED`, at most so many are read
    size : pieces learned from the source side, before those the English vocabulary has are left
        out; for a unigram tokenizer, most words added
    fill : {"lexicon", "mean", "random", "none"}
        how a new row starts: the mean of English rows weighted by their translation probability;
        the mean of the rows of the English pieces it was cut into before; a draw from the spread of
        the English rows; or no new row: a copy of the teacher, as a multilingual one may do without
    lexicon : {"ibm1", "symmetric"}
        IBM Model 1, or with a prior for like places and both directions, see
        :func:`optical_lite.lexicon.ibm1`
    seed : for ``random``
    """
    one_of("vocabulary: got fill", fill, FILLS)
    one_of("vocabulary: got lexicon", lexicon, LEXICONS)
    need_whole("size", size, 1, PIECES)
    if fill == "none":
        return teacher.copy(teacher.name)
    need_pairs(bitext, "vocabulary")
    if (step := -(-len(bitext) // LEARNED)) > 1:
        bitext = replace(bitext, pairs=bitext.pairs[::step])
    base = teacher.rows
    tokenizer, new = _learn(teacher, bitext, size)
    rows = _fill(teacher, tokenizer, new, bitext, fill, LEXICONS[lexicon], seed)
    count = base + len(new)
    # the reader that loads a student from its folder checks the tokenizer here, too
    made = tokenizer_files.read("vocabulary", count, lambda: tokenizer, MEND)
    student = teacher.copy(f"{teacher.name} + {bitext.source}", made)
    model = student.model
    if base >= shared_rows.LARGE:
        old = model.get_input_embeddings().weight
        places = base + torch.arange(len(new), device=old.device)
        table = SplitEmbedding(old, places, rows.to(old))
    else:
        old = teacher.embedding.detach()
        table = nn.Embedding(count, old.shape[1], padding_idx=teacher.pad_id)
        table.weight.data = torch.cat([old, rows.to(old)])
    model.set_input_embeddings(table)
    model.config.vocab_size, model.config.base_vocab_size = count, base
    return student.requires_grad_(True)


def base_rows(encoder: Encoder) -> int:
    """How many rows of the embedding table came from the teacher (all, where nothing was added)."""
    return getattr(encoder.model.config, "base_vocab_size", encoder.rows)


def _learn(teacher: Encoder, bitext: Bitext, size: int) -> tuple[bytes, list[str]]:
    """The extended tokenizer, as its record, and its new pieces, in the order of their rows."""
    tokenizer, sides = teacher.tokenizer, list(zip(*bitext.pairs, strict=True))
    kind = type(tokenizer.model).__name__
    if kind not in ("WordPiece", "Unigram"):
        raise InputError("vocabulary", f"a {kind} tokenizer", f"WordPiece or Unigram; {MEND}")
    if tokenizer.pre_tokenizer is None:
        expected = f"one, which cuts a text into words; {MEND}"
        raise InputError("vocabulary", f"a {kind} tokenizer without a pre_tokenizer", expected)
    if kind == "WordPiece":
        # vowel signs of Devanagari would go with the accents
        accents = not latin(" ".join(sides[0][:500]))
        return pieces.wordpiece(tokenizer, *sides, size, teacher.rows, accents)
    normal = tokenizer.normalizer.normalize_str
    counts = [Counter(word for text in side for word in words(normal(text))) for side in sides]
    seen = FEW if len(bitext) < SMALL else SEEN
    return pieces.unigram(tokenizer, *counts, size, teacher.rows, seen)


def _piece_lexicon(tokenizer: bytes, teacher: Encoder, bitext: Bitext, **how) -> Lexicon:
    """:func:`.lexicon.ibm1` between the student's pieces and the teacher's pieces of a bitext."""

    def pairs() -> Iterator[tuple[list[str], list[str]]]:
        learned = Tokenizer.from_buffer(tokenizer)
        left = pieces.cut(learned, (source for source, _ in bitext.pairs))
        right = pieces.cut(teacher.tokenizer, (target for _, target in bitext.pairs))
        yield from zip(left, right, strict=True)
        del learned, left, right
        teacher.put_away()  # EM, which begins here, needs the memory of both

    return ibm1(pairs(), **how)


def _fill(
    teacher: Encoder, tokenizer: bytes, new: list[str], bitext: Bitext, fill: str, how: dict,
    seed: int | None,
) -> torch.Tensor:  # fmt: skip
    """First values of the new rows, shape (len(new), d)."""
    table = teacher.embedding.detach().cpu()
    if fill == "random":
        seed_everything(seed)
        return table.mean(0) + table.std(0) * torch.randn(len(new), table.shape[1])
    rows = table.mean(0).repeat(len(new), 1)
    teacher.release()
    if fill == "mean":
        start = getattr(teacher.tokenizer.model, "continuing_subword_prefix", "")
        for k, piece in enumerate(new):
            word = piece.removeprefix(start).removeprefix(pieces.MARK)
            ids = teacher.tokenizer.encode(word, add_special_tokens=False).ids
            if ids:
                rows[k] = table[ids].mean(0)
        return rows
    lexicon = _piece_lexicon(tokenizer, teacher, bitext, **how)
    english = teacher.tokenizer
    # a unigram tokenizer calls an unknown piece by its text; its model tells that piece's number
    found = ((word, english.token_to_id(word)) for word in lexicon.target)
    ids = [english.model.tokenize(word)[0].id if k is None else k for word, k in found]
    ids = torch.tensor(ids)
    del english, found
    teacher.put_away()
    for k, piece in enumerate(new):
        row = lexicon.position(piece)
        if row is not None and (cells := lexicon.table[[row]]).nnz:
            weights = torch.from_numpy(cells.data).float()
            rows[k] = (weights / weights.sum()) @ table[ids[cells.indices]]
    teacher.release()
    return rows
