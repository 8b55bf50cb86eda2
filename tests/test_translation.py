"""Machine translation, on a tiny random NLLB: what it says means nothing, how it is asked does."""

import pytest

from optical_lite.settings import InputError
from optical_lite.study import systems, translation


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    import torch
    from transformers import M2M100Config, M2M100ForConditionalGeneration, NllbTokenizer

    letters = {f"▁{c}": i for i, c in enumerate("abcdefghijklmnopqrstuvwxyz", 4)}
    vocabulary = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, **letters}
    vocabulary |= {c: i for i, c in enumerate("abcdefghijklmnopqrstuvwxyz", len(vocabulary))}
    tokenizer = NllbTokenizer(vocab=vocabulary, merges=[])
    torch.manual_seed(0)
    config = M2M100Config(
        vocab_size=len(tokenizer), d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16, max_position_embeddings=64,
        init_std=0.7,  # wide enough for different texts to give different translations
    )  # fmt: skip
    path = tmp_path_factory.mktemp("nllb")
    M2M100ForConditionalGeneration(config).save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


def test_every_language_of_the_comparison_has_a_code():
    assert {lang: translation.nllb_code(lang) for lang in systems.LANGUAGES}.items() >= {
        "ig": "ibo_Latn", "tw": "twi_Latn", "tl": "tgl_Latn", "hi": "hin_Deva", "de": "deu_Latn",
    }.items()  # fmt: skip


def test_translations_keep_their_order_whatever_the_batch(folder, monkeypatch):
    monkeypatch.setattr(translation, "LONGEST", 12)
    texts = ["maji safi ya kunywa", "mji", "watoto wanasoma shuleni leo", "ndege"]
    together = translation.translate(texts, "sw", folder)
    assert together == translation.translate(texts, "sw", folder, batch=2)
    assert together == [translation.translate([text], "sw", folder)[0] for text in texts]
    assert len(set(together)) > 1


def test_a_model_out_of_reach_is_named(tmp_path):
    with pytest.raises(InputError, match="expected a folder with NLLB or facebook/nllb"):
        translation.translate(["maji"], "sw", tmp_path / "none")
