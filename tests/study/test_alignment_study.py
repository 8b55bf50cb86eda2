"""The table of alignment error rates is made from the records, and the records are what the counts say."""

import pytest

from optical_lite.alignment.plans import AlignmentScore
from optical_lite.study import alignment_grid

RECORDS = alignment_grid.known()


def test_the_page_is_made_from_the_records():
    assert alignment_grid.PAGE.read_text(encoding="utf-8") == alignment_grid.page()


@pytest.mark.parametrize("name", RECORDS)
def test_records_agree_with_their_counts(name):
    record = RECORDS[name]
    for value in record["systems"].values():
        found = AlignmentScore(**value["counts"])
        assert value["aer"] == pytest.approx(found.aer, abs=1e-4)
    ours = record["systems"]["transport"]["aer"]
    for system, test in record["transport against"].items():
        assert test["difference"] == pytest.approx(ours - record["systems"][system]["aer"], abs=2e-4)
        assert test["low"] <= test["difference"] <= test["high"]


def test_transport_beats_greedy_and_ibm1_on_the_four_pocket_languages():
    for lang in ("sw", "so", "tl", "mr"):
        found = RECORDS[f"pocket-{lang}"]["systems"]
        assert found["transport"]["aer"] < min(found["greedy"]["aer"], found["ibm1"]["aer"])


def test_published_rates_stand_beside_ours_with_their_digits():
    lines = alignment_grid.beside([{"set": "awesome-ja", "systems": {"transport": {"aer": 0.5}}}]).splitlines()
    cells = {line.split(" | ")[0][2:]: line.strip("| ").split(" | ")[2:] for line in lines[2:]}
    assert cells["transport, ours"] == [*["missing"] * 5, "50.0", "missing"]
    assert cells["awesome-align, tuned"] == ["15.1", "4.5", "-", "20.7", "-", "38.4", "14.5"]
    assert cells["eflomal, SimAlign's"] == ["23", "8", "49", "29", "15", "-", "-"]
    assert len({len(row) for row in cells.values()}) == 1


def test_a_missing_score_is_missing():
    assert "missing" in alignment_grid.table(
        [{"set": "x", "bitext": {"pairs": 1}, "systems": {}, "transport against": {}}]
    )
