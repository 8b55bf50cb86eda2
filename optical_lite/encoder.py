"""Encoder: text in, one unit vector per token out. Loads and saves any BERT-like model.

The default is MiniLM (all-MiniLM-L6-v2, 22.7 million parameters, 384 dimensions, Apache-2.0). Where the files of known
encoders come from, and how they are checked, is said in :mod:`optical_lite.model_files`.
"""

from __future__ import annotations

import copy
import itertools
import json
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, normalizers
from torch import Tensor, nn

from . import model_files, packed
from .safe_files import into, write_json
from .settings import InputError, device, uses_bf16
from .sources import sha256

DEFAULT = "minilm"
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "<pad>", "<unk>", "<s>", "</s>", "<mask>")


@dataclass(frozen=True)
class TokenBatch:
    """Token vectors of B texts, padded to the longest.

    Attributes
    ----------
    vectors : Tensor, shape (B, n, d)
        unit vectors; 0 where ``mask`` is False
    mask : Tensor of bool, shape (B, n)
        True on the tokens of the text; False on padding and special tokens
    ids : Tensor of int, shape (B, n)
    tokens : list of B lists of n strings
    """

    vectors: Tensor
    mask: Tensor
    ids: Tensor
    tokens: list[list[str]]


def one_form(tokenizer: Tokenizer) -> Tokenizer:
    """Make a tokenizer read a text in its two Unicode forms, NFC and NFD, alike; most do, and stay as they are.

    BERT's normal form makes them one by taking accents off. Where those are kept (cased models, scripts whose vowel
    signs are marks), NFC follows it: text in NFC is cut as before.
    """
    normal = tokenizer.normalizer
    forms = {unicodedata.normalize(form, "é ọ́ क़ ऩ 각 パ") for form in ("NFC", "NFD")}
    if normal is None or len({normal.normalize_str(text) for text in forms}) > 1:
        tokenizer.normalizer = normalizers.Sequence([*([normal] if normal else []), normalizers.NFC()])
    return tokenizer


class Encoder(nn.Module):
    """A transformer and its tokenizer: text to unit token vectors.

    Parameters
    ----------
    model : a BERT-like model whose output has ``last_hidden_state``
    tokenizer : its tokenizer
    name : shown in records
    max_length : tokens of a text that are read, special tokens included; what is beyond is cut off
    projection : linear layer from hidden states to shorter token vectors, as late-interaction retrievers have, or None

    See also notebook 01.
    """

    def __init__(
        self,
        model: nn.Module,
        tokenizer: Tokenizer,
        name: str,
        max_length: int = 256,
        projection: nn.Linear | None = None,
    ) -> None:
        super().__init__()
        self.model, self.tokenizer, self.name, self.projection = model, one_form(tokenizer), name, projection
        tokenizer.no_truncation()  # tokenizer files may carry a silent limit of their own
        tokenizer.no_padding()
        known = {token: tokenizer.token_to_id(token) for token in SPECIAL}
        self.special = {i for i in known.values() if i is not None}
        self.pad_id = next((known[t] for t in ("[PAD]", "<pad>") if known[t] is not None), 0)
        self.max_length = min(max_length, getattr(model.config, "max_position_embeddings", max_length))
        self.eval()  # a new module is in training mode, with dropout, whatever its parts are in

    @classmethod
    def load(cls, name: str | Path = DEFAULT, max_length: int = 256) -> Encoder:
        """Load an encoder: a known one by name, a folder, a run's ``student`` folder, or a hub name.

        What is known: ``minilm``, the default, and ``multilingual``, fetched at its first use.
        """
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils import logging

        logging.set_verbosity_error()
        logging.disable_progress_bar()
        folder = Path(name)
        if model_files.find(name):
            folder, name = model_files.folder(str(name))
        where = str(folder) if folder.is_dir() else str(name)
        for extra in ({"add_pooling_layer": False}, {}):  # an unused pooler would be drawn at random
            try:
                model = AutoModel.from_pretrained(where, dtype=torch.float32, **extra)
                break
            except TypeError:
                continue
            except (OSError, ValueError) as error:
                raise InputError(
                    f"model: got {str(name)!r}, expected a folder with config.json and model.safetensors or a hub name "
                    f"that can be reached ({type(error).__name__}); check the path or the network"
                ) from error
        if (folder / "tokenizer.json").exists():
            tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        else:
            tokenizer = AutoTokenizer.from_pretrained(where).backend_tokenizer
        projection = None
        if (folder / "projection.safetensors").exists():
            weight = load_file(folder / "projection.safetensors")["weight"].float()  # (out, d)
            projection = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
            projection.weight.data = weight
        return cls(model, tokenizer, str(name), max_length, projection).to(device())

    def save(self, folder: str | Path) -> Path:
        """Save weights, configuration and tokenizer; :meth:`load` and transformers' ``AutoModel`` read the folder."""
        settings = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": self.tokenizer.id_to_token(self.pad_id)}
        with into(folder) as part:
            self.model.save_pretrained(part)
            self.tokenizer.save(str(part / "tokenizer.json"))
            if self.projection is not None:
                save_file({"weight": self.projection.weight.detach().cpu()}, part / "projection.safetensors")
            write_json(part / "tokenizer_config.json", settings)
        return Path(folder)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def upto(self, layers: int) -> Encoder:
        """The same encoder, stopping after some of its layers; weights are shared, so it takes no memory.

        >>> teacher().upto(4).model.encoder.layer[3] is teacher().model.encoder.layer[3]
        True
        """
        whole = getattr(getattr(self.model, "encoder", None), "layer", ())
        if not 1 <= layers <= len(whole):
            raise InputError(f"encoder: got {layers} layers, expected 1 to {len(whole)}")
        model, stack = copy.copy(self.model), copy.copy(self.model.encoder)
        model._modules, stack._modules = dict(model._modules), dict(stack._modules)
        stack.layer, model.encoder = whole[:layers], stack
        model.__dict__.pop("_packed", None)  # weights laid out for the whole stack
        return Encoder(model, self.tokenizer, f"{self.name}, layer {layers}", self.max_length)

    @property
    def dimension(self) -> int:
        """Length d of a token vector."""
        return self.projection.out_features if self.projection is not None else self.model.config.hidden_size

    @property
    def embedding(self) -> Tensor:
        """Word embedding table, shape (vocabulary, d)."""
        return self.model.get_input_embeddings().weight

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text with special tokens, at most ``max_length`` of them."""
        found = [code.ids for code in self.tokenizer.encode_batch(list(texts))]
        return [ids if len(ids) <= self.max_length else [*ids[: self.max_length - 1], ids[-1]] for ids in found]

    def pad(self, ids: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
        """Pad token ids to a rectangle.

        Returns
        -------
        ids : Tensor of int, shape (B, n)
        mask : Tensor of bool, shape (B, n), True on tokens, special ones included
        """
        lengths = torch.tensor([len(row) for row in ids], dtype=torch.long)
        mask = torch.arange(max(1, *map(len, ids), 1)) < lengths[:, None]
        padded = torch.full(mask.shape, self.pad_id)
        padded[mask] = torch.tensor(list(itertools.chain.from_iterable(ids)), dtype=torch.long)
        return padded.to(self.device), mask.to(self.device)

    def content(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Drop the special tokens from a mask; shapes (B, n)."""
        return mask & ~torch.isin(ids, torch.tensor(sorted(self.special), device=ids.device))

    def attended(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Tokens that others attend to, shape (B, n): all of them."""
        return mask

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Unit vectors of token ids: shapes (B, n), (B, n) -> (B, n, d), float32, 0 on padding."""
        keys = self.attended(ids, mask)
        if packed.supports(self.model):
            hidden = packed.forward(self.model, ids, mask, keys)  # (T, d)
        else:
            hidden = self.model(input_ids=ids, attention_mask=keys.long()).last_hidden_state[mask].float()
        if self.projection is not None:
            with torch.autocast(self.device.type, enabled=False):
                hidden = self.projection(hidden)  # (T, out)
        vectors = nn.functional.normalize(hidden, dim=-1)
        place = mask.flatten().nonzero()[:, 0]
        padded = vectors.new_zeros(mask.numel(), vectors.shape[-1]).index_copy(0, place, vectors)
        return padded.view(*mask.shape, -1)

    def batches(self, texts: Sequence[str], tokens: int = 4096) -> Iterator[tuple[list[int], Tensor, Tensor, Tensor]]:
        """Encode texts in batches of like length, about ``tokens`` tokens each.

        Yields
        ------
        rows (positions in ``texts``), vectors (b, n, d), ids (b, n), content mask (b, n)
        """
        ids = self.tokenize(texts)
        for rows, vectors, _ in self.batches_of_ids(ids, tokens):
            padded, mask = self.pad([ids[i] for i in rows])
            keep = self.content(padded, mask)
            yield rows, vectors * keep[..., None], padded, keep

    @torch.inference_mode()
    def batches_of_ids(
        self, ids: Sequence[Sequence[int]], tokens: int = 4096
    ) -> Iterator[tuple[list[int], Tensor, list[int]]]:
        """The same for token ids: yields rows, vectors (b, n, d) with those of special tokens, and lengths."""
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]), reverse=True)  # the largest batch comes first
        training = self.training
        self.eval()
        start = 0
        while start < len(order):
            rows = order[start : start + max(1, tokens // max(1, len(ids[order[start]])))]
            with torch.autocast(self.device.type, torch.bfloat16, enabled=uses_bf16()):
                vectors = self(*self.pad([ids[i] for i in rows]))
            yield rows, vectors, [len(ids[i]) for i in rows]
            start += len(rows)
        self.train(training)

    def encode(self, texts: Sequence[str]) -> TokenBatch:
        """Encode a few texts into one padded batch, in the order given (notebooks, plots, questions)."""
        if isinstance(texts, str):
            raise InputError("encode: got one string, expected a list of texts; write encode([text])")
        width = max((len(ids) for ids in self.tokenize(texts)), default=1)
        vectors = torch.zeros(len(texts), width, self.dimension, device=self.device)
        ids = torch.full((len(texts), width), self.pad_id, device=self.device)
        mask = torch.zeros(len(texts), width, dtype=torch.bool, device=self.device)
        for rows, found, found_ids, keep in self.batches(texts):
            n = found.shape[1]
            vectors[rows, :n], ids[rows, :n], mask[rows, :n] = found, found_ids, keep
        tokens = [[self.tokenizer.id_to_token(i) or "" for i in row] for row in ids.tolist()]
        return TokenBatch(vectors, mask, ids, tokens)


_TEACHERS: dict[str, Encoder] = {}


def teacher(model: str = DEFAULT) -> Encoder:
    """An encoder as it is, by default the English one: frozen, and loaded once per process."""
    if model not in _TEACHERS:
        loaded = Encoder.load(model).requires_grad_(False)
        _TEACHERS[model] = _TEACHERS.setdefault(loaded.name, loaded)  # a short name and a full one mean the same
    return _TEACHERS[model]


def model_record(encoder: Encoder) -> dict:
    """What a run writes down about an encoder: name, sizes, a hash of its weights."""
    state = encoder.model.state_dict()
    if encoder.projection is not None:
        state |= {"projection": encoder.projection.weight}
    parts = (state[key].detach().cpu().contiguous().numpy().tobytes() for key in sorted(state))
    return {
        "name": encoder.name,
        "parameters": sum(p.numel() for p in encoder.parameters()),
        "vocabulary": len(encoder.embedding),
        "sha256": sha256(json.dumps([sha256(part) for part in parts]).encode()),
    }
