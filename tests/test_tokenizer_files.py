"""A tokenizer of anyone's reads every text, the same each time, or is refused in one line."""

import json

import pytest
from test_weights import WORDS, encoder, refused
from tokenizers import Regex, Tokenizer, models, pre_tokenizers

from optical_lite import tokenizer_files
from optical_lite.encoder import Encoder
from optical_lite.kernels import pieces
from optical_lite.settings import InputError


@pytest.fixture
def folder(tmp_path):
    return encoder().save(tmp_path / "model")


def change(folder, **parts):
    path = folder / "tokenizer.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **parts}))


CHARSMAP, REGEX = "precompiled_charsmap", {"String": "(?<=a{2,})"}
VOCAB = {word: number for number, word in enumerate(WORDS) if word != "[UNK]"}
WORDPIECE = {
    "type": "WordPiece",
    "unk_token": "[UNK]",
    "continuing_subword_prefix": "##",
    "max_input_chars_per_word": 9,
}
PADDING = {"strategy": {"Fixed": 10**12}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0,
           "pad_type_id": 0, "pad_token": "[PAD]"}  # fmt: skip


@pytest.mark.parametrize(
    "parts",
    [
        {"model": {"type": "WordLevel", "vocab": VOCAB, "unk_token": "[UNK]"}},
        {"model": {**WORDPIECE, "vocab": VOCAB}},
        {"model": {**WORDPIECE, "vocab": VOCAB | {"a": 9, "\U000103a0": 10}}},
        {"model": {"type": "Unigram", "unk_id": None, "vocab": [["a", -1.0]], "byte_fallback": False}},
        {"normalizer": {"type": "Precompiled", CHARSMAP: "AAAA"}},
        {"normalizer": {"type": "Precompiled", CHARSMAP: "BAAAAAAAAAA="}},
        {
            "pre_tokenizer": {
                "type": "Split",
                "pattern": {"Regex": "(?<=a{2,})("},
                "behavior": "Isolated",
                "invert": False,
            }
        },
    ],
)
def test_what_fails_at_a_text_is_refused_at_load(folder, parts, capfd):
    change(folder, **parts)
    assert "tokenizer.json: got no tokenizer (" in refused(folder)
    assert capfd.readouterr() == ("", "")


def test_limits_of_its_own_do_not_count(folder):
    change(folder, padding=PADDING, truncation={"direction": "Right", "max_length": 1, "strategy": "LongestFirst",
                                                "stride": 0})  # fmt: skip
    assert Encoder.load(folder).tokenize(["maji safi"]) == [[2, 5, 6, 3]]


def test_a_text_is_cut_the_same_each_time(folder):
    tokenizer = Tokenizer(models.BPE({"[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "w": 4, "a": 5, "t": 6, "wa": 7, "wat": 8},
                                     [("w", "a"), ("wa", "t")], dropout=0.5, unk_token="[UNK]"))  # fmt: skip
    change(folder, model=json.loads(tokenizer.to_str())["model"])
    found = Encoder.load(folder)
    assert found.tokenize(["wat"] * 50) == [[2, 8, 3]] * 50
    assert json.loads(found.tokenizer.to_str())["model"]["dropout"] is None


def test_a_pattern_that_never_ends_is_stopped():
    """By the engine's own limit, ten million steps back in one match."""
    endless = Tokenizer(models.WordLevel({"[UNK]": 0}, "[UNK]"))
    endless.pre_tokenizer = pre_tokenizers.Split(Regex("(a+)+b"), "isolated")
    with pytest.raises(InputError, match=r"got no tokenizer .*retry-limit-in-match over"):
        tokenizer_files.encoded(endless, ["a" * 200])


def test_what_fails_later_is_one_line():
    broken = Tokenizer(models.WordLevel({"a": 0}, "[UNK]"))
    for call in (tokenizer_files.encoded, lambda *given: list(pieces.cut(*given))):
        with pytest.raises(
            InputError, match=r"tokenizer: got no tokenizer \(Exception: WordLevel error: Missing \[UNK\]"
        ):
            call(broken, ["maji"])
