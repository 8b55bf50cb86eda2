"""A model folder is read as it is or refused in one line; nothing in it runs, and nothing in it reaches a network."""

import json
import os
import pickle
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    CONFIG_MAPPING,
    MODEL_MAPPING,
    BertConfig,
    BertForMaskedLM,
    BertModel,
    RobertaConfig,
    RobertaModel,
)

from optical_lite import weights
from optical_lite.encoder import Encoder
from optical_lite.provenance import model_record, sha256
from optical_lite.settings import InputError, computing_in

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "maji", "safi", "water", "clean"]
SIZES = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16,
         "max_position_embeddings": 40, "vocab_size": len(WORDS)}  # fmt: skip
QUERY = "encoder.layer.1.attention.self.query.weight"
TABLE = "embeddings.word_embeddings.weight"


def encoder(model=None):
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return Encoder(model or BertModel(BertConfig(**SIZES), add_pooling_layer=False), tokenizer, "small")


@pytest.fixture
def folder(tmp_path):
    return encoder().save(tmp_path / "model")


def change_tensors(folder, change):
    path = folder / "model.safetensors"
    found = load_file(path)
    change(found)
    save_file(found, path, {"format": "pt"})


def change_config(folder, **change):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))


def refused(folder):
    with pytest.raises(InputError) as error:
        Encoder.load(folder)
    said = str(error.value)
    assert "\n" not in said
    assert str(folder) in said
    return said


def test_a_saved_folder_is_read_as_it_is(folder):
    first, again = Encoder.load(folder), Encoder.load(str(folder))
    assert model_record(first)["sha256"] == model_record(again)["sha256"]
    theirs = load_file(folder / "model.safetensors")
    assert all(torch.equal(value, theirs[key]) for key, value in first.model.state_dict().items())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.pop(QUERY), f"got no tensor {QUERY}; expected"),
        (lambda t: (t.pop(QUERY), t.pop(TABLE)), f"got no tensor {TABLE} and 1 more"),
        (lambda t: t.update(extra=torch.ones(2)), "got an unknown tensor extra"),
        (lambda t: t.update({TABLE: torch.ones(9, 7)}), f"got tensor {TABLE} of shape (9, 7), expected (9, 8)"),
        (lambda t: t.update({QUERY: torch.full((8, 8), torch.nan)}), f"got {QUERY} with values that are no finite"),
        (lambda t: t[QUERY][3].fill_(torch.inf), f"got {QUERY} with values that are no finite"),
        (lambda t: t[QUERY][3, 4:5].fill_(-torch.inf), f"got {QUERY} with values that are no finite"),
        (lambda t: t[QUERY][7, 7:].fill_(torch.nan), f"got {QUERY} with values that are no finite"),
        (lambda t: t.update({QUERY: torch.ones(8, 8, dtype=torch.int64)}), f"got {QUERY} of torch.int64"),
        (lambda t: t.clear(), "got 2 layers, expected those of"),
    ],
)
def test_other_tensors_are_named(folder, change, said):
    change_tensors(folder, change)
    assert said in refused(folder)


@pytest.mark.parametrize("keep", [0, 1, 7, 100, -1])
def test_cut_weights_are_named(folder, keep):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    assert "got no whole safetensors file" in refused(folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hidden_size": 16}, "of shape"),
        ({"num_attention_heads": "2"}, "config.json: got "),
        ({"num_attention_heads": 0}, "config.json: got "),
        ({"num_attention_heads": 3}, "config.json: got "),
        ({"layer_norm_eps": -1.0}, "config.json: got ValueError: vectors that are no finite numbers"),
        ({"num_attention_heads": -1}, "config.json: got num_attention_heads -1, expected a number above 0"),
        ({"hidden_size": None}, "config.json: got "),
        ({"hidden_act": "none such"}, "config.json: got KeyError"),
        ({"model_type": "evil"}, "config.json: got model_type 'evil', expected a text encoder, one of albert, bert"),
        ({"model_type": 7}, "got '7' as model_type, expected str"),
        ({"num_hidden_layers": 1}, "got an unknown tensor encoder.layer.1"),
        ({"num_hidden_layers": 3}, "got no tensor encoder.layer.2"),
        ({"num_hidden_layers": 10**9}, "got 1,000,000,000 layers"),
        ({"vocab_size": 10**7}, "numbers, of which the file has"),
        ({"vocab_size": 10**12}, "got vocab_size 1000000000000, expected at most 16,777,216"),
        ({"vocab_size": 10**30}, "config.json: got "),
        ({"max_position_embeddings": 0}, "got max_position_embeddings 0, expected a number above 0"),
        ({"max_position_embeddings": 2}, "config.json: got ValueError: positions for 2 tokens"),
        ({"type_vocab_size": 0}, "got type_vocab_size 0, expected a number above 0"),
        (
            {"model_type": "roberta", "max_position_embeddings": 9, "pad_token_id": 8},
            "config.json: got ValueError: positions for 0 tokens",
        ),
        ({"model_type": "xmod", "languages": ["a"] * 99}, "got 99 layers"),
        ({"model_type": "modernbert", "rope_parameters": {"partial_rotary_factor": 1e9}}, "with partial_rotary_factor"),
        (
            {"model_type": "modernbert", "rope_parameters": {"full_attention": {"rope_theta": 1e9}}},
            "at most 16,777,216",
        ),
        ({"prefixes": ["a"]}, "got 1 prefixes, expected two"),
        ({"prefixes": "ab"}, "got 'ab' as prefixes, expected a list"),
        ({"prefixes": ["a", 2]}, "got '2' as 2 of prefixes"),
        ({"base_vocab_size": "9"}, "got '9' as base_vocab_size"),
    ],
)
def test_other_settings_are_named(folder, change, said):
    change_config(folder, **change)
    assert said in refused(folder)


@pytest.mark.parametrize(
    "change",
    [
        {"model_type": "detr", "use_timm_backbone": True, "backbone": "resnet50", "use_pretrained_backbone": True},
        {"model_type": "detr", "backbone": "someone/model", "use_timm_backbone": False},
        {"model_type": "bert", "backbone": "someone/model", "backbone_config": {"model_type": "detr"}},
        {"attn_implementation": "someone/kernels", "experts_implementation": "someone/kernels"},
        {"num_labels": 10**9, "id2label": {"0": 10**99}, "label2id": [[7]], "return_dict": False},
        {"per_layer_config": {"0": {"hidden_size": 10**9}}, "chunk_size_feed_forward": 10**9, "dtype": "someone"},
    ],
)
def test_settings_that_no_text_encoder_has_do_not_count(number_type, folder, monkeypatch, change):
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("asked a network"))
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: pytest.fail("asked a network"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    before = Encoder.load(folder).encode(["maji safi"]).vectors
    change_config(folder, **change)
    if change.get("model_type") == "detr":
        assert "got model_type 'detr', expected a text encoder, one of albert, bert" in refused(folder)
    else:
        assert torch.equal(Encoder.load(folder).encode(["maji safi"]).vectors, before)


def of_family(family):
    """A small model with random weights, and the settings that it was made with."""
    sizes = {"vocab_size": 99, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "pad_token_id": 0,
             "intermediate_size": 16, "max_position_embeddings": 40}  # fmt: skip
    names = {"hidden_size": "dim", "num_hidden_layers": "n_layers", "num_attention_heads": "n_heads",
             "intermediate_size": "hidden_dim"} if family == "distilbert" else {}  # fmt: skip
    more = {"deberta-v2": {"relative_attention": True, "position_buckets": 4, "norm_rel_ebd": "layer_norm",
                           "share_att_key": True, "pos_att_type": ["p2c", "c2p"], "type_vocab_size": 0},
            "modernbert": {"global_rope_theta": 70_000.0}, "xmod": {"default_language": "en_XX"},
            "albert": {"embedding_size": 4}, "electra": {"embedding_size": 8}}  # fmt: skip
    settings = {names.get(key, key): value for key, value in sizes.items()} | more.get(family, {})
    return MODEL_MAPPING[type(config := CONFIG_MAPPING[family](**settings))](config), settings


@pytest.mark.own_number_type  # transformers' own DeBERTa and XMOD do not run in bfloat16
@pytest.mark.parametrize("family", weights.FAMILIES)
def test_every_family_is_read(tmp_path, family):
    model, settings = of_family(family)
    first = encoder(model)
    again = Encoder.load(first.save(tmp_path / "model"))
    with computing_in("float32"):
        vectors = [each.encode(["maji safi"]).vectors for each in (first, again)]
    assert torch.allclose(*vectors, atol=1e-6)
    config = again.model.config.to_dict()
    assert {key: config.get(key, value) for key, value in settings.items()} == settings


@pytest.mark.own_number_type
@pytest.mark.parametrize("family", weights.FAMILIES)
def test_every_family_runs_in_bfloat16_or_says_that_it_does_not(family):
    one = encoder(of_family(family)[0])
    with computing_in("bf16"):
        if family in weights.FLOAT32:
            with pytest.raises(InputError, match=r"got bf16 for small, expected float32, .*; give --precision float32"):
                one.encode(["maji safi"])
        else:
            assert one.encode(["maji safi"]).vectors.isfinite().all()


@pytest.mark.parametrize("width", [1, 2])
@pytest.mark.parametrize("heads", [1, 2])
def test_a_small_model_that_loads_encodes(number_type, tmp_path, width, heads):
    sizes = {**SIZES, "hidden_size": width * heads, "num_attention_heads": heads}
    small = encoder(BertModel(BertConfig(**sizes), add_pooling_layer=False))
    found = Encoder.load(small.save(tmp_path / "model")).encode(["maji safi", "", "maji " * 50]).vectors
    assert found.isfinite().all()


def test_what_encodes_is_what_is_tried_at_load(folder, monkeypatch):
    monkeypatch.setattr(Encoder, "forward", lambda *_: torch.ones(1).view(2))
    assert "config.json: got RuntimeError: shape '[2]' is invalid" in refused(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_a_link_to_itself_is_one_line(folder, name):
    (folder / name).unlink()
    (folder / name).symlink_to(name)
    assert "got " in refused(folder)
    assert weights.inside(folder, name) == folder / name  # which its reader refuses


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json", "projection.safetensors"])
def test_a_pipe_in_place_of_a_file_does_not_wait(folder, name):
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)
    assert "got " in refused(folder)


@pytest.mark.parametrize("content", [b"{", b"[]", b"{}", b"\xff", b""])
@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_damaged_small_files_are_named(folder, name, content):
    (folder / name).write_bytes(content)
    assert f"{name}: got " in refused(folder)


def test_a_tokenizer_with_more_pieces_than_rows_is_refused(folder):
    found = json.loads((folder / "tokenizer.json").read_text())
    found["model"]["vocab"]["more"] = 9
    (folder / "tokenizer.json").write_text(json.dumps(found))
    assert "got a piece of number 9, expected numbers below 9" in refused(folder)


def test_a_damaged_projection_is_named(folder):
    for tensors, said in (
        ({"other": torch.ones(2, 8)}, "got no tensor weight"),
        ({"weight": torch.ones(2, 7)}, "got a weight of shape (2, 7), expected one of shape (any, 8)"),
        ({"weight": torch.full((2, 8), torch.nan)}, "no finite numbers"),
    ):
        save_file(tensors, folder / "projection.safetensors")
        assert said in refused(folder)
    (folder / "projection.safetensors").write_bytes(b"")
    assert "got no whole safetensors file" in refused(folder)


def test_heads_and_a_pooler_beside_the_model_are_left_aside(tmp_path):
    whole = BertForMaskedLM(BertConfig(**SIZES))
    folder = encoder(whole.bert).save(tmp_path / "model")
    alone = load_file(folder / "model.safetensors")
    whole.save_pretrained(folder)
    names = load_file(folder / "model.safetensors")
    assert any(name.startswith("cls.") for name in names)
    assert not set(alone) & set(names)
    old = {name.replace("LayerNorm.weight", "LayerNorm.gamma"): value for name, value in names.items()}
    for tensors in (names, old, {**alone, "pooler.dense.weight": torch.ones(8, 8), "pooler.dense.bias": torch.ones(8)}):
        save_file(tensors, folder / "model.safetensors", {"format": "pt"})
        loaded = Encoder.load(folder).model.state_dict()
        assert all(torch.equal(loaded[name], value) for name, value in alone.items())
    save_file({**names, "bert.extra": torch.ones(1)}, folder / "model.safetensors", {"format": "pt"})
    assert "got an unknown tensor bert.extra" in refused(folder)


class Code:
    """What a pickle can do: it writes a file when it is read."""

    def __init__(self, place):
        self.place = place

    def __reduce__(self):
        return open, (str(self.place), "w")


def test_a_pickle_is_not_read(folder, tmp_path):
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Code(tmp_path / "ran")))
    assert "got pytorch_model.bin, expected one file model.safetensors" in refused(folder)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("kind", ["bert", "unknown"])
def test_code_in_a_folder_is_never_run(number_type, folder, tmp_path, monkeypatch, kind):
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("asked the user"))
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass C: pass\n")
    names = {"AutoConfig": "evil.C", "AutoModel": "evil.C", "AutoTokenizer": ["evil.C", "evil.C"]}
    change_config(folder, auto_map=names, model_type=kind, quantization_config={"quant_method": "x"},
                  _attn_implementation="someone/kernels")  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps({"auto_map": names, "tokenizer_class": "C"}))
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "someone/model"}))
    if kind == "bert":
        assert Encoder.load(folder).encode(["maji safi"]).vectors.isfinite().all()
        (folder / "tokenizer.json").unlink()
    assert "config.json: got" in refused(folder) or "tokenizer.json: got" in refused(folder)
    assert not (tmp_path / "ran").exists()


def test_the_hub_is_asked_only_where_the_user_says_so(tmp_path, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *a, **k: asked.append((a, k)) or 1 / 0)
    monkeypatch.chdir(tmp_path)
    for name in ("runs/teachr", tmp_path / "none", "gone", "a/b/c", ""):
        with pytest.raises(InputError, match="expected a folder"):
            Encoder.load(name or tmp_path / "x")
    with pytest.raises(InputError, match="for a model of the hub write hub:runs/teachr"):
        Encoder.load("runs/teachr")
    assert not asked
    assert not capsys.readouterr().err
    for name, revision in (
        ("hub:some/model", "main"), ("hub:some/model@abc", "abc"), (*weights.REVISIONS.items(),)[0],
    ):  # fmt: skip
        with pytest.raises(InputError, match="from the hub"):
            Encoder.load(name)
        assert asked[-1][1]["revision"] == revision
        assert f"revision {revision}" in capsys.readouterr().err
    with pytest.raises(InputError, match="expected hub:OWNER/NAME"):
        Encoder.load("hub:../../etc")


def test_a_file_of_the_hub_has_the_hash_that_it_states(folder, tmp_path, monkeypatch):
    content = (folder / "model.safetensors").read_bytes()
    blobs = tmp_path / "blobs"
    blobs.mkdir()
    (folder / "model.safetensors").unlink()
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *_, **__: str(folder))
    for stated, good in ((sha256(content), True), ("0" * 64, False)):
        (blobs / stated).write_bytes(content)
        (folder / "model.safetensors").unlink(missing_ok=True)
        (folder / "model.safetensors").symlink_to(blobs / stated)
        if good:
            assert Encoder.load("hub:some/model").dimension == 8
        else:
            with pytest.raises(InputError, match=r"expected 000000000000\.\.\. \(changed content\)"):
                Encoder.load("hub:some/model")


def test_max_length_is_kept_to_or_refused(folder):
    assert Encoder.load(folder).max_length == 40
    assert len(Encoder.load(folder, 5).tokenize(["maji " * 9])[0]) == 5
    for wrong in (41, 2, -1):
        with pytest.raises(InputError, match=f"got {wrong} tokens, expected a whole number from 3 to 40"):
            Encoder.load(folder, wrong)
    roberta = RobertaModel(RobertaConfig(**{**SIZES, "max_position_embeddings": 42}, pad_token_id=1))
    assert weights.positions(roberta) == 40  # its first two are for padding


def test_a_folder_without_weights_is_named(folder):
    shutil.copy(folder / "model.safetensors", folder / "model-00001-of-00002.safetensors")
    (folder / "model.safetensors").rename(folder / "model.safetensors.index.json")
    assert "got model.safetensors.index.json, expected one file" in refused(folder)
    (folder / "model.safetensors.index.json").unlink()
    assert "got no weights" in refused(folder)
