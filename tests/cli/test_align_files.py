"""The command align: one pair, a file of pairs, and what is refused."""

import json

import pytest

from optical_lite import __main__, settings
from optical_lite.alignment import plans
from optical_lite.alignment.linking import from_pharaoh
from optical_lite.datasets import pocket
from optical_lite.paper import experiment

pytestmark = pytest.mark.float32

LONG = ["Maji safi ni muhimu.", "Clean water is important."]


def run(*arguments):
    return __main__.main(["align", *map(str, arguments)])


def test_a_pair_is_linked_recorded_and_drawn(tmp_path, capsys):
    source, target = pocket.bitext("sw").pairs[0]
    assert run(source, target, "--json", tmp_path / "x.json", "--svg", tmp_path / "x.svg") == 0
    found = json.loads((tmp_path / "x.json").read_text())
    assert [0, 1] in found["links"]  # Daktari, doctor
    assert "Daktari          doctor" in capsys.readouterr().out
    assert "<svg" in (tmp_path / "x.svg").read_text()


def test_a_file_of_pairs_becomes_a_file_of_links(tmp_path):
    pairs = pocket.bitext("sw").pairs[:30]
    (tmp_path / "x.tsv").write_text("".join(f"{s}\t{t}\n" for s, t in pairs), encoding="utf-8")
    assert run("--tsv", tmp_path / "x.tsv", "--pharaoh", tmp_path / "x.links", "--quiet") == 0
    assert all(from_pharaoh(line)[0] for line in (tmp_path / "x.links").read_text().splitlines())
    assert (tmp_path / "x.links").read_text().count("\n") == 30
    assert {path.name for path in tmp_path.iterdir()} == {"x.tsv", "x.links"}


def test_a_run_is_aligned_beside_its_own_teacher(tmp_path, monkeypatch):
    """The English side of a student of another teacher is that teacher's."""
    folder = experiment.tiny().save(tmp_path / "model")
    line = ["train", "--bitext", "pocket", "--lang", "sw", "--model", str(folder), "--steps", "1", "--fill", "none"]
    assert __main__.main([*line, "--trainable", "all", "--out", str(tmp_path / "run"), "--quiet"]) == 0
    one = ["maji safi", "clean water", "--run", tmp_path / "run", "--teacher", folder]
    seen = []
    monkeypatch.setattr(plans, "align", lambda ours, english, *rest, **how: seen.append((ours, english)) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(*one)
    assert [encoder.dimension for encoder in seen[0]] == [64, 64]


def test_a_multilingual_encoder_aligns_as_it_is(multilingual, capsys):
    assert run("Daktari anakunywa maji.", "The doctor drinks water.", "--model", "multilingual", "--layer", "7") == 0
    assert "Daktari          doctor" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["maji"], "expected SOURCE TARGET"),
        (["maji", ""], "got '', expected text"),
        (["maji", "water", "--rule", "best"], "expected one of"),
        (["maji", "water", "--lang", "xx"], "got language 'xx'"),
        (["maji " * 600, "water"], "nothing is cut off silently"),
        ([*LONG, "--method", "scaling", "--epsilon", "0.001"], "method: got 'scaling', expected one of stabilized"),
        (["--tsv", "none.tsv", "--pharaoh", "x", "--quiet"], "no such file"),
    ],
)
def test_wrong_input_is_one_line(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


HARD = {
    "unknown": ("ⵣⵣⵣ maji", "clean water", "source words unknown to the tokenizer [UNK]: ⵣⵣⵣ"),
    "nothing known": ("ⵣⵣⵣ", "water", "English words without a link: water"),
    "right to left": ("الماء النظيف", "clean water", "transport cost"),
    "identical": ("Clean water is safe.", "Clean water is safe.", "safe             safe             100%"),
    "control characters": ("maji \x1b[31m moto", "water fire", "?[31m            "),
    "no letter of the fonts": ("maji 水", "water", "maji             water"),
    "one token": ("maji", "water", "maji             water            100%"),
}


@pytest.mark.parametrize("case", HARD)
def test_hard_text_is_linked_drawn_and_told(case, tmp_path, capsys):
    source, target, told = HARD[case]
    assert run(source, target, "--svg", tmp_path / "x.svg", "--json", tmp_path / "x.json") == 0
    out, err = capsys.readouterr()
    assert told in out
    assert ("lack are drawn as boxes" in err) == ("水" in source)
    drawn, found = (tmp_path / "x.svg").read_text(encoding="utf-8"), json.loads((tmp_path / "x.json").read_text())
    words = [settings.visible(word) for word in found["source_words"]]
    assert "\x1b" not in drawn
    assert all(f"<!-- {word} -->" in drawn for word in words)  # letters are drawn as paths


def test_nothing_is_written_where_a_line_is_wrong(tmp_path, capsys):
    (tmp_path / "x.tsv").write_text("maji\twater\nmaji\n")
    assert run("--tsv", tmp_path / "x.tsv", "--pharaoh", tmp_path / "x.links", "--quiet") == 2
    assert "line 2: got 1 columns" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["x.tsv"]


def test_without_transport_no_cost_is_shown_or_written(capsys, tmp_path):
    line = ["align", "maji safi", "clean water", "--method", "similarity", "--json", str(tmp_path / "x.json")]
    assert __main__.main(line) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "no transport"
    assert json.loads((tmp_path / "x.json").read_text())["transport_cost"] is None


def test_a_plan_that_left_the_numbers_is_told_from_none(capsys):
    assert __main__.main(["align", "maji safi", "clean water", "--epsilon", "1e-300"]) == 0
    said = capsys.readouterr().out.splitlines()[-1]
    assert said == "no plan in the range of numbers, give a larger --epsilon; NOT converged"
