import re
import shutil

import nbformat
import pytest

from optical_lite.datasets import pocket
from optical_lite.settings import ROOT, InputError


def test_the_bundled_collection_has_no_problem():
    assert pocket.validate() == []


def test_counts():
    for lang in pocket.LANGUAGES:
        assert len(pocket.bitext(lang)) >= 400
        assert len(pocket.collection(lang).queries) >= 100
        assert len(pocket.collection(lang, "dev").queries) >= 40
    assert len(pocket.passages()) >= 150
    for lang in pocket.LOW_RESOURCE:
        assert len(pocket.gold(lang)) >= 100


def test_gold_links_point_at_words():
    source, english, sure, _ = pocket.gold("sw")[0]
    source_words, english_words = pocket.words(source), pocket.words(english)
    assert ("Daktari", "doctor") in {(source_words[i], english_words[j]) for i, j in sure}


@pytest.mark.parametrize(
    ("name", "old", "new", "text"),
    [
        ("bitext.tsv", "health-s02\t", "health-s01\t", "'health-s01' occurs twice"),
        ("bitext.tsv", "Daktari huweka", "\tDaktari huweka", "line 2: got 11 columns"),
        ("bitext.tsv", "Daktari huweka vidonge katika chumba chenye giza.", "", "sw is empty"),
        ("bitext.tsv", "Daktari huweka", "Dakt\ufffdri huweka", "replacement character"),
        ("bitext.tsv", "डॉक्टर गोळ्या अंधाऱ्या खोलीत ठेवतात.", "daktar.", "not in Devanagari"),
        (
            "bitext.tsv",
            "Daktari huweka vidonge katika chumba chenye giza.",
            "The doctor keeps the pills in a dark room.",
            "not translated",
        ),
        (
            "bitext.tsv",
            "The doctor keeps the pills in a dark room.",
            "Can I get malaria by sitting next to a sick person",
            "leakage en",
        ),
        ("questions.tsv", "health-q01\ttest", "health-q01\ttrain", "split 'train'"),
        ("qrels.tsv", "health-q01\thealth-p01", "health-q01\thealth-p99", "unknown id"),
        ("qrels.tsv", "health-q01\thealth-p01\t1\n", "", "no relevant passage"),
        ("passages.jsonl", "Malaria is caused by a tiny parasite", "Malaria" + " is" * 60, "words, expected 30 to 80"),
        ("passages.jsonl", '"id": "health-p02"', '"id": "health-p01"', "occurs twice"),
        ("alignments/sw.tsv", "health-s01\t0-", "health-s01\t99-", "out of bounds"),
        ("alignments/sw.tsv", "health-s01\t0-", "health-s01\tx-", "not pairs"),
        ("alignments/sw.tsv", "health-s01\t", "nothing-s01\t", "no such sentence"),
    ],
)
def test_the_validator_complains(tmp_path, name, old, new, text):
    folder = shutil.copytree(pocket.FOLDER, tmp_path / "pocket")
    content = (folder / name).read_text(encoding="utf-8")
    assert old in content
    (folder / name).write_text(content.replace(old, new, 1), encoding="utf-8")
    assert any(text in problem for problem in pocket.validate(folder)), pocket.validate(folder)


def test_wrong_encoding_and_missing_file_are_problems(tmp_path):
    folder = shutil.copytree(pocket.FOLDER, tmp_path / "pocket")
    (folder / "bitext.tsv").write_bytes(b"\xff\xfe")
    assert "expected utf-8" in pocket.validate(folder)[0]
    (folder / "bitext.tsv").unlink()
    assert "no such file" in pocket.validate(folder)[0]


def test_unknown_language_and_split():
    with pytest.raises(InputError, match="got language 'ha', expected one of sw"):
        pocket.bitext("ha")
    with pytest.raises(InputError, match="expected one of sw, so, tl, mr"):
        pocket.gold("de")
    with pytest.raises(InputError, match="got split 'train'"):
        pocket.collection("sw", "train")


def human(text):
    """Sentences that call something human; what people published about people's translations is not about pocket."""
    return re.findall(r"[^.\n]*\b(?:human|people have|annotators?)\b[^.\n]*", text, re.IGNORECASE)


def test_nobody_calls_the_machine_written_collection_human():
    assert human("Then we search with their human English translations.")
    assert human("A pair whose words people have linked.")
    for path in sorted((ROOT / "notebooks").glob("0[0-6]_*.ipynb")):
        nb = nbformat.read(path, 4)
        for cell in nb.cells:
            assert not human(cell.source), (path.name, cell.source)
    card = (ROOT / "data" / "pocket" / "README.md").read_text(encoding="utf-8")
    first = nbformat.read(ROOT / "notebooks" / "00_start_here.ipynb", 4).cells[2].source
    for said in (card, first):
        assert "machine-written" in said
