"""Vocabulary: give a student the words of its language, each starting where its English translations are.

The English vocabulary is kept, so that names are cut into the same pieces in a question and in a passage.
Added are pieces of the source language, learned from the bitext's source side; English pieces that are frequent in
the source language but rare in English (Swahili "na") get a new row as well. The student's new rows come after the
teacher's: rows ``[base:]`` of the embedding table are the new ones.
"""

from __future__ import annotations

import copy
import json
import unicodedata
from collections import Counter
from collections.abc import Iterable

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.trainers import WordPieceTrainer
from torch import nn

from .corpora import Bitext
from .encoder import SPECIAL, Encoder
from .lexicon import Lexicon, ibm1
from .settings import InputError, seed_everything

FILLS = ("lexicon", "mean", "random")


def extend(
    teacher: Encoder, bitext: Bitext, *, size: int = 20_000, fill: str = "lexicon", seed: int | None = None
) -> Encoder:
    """Make a student: a copy of the teacher whose vocabulary knows the bitext's source language.

    Parameters
    ----------
    teacher : an encoder with a WordPiece tokenizer
    bitext : sentence pairs
    size : pieces learned from the source side, before those the English vocabulary has are left out
    fill : {"lexicon", "mean", "random"}
        how a new row starts: the mean of English rows weighted by their translation probability; the mean of the
        rows of the English pieces it was cut into before; a draw from the spread of the English rows
    seed : for ``random``

    Returns
    -------
    Encoder, on the teacher's device, with ``model.config.base_vocab_size`` rows of the teacher's

    Examples
    --------
    See notebook 05.
    """
    if fill not in FILLS:
        raise InputError(f"vocabulary: got fill {fill!r}, expected one of {', '.join(FILLS)}")
    english = json.loads(teacher.tokenizer.to_str())
    if english["model"]["type"] != "WordPiece":
        raise InputError(
            f"vocabulary: got a {english['model']['type']} tokenizer, expected WordPiece; "
            "distil without extension instead"
        )
    base = len(teacher.embedding)
    tokenizer, new = _tokenizer(english, teacher.tokenizer, bitext, size, base)
    rows = _fill(teacher, tokenizer, new, bitext, fill, seed)
    model = copy.deepcopy(teacher.model)
    table = nn.Embedding(base + len(new), teacher.embedding.shape[1], padding_idx=teacher.pad_id)
    table.weight.data = torch.cat([teacher.embedding.detach(), rows.to(teacher.embedding)])
    model.set_input_embeddings(table)
    model.config.vocab_size, model.config.base_vocab_size = len(table.weight), base
    name, projection = f"{teacher.name} + {bitext.source}", copy.deepcopy(teacher.projection)
    student = Encoder(model, tokenizer, name, teacher.max_length, projection)
    return student.requires_grad_(True)


def base_rows(encoder: Encoder) -> int:
    """How many rows of the embedding table came from the teacher (all, where nothing was added)."""
    return getattr(encoder.model.config, "base_vocab_size", len(encoder.embedding))


def _latin(sentences: Iterable[str]) -> bool:
    letters = Counter(unicodedata.name(c, "?").startswith("LATIN") for s in sentences for c in s if c.isalpha())
    return letters[True] >= letters[False]


def _tokenizer(english: dict, original: Tokenizer, bitext: Bitext, size: int, base: int) -> tuple[Tokenizer, list[str]]:
    """The extended tokenizer and its new pieces; piece k has id ``base + k``."""
    source = [s for s, _ in bitext.pairs]
    settings = copy.deepcopy(english)
    if not _latin(source[:500]) and "strip_accents" in (settings["normalizer"] or {}):
        settings["normalizer"]["strip_accents"] = False  # vowel signs of Devanagari would go with the accents
    learner = Tokenizer.from_str(json.dumps(settings))
    learner.model = WordPiece(unk_token="[UNK]", max_input_chars_per_word=100)
    # The trainer numbers "##x" pieces in the order of a hash map, and breaks ties by number: two runs would learn
    # different pieces. Naming these pieces up front, sorted, makes it repeatable (huggingface/tokenizers#1794).
    letters = sorted({letter for text in source for letter in learner.normalizer.normalize_str(text)})
    fixed = ["[UNK]", *(f"##{letter}" for letter in letters if not letter.isspace())]
    trainer = WordPieceTrainer(vocab_size=size + len(fixed), min_frequency=2, show_progress=False, special_tokens=fixed)
    learner.train_from_iterator(source, trainer)
    vocabulary = dict(english["model"]["vocab"])
    mine, theirs = _frequencies(learner, original, bitext)
    new = []
    for piece in sorted(mine, key=lambda p: (-mine[p], p)):
        if piece in SPECIAL or not any(unicodedata.category(c)[0] in "LM" for c in piece):
            continue
        if piece not in vocabulary:
            if theirs["whole " + piece] * 2 <= mine[piece]:  # a name is as frequent on the English side
                new.append(piece)
        elif mine[piece] >= 5 and mine[piece] > 20 * theirs[piece]:
            vocabulary[f"[english {piece}]"] = vocabulary.pop(piece)  # keeps the old id, can never be matched
            new.append(piece)
    for k, piece in enumerate(new):
        vocabulary[piece] = base + k
    settings["model"]["vocab"] = vocabulary
    return Tokenizer.from_str(json.dumps(settings)), new


def _frequencies(learner: Tokenizer, original: Tokenizer, bitext: Bitext) -> tuple[Counter, Counter]:
    """How often each piece occurs in the source; how often each English piece, and "whole WORD", in English."""
    mine, theirs = Counter(), Counter()
    sources, targets = zip(*bitext.pairs, strict=True) if bitext.pairs else ((), ())
    for code in learner.encode_batch(list(sources), add_special_tokens=False):
        mine.update(code.tokens)
    for text, code in zip(targets, original.encode_batch(list(targets), add_special_tokens=False), strict=True):
        theirs.update(code.tokens)
        normal = learner.normalizer.normalize_str(text)
        theirs.update("whole " + word for word, _ in learner.pre_tokenizer.pre_tokenize_str(normal))
    return mine, theirs


def piece_lexicon(tokenizer: Tokenizer, teacher: Encoder, bitext: Bitext, iterations: int = 8) -> Lexicon:
    """IBM Model 1 between the student's pieces and the teacher's pieces of a bitext."""
    sources, targets = zip(*bitext.pairs, strict=True)
    left = [code.tokens for code in tokenizer.encode_batch(list(sources), add_special_tokens=False)]
    right = [code.tokens for code in teacher.tokenizer.encode_batch(list(targets), add_special_tokens=False)]
    return ibm1(zip(left, right, strict=True), iterations)


def _fill(
    teacher: Encoder, tokenizer: Tokenizer, new: list[str], bitext: Bitext, fill: str, seed: int | None
) -> torch.Tensor:
    """First values of the new rows, shape (len(new), d)."""
    table = teacher.embedding.detach().cpu()
    mean, spread = table.mean(0), table.std(0)
    if fill == "random":
        seed_everything(seed)
        return mean + spread * torch.randn(len(new), table.shape[1])
    rows = mean.repeat(len(new), 1)
    if fill == "mean":
        for k, piece in enumerate(new):
            ids = teacher.tokenizer.encode(piece.removeprefix("##"), add_special_tokens=False).ids
            if ids:
                rows[k] = table[ids].mean(0)
        return rows
    lexicon = piece_lexicon(tokenizer, teacher, bitext)
    number = {piece: k for k, piece in enumerate(new)}
    ids = torch.tensor([teacher.tokenizer.token_to_id(word) for word in lexicon.target])
    for f, piece in enumerate(lexicon.source):
        if piece in number:
            cells = lexicon.table[[f]]
            weights = torch.from_numpy(cells.data).float()
            if len(weights):
                rows[number[piece]] = (weights / weights.sum()) @ table[ids[cells.indices]]
    return rows
