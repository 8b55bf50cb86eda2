"""The kit's TOML: whatever a file holds, it is read or refused in one line that names it."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toml_text import toml_lines

from optical_lite.settings import InputError
from optical_lite.study import findings, published_numbers, summary, toml_files
from optical_lite.study.toml_files import read_toml

SPEC = {"title": "t", "question": "q", "ours": "o", "command": "c", "metrics": ["m"], "columns": {}}
TABLE = {**dict.fromkeys(("title", "metric", "unit", "source", "read_in"), "x"), "doubts": []}
FULL = TABLE | {"columns": ["c"], "rows": {}}
WORK = {"work": "w", "venue": "v", "url": "u"}


def work(table):
    return WORK | {"tables": {"t": table}}


def refused(tmp_path, content, kind="work"):
    path = tmp_path / "mine.toml"
    content = toml_lines(content) if isinstance(content, dict) else content
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError) as error:
        read_toml(path, kind)
    assert str(error.value).startswith("mine.toml")
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"a = '\xff'", "expected TOML in UTF-8"),
        ("a = [1", "expected TOML"),
        ("- 1", "expected TOML"),
        ("", "got no work in the file"),
        ("a = 2021-13-45", "expected TOML"),
        (f"a = {'7' * 5000}", "expected TOML"),
        ("a = 1\n\nb = 2\na = 3\n", "got Cannot overwrite a value (at line 4, column 6)"),
        ("b = {c = 2, c = 3}", "Duplicate inline table key"),
        *((f"a = {'[' * depth}", "expected TOML") for depth in (60, 400, 16_000)),
        *((f"a = {'{b=' * depth}", "expected TOML") for depth in (60, 400, 5_000)),
        ("a." * 8_000 + "b = 1", "mine.toml"),
        ("[" + "a." * 8_000 + "b]", "mine.toml"),
        ("x" * 17_000, "got 17,000 bytes, expected TOML in UTF-8 of at most 16,384"),
    ],
)
def test_broken_files_are_named(tmp_path, content, text):
    assert text in refused(tmp_path, content)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="got no such file"):
        read_toml(tmp_path, "work")


@pytest.mark.parametrize(
    ("kind", "content", "text"),
    [
        ("table", SPEC | {"paper": [{"table": "t", "metric": "m", "columns": {}}]}, "got no rows in 1 of paper"),
        ("table", SPEC | {"paper": [{"table": "t", "metric": "m", "baseline": ["r"]}]}, "['r']\" as baseline"),
        ("table", SPEC | {"metrics": "map"}, "got 'map' as metrics, expected a list"),
        ("table", SPEC | {"rows": {"r": 1}}, "as 'r' of rows, expected str or a record"),
        ("table", SPEC | {"tolerance": float("inf")}, "got 'inf' as tolerance, expected int or float"),
        ("work", WORK, "got no tables in the file"),
        ("work", {"work": "w", "venue": "v", "tables": {}}, "got no url in the file"),
        ("work", WORK | {"tables": [1]}, "as tables, expected a record"),
        ("work", work(TABLE), "got no columns in 't' of tables"),
        ("work", work(FULL | {"rows": {"r": 5}}), "as 'r' of rows, expected a list"),
        ("work", work(FULL | {"digits": "x"}), "as digits, expected int"),
    ],
)
def test_another_shape_is_named_down_to_its_part(tmp_path, kind, content, text):
    assert text in refused(tmp_path, content, kind)


def test_readers_name_what_is_missing_inside(tmp_path, monkeypatch):
    monkeypatch.setattr(published_numbers, "FOLDER", tmp_path)
    (tmp_path / "v.toml").write_text(toml_lines(work(FULL | {"rows": {"r": {"doubts": []}, "x": {"values": ["0.4"]}}})))
    with pytest.raises(InputError, match="got no values in row 'r'"):
        published_numbers.number("v/t", "r", "c")
    with pytest.raises(InputError, match=r"got '0\.4' as 1 of values"):
        published_numbers.number("v/t", "x", "c")
    monkeypatch.setattr(summary, "SPECS", tmp_path)
    spec = SPEC | {"columns": {"c": {"small": True}}, "rows": {"r": "label"}}
    (tmp_path / "t.toml").write_text(toml_lines(spec))
    with pytest.raises(InputError, match="got no label in 'c' of columns"):
        summary.spec("t")
    for measure in ("", " ", "=x", "least", "published x", "mean optical afriqa_*"):
        with pytest.raises(InputError, match="findings: got"):
            findings.measure(measure)


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("C",)), max_size=4)
VALUES = st.lists(
    st.none() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False), max_size=3
)


@given(st.dictionaries(WORDS, VALUES, max_size=3))
def test_what_is_typed_in_is_read(tmp_path_factory, rows):
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_text(toml_lines(work(FULL | {"rows": rows})), encoding="utf-8")
    toml_files._read.cache_clear()
    for name, values in read_toml(path, "work")["tables"]["t"]["rows"].items():
        table = TABLE | {"columns": ["c"] * len(values), "rows": {name: values}}
        assert published_numbers.row(table, name)["values"] == rows[name]


FILES = {"table": summary.SPECS / "demo.toml", "work": published_numbers.FOLDER / "simalign.toml"}


@pytest.mark.parametrize("kind", FILES)
def test_mutants_of_our_files_are_read_or_refused(tmp_path, kind):
    """Cut, doubled, swapped and drawn bytes; nothing but one line of complaint may come out."""
    draw, whole, path = random.Random(kind), FILES[kind].read_bytes()[:6000], tmp_path / "mine.toml"
    good = 0
    for _ in range(60):
        content = bytearray(whole)
        for _ in range(draw.randint(1, 4)):
            start = draw.randrange(len(content))
            end = min(len(content), start + draw.choice([1, 1, 2, 40]))
            content[start:end] = draw.choice(
                [b"", b"[", b"{", b"= ", b".", b"\n", b'"""', b"'", b"\xc3", content[start:end] * 2, b"-"]
            )
        path.write_bytes(content)
        toml_files._read.cache_clear()
        try:
            read_toml(path, kind)
            good += 1
        except InputError as error:
            assert "\n" not in str(error)  # noqa: PT017
    assert good < 60
