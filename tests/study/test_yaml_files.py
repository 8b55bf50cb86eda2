"""The kit's YAML: whatever a file holds, it is read or refused in one line that names it."""

import random

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from optical_lite.settings import InputError
from optical_lite.study import findings, published_numbers, summary, yaml_files
from optical_lite.study.yaml_files import read_yaml

TABLE = "title: t, metric: m, unit: count, source: s, read_in: copy, doubts: []"
SPEC = "title: t\nquestion: q\nours: o\ncommand: c\nmetrics: [m]\ncolumns: {}\n"
WORK = "{{work: w, venue: v, url: u, tables: {{t: {{{}}}}}}}"


def refused(tmp_path, content, kind="map"):
    path = tmp_path / "mine.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError) as error:
        read_yaml(path, kind)
    assert str(error.value).startswith("mine.yaml")
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"a: \xff", "expected YAML in UTF-8"),
        ("a: [1", "expected YAML"),
        ("- 1", "as the file, expected a record"),
        ("", "got 'None' as the file"),
        ("a: !!timestamp 2021-13-45", "month must be in 1..12"),
        ("a: !!int ''", "expected YAML"),
        ("a: !!bool maybe", "expected YAML"),
        ("a: !!float x", "expected YAML"),
        (f"a: {'7' * 5000}", "expected YAML"),
        ("a: !!python/object/apply:os.system [ls]", "could not determine a constructor"),
        ("? [1, {x: 2}]\n: 3", "expected YAML"),
        ("a: 1\nb: {c: 2, c: 3}", "'c' twice in a map (line 2)"),
        ("a: 1\n\nb: 2\na: 3", "'a' twice in a map (line 4)"),
        ("a: &a [*a]", "1,000,00"),
    ],
)
def test_broken_files_are_named(tmp_path, content, text):
    assert text in refused(tmp_path, content)


@pytest.mark.parametrize("depth", [60, 50_000])
@pytest.mark.parametrize("make", [lambda n: "a: " + "[" * n, lambda n: "a: " + "{b: " * n, lambda n: "- " * n + "1"])
def test_deep_values_are_refused_before_they_are_built(tmp_path, make, depth):
    text = refused(tmp_path, make(depth))
    assert "51 levels" in text or "flow level" in text  # a newer PyYAML has a limit of its own


def test_values_that_repeat_without_end(tmp_path):
    levels = "".join(f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 8)}]\n" for i in range(1, 12))
    assert "at most 1,048,576 bytes, 50 levels and 1,000,000 values" in refused(tmp_path, f"l0: &l0 [x]\n{levels}")
    (tmp_path / "good.yaml").write_text("a: &a [1, 2]\nb: *a\nc: {d: *a, e: 1}\nf: {e: 1}\n")
    assert read_yaml(tmp_path / "good.yaml") == {"a": [1, 2], "b": [1, 2], "c": {"d": [1, 2], "e": 1}, "f": {"e": 1}}


def test_a_file_of_another_kind(tmp_path, monkeypatch):
    monkeypatch.setattr(yaml_files, "LONG", 3)
    assert "got 4 bytes, expected YAML in UTF-8 of at most 3" in refused(tmp_path, "a: 1")
    with pytest.raises(InputError, match="got no such file"):
        read_yaml(tmp_path)


@pytest.mark.parametrize(
    ("kind", "content", "text"),
    [
        ("table", SPEC + "paper: [{table: t, metric: m, columns: {}}]", "got no rows in 1 of paper"),
        ("table", SPEC + "paper: [{table: t, metric: m, columns: {}, rows: {}, baseline: [r]}]", "['r']\" as baseline"),
        ("table", SPEC.replace("[m]", "map"), "got 'map' as metrics, expected a list"),
        ("table", SPEC + "rows: {r: 1}", "as 'r' of rows, expected str or a record"),
        ("table", SPEC + "tolerance: .inf", "got 'inf' as tolerance, expected int or float"),
        ("work", "work: w, venue: v, url: u".replace(", ", "\n"), "got no tables in the file"),
        ("work", "work: w\nvenue: v\ntables: {}", "got no url in the file"),
        ("work", "{work: w, venue: v, url: u, tables: [1]}", "as tables, expected a record"),
        ("work", WORK.format(TABLE), "got no columns in 't' of tables"),
        ("work", WORK.format(f"{TABLE}, columns: [c], rows: {{r: 5}}"), "as 'r' of rows, expected a list"),
        ("work", WORK.format(f"{TABLE}, columns: [c], rows: {{}}, digits: x"), "as digits, expected int"),
    ],
)
def test_another_shape_is_named_down_to_its_part(tmp_path, kind, content, text):
    assert text in refused(tmp_path, content, kind)


def test_readers_name_what_is_missing_inside(tmp_path, monkeypatch):
    whole = WORK.format(f"{TABLE}, columns: [c], rows: {{r: {{doubts: []}}}}")
    monkeypatch.setattr(published_numbers, "FOLDER", tmp_path)
    (tmp_path / "v.yaml").write_text(whole)
    with pytest.raises(InputError, match="got no values in row 'r'"):
        published_numbers.number("v/t", "r", "c")
    monkeypatch.setattr(summary, "SPECS", tmp_path)
    (tmp_path / "t.yaml").write_text(
        "{title: t, question: q, ours: o, metrics: [], command: c, columns: {c: {small: yes}}, rows: {r: label}}"
    )
    with pytest.raises(InputError, match="got no label in 'c' of columns"):
        summary.spec("t")
    for measure in ("", " ", "=x", "least", "published x", "mean optical afriqa_*"):
        with pytest.raises(InputError, match="findings: got"):
            findings.measure(measure)


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("C",)), max_size=4)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WORDS
TREES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3))


@given(st.dictionaries(WORDS, TREES, max_size=3))
def test_what_yaml_writes_is_read(tmp_path_factory, value):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(yaml.safe_dump(value, allow_unicode=True), encoding="utf-8")
    yaml_files._read.cache_clear()
    assert read_yaml(path) == value


FILES = {"table": summary.SPECS / "demo.yaml", "work": published_numbers.FOLDER / "simalign.yaml"}


@pytest.mark.parametrize("kind", FILES)
def test_mutants_of_our_files_are_read_or_refused(tmp_path, kind):
    """Cut, doubled, swapped and drawn bytes; nothing but one line of complaint may come out."""
    draw, whole, path = random.Random(kind), FILES[kind].read_bytes()[:6000], tmp_path / "mine.yaml"
    good = 0
    for _ in range(60):
        content = bytearray(whole)
        for _ in range(draw.randint(1, 4)):
            start = draw.randrange(len(content))
            end = min(len(content), start + draw.choice([1, 1, 2, 40]))
            content[start:end] = draw.choice(
                [b"", b"[", b"{", b"&a ", b"*a", b"- ", b"\n", b"!!int ", b"'", b"\xc3", content[start:end] * 2, b"-"]
            )
        path.write_bytes(content)
        yaml_files._read.cache_clear()
        try:
            read_yaml(path, kind)
            good += 1
        except InputError as error:
            assert "\n" not in str(error)  # noqa: PT017
    assert good < 60
