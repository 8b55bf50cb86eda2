"""Published numbers: every table has a source to look up, and the checker complains where one has not."""

import copy
import re
from statistics import fmean

import pytest

from optical_lite.settings import InputError
from optical_lite.study import published_numbers

WORKS = published_numbers.works()
SOURCE = re.compile(r"[\w.-]+/[\w.-]+@[0-9a-f]{7,40} \S+|https://\S+|arXiv:\d{4}\.\d{4,5}(, Table \d+)?|doi:\S+")
LIMITS = dict.fromkeys(("count", "mixed", "ranks", "setting"), float("inf")) | {"fraction": 1, "percent": 100}


def problems(works):
    """What is wrong with the registry: sources nobody can look up, units, means that do not add up."""
    return [
        f"{work}/{name}, {key}: {text}"
        for work, content in works.items()
        for name, table in content["tables"].items()
        for key in table["rows"]
        for text in row_problems(table, published_numbers.row(table, key))
    ]


def row_problems(table, own):
    columns = [column.lower() for column in table["columns"]]
    cells = {c: v for c, v in zip(columns, own["values"], strict=True) if v is not None}
    if table["unit"] not in LIMITS:
        yield f"unit {table['unit']!r}"
    elif any(not 0 <= value <= LIMITS[table["unit"]] for value in cells.values()):
        yield f"a value outside 0 to {LIMITS[table['unit']]}"
    if not SOURCE.fullmatch(own["source"]):
        yield f"source {own['source']!r} is no paper, address or owner/repository@commit path"
    if own["read_in"] not in ("original", "copy", "figure", "restatement", "nobody"):
        yield f"read_in {own['read_in']!r}"
    if own["read_in"] == "restatement" and not own["doubts"]:
        yield "a restatement without a doubt"
    if (own["read_in"] == "nobody") == bool(cells) or (not cells and "empty" not in table):
        yield "empty cells need read_in nobody and a reason in empty; numbers need another read_in"
    average = cells.pop("avg", None)
    if average is not None and len(cells) > 1 and not own["doubts"]:
        means = [fmean(cells.values()), fmean(v for c, v in cells.items() if c != "en")]
        if all(abs(mean - average) > 1.01 * 10.0 ** -table.get("digits", 4) for mean in means):
            yield f"the mean of its cells is {means[0]:.4f}, not {average}, and no doubt says so"


def values():
    for work in WORKS.values():
        for table in work["tables"].values():
            for name in table["rows"]:
                yield from published_numbers.row(table, name)["values"]


def test_the_registry_is_sound_and_large():
    assert problems(WORKS) == []
    known = "optical drdecr xorqa xglue milq mtd afriqa ciral africlirmatrix lareqa simalign awesome_align xlm_align "
    known += "wikiclir mmarco mrtydi neuclir msmarco"
    assert {*known.split()} <= WORKS.keys()
    assert sum(value is not None for value in values()) > 1500


def test_sources_are_public():
    for path in published_numbers.FOLDER.glob("*.toml"):
        assert not re.search(r"shared/|public copy|/work|/tmp", path.read_text(encoding="utf-8")), path.name


def test_some_numbers_as_printed():
    assert published_numbers.number("milq/map100", "Mono-Distill", "sw+so CLIR").value == 9.5
    assert published_numbers.number("ciral/ndcg20", "BM25, human query translation; Test-A", "so").value == 0.1214
    assert published_numbers.number("simalign/aer", "mBERT[8] Argmax (subword)", "hin").value == 0.45
    assert published_numbers.number("wikiclir/sizes", "sw", "documents").value == 37079
    assert published_numbers.number("wikiclir/sizes", "no", "queries").value == 299_897
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
    return problems(works)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda t, w: t["africlirmatrix"]["ndcg10"].update(source="my notes"), "is no paper, address"),
        (lambda t, w: t["africlirmatrix"]["ndcg10"].update(unit="points"), "unit 'points'"),
        (lambda t, w: t["africlirmatrix"]["ndcg10"].update(read_in="memory"), "read_in 'memory'"),
        (lambda t, w: t["africlirmatrix"]["ndcg10"]["rows"]["BM25"].__setitem__(0, 43.4), "outside 0 to 1"),
        (lambda t, w: t["africlirmatrix"]["ndcg10"]["rows"]["BM25"].__setitem__(0, 0.834), "the mean of its cells"),
        (lambda t, w: t["afriqa"]["averages"].update(doubts=[]), "a restatement without a doubt"),
        (lambda t, w: t["optical"]["results"].pop("empty"), "empty cells need"),
        (lambda t, w: t["optical"]["results"]["rows"]["OPTICAL, MAP"].__setitem__(0, 0.5), "empty cells need read_in"),
        (lambda t, w: t["optical"]["results"].update(read_in="original"), "empty cells need read_in nobody"),
    ],
)
def test_the_checker_complains(change, text):
    assert text in "; ".join(broken(change))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda row: row.pop(), "got 15 values in row 'BM25', expected 16"),
        (lambda row: row.__setitem__(0, "0.4"), "got '0.4' as 1 of values"),
        (lambda row: row.__setitem__(0, True), "got 'True' as 1 of values"),
    ],
)
def test_a_row_that_is_typed_in_wrongly_is_said_to_who_reads_it(change, text):
    with pytest.raises(InputError, match=text):
        broken(lambda tables, _: change(tables["africlirmatrix"]["ndcg10"]["rows"]["BM25"]))


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
