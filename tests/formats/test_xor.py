"""XOR-TyDi: R@2kt and R@5kt by the published script's rules."""

import json
import tracemalloc

import pytest

from optical_lite.datasets import reading
from optical_lite.formats import xor_tydi
from optical_lite.settings import DATA, InputError

SAMPLE = DATA / "samples" / "xor"


def test_the_sample():
    data = reading.read("xor", SAMPLE)
    assert (len(data.questions), len(data.passages), data.titles["1"]) == (5, 8, "How malaria spreads")
    assert set(reading.read("xor", SAMPLE, "de").questions) == {"1001", "1003"}
    found = xor_tydi.recall(xor_tydi.read_predictions(SAMPLE / "predictions.json"), data.langs, data.answers)
    assert found["R@2kt"] == found["R@5kt"] == {"sw": 1.0, "de": 1.0, "mean": 1.0}


@pytest.mark.parametrize("cell", ['""', '"a"', '"a ""b"""', '""""', '"', "", 'a"', '"a', '"a"b"', '"""', '"""a"'])
def test_only_a_quoted_cell_is_unquoted(cell):
    whole = len(cell) > 1 and cell[0] == cell[-1] == '"' and all(len(run) % 2 == 0 for run in runs(cell[1:-1]))
    assert xor_tydi._unquoted(cell) == (cell[1:-1].replace('""', '"') if whole else cell)


def runs(text):
    """Quotation marks that stand side by side."""
    return "".join(char if char == '"' else " " for char in text).split()


def test_a_long_cell_is_unquoted_in_little_memory():
    cell = '"' + 'a""' * 2**20 + '"'
    tracemalloc.start()
    assert xor_tydi._unquoted(cell) == 'a"' * 2**20
    grown = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert grown < 10 * len(cell)


def recall(passages, answers=("fire",), langs="te"):
    return xor_tydi.recall({"q": passages}, {"q": langs, "r": "bn"}, {"q": list(answers)})


def test_the_cut_is_at_the_token():
    water = "water " * 1999
    assert recall([water + "fire"])["R@2kt"]["te"] == 1
    assert recall([water, "x fire"]) == {"R@2kt": {"te": 0.0, "mean": 0.0}, "R@5kt": {"te": 1.0, "mean": 1.0}}
    assert recall(["water " * 5000 + "fire"])["R@5kt"]["te"] == 0


def test_rules_of_the_script():
    assert recall(["a fire."], ["Fire"])["R@2kt"]["te"] == 0  # capitals count
    assert recall(["a fireplace"])["R@2kt"]["te"] == 1  # part of a word will do
    assert recall(["the end", "of fire"], ["end of"])["R@2kt"]["te"] == 1  # over passages
    both = xor_tydi.recall(
        {"a": ["fire"], "b": ["water"], "c": ["fire"], "yes": ["fire"], "unknown": ["fire"]},
        {"a": "te", "b": "te", "c": "bn", "yes": "bn"}, {"a": ["fire"], "b": ["fire"], "c": ["fire"], "yes": ["yes"]},
    )  # fmt: skip
    assert both["R@2kt"] == {"te": 0.5, "bn": 1.0, "mean": 0.75}  # languages weigh the same; yes does not count


def test_wrong_files_are_named(tmp_path):
    with pytest.raises(InputError, match="got no question with an answer"):
        recall(["fire"], ["yes", "no"])
    with pytest.raises(InputError, match="got no question in 'te', expected one of de, sw"):
        reading.read("xor", SAMPLE, "te")
    (tmp_path / "p.json").write_text('{"q": "fire"}')
    with pytest.raises(InputError, match="expected a list"):
        xor_tydi.read_predictions(tmp_path / "p.json")
    good = {"id": 1, "question": "maji?", "lang": "sw", "answers": ["water"]}
    for name, questions, passages, text in (
        ("a", [good, good], "id\ttext\ttitle\n", "id '1' twice"),
        ("blank", [good | {"answers": ["water", ""]}], "id\ttext\ttitle\n", "line 1: got a question or answer ''"),
        ("b", [{"id": 1}], "id\ttext\ttitle\n", "line 1: got"),
        ("c", [good], "id\ttext\ttitle\n1\twater\n", "line 2: got 2 columns"),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "q.jsonl").write_text("".join(json.dumps(record) + "\n" for record in questions))
        (tmp_path / name / "p.tsv").write_text(passages)
        with pytest.raises(InputError, match=text):
            reading.read("xor", tmp_path / name)
