"""Pieces: tokenizers that learn the words of another language, numbered after the pieces they had.

What comes out is the text of a ``tokenizer.json``, which takes a tenth of a tokenizer's memory, and
the new pieces, of which piece k has the number ``base + k``.
"""

from __future__ import annotations

import itertools
import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from tokenizers import Tokenizer, normalizers
from tokenizers.models import WordPiece
from tokenizers.trainers import WordPieceTrainer

from ..tokenizer_files import encoded

ROLES = {  # what transformers calls a special token: its names in BERT's and in XLM-R's vocabulary
    "pad_token": ("[PAD]", "<pad>"), "unk_token": ("[UNK]", "<unk>"), "cls_token": ("[CLS]", "<s>"),
    "sep_token": ("[SEP]", "</s>"), "mask_token": ("[MASK]", "<mask>"),
}  # fmt: skip
SPECIAL = tuple(itertools.chain.from_iterable(ROLES.values()))
MARK = "\u2581"  # before a word, in the pieces of a unigram tokenizer


def one_form(tokenizer: Tokenizer) -> Tokenizer:
    """Make a tokenizer read a text in its two Unicode forms, NFC and NFD, alike; most do already.

    BERT's normal form makes them one by taking accents off. Where those are kept (cased models,
    scripts whose vowel signs are marks), NFC follows it: text in NFC is cut as before.
    """
    normal = tokenizer.normalizer
    forms = {unicodedata.normalize(form, "é ọ́ क़ ऩ 각 パ") for form in ("NFC", "NFD")}
    if normal is None:
        tokenizer.normalizer = normalizers.Sequence([normalizers.NFC()])
    elif len({normal.normalize_str(text) for text in forms}) > 1:
        tokenizer.normalizer = normalizers.Sequence([normal, normalizers.NFC()])
    return tokenizer


def cut(tokenizer: Tokenizer, texts: Iterable[str]) -> Iterator[list[str]]:
    """Tokens of each text."""
    for code in encoded(tokenizer, texts, add_special_tokens=False):
        yield code.tokens


def letters(tokenizer: Tokenizer, texts: Iterable[str]) -> list[str]:
    """The "##x" pieces of all letters of some texts, sorted, for a trainer to begin with.

    It numbers them in the order of a hash map, and breaks ties by number: two runs would learn
    different pieces. Naming them up front makes it repeatable (huggingface/tokenizers#1794).
    """
    found = {letter for text in texts for letter in tokenizer.normalizer.normalize_str(text)}
    start = tokenizer.model.continuing_subword_prefix
    return [start + letter for letter in sorted(found) if not letter.isspace()]


def record(tokenizer: Tokenizer) -> tuple[dict, dict[str, int]]:
    """A tokenizer's record, and the numbers of its added tokens.

    Whoever reads a record numbers those that are no piece anew, after the last piece. They keep
    their numbers if they are made pieces.
    """
    found = json.loads(tokenizer.to_str())
    return found, {token["content"]: token["id"] for token in found["added_tokens"]}


def _has_letter(piece: str) -> bool:
    return any(unicodedata.category(char)[0] in "LM" for char in piece)


def wordpiece(
    tokenizer: Tokenizer, source: Sequence[str], target: Sequence[str], size: int, base: int,
    accents: bool,
) -> tuple[bytes, list[str]]:  # fmt: skip
    """Pieces learned from the source texts; English ones frequent there alone get a new row, too.

    So many pieces (``size``) are learned, and then those that are known left out. The longest piece
    wins, so that a new one can cut an English word otherwise: ``e|##bola`` becomes ``ebo|##la``.
    ``accents`` are kept where a script's vowel signs are marks.
    """
    settings, added = record(tokenizer)
    if accents and "strip_accents" in (settings["normalizer"] or {}):
        settings["normalizer"]["strip_accents"] = False
    learner = one_form(Tokenizer.from_str(json.dumps(settings)))
    settings["normalizer"] = json.loads(learner.to_str())["normalizer"]
    unknown, start = tokenizer.model.unk_token, tokenizer.model.continuing_subword_prefix
    learner.model = WordPiece(unk_token=unknown, continuing_subword_prefix=start)
    fixed = [unknown, *letters(learner, source)]
    trainer = WordPieceTrainer(
        vocab_size=size + len(fixed), min_frequency=2, show_progress=False, special_tokens=fixed,
        continuing_subword_prefix=start,
    )  # fmt: skip
    learner.train_from_iterator(source, trainer)
    mine = Counter(itertools.chain.from_iterable(cut(learner, source)))
    theirs = Counter(itertools.chain.from_iterable(cut(tokenizer, target)))
    whole: Counter = Counter()  # English words
    for text in target:
        split = learner.pre_tokenizer.pre_tokenize_str(learner.normalizer.normalize_str(text))
        whole.update(word for word, _ in split)
    vocabulary, new = settings["model"]["vocab"] | added, []
    kept = {unknown, *SPECIAL, *added}
    for piece in sorted(mine, key=lambda p: (-mine[p], p)):
        if piece in kept or not _has_letter(piece):
            continue
        if piece not in vocabulary:
            if whole[piece] * 2 <= mine[piece]:  # a name is as frequent on the English side
                new.append(piece)
        elif mine[piece] >= 5 and mine[piece] > 20 * theirs[piece]:
            # keeps the old id, can never be matched
            vocabulary[f"[english {piece}]"] = vocabulary.pop(piece)
            new.append(piece)
    settings["model"]["vocab"] = vocabulary | {piece: base + k for k, piece in enumerate(new)}
    return json.dumps(settings).encode(), new


def unigram(
    tokenizer: Tokenizer, mine: Counter, theirs: Counter, size: int, base: int, seen: int
) -> tuple[bytes, list[str]]:
    """Whole words that a unigram tokenizer cuts up, each with the best score of its list.

    A segmentation's score is the sum of its pieces', all below 0, so that an added word is never
    cut again. Others may be: it also wins as the beginning of a longer word, even of one that had a
    piece of its own. ``nchini`` becomes ``nchin|i``; of some 33,000 Swahili pairs 1.5 % of the
    source tokens are cut worse, and 360 English words otherwise. At most ``size`` words are added,
    of those that occur ``seen`` times or more on the source side.
    """
    settings, added = record(tokenizer)
    vocab = settings["model"]["vocab"]  # [piece, score] of each
    known, new = {*added, *(piece for piece, _ in vocab)}, []
    for word in sorted(mine, key=lambda w: (-mine[w], w)):
        often = mine[word] >= seen and theirs[word] * 2 <= mine[word]
        if often and MARK + word not in known and _has_letter(word):
            new.append(MARK + word)
    scores = [score for piece, score in vocab if piece not in SPECIAL]
    # the table has rows without a piece
    named, low = {number: piece for piece, number in added.items()}, min(scores)
    vocab += [[named.get(k, f"<unused {k}>"), low] for k in range(len(vocab), base)]
    vocab += [[piece, max(scores)] for piece in new[:size]]
    return json.dumps(settings).encode(), new[:size]
