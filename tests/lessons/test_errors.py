import pytest

from optical_lite.corpora import Collection
from optical_lite.lessons import side_by_side

DATA = Collection(
    "toy", "sw", {"a": "The fire burns in Arusha.", "b": "Clean water.", "c": "x" * 200},
    {"q1": "maji safi?", "q2": "moto Arusha", "q3": "nani"}, {"q1": {"b": 1}, "q2": {"a": 1}, "q3": {"c": 2, "a": 1}},
    {"q1": "clean water?"},
)  # fmt: skip
BEFORE = {"q1": [("a", 3.0), ("b", 2.0)], "q2": [("a", 1.0), ("b", 0.5)]}
AFTER = {"q1": [("b", 3.0), ("a", 2.0)], "q2": [("b", 1.0), ("a", 1.0)], "q3": [("b", 9.0)]}


def test_browse_orders_questions_by_gain_and_shows_both_answers():
    table = side_by_side.browse(DATA, BEFORE, AFTER)
    assert list(table.index) == ["q1", "q3", "q2"]
    assert table["gain"].tolist() == pytest.approx([0.5, 0.0, -0.25])  # a tie costs half of the way to rank 2
    assert table.loc["q1", ["rank before", "rank after"]].tolist() == [2, 1]
    assert table.loc["q2", "rank after"] == 2
    assert table["rank before"].isna().tolist() == [False, True, False]
    assert table.loc["q3", "top before"] == ""
    assert table.loc["q3", "right"].endswith("…")
    assert len(table.loc["q3", "right"]) == side_by_side.WIDTH
    assert table.loc["q2", "translation"] == ""


def test_first_rank_needs_a_relevant_passage():
    assert side_by_side.first_rank([("a", 1.0)], {"b": 1}) is None
    assert side_by_side.first_rank([], {"b": 1}) is None
    assert side_by_side.first_rank([("b", 1.0), ("a", 1.0)], {"b": 0, "a": 2}) == 2
