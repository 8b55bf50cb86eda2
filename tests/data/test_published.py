"""Readers of published data; they need a local copy of it (OPTICAL_LITE_MIRROR) and are skipped without."""

import pytest

from optical_lite.datasets import published
from optical_lite.settings import InputError
from optical_lite.text import fold

pytestmark = pytest.mark.usefixtures("mirror")


@pytest.mark.parametrize(("lang", "questions"), [("swa", 295), ("hau", 300), ("ibo", 409), ("yor", 253), ("twi", 486)])
def test_afriqa_test_questions(lang, questions):
    data = published.afriqa(lang)
    assert len(data.queries) == questions
    assert len(data.passages) == 3320
    assert len({fold(t) for t in data.translations.values()}) > 0.9 * questions
    assert all(text.strip() for text in [*data.queries.values(), *data.passages.values()])


def test_afriqa_flags_count_shared_passages():
    """The number of test questions whose passage is also in train or dev of some language."""
    flags = published.afriqa("ibo").flags.values()
    assert sum("passage-in-training" in f for f in flags) >= 102


def test_afriqa_identical_and_containing_passages_are_relevant():
    data = published.afriqa("ibo")
    several = [list(grades) for grades in data.qrels.values() if len(grades) > 1]
    assert several

    def related(one, other):
        """The end of one passage is found in the other (titles stand at the front)."""
        a, b = fold(data.passages[one]), fold(data.passages[other])
        return " ".join(a.split()[-6:]) in b or " ".join(b.split()[-6:]) in a

    for group in several:
        assert any(all(related(gold, other) for other in group) for gold in group)


def test_afriqa_without_gold_says_which_splits_have_it():
    with pytest.raises(InputError, match="swa test"):
        published.afriqa("swa", "train")
    with pytest.raises(InputError, match="got language 'de'"):
        published.afriqa("de")


def test_bitexts():
    assert len(published.mafand("sw")) == 30_782
    assert len(published.ntrex("tl")) == 1_997
    assert not any("\r" in side for pair in published.ntrex("tl").pairs for side in pair)
    assert len(published.flores("mr", "dev")) == 997
    assert len(published.flores("mr")) == 1_012
    assert len(published.tico19("so")) == 3_071
    assert not any("&lt;" in english for _, english in published.tico19("so").pairs)
    assert len(published.afriqa_questions("twi", "dev")) > 0


def test_training_pairs_hold_out_the_test_questions():
    data = published.afriqa("swa")
    bitext = published.training_bitext("swa", hold_out=[data])
    banned = {fold(text) for text in [*data.queries.values(), *data.translations.values()]}
    assert not any(banned & {fold(a), fold(b)} for a, b in bitext.pairs)
    assert len({(fold(a), fold(b)) for a, b in bitext.pairs}) == len(bitext)
    assert bitext.notes["dropped"]["untranslated"] > 400


def test_unknown_languages_are_named():
    with pytest.raises(InputError, match="mafand: got language 'so', expected one of ha, ig, sw, yo, zu"):
        published.mafand("so")
    with pytest.raises(InputError, match="mafand or tico19"):
        published.training_bitext("de")
    with pytest.raises(InputError, match="language: got 'xx'"):
        published.training_bitext("xx")


def test_more_bitexts():
    assert len(published.hornmt("som")) == 2_030
    assert len(published.loresmt("mar")) == 1_000
    assert [len(published.ciral(lang)) for lang in ("hau", "som", "swa", "yor")] == [392, 338, 198, 654]
    assert dict(published.ciral("sw").pairs)[
        "Rais 44 wa America ambaye mzazi mmoja alitoka marekani na mwingine kenya aitwaje?"
    ].startswith("What was the name of the 44th president")
    assert len(published.tatoeba("tl")) == 1_000


def test_recipes_leave_out_what_is_tested():
    from optical_lite.datasets import testsets

    assert len(published.training_bitext("som", recipe="tico19+hornmt")) == 5_101
    assert "ntrex" in published.training_bitext("som", recipe="plus").name
    assert "afriqa" not in published.training_bitext("swa", recipe="unasked").name
    with pytest.raises(InputError, match="got language 'twi'"):
        published.training_bitext("twi", recipe="unasked")
    held = published.training_bitext("som", [testsets.ntrex_headlines("som")], "plus")
    assert "ntrex" not in held.name
    recipes, parts = map(", ".join, (published.RECIPES, published.PARTS))
    said = f"recipe: got 'squad', expected {recipes}, or some of {parts} joined"
    with pytest.raises(InputError, match=said):
        published.training_bitext("swa", recipe="mafand+squad")
    with pytest.raises(InputError, match="expected one that afriqa or ciral covers"):
        published.training_bitext("mar", recipe="questions")
