"""Alignment error rates: the records are what the counts say, the settings what development sets chose."""

import pytest

from optical_lite.alignment.linking import AlignmentScore
from optical_lite.json_files import read_json
from optical_lite.study import alignment_grid, evidence_page

RECORDS = alignment_grid.known()
SETTINGS = read_json(alignment_grid.SETTINGS)


@pytest.mark.parametrize("name", RECORDS)
def test_records_agree_with_their_counts(name):
    record = RECORDS[name]
    for value in record["systems"].values():
        found = AlignmentScore(**value["counts"])
        assert value["aer"] == pytest.approx(found.aer, abs=1e-4)
    for ours, tests in record["transport against"].items():
        for system, test in tests.items():
            difference = record["systems"][ours]["aer"] - record["systems"][system]["aer"]
            assert test["difference"] == pytest.approx(difference, abs=2e-4)
            assert test["low"] <= test["difference"] <= test["high"]


@pytest.mark.parametrize("name", RECORDS)
def test_every_system_has_the_settings_that_development_sets_chose(name):
    chosen = SETTINGS["pocket" if name.startswith("pocket") else "published"]
    for system in alignment_grid.SYSTEMS:
        found, wanted = RECORDS[name]["systems"][system], chosen[system]
        assert (found["layer"], found["config"]) == (wanted["layer"], wanted["config"])


def test_no_development_set_is_reported():
    assert not {name for names in alignment_grid.CHOSEN_ON.values() for name in names} & set(RECORDS)


@pytest.mark.parametrize("kind", alignment_grid.ENCODERS)
def test_methods_choose_among_the_same_layers_priors_thresholds_and_rules(kind):
    configs = {
        method: {tuple(sorted(set(one.__dict__.items()) - {("method", one.method)})) for one in
                 alignment_grid.options(method, "_order")}
        for method in ("exact", "similarity")
    }  # fmt: skip
    assert configs["exact"] == configs["similarity"]
    for place in alignment_grid.CHOSEN_ON:
        for name, value in SETTINGS[place].items():
            if name.startswith(f"{kind}_"):
                assert value["layer"] in alignment_grid.ENCODERS[kind][1]
                assert value["config"]["position"] in alignment_grid.PRIORS["_order" if "_order" in name else ""]
                assert value["config"]["threshold"] in alignment_grid.THRESHOLDS


def test_pocket_sets_are_aligned_better_by_transport_than_by_the_nearest_word():
    for lang in ("sw", "so", "tl", "mr"):
        found = RECORDS[f"pocket-{lang}"]["systems"]
        for kind in alignment_grid.ENCODERS:
            assert found[f"{kind}_transport"]["aer"] < found[f"{kind}_greedy"]["aer"]


def test_a_missing_score_is_missing():
    record = {"set": "x", "bitext": {"pairs": 1}, "systems": {}, "transport against": {}}
    assert "missing" in evidence_page.rates([record], "")
