"""Numbers in prose against the records: the real ledger, and one made up here that is wrong in every way."""

import json

import pytest

from optical_lite.settings import InputError
from optical_lite.study import evidence, findings


def test_the_prose_says_what_the_records_give():
    assert findings.problems() == []


@pytest.fixture
def page(tmp_path, monkeypatch):
    """A page, a ledger for it, and a place to say what is wrong with them."""
    monkeypatch.setattr(findings, "ROOT", tmp_path)
    swahili = findings.measure("mean optical afriqa_sw")

    def problems(text, ledger, name="page.md"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        (tmp_path / "ledger.yaml").write_text(json.dumps({name: ledger}), encoding="utf-8")
        return findings.problems(tmp_path / "ledger.yaml")

    return problems, f"{swahili:.3f}", f"{swahili + 0.001:.3f}"


def test_a_stale_number_is_reported_with_the_right_one(page):
    problems, right, wrong = page
    measure = ["mean optical afriqa_sw"]
    assert problems(f"OPTICAL\nhas {right} here", {f"OPTICAL has {right}": measure}) == []  # lines may break anywhere
    (line,) = problems(f"It has {wrong}.", {f"has {wrong}": measure})
    assert f"has {wrong}, the records give {findings.measure(*measure):.4f} (mean optical afriqa_sw)" in line
    (line,) = problems("It has nothing.", {f"has {right}": measure})
    assert "no longer says" in line


def test_notebooks_are_read_without_code(page):
    problems, right, _ = page
    cells = [{"cell_type": kind, "source": [text]} for kind, text in (("markdown", f"It is {right}."), ("code", "0.5"))]
    text = json.dumps({"cells": cells})
    assert problems(text, {f"is {right}": ["mean optical afriqa_sw"]}, "page.ipynb") == []
    assert len(problems(text, {"0.5": ["=0.5"]}, "page.ipynb")) == 1


def test_measures():
    measure = findings.measure
    gains = [measure(f"gain optical extended {place}") for place in ("afriqa_ig", "afriqa_ha")]
    assert measure("most gain optical extended afriqa_ig afriqa_ha") == max(gains)
    assert measure("least gain optical extended afriqa_i* afriqa_ha") == min(gains)
    assert measure("loss optical extended afriqa_ig") == -gains[0]
    assert measure("gap ceiling belebele_so") == 1
    assert measure("p optical optical afriqa_ig") == 1
    cell = evidence.frame("afriqa_ig").loc["optical"]
    assert measure("mean optical afriqa_ig") == pytest.approx(cell["mean"], abs=1e-4)
    assert measure("gap optical afriqa_ig") == pytest.approx(cell["gap_closed"], abs=1e-4)
    duels = evidence.against_best("plus_sharp")
    assert measure("duels plus_sharp single") == len(duels)
    assert measure("over plus_sharp single afriqa_sw") == duels.loc["afriqa_sw", "difference"]
    beyond = duels[duels["p"] < 0.05]["difference"]
    assert measure("wins plus_sharp single") + measure("losses plus_sharp single") == len(beyond)
    assert measure("wins plus_sharp single") == (beyond > 0).sum()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("median optical afriqa_sw", "expected a measure such as"),
        ("mean optical", "expected a measure such as"),
        ("mean optical afriqa_sw afriqa_ig", "expected a measure such as"),
        ("mean optical afriqa_fi", "got 0 places like afriqa_fi"),
        ("mean opticle afriqa_sw", "got 'opticle'"),
        ("mean mbert_optical afriqa_sw", "no record of mbert_optical"),
        ("mean optical afriqa_*", "expected one; or least or most"),
        ("over plus_sharp all afriqa_sw", "got opponents 'all'"),
    ],
)
def test_bad_measures_are_named(text, said):
    with pytest.raises(InputError, match=said):
        findings.measure(text)


def test_a_ledger_that_does_not_count_is_refused(page):
    with pytest.raises(InputError, match="has 2 numbers, expected 1"):
        page[0]("0.1 and 0.2", {"0.1 and 0.2": ["=0.1"]})
