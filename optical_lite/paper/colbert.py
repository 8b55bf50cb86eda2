r"""ColBERT: questions and passages the late-interaction way, a teacher of triples, re-ranking.

A question is cut or filled up to 32 tokens with [MASK]; every position of it, special tokens
included, takes part in MaxSim, so that the model can expand a short question. A passage is cut at
180 tokens and its punctuation is left out. Both start with a marker after the first token, and
vectors are projected to 128 dimensions. Others do not attend to [MASK]. Source: Khattab and
Zaharia, "ColBERT", SIGIR 2020, and its code (stanford-futuredata/ColBERT).
"""

from __future__ import annotations

import itertools
import re
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ..encoder import Encoder
from ..formats import msmarco
from ..json_files import write_json
from ..provenance import model_record
from ..safe_files import hold
from ..settings import InputError, seed_everything, uses_bf16
from ..tokenizer_files import BATCH
from ..training import runs
from ..training.loop import Session
from .configs import TeacherConfig

LENGTHS = (32, 180)  # tokens of a question and of a passage


def markers(tokenizer: Tokenizer) -> tuple[int, int] | None:
    """Token ids that mark a question and a passage; None where the tokenizer has none to spare.

    The two lowest ``[unusedN]`` of a BERT; an umbrella and a cup, which hardly any text has, for
    XLM-R, as DR.DECR means it (its code has their code points in place of their ids).
    """
    vocabulary = tokenizer.get_vocab()
    spare = sorted(i for token, i in vocabulary.items() if re.fullmatch(r"\[unused\d+\]", token))
    spare = spare[:2] or [vocabulary[token] for token in ("☔", "☕") if token in vocabulary]
    return (spare[0], spare[1]) if len(spare) == 2 else None


class ColBERT(Encoder):
    """An encoder that reads questions, or, :meth:`reading` ``passage``, passages.

    Parameters
    ----------
    encoder : whose weights it shares; a projection, where it has none, is drawn with ``seed`` as
        BERT draws its matrices, to vectors of length ``dimension``
    lengths : tokens of a question, always so many, and of a passage, at most so many
    """

    def __init__(
        self, encoder: Encoder, dimension: int = 128, lengths: tuple[int, int] = LENGTHS,
        seed: int = 0,
    ) -> None:  # fmt: skip
        tokenizer, projection = encoder.tokenizer, encoder.projection
        if projection is None:
            seed_everything(seed)
            projection = nn.Linear(encoder.dimension, dimension, bias=False)
            std = getattr(encoder.model.config, "initializer_range", 0.02)
            nn.init.normal_(projection.weight, std=std)
            projection = projection.to(encoder.device)
        super().__init__(encoder.model, tokenizer, encoder.name, lengths[0], projection)
        self.passages, self.lengths = False, lengths
        known = [tokenizer.token_to_id(token) for token in ("[MASK]", "<mask>")]
        self.fill_id = next((i for i in known if i is not None), None)
        if self.fill_id is None:
            expected = "a BERT or XLM-R model"
            raise InputError(encoder.name, "a tokenizer without [MASK] or <mask>", expected)
        self.markers = markers(tokenizer)
        signs = (start + sign for sign in string.punctuation for start in ("", "▁"))
        self.punctuation = {i for i in map(tokenizer.token_to_id, signs) if i is not None}

    def reading(self, role: str) -> ColBERT:
        """The same weights in the role of ``question`` or ``passage``; it takes no memory."""
        other = self.reading_to(min(self.lengths[role == "passage"], self.limit))
        other.passages = role == "passage"
        return other

    @property
    def marker(self) -> list[int]:
        """What stands after the first token; nothing where the tokenizer has no token to spare."""
        return [] if self.markers is None else [self.markers[self.passages]]

    @property
    def room(self) -> int:
        """How many ids of a whole text are read: a marker takes one place."""
        return self.max_length - len(self.marker)

    def fit(self, ids: list[int]) -> list[int]:
        """Token ids: first token, marker, text, last token, and [MASK] to a question's length."""
        ids = super().fit(ids)
        ids = [ids[0], *self.marker, *ids[1:]]
        return ids if self.passages else ids + [self.fill_id] * (self.max_length - len(ids))

    def attended(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Tokens that others attend to, shape (B, n): all but [MASK]."""
        return mask & (ids != self.fill_id)

    def content(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Tokens of MaxSim, shape (B, n): all of a question, all but punctuation of a passage."""
        if not self.passages:
            return mask
        return mask & ~torch.isin(ids, torch.tensor(sorted(self.punctuation), device=ids.device))


def split(documents: Mapping[str, str], encoder: ColBERT, stride: int) -> dict[str, dict[str, str]]:
    """Passages of long documents, ``{document: {document#0: text, document#1: text, ...}}``.

    Together they hold all of it. A passage has as many tokens as the encoder reads and may begin
    inside a word; ``stride`` tokens later begins the next.
    """
    room, found = encoder.lengths[1] - 2 - len(encoder.marker), {}
    if not 1 <= stride <= room:
        expected = f"1 to {room}, the tokens of a passage"
        raise InputError("split", f"a stride of {stride} tokens", expected)
    for name, text in documents.items():
        if len(text) > BATCH:
            expected = f"at most {BATCH:,}; cut it into parts"
            raise InputError(f"document {name!r}", f"{len(text):,} characters", expected)
        places, parts = encoder.tokenizer.encode(text, add_special_tokens=False).offsets, [text]
        if len(places) > room:
            starts = range(0, len(places) - room + stride, stride)
            ends = (min(start + room, len(places)) - 1 for start in starts)
            parts = [text[places[i][0] : places[j][1]] for i, j in zip(starts, ends, strict=True)]
        found[name] = {f"{name}#{k}": part for k, part in enumerate(parts)}
    return found


def pair_loss(Q: Tensor, q_mask: Tensor, P: Tensor, p_mask: Tensor) -> Tensor:
    r"""Pairwise softmax cross entropy of MaxSim scores s, as ColBERT's first version has it.

    .. math:: L = -\frac{1}{B} \sum_i
              \log \frac{e^{s(q_i, p_i^+)}}{e^{s(q_i, p_i^+)} + e^{s(q_i, p_i^-)}}

    Parameters
    ----------
    Q, q_mask : questions, shapes (B, n, d) and (B, n)
    P, p_mask : the B right passages, then the B others, shapes (2 B, m, d) and (2 B, m)
    """
    similarity = torch.cat([Q, Q]) @ P.transpose(1, 2)  # (2 B, n, m)
    best = similarity.masked_fill(~p_mask[:, None, :], -torch.inf).amax(2)  # (2 B, n)
    scores = (best * torch.cat([q_mask, q_mask])).sum(1).view(2, -1).T  # (B, 2)
    return cross_entropy(scores, torch.zeros(len(Q), dtype=torch.long, device=Q.device))


def stream(path: str | Path, skip: int = 0) -> Iterator[tuple[str, str, str]]:
    """The triples of a file in its order, again and again, without the first ``skip``."""
    if next(msmarco.triples(path), None) is None:
        raise InputError(path, "no triple", "lines query<TAB>relevant passage<TAB>other passage")
    endless = itertools.chain.from_iterable(msmarco.triples(path) for _ in itertools.count())
    return itertools.islice(endless, skip, None)


def fit(
    start: ColBERT, triples: str | Path, config: TeacherConfig, out: str | Path, *,
    save_every: int = 1000, progress: bool = True,
) -> ColBERT:  # fmt: skip
    """Train a teacher, in place; an interrupted run goes on, a finished one is loaded.

    Without dropout, which ColBERT's own code has; gradients are clipped at norm 1. ``triples`` is a
    file for :func:`optical_lite.formats.msmarco.triples`, read in its order. What is returned is
    frozen.
    """
    out, path = Path(out), Path(triples)
    stream(path)  # complains of a wrong file before anything is written
    record = {"config": asdict(config), "from": model_record(start)}
    record["triples"] = f"{path.name}, {path.stat().st_size} bytes"
    passage = start.reading("passage")

    def gradient(_: int, lot: list[tuple[str, str, str]]) -> dict:
        asked, right, other = zip(*lot, strict=True)
        loss = pair_loss(*_vectors(start, asked), *_vectors(passage, right + other))
        loss.backward()
        return {"loss": loss.item()}

    with hold(out):
        begun = runs.opened(out / "teacher.json", record, "a teacher trained")
        if "result" not in begun:
            seed_everything(config.seed)
            trained = dict(start.requires_grad_(True).named_parameters())
            optimizer = torch.optim.AdamW(trained.values(), lr=config.rate, weight_decay=0.0)
            session = Session(out, trained, optimizer, config, save_every)
            batches = stream(path, session.first * config.batch)
            steps = range(session.first, config.steps)
            lots = (list(itertools.islice(batches, config.batch)) for _ in steps)
            session.descend(lots, gradient, name="teacher", progress=progress)
            start.save(out)
            # with the name that it has from now on
            result = model_record(Encoder.load(out))
            write_json(out / "teacher.json", {**begun, "result": result})
        (out / "resume.pt").unlink(missing_ok=True)
    return ColBERT(Encoder.load(out), lengths=start.lengths).requires_grad_(False)


def _vectors(encoder: ColBERT, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Vectors of texts, shape (B, n, d), and which of them take part, shape (B, n)."""
    ids, mask = encoder.pad(encoder.tokenize(texts))
    with torch.autocast(encoder.device.type, torch.bfloat16, enabled=uses_bf16()):
        vectors = encoder(ids, mask)
    return vectors.float(), encoder.content(ids, mask)
