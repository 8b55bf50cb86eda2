"""Material of the benchmarks: real texts, else pocket's, and random vectors."""

from __future__ import annotations

import functools
from collections.abc import Iterable

import torch
from torch.nn.functional import normalize

from ..corpora import Bitext, Collection
from ..datasets import pocket, published
from ..encoder import Encoder, TokenBatch, teacher
from ..index import PassageIndex
from ..settings import InputError

# passages and dimensions of the random collection
LARGE, WIDTH = 100_000, 128
DRAWN = 1 << 18  # its vectors, repeated


def bitext(pairs: int = 30_782) -> Bitext:
    """MAFAND's Swahili training pairs, or pocket's."""
    try:
        found = published.mafand("swa")
    except InputError:
        found = pocket.bitext("sw")
    return Bitext(found.name, "sw", "en", found.pairs[:pairs])


def collection() -> Collection:
    """AfriQA's Swahili questions and passages, or pocket's."""
    try:
        return published.afriqa("swa")
    except InputError:
        return pocket.collection("sw")


def forward(encoder: Encoder, lengths: Iterable[int]) -> float:
    """Operations of a forward pass: two for each weight and token, and those of attention."""
    lengths = list(lengths)
    weights = sum(p.numel() for p in encoder.model.encoder.parameters() if p.ndim == 2)
    squares = sum(n * n for n in lengths)
    attention = 4 * encoder.dimension * encoder.model.config.num_hidden_layers * squares
    return 2.0 * weights * sum(lengths) + attention


def some(questions: TokenBatch, rows: slice) -> TokenBatch:
    """A few of the questions."""
    return TokenBatch(questions.vectors[rows], questions.mask[rows], questions.ids[rows], [])


@functools.cache
def real() -> tuple[PassageIndex, TokenBatch]:
    """The index of :func:`collection`, and its questions in English."""
    data = collection()
    asked = list(data.translations.values())[:300]
    return PassageIndex.cached(teacher(), data.passages), teacher().encode(asked)


def drawn(passages: int) -> tuple[list[str], torch.Tensor, torch.Tensor, TokenBatch]:
    """Passages and questions of real lengths: ids, lengths, unit vectors, questions.

    The vectors are fewer than the passages ask for, and are to be repeated: times do not tell that
    apart, and a million passages need not fit into memory.
    """
    index, questions = real()
    draw = torch.Generator().manual_seed(0)
    chosen = torch.randint(len(index.lengths), (passages,), generator=draw)
    lengths = index.lengths[chosen].sort().values
    asked = normalize(torch.randn(*questions.mask.shape, WIDTH, generator=draw), dim=-1)
    rows = min(DRAWN, int(lengths.sum()))
    vectors = normalize(torch.randn(rows, WIDTH, generator=draw), dim=-1).half()
    asked = asked.to(questions.mask.device) * questions.mask[..., None]
    batch = TokenBatch(asked, questions.mask, questions.ids, [])
    return [str(i) for i in range(passages)], lengths, vectors, batch


def large(passages: int = LARGE) -> tuple[PassageIndex, TokenBatch]:
    """:func:`drawn`, as an index in memory."""
    ids, lengths, vectors, batch = drawn(passages)
    rows = int(lengths.sum())
    times = -(-rows // len(vectors))
    return PassageIndex(ids, vectors.repeat(times, 1)[:rows], lengths), batch
