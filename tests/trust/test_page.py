"""The reliability page is what was measured, and what was measured keeps the promises."""

import json
import re

import pytest

from optical_lite.settings import ROOT
from trust import page


def found(name):
    place = page.FOUND / f"{name}.json"
    if not place.exists():
        pytest.skip(f"{place.name}: not measured yet")
    return json.loads(place.read_text(encoding="utf-8"))


def test_the_page_is_what_was_measured():
    assert page.PAGE.read_text(encoding="utf-8") == page.page()


def test_every_promise_names_a_test_that_exists():
    names = page.promised()
    assert len(names) > 10
    for name in names:
        path, _, function = name.partition("::")
        text = (ROOT / path).read_text(encoding="utf-8")
        assert not function or re.search(rf"^def {function}\(", text, re.MULTILINE), name


def test_no_kill_did_harm():
    total = found("kills")["total"]
    assert total["kills"] >= 250
    assert [total[fault] for fault in page.FAULTS] == [0, 0, 0, 0]


def test_every_mutated_input_was_answered():
    everything = found("fuzz")
    assert everything["cases"] >= 19_900
    assert everything["total"]["result"] + everything["total"]["refused"] == everything["cases"]


def test_most_mutants_were_noticed():
    rows = found("mutants").values()
    assert sum(row["survived"] for row in rows) <= 0.15 * sum(row["mutants"] for row in rows)
