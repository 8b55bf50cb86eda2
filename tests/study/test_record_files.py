"""Records as few files: what is shared stands once, what is read is what was written, and damage is said."""

import json
import os

import pytest

from optical_lite.settings import InputError
from optical_lite.study import record_files, systems

RECORD = {
    "system": "optical", "collection": "toy", "lang": "sw", "seed": 3, "bitext": None, "environment": {"device": "cpu"},
    "metrics": dict.fromkeys(record_files.METRICS, 0.5), "mrr@10 by question": "1 0.3333 0.1667", "cpu_seconds": None,
    "config": {"steps": 300, "batch": 32, "seed": 3},
}  # fmt: skip


def test_a_line_names_what_it_shares_and_reads_as_the_record_that_it_was(tmp_path):
    other = RECORD | {"seed": 4, "config": RECORD["config"] | {"seed": 4}, "bitext": {"name": "x", "pairs": 9}}
    record_files.write(tmp_path / "clir", [other, RECORD], {})
    assert record_files.load(tmp_path / "clir") == {"toy_sw": {"optical": [RECORD, other]}}
    shared = json.loads((tmp_path / "shared.json").read_text())
    assert {kind: len(found) for kind, found in shared.items()} == dict.fromkeys(record_files.SHARED.values(), 1)
    assert [len(path.read_text().splitlines()) for path in (tmp_path / "clir").iterdir()] == [2]
    one = tmp_path / "one.jsonl"  # a set in one file
    record_files.write(one, [RECORD], shared)
    assert record_files.load(one) == {"toy_sw": {"optical": [RECORD]}}


def test_what_does_not_hold_together_is_said_in_one_line(tmp_path):
    base, shared = tmp_path / "clir", tmp_path / "shared.json"
    record_files.write(base, [RECORD], {})
    text = shared.read_text()
    shared.write_text(text.replace("300", "301"))
    with pytest.raises(InputError, match=r"got configurations [0-9a-f]{12} with another content"):
        record_files.load(base)
    shared.write_text("{}")
    with pytest.raises(InputError, match=r"shared.json: got no environment [0-9a-f]{12}, expected it"):
        record_files.load(base)
    shared.write_text(text)
    (base / "toy_sw.jsonl").write_text("{")
    with pytest.raises(InputError, match=r"toy_sw.jsonl, line 1: got no JSON"):
        record_files.load(base)
    with pytest.raises(InputError, match="fold: got no clir, clir_dev, clir_cpu, alignment in"):
        record_files.fold_all(tmp_path / "nowhere")


def test_other_groups_of_questions_are_refused(tmp_path):
    for folder, qrels in (("a", {"1": {"p": 1}, "2": {"p": 1}}), ("b", {"1": {"p": 1}, "2": {"q": 1}})):
        record_files.write_groups(tmp_path / folder / "toy_sw", qrels)
    record_files.fold({tmp_path / "clir": tmp_path / "a"})
    with pytest.raises(InputError, match="got other groups of questions"):
        record_files.fold({tmp_path / "clir": tmp_path / "b"})


def test_the_files_of_the_kit_are_as_they_are_written():
    """Sorted, a record a cell, each in its own file and of a system that there is, nothing shared that none needs."""
    used, places = set(), set()
    for name, base in record_files.SETS.items():
        for path in sorted(base.glob("*.jsonl")) if base.is_dir() else [base]:
            lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
            keys = [record_files.key(line) for line in lines]
            assert keys == sorted(set(keys))
            assert base.suffix or {place for place, *_ in keys} == {path.stem}
            assert name == "alignment" or {line["system"] for line in lines} <= systems.SYSTEMS.keys()
            parts = record_files.SHARED.items()
            used |= {(kind, line[part]) for line in lines for part, kind in parts if line.get(part)}
            places |= {("groups", place) for place, *_ in keys if name != "alignment"}
    shared = record_files.shared(record_files.SETS["clir"])
    assert used | places == {(kind, name) for kind, found in shared.items() for name in found}


CELL = {name: RECORD[name] for name in ("system", "collection", "lang", "seed")}


@pytest.mark.parametrize(
    ("record", "text"),
    [
        ({}, "got no "),
        (CELL, "got no "),
        (RECORD | {"seed": "3"}, "got '3' as seed"),
        (RECORD | {"seed": -1}, "got seed -1, expected a whole number from 0"),
        (RECORD | {"environment": "abc"}, "got 'abc' as environment"),
        (RECORD | {"environment": {}}, "got no device in environment"),
        (RECORD | {"environment": None}, "got no environment"),
        (RECORD | {"config": {"steps": 300}}, "got no batch in config"),
        (
            RECORD | {"config": {"steps": 300, "batch": 8, "seed": 5}},
            "got seed 3 with a config of seed 5, expected one",
        ),
        (RECORD | {"config": {"steps": 300, "batch": 8}}, "got seed 3 with a config of seed None, expected one"),
        (RECORD | {"bitext": {}}, "got no pairs in bitext"),
        (RECORD | {"cpu_seconds": "x"}, "got 'x' as cpu_seconds"),
        (RECORD | {"metrics": RECORD["metrics"] | {"mrr@10": "x"}}, "got 'x' as 'mrr@10' of metrics"),
        (RECORD | {"metrics": {"mrr@10": 0.5}}, "got no r@10 in metrics"),
        (RECORD | {"metrics": RECORD["metrics"] | {"map": 10**4000}}, "got '1000"),
        (RECORD | {"metrics": RECORD["metrics"] | {"map": 1.5}}, "got no numbers from 0 to 1 as metrics"),
        *(
            (RECORD | {"mrr@10 by question": ranks}, "got no numbers from 0 to 1 as mrr@10 by question")
            for ranks in ("1 nan", "", " ", "1 x", "0.5 " + "9" * 400, "1 -7 7.5", "1 1e1")
        ),
        (RECORD | {"mrr@10 by question": "1 0.2"}, "got mrr@10 by question of mean 0.6000, expected its"),
        (RECORD | {"data": ["a"]}, "got \"\\['a'\\]\" as data"),
        (RECORD | {"collection": "../../esc"}, "got '../../esc', expected letters"),
        (RECORD | {"lang": "s/w"}, "got 's/w'"),
        *((RECORD | {"system": name}, "got") for name in ("../../evil", "", "a\nb")),
        ({"set": "x/y"}, "got a record with a set in clir, expected the other"),
        (RECORD | {"set": "x"}, "got a record with a set in clir, expected the other"),
    ],
)
def test_a_loose_record_that_is_none_is_refused_and_named_and_nothing_is_written(tmp_path, monkeypatch, record, text):
    for name in record_files.SETS:
        monkeypatch.setitem(record_files.SETS, name, tmp_path / "taken" / (name + ".jsonl" * (name != "clir")))
    for place, made in (("clir/toy_sw/good", RECORD), ("clir_dev/dev_sw/good", RECORD), ("clir_dev/toy/bad", record)):
        path = tmp_path / "loose" / f"{place}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(made))
    with pytest.raises(InputError, match=f"bad.json.*: {text}".replace("clir", "clir_dev")):
        record_files.fold_all(tmp_path / "loose")
    assert not list(tmp_path.glob("taken/**/*.json*"))


def test_gold_sets_lie_with_their_like(tmp_path):
    gold = {"set": "toy", "systems": {"a": {"aer": 0.5}}, "bitext": {"pairs": 3}, "environment": {"device": "cpu"},
            "transport against": {"a": {"b": {"low": -1, "high": 0.5}}}}  # fmt: skip
    path, base = tmp_path / "loose" / "toy.json", tmp_path / "alignment.jsonl"
    path.parent.mkdir()
    for made, text in (
        (gold | {"set": "x/y"}, "set: got 'x/y'"),
        (gold | {"systems": {"a": {}}}, "no aer in"),
        (gold | {"bitext": None}, "no bitext"),
        (RECORD, "got a record without a set in alignment"),
    ):
        path.write_text(json.dumps(made))
        with pytest.raises(InputError, match=f"toy.json.*{text}"):
            record_files.fold({base: path.parent})
    path.write_text(json.dumps(gold))
    assert record_files.fold({base: path.parent}) == {"alignment": (1, 1)}
    assert record_files.load(base) == {"alignment": {"toy": [gold]}}


@pytest.mark.parametrize("text", [b"a b c", b"", b"1 \xe9", b"1  2", b"9" * 5000])
def test_groups_of_questions_are_numbers(tmp_path, text):
    (tmp_path / "loose" / "toy_sw").mkdir(parents=True)
    (tmp_path / "loose" / "toy_sw" / record_files.GROUPS).write_bytes(text)
    with pytest.raises(InputError, match=rf"{record_files.GROUPS}.*: got (no groups of questions|byte 0xe9)"):
        record_files.fold({tmp_path / "clir": tmp_path / "loose"})
    assert not (tmp_path / "clir").exists()


def loose(folder, **other):
    path = folder / "toy_sw" / f"{'_'.join(other) or 'good'}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    config = RECORD["config"] | {"seed": other.get("seed", RECORD["seed"])}
    path.write_text(json.dumps(RECORD | other | {"config": config}))
    return folder


@pytest.mark.parametrize("stored", [True, False])
def test_records_of_other_questions_are_refused_before_anything_is_written(tmp_path, stored):
    """Against those that are there, and among those that are new, of whatever set."""
    cells, cheap = tmp_path / "clir", tmp_path / "clir_cpu.jsonl"
    loose(tmp_path / "a")
    loose(tmp_path / "b", **{"seed": 4, "mrr@10 by question": "1 0"})
    if stored:
        assert record_files.fold({cells: tmp_path / "a"}) == {"clir": (1, 1)}
    else:
        loose(tmp_path / "b")
    with pytest.raises(InputError, match=r"toy_sw of 2 different collections \(2, 3 questions\), expected one"):
        record_files.fold({cheap: tmp_path / "a", cells: tmp_path / "b"})
    assert not cheap.exists()
    assert cells.exists() == stored


def test_there_is_a_group_for_each_question(tmp_path):
    record_files.write_groups(loose(tmp_path / "a") / "toy_sw", {"1": {"p": 1}, "2": {"p": 1}})
    with pytest.raises(InputError, match=r"toy_sw of 2 different collections \(2, 3 questions\)"):
        record_files.fold({tmp_path / "clir": tmp_path / "a"})
    assert not (tmp_path / "clir").exists()


def test_a_pipe_in_place_of_records_or_groups_does_not_wait(tmp_path):
    base = tmp_path / "clir"
    os.mkfifo(loose(tmp_path / "a") / "toy_sw" / record_files.GROUPS)
    with pytest.raises(InputError, match=f"{record_files.GROUPS}: got something that is no file"):
        record_files.fold({base: tmp_path / "a"})
    base.mkdir()
    os.mkfifo(base / "toy_sw.jsonl")
    with pytest.raises(InputError, match=r"toy_sw\.jsonl: got something that is no file"):
        record_files.load(base)


def test_other_ends_of_lines_inside_a_record_are_text(tmp_path):
    record = RECORD | {"note": "one\u2028two\u2029three\x85four\x0cfive"}
    record_files.write(tmp_path / "clir", [record], {})
    assert record_files.load(tmp_path / "clir") == {"toy_sw": {"optical": [record]}}
