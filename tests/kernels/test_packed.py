import copy
from functools import partial

import pytest
import torch
from transformers import BertConfig, BertModel, XLMRobertaConfig, XLMRobertaModel

from optical_lite import provenance, settings
from optical_lite.kernels import packed
from optical_lite.settings import InputError

SIZES = {
    "vocab_size": 50, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64,
    "max_position_embeddings": 48,
}  # fmt: skip


def model(family):
    torch.manual_seed(1)
    if family == "bert":
        return BertModel(BertConfig(**SIZES), add_pooling_layer=False).eval()
    return XLMRobertaModel(XLMRobertaConfig(**SIZES, pad_token_id=1), add_pooling_layer=False).eval()


def batch(lengths, pad):
    draw = torch.Generator().manual_seed(0)
    ids = torch.randint(5, 50, (len(lengths), max(lengths)), generator=draw)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    return ids.masked_fill(~mask, pad), mask


@pytest.mark.parametrize("family", ["bert", "roberta"])
@pytest.mark.parametrize("lengths", [[7], [9, 9, 9], [3, 40, 1, 12], [30, 29, 30, 30], [1] * 33 + [40]])
def test_vectors_and_gradients_are_those_of_transformers(family, lengths):
    """Ragged batches leave padding out, nearly full ones keep it; both must agree with the model's own code."""
    ours = model(family)
    theirs = copy.deepcopy(ours)
    ids, mask = batch(lengths, 0 if family == "bert" else 1)
    found = packed.forward(ours, ids, mask)
    expected = theirs(input_ids=ids, attention_mask=mask.long()).last_hidden_state[mask]
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    weights = torch.randn(found.shape, generator=torch.Generator().manual_seed(2))
    (found * weights).sum().backward()
    (expected * weights).sum().backward()
    for (name, mine), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, other.grad, atol=2e-4, rtol=1e-3, msg=name)


def test_bfloat16_stays_near_float32():
    ours = model("bert").requires_grad_(False)
    ids, mask = batch([5, 20, 11], 0)
    exact = packed.forward(ours, ids, mask)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = packed.forward(ours, ids, mask)
    assert rounded.dtype == torch.float32
    assert 0 < (rounded - exact).abs().max() < 0.1
    assert torch.nn.functional.cosine_similarity(rounded, exact, dim=-1).min() > 0.999


def test_kept_weights_follow_the_model():
    ours = model("bert").requires_grad_(False)
    ids, mask = batch([5, 8], 0)
    with torch.inference_mode():
        before = packed.forward(ours, ids, mask)
    with torch.no_grad():
        ours.encoder.layer[0].output.dense.weight.mul_(1.5)
    changed = packed.forward(ours, ids, mask)
    assert (changed - before).abs().max() > 1e-3
    table = ours.embeddings.word_embeddings.weight.requires_grad_(True)
    packed.forward(ours, ids, mask).square().sum().backward()  # kept weights serve a backward pass too
    assert table.grad.abs().sum() > 0


def test_other_models_are_left_to_their_own_code():
    assert packed.supports(model("bert"))
    assert packed.supports(model("roberta"))
    assert not packed.supports(BertModel(BertConfig(**SIZES, hidden_act="relu"), add_pooling_layer=False))


def test_a_model_that_has_searched_can_be_copied():
    """Searching keeps packed weights with the model; a student is then copied to be trained."""
    ours = model("bert").requires_grad_(False)
    ids, mask = batch([5, 8], 0)
    with torch.inference_mode():
        found = packed.forward(ours, ids, mask)
    twin = copy.deepcopy(ours)
    torch.testing.assert_close(packed.forward(twin, ids, mask), found)


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_what_runs_twice_gives_the_same_gradients(monkeypatch, kind):
    """Twelve layers and padding with 1, as multilingual encoders have; a budget that keeps five of them."""
    torch.manual_seed(3)
    config = BertConfig(**{**SIZES, "num_hidden_layers": 12}, layer_norm_eps=1e-12, pad_token_id=1)
    ours = BertModel(config, add_pooling_layer=False).eval()
    ids, mask = batch([5, 20, 11], 1)
    calls, found = [], {}
    inner = packed.checkpoint
    monkeypatch.setattr(packed, "checkpoint", lambda *args, **how: calls.append(1) or inner(*args, **how))
    each = 60 * 32 * 16 * kind.itemsize + 3 * 4 * 20 * 20 * 4  # of 36 tokens and 24 places, 3 x 4 squares of 20
    for name, budget in (("all", 12 * each), ("some", 5 * each), ("none", 0)):
        monkeypatch.setattr(packed, "KEPT", budget)
        calls.clear()
        ours.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=kind == torch.bfloat16):
            vectors = packed.forward(ours, ids, mask)
        vectors.square().mul(torch.arange(32.0)).sum().backward()
        found[name] = vectors.detach(), [p.grad.clone() for p in ours.parameters()], len(calls)
    assert [found[name][2] for name in ("all", "some", "none")] == [0, 7, 12]
    for name in ("some", "none"):
        assert torch.equal(found[name][0], found["all"][0])
        assert all(torch.equal(a, b) for a, b in zip(found[name][1], found["all"][1], strict=True))
    expected = ours(input_ids=ids, attention_mask=mask.long()).last_hidden_state[mask]
    cosine = torch.nn.functional.cosine_similarity(found["all"][0], expected, dim=-1)
    assert cosine.min() > (0.999999 if kind == torch.float32 else 0.99)


@pytest.fixture
def compiling(monkeypatch):
    """Layers that train are compiled; what a backend makes of their graphs is torch's affair."""
    monkeypatch.setenv("OPTICAL_LITE_COMPILE", "on")

    def start(backend):
        monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=backend, fullgraph=True))
        for cache in (settings.get, packed._compiled):
            cache.cache_clear()
        torch._dynamo.reset()

    yield start
    monkeypatch.undo()
    for cache in (settings.get, packed._compiled):
        cache.cache_clear()


LENGTHS = [[9, 9, 9], [3, 40, 1, 12], [30, 29, 30, 30], [5] * 8, [2, 33, 7], [11, 12, 10, 12, 11], [20, 3, 3, 3]]


@pytest.mark.filterwarnings("ignore:The .grad attribute")  # the compiler looks at it
def test_compiled_layers_are_those_that_are_written_in_a_graph_for_each_kind_of_batch(compiling):
    graphs = []
    ours = model("bert")

    def train(lengths):
        ours.zero_grad()
        found = packed.forward(ours, *batch(lengths, 0))
        found.square().sum().backward()
        return [found.detach(), *(p.grad.clone() for p in ours.parameters() if p.grad is not None)]

    plain = [train(lengths) for lengths in LENGTHS]
    assert "compiled" not in provenance.environment()
    compiling(lambda graph, _: graphs.append(graph) or graph)
    for lengths, expected in zip(LENGTHS, plain, strict=True):
        torch.testing.assert_close(train(lengths), expected, atol=1e-5, rtol=1e-5)
    assert 1 <= len(graphs) <= 4  # with and without padding, with and without tokens that are masked
    assert provenance.environment()["compiled"]
    with torch.no_grad():
        packed.forward(ours, *batch([7], 0))
    assert len(graphs) <= 4


def test_a_compiler_that_fails_is_one_line(compiling):
    def broken(*_):
        raise OSError("no C++ compiler")

    compiling(broken)
    with pytest.raises(InputError, match=r"^torch.compile: got \w+, .* set OPTICAL_LITE_COMPILE=off"):
        packed.forward(model("bert"), *batch([3, 4], 0))
