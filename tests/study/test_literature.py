"""Published numbers: every table has a source to look up, and the checker complains where one has not."""

import copy
import re

import pytest

from optical_lite.settings import InputError
from optical_lite.study import published_numbers

WORKS = published_numbers.works()


def values():
    for work in WORKS.values():
        for table in work["tables"].values():
            for name in table["rows"]:
                yield from published_numbers.row(table, name)["values"]


def test_the_registry_is_sound_and_large():
    assert published_numbers.problems(WORKS) == []
    assert {
        "optical",
        "drdecr",
        "xorqa",
        "xglue",
        "milq",
        "mtd",
        "afriqa",
        "ciral",
        "africlirmatrix",
        "lareqa",
        "simalign",
    } <= WORKS.keys()
    assert {"awesome_align", "xlm_align", "wikiclir", "mmarco", "mrtydi", "neuclir", "msmarco"} <= WORKS.keys()
    assert sum(value is not None for value in values()) > 1500


def test_sources_are_public():
    for path in published_numbers.FOLDER.glob("*.yaml"):
        assert not re.search(r"shared/|public copy|/work|/tmp", path.read_text(encoding="utf-8")), path.name


def test_some_numbers_as_printed():
    assert published_numbers.number("milq/map100", "Mono-Distill", "sw+so CLIR").value == 9.5
    assert published_numbers.number("ciral/ndcg20", "BM25, human query translation; Test-A", "so").value == 0.1214
    assert published_numbers.number("simalign/aer", "mBERT[8] Argmax (subword)", "hin").value == 0.45
    assert published_numbers.number("wikiclir/sizes", "sw", "documents").value == 37079
    assert (
        published_numbers.number("wikiclir/sizes", "no", "queries").value == 299_897
    )  # a bare no would be False in YAML
    card = published_numbers.number("drdecr/xor_r2kt", "Whitebox card (ColBERTv1), current", "te")
    assert any("permuted" in doubt for doubt in card.doubts)


def test_optical_is_empty_and_says_why():
    table = WORKS["optical"]["tables"]["results"]
    assert all(value is None for name in table["rows"] for value in published_numbers.row(table, name)["values"])
    assert "no number is quoted from memory" in table["empty"]
    assert published_numbers.number("optical/results", "OPTICAL, MAP", "sw").value is None


def broken(change):
    works = copy.deepcopy({name: WORKS[name] for name in ("africlirmatrix", "afriqa", "optical")})
    change({name: work["tables"] for name, work in works.items()}, works)
    return published_numbers.problems(works)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda t, w: t["africlirmatrix"]["ndcg10"].pop("source"), "no source"),
        (lambda t, w: t["africlirmatrix"]["ndcg10"].update(source="my notes"), "is no paper, address"),
        (lambda t, w: t["africlirmatrix"]["ndcg10"].update(source=None), "is no paper, address"),
        (lambda t, w: t["africlirmatrix"]["ndcg10"].update(unit="points"), "unit 'points'"),
        (lambda t, w: t["africlirmatrix"]["ndcg10"].update(read_in="memory"), "read_in 'memory'"),
        (lambda t, w: t["africlirmatrix"]["ndcg10"]["rows"]["BM25"].pop(), "15 values for 16 columns"),
        (lambda t, w: t["africlirmatrix"]["ndcg10"]["rows"]["BM25"].__setitem__(0, "0.4"), "'0.4' is no number"),
        (lambda t, w: t["africlirmatrix"]["ndcg10"]["rows"]["BM25"].__setitem__(0, 43.4), "outside 0 to 1"),
        (lambda t, w: t["africlirmatrix"]["ndcg10"]["rows"]["BM25"].__setitem__(0, 0.834), "the mean of its cells"),
        (lambda t, w: t["afriqa"]["averages"].update(doubts=[]), "a restatement without a doubt"),
        (lambda t, w: t["optical"]["results"].pop("empty"), "empty cells need"),
        (
            lambda t, w: t["optical"]["results"]["rows"]["OPTICAL, MAP"].__setitem__(0, 0.5),
            "empty cells need read_in nobody",
        ),
        (lambda t, w: t["optical"]["results"].update(read_in="original"), "empty cells need read_in nobody"),
        (lambda t, w: w["optical"].pop("url"), "no url"),
    ],
)
def test_the_checker_complains(change, text):
    assert text in "; ".join(broken(change))


def test_a_typed_in_table_passes():
    def type_in(tables, _):
        table = tables["optical"]["results"]
        table.update(read_in="original", where="Table 2")
        table["rows"] = {name: [0.1] * 7 for name in table["rows"]}

    assert broken(type_in) == []


@pytest.mark.parametrize(
    ("where", "text"),
    [
        (("nobody/aer", "x", "y"), "got table 'nobody/aer'"),
        (("simalign/aer", "x", "hin"), "got row 'x'"),
        (("simalign/aer", "eflomal (word)", "swa"), "column 'swa'"),
    ],
)
def test_unknown_names(where, text):
    with pytest.raises(InputError, match=re.escape(text)):
        published_numbers.number(*where)
