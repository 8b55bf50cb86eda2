"""Vocabulary: give a student the words of its language, each starting where its English translations are.

The English vocabulary is kept, so that names are cut into the same pieces in a question and in a passage.
Added are pieces of the source language, learned from the bitext's source side; English pieces that are frequent in
the source language but rare in English (Swahili "na") get a new row as well. The student's new rows come after the
teacher's: rows ``[base:]`` of the embedding table are the new ones.
"""

from __future__ import annotations

import copy
import itertools
import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.trainers import WordPieceTrainer
from torch import nn

from .corpora import Bitext
from .cost import cosine_cost, uniform_marginal
from .encoder import SPECIAL, Encoder
from .kernels import shared_rows
from .kernels.shared_rows import SplitEmbedding
from .lexicon import Lexicon, ibm1
from .settings import InputError, seed_everything
from .text import latin, one_form, words
from .transport import solve

FILLS = ("lexicon", "transport", "mean", "random", "none")
LEXICONS = {
    "ibm1": {},
    "symmetric": {"diagonal": 4.0, "symmetric": True},
}  # chosen on AfriQA's ibo and hau dev questions
MARK = "\u2581"  # before a word, in the pieces of a unigram tokenizer
SEEN, FEW, SMALL = 3, 2, 1_000  # times that a new word is seen; fewer where there are fewer pairs than this
ROUNDS, PAIRS, EPSILON = 2, 6_000, 0.02  # of the transport filling: rounds, sentence pairs, sharpness of its plans


def extend(
    teacher: Encoder, bitext: Bitext, *, size: int = 20_000, fill: str = "lexicon", lexicon: str = "ibm1",
    seed: int | None = None,
) -> Encoder:  # fmt: skip
    """Make a student: a copy of the teacher whose vocabulary knows the bitext's source language.

    Parameters
    ----------
    teacher : an encoder with a WordPiece or a unigram tokenizer
    bitext : sentence pairs
    size : pieces learned from the source side, before those the English vocabulary has are left out; for a unigram
        tokenizer, most words added
    fill : {"lexicon", "transport", "mean", "random", "none"}
        how a new row starts: the mean of English rows weighted by their translation probability; the same, weighted
        by the mass that transport plans send from the piece to English pieces (from the lexicon's rows on, repeated);
        the mean of the rows of the English pieces it was cut into before; a draw from the spread of the English rows;
        or no new row: a copy of the teacher, as a multilingual one may do without
    lexicon : {"ibm1", "symmetric"}
        IBM Model 1, or with a prior for like places and both directions, see :func:`optical_lite.lexicon.ibm1`
    seed : for ``random``

    Returns
    -------
    Encoder, on the teacher's device, with ``model.config.base_vocab_size`` rows of the teacher's

    Examples
    --------
    See notebook 04.
    """
    for name, value, known in (("fill", fill, FILLS), ("lexicon", lexicon, LEXICONS)):
        if value not in known:
            raise InputError(f"vocabulary: got {name} {value!r}, expected one of {', '.join(known)}")
    if fill == "none":
        return teacher.copy(teacher.name)
    english = json.loads(teacher.tokenizer.to_str())
    kinds = {"WordPiece": _tokenizer, "Unigram": _unigram}
    if english["model"]["type"] not in kinds:
        raise InputError(
            f"vocabulary: got a {english['model']['type']} tokenizer, expected {' or '.join(kinds)}; "
            "distil without extension instead (--fill none)"
        )
    base = teacher.rows
    tokenizer, new = kinds[english["model"]["type"]](english, teacher.tokenizer, bitext, size, base)
    rows = _fill(teacher, tokenizer, new, bitext, fill, LEXICONS[lexicon], seed)
    student = teacher.copy(f"{teacher.name} + {bitext.source}", tokenizer)
    model = student.model
    if base >= shared_rows.LARGE:
        table = SplitEmbedding(model.get_input_embeddings().weight, base + torch.arange(len(new)), rows)
    else:
        table = nn.Embedding(base + len(new), teacher.embedding.shape[1], padding_idx=teacher.pad_id)
        table.weight.data = torch.cat([teacher.embedding.detach(), rows.to(teacher.embedding)])
    model.set_input_embeddings(table)
    model.config.vocab_size, model.config.base_vocab_size = base + len(new), base
    if fill == "transport":
        for _ in range(ROUNDS):
            _refill(student, teacher, bitext, base)
    return student.requires_grad_(True)


def base_rows(encoder: Encoder) -> int:
    """How many rows of the embedding table came from the teacher (all, where nothing was added)."""
    return getattr(encoder.model.config, "base_vocab_size", encoder.rows)


def _tokenizer(english: dict, original: Tokenizer, bitext: Bitext, size: int, base: int) -> tuple[Tokenizer, list[str]]:
    """The extended tokenizer and its new pieces; piece k has id ``base + k``."""
    source = [s for s, _ in bitext.pairs]
    settings = copy.deepcopy(english)
    if not latin(" ".join(source[:500])) and "strip_accents" in (settings["normalizer"] or {}):
        settings["normalizer"]["strip_accents"] = False  # vowel signs of Devanagari would go with the accents
    learner = one_form(Tokenizer.from_str(json.dumps(settings)))
    settings["normalizer"] = json.loads(learner.to_str())["normalizer"]
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


def _unigram(english: dict, original: Tokenizer, bitext: Bitext, size: int, base: int) -> tuple[Tokenizer, list[str]]:
    """The same for a unigram tokenizer: whole words that it cuts up, each of which gets the best score of its list.

    A segmentation's score is the sum of its pieces', all below 0, so that a word with the best one is never cut again.
    """
    known = {piece for piece, _ in english["model"]["vocab"]}
    counts = []
    for side in zip(*bitext.pairs, strict=True):
        normal = (original.normalizer.normalize_str(text) for text in side)
        counts.append(Counter(word for text in normal for word in words(text)))
    mine, theirs = counts
    new = []
    for word in sorted(mine, key=lambda w: (-mine[w], w)):
        often = mine[word] >= (FEW if len(bitext) < SMALL else SEEN) and theirs[word] * 2 <= mine[word]
        if often and MARK + word not in known and any(unicodedata.category(c)[0] in "LM" for c in word):
            new.append(MARK + word)
    scores = [score for piece, score in english["model"]["vocab"] if piece not in SPECIAL]
    pads = [[f"<unused {k}>", min(scores)] for k in range(len(known), base)]  # the table has rows without a piece
    settings = {**english, "model": {**english["model"], "vocab": [
        *english["model"]["vocab"], *pads, *([piece, max(scores)] for piece in new[:size])
    ]}}  # fmt: skip
    return Tokenizer.from_str(json.dumps(settings)), new[:size]


def _frequencies(learner: Tokenizer, original: Tokenizer, bitext: Bitext) -> tuple[Counter, Counter]:
    """How often each piece occurs in the source; how often each English piece, and "whole WORD", in English."""
    mine, theirs = Counter(), Counter()
    for tokens in _cut(learner, (source for source, _ in bitext.pairs)):
        mine.update(tokens)
    targets = [target for _, target in bitext.pairs]
    for text, tokens in zip(targets, _cut(original, targets), strict=True):
        theirs.update(tokens)
        normal = learner.normalizer.normalize_str(text)
        theirs.update("whole " + word for word, _ in learner.pre_tokenizer.pre_tokenize_str(normal))
    return mine, theirs


def piece_lexicon(tokenizer: Tokenizer, teacher: Encoder, bitext: Bitext, iterations: int = 8, **how) -> Lexicon:
    """:func:`optical_lite.lexicon.ibm1` between the student's pieces and the teacher's pieces of a bitext."""
    left = _cut(tokenizer, (source for source, _ in bitext.pairs))
    right = _cut(teacher.tokenizer, (target for _, target in bitext.pairs))
    return ibm1(zip(left, right, strict=True), iterations, **how)


def _cut(tokenizer: Tokenizer, texts: Iterable[str]) -> Iterator[list[str]]:
    """Tokens of each text; a batch at a time, for the tokenizer's answer is a hundred times as large as the text."""
    texts = iter(texts)
    while batch := list(itertools.islice(texts, 1000)):
        for code in tokenizer.encode_batch(batch, add_special_tokens=False):
            yield code.tokens


def _fill(
    teacher: Encoder, tokenizer: Tokenizer, new: list[str], bitext: Bitext, fill: str, how: dict, seed: int | None
) -> torch.Tensor:
    """First values of the new rows, shape (len(new), d)."""
    table = teacher.embedding.detach().cpu()
    if fill == "random":
        seed_everything(seed)
        return table.mean(0) + table.std(0) * torch.randn(len(new), table.shape[1])
    rows = table.mean(0).repeat(len(new), 1)
    teacher.release()
    if fill == "mean":
        for k, piece in enumerate(new):
            ids = teacher.tokenizer.encode(piece.removeprefix("##").removeprefix(MARK), add_special_tokens=False).ids
            if ids:
                rows[k] = table[ids].mean(0)
        return rows
    lexicon = piece_lexicon(tokenizer, teacher, bitext, **how)
    number = {piece: k for k, piece in enumerate(new)}
    found = [teacher.tokenizer.token_to_id(word) for word in lexicon.target]  # None: what a unigram tokenizer lacks
    ids = torch.tensor([teacher.tokenizer.token_to_id("<unk>") if i is None else i for i in found])
    for f, piece in enumerate(lexicon.source):
        if piece in number:
            cells = lexicon.table[[f]]
            weights = torch.from_numpy(cells.data).float()
            if len(weights):
                rows[number[piece]] = (weights / weights.sum()) @ table[ids[cells.indices]]
    teacher.release()
    return rows


@torch.no_grad()
def _refill(student: Encoder, teacher: Encoder, bitext: Bitext, base: int) -> None:
    """Set each new row to the mean of English rows, weighted by the mass that plans send to them."""
    pairs = bitext.pairs[:: max(1, len(bitext) // PAIRS)]
    width = teacher.rows
    codes, masses = [], []
    for start in range(0, len(pairs), 256):
        S, H = (
            e.encode(side)
            for e, side in zip((student, teacher), zip(*pairs[start : start + 256], strict=True), strict=True)
        )
        cost, marginals = cosine_cost(S.vectors, H.vectors), (uniform_marginal(S.mask), uniform_marginal(H.mask))
        plan = solve(cost, *marginals, epsilon=EPSILON, method="stabilized").plan  # (B, n, m)
        share = plan / marginals[0].clamp_min(1e-9)[:, :, None]
        k, i, j = ((share > 0.05) & (S.ids >= base)[:, :, None]).nonzero(as_tuple=True)
        codes.append((S.ids[k, i] - base) * width + H.ids[k, j])
        masses.append(share[k, i, j])
    unique, place = torch.cat(codes).unique(return_inverse=True)
    mass = torch.zeros(len(unique), device=place.device).index_add(0, place, torch.cat(masses))
    row, column = unique // width, unique % width
    total = torch.zeros(student.rows - base, device=mass.device).index_add(0, row, mass)
    weights = (mass / total[row])[:, None]
    rows = torch.zeros(len(total), teacher.embedding.shape[1], device=mass.device)
    rows.index_add_(0, row, weights * teacher.embedding[column])
    known, table = total > 0, student.model.get_input_embeddings()
    own = table.new if isinstance(table, SplitEmbedding) else table.weight[base:]
    own[known] = rows[known]
