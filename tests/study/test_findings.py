"""Numbers in prose against the records: the real pages, and a page made up here that is wrong in every way."""

import json

import pytest

from optical_lite.settings import InputError
from optical_lite.significance import holm
from optical_lite.study import evidence, findings


def test_the_pages_say_what_the_records_give():
    assert findings.texts()
    assert findings.problems() == []


@pytest.fixture
def page(tmp_path, monkeypatch):
    """A README, and what is wrong with it."""
    monkeypatch.setattr(findings, "ROOT", tmp_path)

    def problems(text, name="README.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
        return findings.problems()

    return problems


MARKED = "It has <!-- n: mean optical afriqa_sw -->{}<!-- /n --> here, 0.123 there."


def test_a_stale_number_is_reported_and_written_anew(page):
    right = f"{findings.measure('mean optical afriqa_sw'):.3f}"
    assert page(MARKED.format(right)) == []
    (line,) = page(MARKED.format("0.111"))
    assert line == f"README.md: has 0.111, the records give {right} (mean optical afriqa_sw)"
    assert findings.fill(MARKED.format("0.111"), "README.md") == MARKED.format(right)
    assert findings.fill(MARKED.format("0.1"), "README.md") == MARKED.format(f"{float(right):.1f}")


def test_notebooks_are_pages(page):
    text = json.dumps({"cells": [{"cell_type": "markdown", "source": [MARKED.format("0.111")]}]})
    assert "notebooks/x.ipynb: has 0.111" in page(text, "notebooks/x.ipynb")[0]
    assert json.loads(findings.fill(text, "x"))["cells"][0]["source"] != [MARKED.format("0.111")]


def test_hand_written_pages_of_tables_are_among_them():
    """Those of ``data/expected`` may have tables alone; a generated page has no marks."""
    pages = {path for path in findings.texts() if path.startswith("data/")}
    assert pages == {f"data/expected/{name}.md" for name in ("alignment_sets", "claims", "evidence")}


def test_a_run_that_is_gone_is_missing_until_it_is_there(page):
    """Swahili has no student whose weights all train at one rate."""
    gone = "<!-- n: mean optical_all afriqa_sw -->0.7<!-- /n -->"
    assert page(gone)[0].startswith("README.md: has 0.7, the records give missing")
    filled = findings.fill(gone.replace("optical_all", "optical").replace("0.7", "missing"), "README.md")
    assert filled.split("-->")[1].startswith(f"{findings.measure('mean optical afriqa_sw'):.3f}")
    assert findings.say(12, "missing") == "12"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<!-- n: mean optical afriqa_sw -->0.7", "README.md: got <!-- n: without its end"),
        ("<!-- n: mean optical\nafriqa_sw -->0.7<!-- /n -->", "README.md: got <!-- n: without its end"),
        ("<!-- n: mean opticle afriqa_sw -->0.7<!-- /n -->", "README.md: system: got 'opticle'"),
    ],
)
def test_a_broken_mark_is_named_with_its_page(page, text, said):
    with pytest.raises(InputError) as error:
        page(text)
    assert str(error.value).startswith(said)


def test_measures():
    measure = findings.measure
    gains = [measure(f"gain optical extended {place}") for place in ("afriqa_ig", "afriqa_ha")]
    assert measure("most gain optical extended afriqa_ig afriqa_ha") == max(gains)
    assert measure("least gain optical extended afriqa_i* afriqa_ha") == min(gains)
    assert measure("gain extended optical afriqa_ig") == -gains[0]
    assert measure("apart extended optical afriqa_ig") == gains[0]
    assert measure("gap ceiling belebele_so") == 1
    means = evidence.frame("afriqa_ig")["mean"]
    assert measure("mean optical afriqa_ig") == pytest.approx(means["optical"], abs=1e-4)
    gap = (means["optical"] - means["zero_shot"]) / (means["ceiling"] - means["zero_shot"])
    assert measure("gap optical afriqa_ig") == pytest.approx(gap, abs=1e-4)
    assert measure("among optical extended afriqa_* belebele_*") == 12
    gains = [measure(f"gain optical extended afriqa_{lang}") for lang in ("ha", "ig", "sw", "tw", "yo")]
    assert measure("average gain optical extended afriqa_*") == pytest.approx(sum(gains) / 5)
    found = evidence.over("extended", {"": "optical"}, ["afriqa_*"])
    p = holm({place: each[""].p for place, each in found.items()})
    clear = [place for place, each in found.items() if p[place] < 0.05 and each[""].difference > 0]
    assert measure("above optical extended afriqa_*") == len(clear) > 0
    assert measure("above extended optical afriqa_*") == 0
    # one counted, the family larger
    found = evidence.over("extended", {"optical": "optical", "late": "late"}, ["afriqa_*"])
    p = holm({(place, name): e.p for place, each in found.items() for name, e in each.items()})
    clear = [place for place, each in found.items() if p[place, "late"] < 0.05 and each["late"].difference > 0]
    assert measure("above late+optical extended afriqa_*") == len(clear)
    assert measure("published wikiclir/sizes | sw | documents") == 37_079
    assert measure("run demo_afriqa_sw.json#config.bitext pairs") == 33_062


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("median optical afriqa_sw", "expected a measure such as"),
        ("mean optical", "expected a measure such as"),
        ("mean optical afriqa_sw afriqa_ig", "expected a measure such as"),
        ("mean optical afriqa_fi", "got 0 places like afriqa_fi"),
        ("mean opticle afriqa_sw", "got 'opticle'"),
        ("mean optical_all afriqa_sw", "no record of optical_all"),
        ("mean optical afriqa_*", "expected one; or least, most, average"),
        ("above optical extended", "expected a measure such as"),
        ("published wikiclir/sizes", "expected a measure such as"),
        ("published wikiclir/sizes | sw | x", "got row 'sw', column 'x'"),
        ("published optical/results | OPTICAL, MAP | sw", "got an empty cell"),
        ("above optical extended afriqa_fi", "no collection with records of optical and extended"),
        ("run demo_afriqa_sw.json#config.bitext people", "got no people of demo_afriqa_sw"),
        ("run nothing.json pairs", "got no pairs of nothing.json"),
        ("mean optical " + "[" * 30_000, "got a measure of 30,013 letters, expected 300 at most"),
    ],
)
def test_bad_measures_are_named(text, said):
    with pytest.raises(InputError, match=said):
        findings.measure(text)
