"""A tokenizer of anyone's reads every text, the same each time, or is refused in one line."""

import base64
import json
import unicodedata

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


def sequence(*steps):
    return {"type": "Sequence", "normalizers": steps, "pretokenizers": steps}


def step(old, new):
    return {"type": "Replace", "pattern": old, "content": new}


def template(*pieces, ids=(2,)):
    names = {"A": {"Sequence": {"id": "A", "type_id": 0}}}
    special = {"SpecialToken": {"id": "[CLS]", "type_id": 0}}
    tokens = {"[CLS]": {"id": "[CLS]", "ids": ids, "tokens": ["[CLS]"] * len(ids)}}
    both = [names["A"], {"Sequence": {"id": "B", "type_id": 0}}]
    single = [names.get(piece, special) for piece in pieces]
    return {"type": "TemplateProcessing", "single": single, "pair": both, "special_tokens": tokens}


def charsmap(*texts):
    return base64.b64encode((4).to_bytes(4, "little") + bytes(4) + "\0".join(texts).encode()).decode()


A, SPLIT = {"String": "a"}, {"type": "Split", "pattern": {"Regex": "."}, "behavior": "Isolated", "invert": False}
BYTES = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": False}
SPACES = [{"type": "Metaspace", "replacement": mark, "prepend_scheme": "always", "split": False} for mark in "xyz"]
LONGER = {
    "one": {"normalizer": step(A, "a" * 999)},
    "steps": {"normalizer": sequence(*[step(A, "a" * 10)] * 3)},
    "added token": {"normalizer": sequence(*[step(A, "a" * 10)] * 9), "added_tokens": [
        {"id": 9, "content": "a", "single_word": False, "lstrip": False, "rstrip": False, "normalized": True,
         "special": False}]},
    "nested": {"normalizer": sequence(sequence(step(A, "a" * 20)), sequence(step({"String": "aa"}, "a" * 40)))},
    "expression": {"normalizer": sequence(*[step({"Regex": "a"}, "aa")] * 9)},
    "nothing": {"normalizer": sequence(*[step({"Regex": ""}, "a")] * 9)},
    "composed": {"normalizer": sequence(*[step({"String": "\u0644"}, "\ufdfa"), {"type": "NFKC"}] * 2)},
    "charsmap": {"normalizer": sequence(*[{"type": "Precompiled", CHARSMAP: charsmap("", "a" * 20)}] * 2)},
    "bytes": {"normalizer": sequence(*[{"type": "ByteLevel"}] * 9)},
    "bytes of words": {"pre_tokenizer": sequence(*[SPLIT, BYTES] * 9)},
    "blanks": {"pre_tokenizer": sequence(*[SPLIT, *SPACES] * 3)},
    "before": {"normalizer": {"type": "Prepend", "prepend": "x" * 999}},
    "many before": {"normalizer": sequence(*[{"type": "Prepend", "prepend": "x"}] * 200)},
    "prefix": {"model": {**WORDPIECE, "continuing_subword_prefix": "#" * 999, "vocab": VOCAB | {"[UNK]": 1}}},
}  # fmt: skip


@pytest.mark.parametrize("parts", LONGER.values(), ids=LONGER)
def test_what_makes_a_text_far_longer_is_refused_before_it_is_made(folder, parts, monkeypatch):
    change(folder, **parts)
    monkeypatch.setattr(tokenizer_files, "Tokenizer", None)
    assert "tokenizer.json: got steps that make a text " in refused(folder)


def test_a_word_of_a_million_letters_takes_no_hours(folder):
    """WordPiece looks for the longest piece again at each letter."""
    change(folder, model={**WORDPIECE, "max_input_chars_per_word": 1_000_000, "vocab": VOCAB | {"[UNK]": 1}})
    assert "tokenizer.json: got words of up to 1,000,000 characters, expected at most 1,000" in refused(folder)
    change(folder, model={**WORDPIECE, "max_input_chars_per_word": "many", "vocab": VOCAB | {"[UNK]": 1}})
    assert "got 'many' as max_input_chars_per_word" in refused(folder)


@pytest.mark.parametrize("pieces", ["C", "AA", "CAA"])
def test_a_template_has_its_text_once(folder, pieces):
    change(folder, post_processor=template(*pieces))
    assert f"got a text {pieces.count('A')} times in the post_processor's template" in refused(folder)


def test_templates_after_one_another_are_refused(folder):
    change(folder, post_processor={"type": "Sequence", "processors": [template("C", "A")] * 2})
    assert "got a text 1 and 1 times in the post_processor's template" in refused(folder)


def test_ids_around_a_text_are_bounded(folder):
    change(folder, post_processor=template(*"CCCA", ids=[2] * 99))
    assert "got 297 ids around a text, expected at most 256" in refused(folder)
    change(folder, post_processor=template(*"CA"))
    assert Encoder.load(folder).tokenize(["maji"]) == [[2, 5]]


def test_a_text_has_tokens_of_its_own(folder):
    change(folder, normalizer=step({"Regex": "."}, ""))
    assert "got no token of any text" in refused(folder)


XLMR = {"type": "Precompiled", CHARSMAP: charsmap("a", unicodedata.normalize("NFKC", "\ufdfa"))}
SHORT = [
    (XLMR, step({"Regex": " {2,}"}, "\u2581"), {"type": "Metaspace", "replacement": "\u2581"}),  # XLM-R
    (step({"String": "``"}, '"'), {"type": "NFKD"}, XLMR, step({"Regex": " {2,}"}, " "), *SPACES[:1]),  # ALBERT
    ({"type": "Prepend", "prepend": "\u2581"}, step({"String": " "}, "\u2581")),
    (step({"Regex": r"\s+"}, " "), SPLIT, SPLIT, BYTES),  # CLIP
]


@pytest.mark.parametrize("steps", SHORT)
def test_steps_of_known_tokenizers_pass(steps):
    tokenizer_files._bounded(json.dumps({"model": {}, "normalizer": steps}).encode(), "here", "mend it")


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
        list(tokenizer_files.encoded(endless, ["a" * 200]))


def test_what_fails_later_is_one_line():
    broken = Tokenizer(models.WordLevel({"a": 0}, "[UNK]"))
    for function in (tokenizer_files.encoded, pieces.cut):
        with pytest.raises(
            InputError, match=r"tokenizer: got no tokenizer \(Exception: WordLevel error: Missing \[UNK\]"
        ):
            list(function(broken, ["maji"]))
