"""Sub-words to words, plans to links: against brute force, and on texts that are hard."""

import numpy as np
import pytest
import torch

from optical_lite.alignment.plans import AlignConfig, align, align_pairs, encode_pairs, masses, realign, word_plan
from optical_lite.datasets import pocket
from optical_lite.settings import InputError
from optical_lite.text import words

pytestmark = pytest.mark.float32


def owners(encoder, text):
    pair = encode_pairs(encoder, encoder, [(text, text)])[0]
    return pair.source_words, pair.source_owner


def test_every_token_belongs_to_the_word_it_is_part_of(teacher, student):
    for text in ("Unaffordable rates, (really)!", "El Niño’s e\u0301cole", "don't — stop…", "a\u200bb  c"):
        found, owner = owners(teacher, text)
        assert found == words(text)
        assert owner == sorted(owner)
        assert set(owner) == set(range(len(found)))
    sources = [source for source, _ in pocket.bitext("sw").pairs[:60]]
    for text in sources:
        found, owner = owners(student, text)
        assert set(owner) == set(range(len(found)))


def test_devanagari_keeps_its_vowel_signs_with_their_word(teacher):
    from optical_lite import vocabulary

    marathi = vocabulary.extend(teacher, pocket.bitext("mr"))
    for text, _ in pocket.bitext("mr").pairs[:60]:
        pair = encode_pairs(marathi, teacher, [(text, "x")])[0]
        for k, word in enumerate(pair.source_words):
            pieces = [t for t, o in zip(pair.source_tokens, pair.source_owner, strict=True) if o == k]
            if pieces:
                assert "".join(p.removeprefix("##") for p in pieces) == word.lower()


@pytest.mark.parametrize("chunk", [0, -1, 2.5])
def test_a_chunk_has_so_many_pairs(teacher, chunk):
    with pytest.raises(InputError, match=f"^chunk: got {chunk}, expected a whole number from 1"):
        list(align_pairs(teacher, teacher, [("a", "b")], chunk=chunk))


def test_words_given_are_kept_as_they_are(teacher):
    found, owner = owners(teacher, ["l'", "eau", "U.S.", "vowels"])
    assert found == ["l'", "eau", "U.S.", "vowels"]
    assert set(owner) == {0, 1, 2, 3}
    assert owner[:2] == [0, 0]  # l and the apostrophe


def test_word_plan_sums_and_keeps_all_mass():
    plan = torch.rand(5, 4)
    found = word_plan(plan, [0, 0, 1, 3, 3], [1, 0, 0, 2], 4, 3)
    assert found.sum() == pytest.approx(plan.sum().item(), rel=1e-5)
    assert found[0, 0] == pytest.approx((plan[0, 1] + plan[0, 2] + plan[1, 1] + plan[1, 2]).item(), rel=1e-5)
    assert (found[2] == 0).all()


def test_hard_texts(teacher):
    same = align(teacher, teacher, "The doctor keeps the pills.", "The doctor keeps the pills.")
    assert same.links == {(k, k) for k in range(6)}
    assert align(teacher, teacher, "Water", "Water").links == {(0, 0)}
    arabic = align(teacher, teacher, "السلام عليكم", "peace be upon you")
    assert arabic.source_words == ["السلام", "عليكم"]
    assert all(0 <= i < 2 and 0 <= j < 4 for i, j in arabic.links)
    unknown = align(teacher, teacher, "ⵜⴰⵎⴰⵣⵉⵖⵜ water", "water")
    assert unknown.source_unknown == [0]
    assert unknown.source_words[0] == "ⵜⴰⵎⴰⵣⵉⵖⵜ"
    assert unknown.links == {(1, 0)}
    nothing = align(teacher, teacher, "ⵜⴰⵎⴰⵣⵉⵖⵜ", "water")
    assert nothing.links == set()
    assert nothing.plan.shape == (0, 1)


def test_wrong_input_says_what_was_got(teacher):
    with pytest.raises(InputError, match="empty source side in pair 1"):
        align(teacher, teacher, "  ", "water")
    with pytest.raises(InputError, match="empty target side in pair 3"):
        list(align_pairs(teacher, teacher, [("a", "b"), ("a", "b"), ("a", "")], chunk=2))
    with pytest.raises(InputError, match=r"602 tokens .* expected at most 256"):
        align(teacher, teacher, "water " * 600, "water")
    scaling = {"method": "scaling"}  # which can lose its numbers
    for wrong in ({"method": "greedy"}, scaling, {"level": "piece"}, {"null": 1.5}, {"rule": "best"}):
        with pytest.raises(InputError, match="got"):
            align(teacher, teacher, "water", "water", **wrong)


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("epsilon", -1, "a number above 0"), ("epsilon", "0.1", "a number above 0"),
        ("threshold", 9, "a number from 0 to 1"), ("threshold", float("nan"), "a number from 0 to 1"),
        ("rule", "zz", "one of forward"), ("rule", 3, "a str"),
        ("reach", -4, "a number above 0"), ("mass", 9, "a number above 0 to 1"), ("null", 1.5, "a number from 0 to 1"),
        ("position", float("inf"), "a number from 0"), ("level", "piece", "one of word, token"),
        ("marginals", "foo", "one of uniform, words"), ("method", "scaling", "one of stabilized"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["similarity", "stabilized"])
def test_every_field_is_looked_at_whatever_the_method(method, field, value, expected):
    with pytest.raises(InputError, match=f"^{field}: got {value!r}, expected {expected}"):
        AlignConfig(**{"method": method, field: value})
    assert AlignConfig(reach=None, mass=None) == AlignConfig()


def test_marginals_have_a_name():
    with pytest.raises(InputError, match=r"^masses: got marginals 'foo', expected one of uniform, words"):
        masses([0, 0, 1], "foo")


def test_a_stream_equals_one_at_a_time(teacher, student):
    pairs = list(pocket.bitext("sw").pairs[:40])
    options = {"rule": "grow-diag", "epsilon": 0.1, "method": "log"}
    stream = list(align_pairs(student, teacher, iter(pairs), chunk=16, **options))
    assert [a.target_words for a in stream] == [words(t) for _, t in pairs]
    assert all(a.converged for a in stream)
    for pair, found in list(zip(pairs, stream, strict=True))[::7]:
        one = align(student, teacher, *pair, **options)
        assert np.allclose(one.word_plan, found.word_plan, atol=0.02)  # bf16 products differ a little by batch
        assert found.word_plan.sum() == pytest.approx(1, abs=1e-2)


def test_configuration_changes_what_it_says(teacher, student):
    pair = encode_pairs(student, teacher, [pocket.bitext("sw").pairs[3]])
    plain = realign(pair)[0]
    assert torch.allclose(
        plain.plan.sum(1), torch.full((len(plain.source_tokens),), 1 / len(plain.source_tokens)), atol=1e-3
    )
    by_words = realign(pair, AlignConfig(marginals="words"))[0]
    assert np.allclose(by_words.word_plan.sum(1), 1 / len(plain.source_words), atol=1e-3)
    similarity = realign(pair, AlignConfig(method="similarity"))[0]
    assert torch.allclose(similarity.plan, 1 - pair[0].cost / 2)
    assert similarity.word_plan.max() == pytest.approx(similarity.plan.max().item())
    tokens = realign(pair, AlignConfig(level="token", rule="union"))[0]
    assert tokens.links >= realign(pair, AlignConfig(level="token"))[0].links
    assert (
        realign(realign(pair), AlignConfig(rule="union"))[0].links == realign(pair, AlignConfig(rule="union"))[0].links
    )


def test_unbalanced_mass_tells_words_without_counterpart(teacher):
    pair = encode_pairs(
        teacher, teacher, [("the doctor keeps the pills", "the doctor keeps the pills zebra guitar volcano")]
    )
    balanced = realign(pair, AlignConfig(rule="backward"))[0]
    assert {j for _, j in balanced.links} >= {5, 6, 7}  # every word has to take its mass
    free = realign(pair, AlignConfig(method="unbalanced", reach=0.1, rule="backward", null=0.2))[0]
    assert {j for _, j in free.links} == {0, 1, 2, 3, 4}
    partial = realign(pair, AlignConfig(method="partial", mass=0.6, rule="backward", null=0.3))[0]
    assert {5, 6, 7} - {j for _, j in partial.links}
