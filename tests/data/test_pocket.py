import re
import shutil
import unicodedata

import nbformat
import pytest

from optical_lite.datasets import pocket
from optical_lite.settings import ROOT, InputError
from optical_lite.text import bare, fold, words


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
    source_words, english_words = words(source), words(english)
    assert ("Daktari", "doctor") in {(source_words[i], english_words[j]) for i, j in sure}


def rows(name):
    header, *cells = (line.split("\t") for line in (pocket.FOLDER / name).read_text(encoding="utf-8").splitlines())
    return [dict(zip(header, row, strict=True)) for row in cells]


def test_texts_are_clean_and_translated():
    for table in (rows("bitext.tsv"), rows("questions.tsv")):
        assert len({row["id"] for row in table}) == len(table)
        for row in table:
            for text in row.values():
                assert text == text.strip() == unicodedata.normalize("NFC", text) != ""
                assert not any(unicodedata.category(c) in ("Cc", "Co", "Cn", "Cs") or c == "\ufffd" for c in text)
            assert any("\u0900" <= c <= "\u097f" for c in row["mr"])
        for lang in pocket.LANGUAGES:
            assert len({fold(row[lang]) for row in table}) == len(table)
            assert all(row[lang] != row["en"] for row in table)


def test_no_question_is_a_sentence_of_the_bitext():
    for lang in ("en", *pocket.LANGUAGES):
        assert not {bare(row[lang]) for row in rows("bitext.tsv")} & {bare(row[lang]) for row in rows("questions.tsv")}


def test_passages_and_judgements():
    assert all(30 <= len(text.partition(". ")[2].split()) <= 85 for text in pocket.passages().values())
    assert {row["grade"] for row in rows("qrels.tsv")} == {"1"}
    assert {row["query"] for row in rows("qrels.tsv")} == {row["id"] for row in rows("questions.tsv")}
    assert {row["split"] for row in rows("questions.tsv")} == {"test", "dev"}


@pytest.mark.parametrize("lang", pocket.LOW_RESOURCE)
def test_links_are_of_words_that_are_there(lang):
    for source, english, sure, possible in pocket.gold(lang):
        inside = {(i, j) for i in range(len(words(source))) for j in range(len(words(english)))}
        assert sure
        assert not sure & possible
        assert sure | possible <= inside


@pytest.mark.parametrize("name", ["bitext.tsv", "questions.tsv", "qrels.tsv", "passages.jsonl", "alignments/sw.tsv"])
def test_a_changed_file_is_seen_and_other_line_ends_are_not(tmp_path, name):
    folder = shutil.copytree(pocket.FOLDER, tmp_path / "pocket")
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content.replace(b"\n", b"\r\n"))
    assert pocket.validate(folder) == []
    (folder / name).write_bytes(content + b"\n")
    assert [problem.startswith(f"{name}: got sha256") for problem in pocket.validate(folder)] == [True]
    (folder / name).write_bytes(b"\xff\xfe")
    assert "expected utf-8" in pocket.validate(folder)[0]
    (folder / name).unlink()
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
