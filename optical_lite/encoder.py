"""Encoder: text in, one unit vector per token out. Loads and saves any BERT-like model.

The default is MiniLM (all-MiniLM-L6-v2, 22.7 million parameters, 384 dimensions, Apache-2.0). Where
the files of known encoders come from is said in :mod:`optical_lite.model_files`.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import Tensor, nn

from . import tokenizer_files, weights
from .json_files import write_json
from .kernels import packed, shared_rows
from .kernels.pieces import ROLES, SPECIAL, one_form
from .kernels.shared_rows import SplitEmbedding
from .safe_files import guard, into
from .settings import InputError, Range, device, uses_bf16
from .tokenizer_files import checked, encoded

DEFAULT = "minilm"
BATCH = 4096  # tokens that are encoded at a time
LONG = 64  # characters of a text that are looked at first, for each token that is read


@dataclass(frozen=True)
class TokenBatch:
    """Token vectors of B texts, padded to the longest.

    Attributes
    ----------
    vectors : Tensor, shape (B, n, d), unit vectors; 0 where ``mask`` is False
    mask : Tensor of bool, shape (B, n), False on padding and special tokens
    ids : Tensor of int, shape (B, n)
    tokens : list of B lists of n strings
    """

    vectors: Tensor
    mask: Tensor
    ids: Tensor
    tokens: list[list[str]]


class Encoder(nn.Module):
    """A transformer and its tokenizer: text to unit token vectors. See also lesson 01.

    Parameters
    ----------
    model : a BERT-like model whose output has ``last_hidden_state``
    tokenizer : its tokenizer
    name : shown in records
    max_length : tokens of a text that are read, special tokens included; what is beyond is cut off
    projection : linear layer from hidden states to shorter token vectors, as late-interaction
        retrievers have, or None
    """

    def __init__(
        self, model: nn.Module, tokenizer: Tokenizer, name: str, max_length: int = 256,
        projection: nn.Linear | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.model, self.name, self.projection = model, name, projection
        self._tokenizer: Tokenizer | bytes = one_form(tokenizer)
        self._release: Callable | None = None  # of a large table that is left in its file
        tokenizer.no_truncation()  # tokenizer files may carry a silent limit of their own
        tokenizer.no_padding()
        self.special = {tokenizer.token_to_id(token) for token in SPECIAL} - {None}
        pads = map(tokenizer.token_to_id, ROLES["pad_token"])
        self.pad_id = next((i for i in pads if i is not None), 0)
        self.pad_token = tokenizer.id_to_token(self.pad_id)
        self.limit = weights.positions(model)
        self.max_length = min(max_length, self.limit)
        self.eval()  # a new module is in training mode, with dropout, whatever its parts are in

    @classmethod
    def load(cls, name: str | Path = DEFAULT, max_length: int | None = None) -> Encoder:
        """Load an encoder, every weight from its file.

        Damaged files, and more tokens than the model has positions for, are an InputError.

        Parameters
        ----------
        name : a known encoder (``minilm``, the default, or ``multilingual``, fetched at its first
            use), a folder, or ``hub:OWNER/NAME``, see :func:`optical_lite.weights.found`
        max_length : tokens of a text that are read; 256, or what the model can where that is less
        """
        folder, name, prefixes = weights.found(name)
        model = weights.load_model(folder)
        tokenizer = tokenizer_files.load(folder, model.get_input_embeddings().num_embeddings)
        projection = weights.load_projection(folder, model.config.hidden_size)
        if prefixes:  # kept with the model's settings, so that its students have them, too
            model.config.prefixes = prefixes
        found = cls(model, tokenizer, name, 256, projection)
        if device() == "cpu":
            found._release = shared_rows.leave(model, folder / "model.safetensors")
        found = found.reading_to(max_length).to(device())
        # some settings make a model whose first text fails
        with guard(folder / "config.json", weights.SETTINGS):
            two = torch.zeros(1, 2, dtype=torch.long, device=found.device)
            if not found(two, two == 0).isfinite().all():
                raise ValueError("vectors that are no finite numbers")
        return found

    def reading_to(self, max_length: int | None) -> Encoder:
        """The same encoder, weights shared, reading so many tokens of a text (None: as many)."""
        if max_length is None:
            return self
        if max_length not in (allowed := Range(3, self.limit, whole=True)):
            expected = f"{allowed}, the most {self.name} has positions for"
            raise InputError("max_length", f"{max_length} tokens", expected)
        other = copy.copy(self)
        other.max_length = max_length
        return other

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer, made again where it was put away."""
        if isinstance(self._tokenizer, bytes):
            self._tokenizer = Tokenizer.from_buffer(self._tokenizer)
        return self._tokenizer

    @property
    def tokenizer_json(self) -> bytes:
        """The tokenizer as its file has it."""
        kept = self._tokenizer
        return kept if isinstance(kept, bytes) else kept.to_str().encode()

    def put_away(self) -> None:
        """Keep a large vocabulary as text until it is needed: as a tokenizer it takes 280 MB."""
        if self.rows >= shared_rows.LARGE:
            self._tokenizer = self.tokenizer_json
            shared_rows.trim()
        self.release()

    def release(self) -> None:
        """Give back the memory of what was read from a table that is left in its file."""
        if self._release:
            self._release()

    def save(self, folder: str | Path) -> Path:
        """Save all of it; :meth:`load` and transformers' ``AutoModel`` read the folder."""
        with into(folder) as part:
            shared_rows.save(self.model, part, self.release)
            kept = self._tokenizer
            text = kept if isinstance(kept, bytes) else kept.to_str(pretty=True).encode()
            (part / "tokenizer.json").write_bytes(text)
            said = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": self.pad_token}
            write_json(part / "tokenizer_config.json", said)
            if self.projection is not None:
                weight = self.projection.weight.detach().cpu()
                save_file({"weight": weight}, part / "projection.safetensors")
        return Path(folder)

    def copy(self, name: str, tokenizer: Tokenizer | None = None) -> Encoder:
        """A copy that may train, by default with the same tokenizer; a large table is shared."""
        model, projection = shared_rows.twin(self.model), copy.deepcopy(self.projection)
        twin = Encoder(model, tokenizer or self.tokenizer, name, self.max_length, projection)
        twin._release = self._release
        return twin.requires_grad_(True)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def upto(self, layers: int) -> Encoder:
        """The same encoder, stopping after some of its layers, whose weights are shared."""
        part = weights.first_layers(self.model, layers)
        return Encoder(part, self.tokenizer, f"{self.name}, layer {layers}", self.max_length)

    @property
    def dimension(self) -> int:
        """Length d of a token vector."""
        if self.projection is None:
            return self.model.config.hidden_size
        return self.projection.out_features

    @property
    def prefixes(self) -> tuple[str, str]:
        """What a question and a passage begin with where their mean vectors are wanted."""
        return tuple(getattr(self.model.config, "prefixes", ("", "")))

    def means(self, texts: Sequence[str], prefix: str = "") -> Tensor:
        """Unit vectors of texts, shape (N, d): means over tokens, the prefix's among them."""
        found = torch.zeros(len(texts), self.dimension, device=self.device)
        for rows, vectors, *_ in self.batches([prefix + text for text in checked(texts)]):
            found[rows] = nn.functional.normalize(vectors.sum(1), dim=-1)
        return found

    @property
    def rows(self) -> int:
        """Rows of the word embedding table."""
        return self.model.get_input_embeddings().num_embeddings

    @property
    def embedding(self) -> Tensor:
        """Word embedding table, shape (V, d); a copy, where a student shares its teacher's."""
        table = self.model.get_input_embeddings()
        return (table.join(self.pad_id) if isinstance(table, SplitEmbedding) else table).weight

    @property
    def room(self) -> int:
        """How many ids of a whole text are read; paper/colbert.py keeps a place for its marker."""
        return self.max_length

    def fit(self, ids: list[int]) -> list[int]:
        """The ids that are read: the first, and the end mark; paper/colbert.py puts more in."""
        return ids if len(ids) <= self.room else [*ids[: self.room - 1], ids[-1]]

    def read(self, texts: Sequence[str]) -> tuple[list[list[int]], int]:
        """What is read of each text, token ids with special tokens, and how many texts are cut."""
        texts, found, cut = list(checked(texts)), [], 0
        starts = [text[: LONG * self.room] for text in texts]
        for text, code in zip(texts, encoded(self.tokenizer, starts), strict=True):
            ids, size = code.ids, LONG * self.room
            # twice as many as are read, so that no word of these is cut off in its middle
            while size < len(text) and len(ids) <= 2 * self.room:
                size *= 2
                ids = next(encoded(self.tokenizer, [text[:size]])).ids
            found.append(self.fit(ids))
            cut += len(ids) > self.room
        return found, cut

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text with special tokens, at most ``max_length`` of them."""
        return self.read(texts)[0]

    def pad(self, ids: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
        """Token ids as a rectangle (B, n), and its mask, True on tokens, special ones included."""
        lengths = torch.tensor([len(row) for row in ids], dtype=torch.long)
        mask = torch.arange(max(1, *map(len, ids), 1)) < lengths[:, None]
        padded = torch.full(mask.shape, self.pad_id)
        padded[mask] = torch.tensor(list(itertools.chain.from_iterable(ids)), dtype=torch.long)
        return padded.to(self.device), mask.to(self.device)

    def content(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Drop the special tokens from a mask; shapes (B, n)."""
        return mask & ~torch.isin(ids, torch.tensor(sorted(self.special), device=ids.device))

    def attended(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Tokens that others attend to, shape (B, n): all; paper/colbert.py leaves [MASK] out."""
        return mask

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Unit vectors of token ids: shapes (B, n), (B, n) -> (B, n, d), float32, 0 on padding."""
        keys = self.attended(ids, mask)
        if packed.supports(self.model):
            hidden = packed.forward(self.model, ids, mask, keys)  # (T, d)
        else:
            kind = self.model.config.model_type
            if kind in weights.FLOAT32 and torch.is_autocast_enabled(self.device.type):
                expected = f"float32, the one that {kind} models work in; give --precision float32"
                raise InputError("encoder", f"bf16 for {self.name}", expected)
            found = self.model(input_ids=ids, attention_mask=keys.long())
            hidden = found.last_hidden_state[mask].float()
        if self.projection is not None:
            with torch.autocast(self.device.type, enabled=False):
                hidden = self.projection(hidden)  # (T, out)
        vectors = nn.functional.normalize(hidden, dim=-1)
        place = mask.flatten().nonzero()[:, 0]
        padded = vectors.new_zeros(mask.numel(), vectors.shape[-1]).index_copy(0, place, vectors)
        return padded.view(*mask.shape, -1)

    def batches(self, texts: Sequence[str]) -> Iterator[tuple[list[int], Tensor, Tensor, Tensor]]:
        """Encode texts in batches of like length, about :data:`BATCH` tokens each.

        Each is rows (positions in ``texts``), vectors (b, n, d), ids (b, n), content mask (b, n).
        """
        ids = self.tokenize(texts)
        for rows, vectors in self.batches_of_ids(ids):
            padded, mask = self.pad([ids[i] for i in rows])
            keep = self.content(padded, mask)
            yield rows, vectors * keep[..., None], padded, keep

    @torch.inference_mode()
    def batches_of_ids(self, ids: Sequence[Sequence[int]]) -> Iterator[tuple[list[int], Tensor]]:
        """The same for token ids: rows, and vectors (b, n, d), those of special tokens too."""
        # the largest batch comes first
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]), reverse=True)
        training = self.training
        self.eval()
        start = 0
        while start < len(order):
            rows = order[start : start + max(1, BATCH // max(1, len(ids[order[start]])))]
            with torch.autocast(self.device.type, torch.bfloat16, enabled=uses_bf16()):
                vectors = self(*self.pad([ids[i] for i in rows]))
            yield rows, vectors
            start += len(rows)
        self.train(training)

    def encode(self, texts: Sequence[str]) -> TokenBatch:
        """Encode a few texts into one padded batch, in the order given."""
        whole = self.tokenize(texts)
        ids, mask = self.pad(whole)
        mask = self.content(ids, mask)
        vectors = torch.zeros(*ids.shape, self.dimension, device=self.device)
        for rows, found in self.batches_of_ids(whole):
            vectors[rows, : found.shape[1]] = found
        tokens = [[self.tokenizer.id_to_token(i) or "" for i in row] for row in ids.tolist()]
        return TokenBatch(vectors.mul_(mask[..., None]), mask, ids, tokens)


_TEACHERS: dict[str, Encoder] = {}


def teacher(model: str = DEFAULT) -> Encoder:
    """An encoder as it is, by default the English one: frozen, and loaded once per process."""
    if model not in _TEACHERS:
        loaded = Encoder.load(model).requires_grad_(False)
        # a short name and a full one mean the same
        _TEACHERS[model] = _TEACHERS.setdefault(loaded.name, loaded)
    return _TEACHERS[model]
