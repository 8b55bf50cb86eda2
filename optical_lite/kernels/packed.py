r"""Packed: the forward pass of a BERT-like model on the tokens alone, without work on padding.

The same arithmetic as transformers' ``BertModel``: the tokens of all sentences lie one after the
other, ``(T, d)``; the residual stream and the normalisations stay in float32. What each arrangement
brings was measured (``docs/performance.md``).
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, gelu, layer_norm, linear, scaled_dot_product_attention
from torch.utils.checkpoint import checkpoint

from ..settings import InputError, compiles

FAMILIES = ("BertModel", "RobertaModel", "XLMRobertaModel")
ROUND = 32  # tokens; odd numbers of rows make products a quarter slower, new ones cost set-up
FULL = 0.9  # share of tokens in a rectangle above which leaving padding out does not pay
KEPT = 3 << 26  # bytes that a backward pass keeps of the layers; on a GPU half of what is free
ATTENTION_CELLS = 1 << 21  # attention weights at a time on a CPU: 4 MiB in bfloat16, in the cache


def supports(model: nn.Module) -> bool:
    """Whether a model's arithmetic is written here; others run through their own forward pass."""
    config = model.config
    return (
        type(model).__name__ in FAMILIES
        and getattr(config, "hidden_act", "") == "gelu"
        and getattr(config, "position_embedding_type", "absolute") in ("absolute", None)
        and not getattr(config, "is_decoder", False)
    )


def _layer(layer: nn.Module, kind: torch.dtype) -> tuple[Tensor, ...]:
    """Weights of a layer: matrices in ``kind``, normalisations as they are."""
    own, out = layer.attention.self, layer.attention.output
    matrices = (
        torch.cat([own.query.weight, own.key.weight, own.value.weight]),
        torch.cat([own.query.bias, own.key.bias, own.value.bias]),
        out.dense.weight, out.dense.bias,
        layer.intermediate.dense.weight, layer.intermediate.dense.bias,
        layer.output.dense.weight, layer.output.dense.bias,
    )  # fmt: skip
    norms = (x for n in (out.LayerNorm, layer.output.LayerNorm) for x in (n.weight, n.bias))
    return *(matrix.to(kind) for matrix in matrices), *norms


def _layers(model: nn.Module, kind: torch.dtype) -> list[tuple[Tensor, ...]]:
    """Weights of all layers; kept with the model for as long as they neither train nor change."""
    parameters = list(model.encoder.parameters())
    if torch.is_grad_enabled() and any(p.requires_grad for p in parameters):
        return [_layer(layer, kind) for layer in model.encoder.layer]
    state = (kind, *((p.data_ptr(), p._version) for p in parameters))
    if getattr(model, "_packed", (None,))[0] != state:
        # Outside inference mode, so that a later backward pass may use them; leaving it turns
        # gradients on again.
        with torch.inference_mode(False), torch.no_grad():
            model._packed = state, [_layer(layer, kind) for layer in model.encoder.layer]
    return model._packed[1]


def _attend(qkv: Tensor, bias: Tensor | None, heads: int) -> Tensor:
    """Self-attention on a rectangle: shapes (B, n, 3 d), bias (B, n) or None -> (B, n, d).

    On a CPU two plain products, for the fused kernel's backward pass is slow there.
    """
    B, n, width = qkv.shape
    size = width // 3 // heads
    q, k, v = qkv.view(B, n, 3, heads, size).permute(2, 0, 3, 1, 4)  # each (B, heads, n, size)
    if qkv.is_cuda:
        masked = None if bias is None else bias[:, None, None, :]
        found = scaled_dot_product_attention(q, k, v, masked)
    else:
        q, k, v = (x.reshape(B * heads, n, size) for x in (q, k, v))
        if bias is None:
            weights = torch.bmm(q * size**-0.5, k.transpose(1, 2))
        else:
            rows = bias[:, None].expand(B, heads, n).reshape(B * heads, 1, n)
            weights = torch.baddbmm(rows, q, k.transpose(1, 2), alpha=size**-0.5)
        weights = weights.softmax(-1, dtype=torch.float32).to(v.dtype)
        found = torch.bmm(weights, v).view(B, heads, n, size)
    return found.transpose(1, 2).reshape(B, n, width // 3)


def _block(
    x: Tensor, weights: tuple, rows: Tensor | None, bias: Tensor | None, shape: tuple, step: int,
    eps: float,
) -> Tensor:  # fmt: skip
    """One layer: (T, d) -> (T, d); ``rows``: the tokens' places in the rectangle, None for all."""
    (B, n, heads), d = shape, x.shape[1]
    w_qkv, b_qkv, w_o, b_o, w_1, b_1, w_2, b_2, g_1, c_1, g_2, c_2 = weights
    qkv = linear(x.to(w_qkv.dtype), w_qkv, b_qkv)  # (T, 3 d)
    if rows is not None:
        qkv = qkv.new_zeros(B * n, 3 * d).index_copy(0, rows, qkv)
    parts = qkv.view(B, n, 3 * d).split(step)
    biases = [None] * len(parts) if bias is None else bias.split(step)
    parts = [_attend(p, m, heads) for p, m in zip(parts, biases, strict=True)]
    found = (parts[0] if len(parts) == 1 else torch.cat(parts)).reshape(B * n, d)
    found = found if rows is None else found.index_select(0, rows)
    x = layer_norm(x + linear(found, w_o, b_o), (d,), g_1, c_1, eps)
    inner = gelu(linear(x.to(w_1.dtype), w_1, b_1))  # (T, 4 d)
    return layer_norm(x + linear(inner, w_2, b_2), (d,), g_2, c_2, eps)


@functools.cache
def _compiled() -> Callable[..., Tensor]:
    """The same layer with what lies between two products in one kernel, for all sizes."""
    made = torch.compile(_block, dynamic=True)

    def run(*arguments) -> Tensor:
        try:
            return made(*arguments)
        except torch._dynamo.exc.TorchDynamoException as error:
            expected = "a compiler that works; set OPTICAL_LITE_COMPILE=off to do without"
            raise InputError("torch.compile", type(error).__name__, expected) from error

    return run


def _kept(x: Tensor, kind: torch.dtype, cells: int) -> int:
    """How many layers a backward pass may keep: of each token 16 vectors, and attention weights."""
    room = KEPT
    if x.is_cuda:  # its attention keeps no weights; what torch holds and does not use is free, too
        held = torch.cuda.memory_reserved(x.device) - torch.cuda.memory_allocated(x.device)
        room, cells = (torch.cuda.mem_get_info(x.device)[0] + held) // 2, 0
    return room // max(1, x.numel() * 16 * kind.itemsize + cells * 4)


def forward(model: nn.Module, ids: Tensor, mask: Tensor, keys: Tensor | None = None) -> Tensor:
    """Last hidden states of the tokens, shape (T, d), in row order, in float32, without dropout.

    Where a backward pass would keep too much, the first layers run twice: the same numbers for less
    memory.

    Parameters
    ----------
    model : one that :func:`supports` accepts
    ids, mask : shapes (B, n); the mask is True on tokens, special ones included
    keys : shape (B, n), tokens that others attend to, all by default
    """
    keys = mask if keys is None else keys
    kind = torch.float32
    if torch.is_autocast_enabled(ids.device.type):
        kind = torch.get_autocast_dtype(ids.device.type)
    B, n = mask.shape
    config, table, d = model.config, model.embeddings, model.config.hidden_size
    place = mask.flatten().nonzero()[:, 0]  # (T,)
    T, rows = len(place), None
    if len(place) < FULL * B * n:
        # a few places of padding come along, so that the number of rows is round
        rows = torch.cat([place, (~mask).flatten().nonzero()[: -T % ROUND, 0]])
    # RoBERTa counts from its padding
    first = 0 if type(model).__name__ == "BertModel" else table.padding_idx + 1
    with torch.autocast(ids.device.type, enabled=False):
        tokens, positions = ids.flatten(), torch.arange(n, device=ids.device).repeat(B)
        if rows is not None:
            tokens, positions = tokens[rows], positions[rows]
        x = model.get_input_embeddings()(tokens)
        x = x + embedding(positions + first, table.position_embeddings.weight)
        x = x + table.token_type_embeddings.weight[0]
        norm = table.LayerNorm
        x = layer_norm(x, (d,), norm.weight, norm.bias, config.layer_norm_eps)  # (T, d)
        bias = None
        if not keys.all():
            bias = torch.zeros(B, n, dtype=kind, device=ids.device).masked_fill(~keys, -1e9)
        step = B if ids.is_cuda else max(1, ATTENTION_CELLS // (config.num_attention_heads * n * n))
        layers, again, block = _layers(model, kind), 0, _block
        if torch.is_grad_enabled():
            block = _compiled() if compiles() else _block
            again = len(layers) - _kept(x, kind, B * config.num_attention_heads * n * n)
        shape, eps = (B, n, config.num_attention_heads), config.layer_norm_eps

        def run(x: Tensor, *weights: Tensor) -> Tensor:
            return block(x, weights, rows, bias, shape, step, eps)

        for number, weights in enumerate(layers):
            if number < again:
                x = checkpoint(run, x, *weights, use_reentrant=False, preserve_rng_state=False)
            else:
                x = run(x, *weights)
    return x.index_select(0, place) if rows is None else x[:T]
