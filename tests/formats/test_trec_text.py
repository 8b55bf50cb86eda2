"""No text of a TREC file is lost without a word: it is read, or the file is refused."""

import os
import time

import pytest

from optical_lite.formats import collect, trec
from optical_lite.settings import InputError


def topics(tmp_path, text, fields="title+desc"):
    (tmp_path / "topics.txt").write_text(text)
    return {name: question for name, (question, _) in trec.read_topics(tmp_path / "topics.txt", fields).items()}


@pytest.mark.parametrize(
    ("inside", "text"),
    [
        ("<title>clean <i>water</i> in wells</title>", "clean water in wells"),
        ("<EN-title>clean <b>water</B> wells</en-TITLE> left <EN-desc>so</EN-desc>", "clean water wells so"),
        ("<title> Topic: clean <i>water</i>\n<desc> Description:\nof <b>wells</b>\n", "clean water of wells"),
        (
            "<title>water\n<desc> Description:\nof wells\n<smry> Summary:\nno\n<con>\n<con> Concepts: no\n",
            "water of wells",
        ),
    ],
)
def test_markup_inside_a_field_is_text_of_it(tmp_path, inside, text):
    assert topics(tmp_path, f"<top><num>1</num>{inside}</top>") == {"1": text}


@pytest.mark.parametrize("end", ["<top><num>2</num><title>b</title>\n", "<TOP>\n"])
def test_a_topic_without_an_end_is_refused(tmp_path, end):
    with pytest.raises(InputError, match="got 2 <top> and 1 whole"):
        topics(tmp_path, f"<top><num>1</num><title>a</title></top>\n{end}")


def documents(tmp_path, inside, **options):
    (tmp_path / "d.sgml").write_text(f"<DOC><DOCNO>d</DOCNO>{inside}</DOC>")
    return trec.read_documents(tmp_path, **options)["d"]


def test_every_element_of_text_is_read(tmp_path):
    assert (
        documents(tmp_path, "<HL>Wells</HL><DD>1987</DD><LP>Water</LP><TEXT>is <P>wet</TEXT>") == "Wells Water is wet"
    )
    assert documents(tmp_path, "<DATE>940101</DATE>") == documents(tmp_path, "<TEXT>\n</TEXT><BYLINE>X</BYLINE>") == ""


@pytest.mark.parametrize(
    ("inside", "text"),
    [
        ("<TEXT>water", "document 'd': got <TEXT> without </TEXT>"),
        ("<HEADLINE>wells<TEXT>water</TEXT>", "got <HEADLINE> without </HEADLINE>"),
        ("<TEXT>water</TEXT><te>more", "got <te> without </te>"),
        ("<BODY>water</BODY>", "document 'd': got words in other elements than HEADLINE"),
        ("<P>water</P>", "got words in other elements"),
        (" water", "got words in other elements"),
    ],
)
def test_a_document_whose_text_is_not_found_is_refused(tmp_path, inside, text):
    with pytest.raises(InputError, match=text):
        documents(tmp_path, inside)
    if "words" in text:
        assert documents(tmp_path, inside, lenient=True) == ""


def test_linked_folders_are_read_once_and_what_is_no_file_is_refused(tmp_path):
    folder, other = tmp_path / "documents", tmp_path / "other"
    folder.mkdir()
    other.mkdir()
    documents(other, "<TEXT>water</TEXT>")
    for name, target in (("one", other), ("two", other), ("loop", folder)):
        (folder / name).symlink_to(target, target_is_directory=True)
    assert trec.read_documents(folder) == {"d": "water"}
    (folder / ".hidden").symlink_to(tmp_path / "none")
    assert trec.read_documents(folder) == {"d": "water"}
    os.mkfifo(folder / "pipe")
    with pytest.raises(InputError, match="pipe: got something that is no file"):
        trec.read_documents(folder)
    (folder / "pipe").unlink()
    (folder / "dangling").symlink_to(tmp_path / "none")
    with pytest.raises(InputError, match="dangling: got a link to nothing"):
        trec.read_documents(folder)


def test_a_beir_folders_judgements_are_read_by_their_header(tmp_path):
    path = tmp_path / "test.tsv"
    path.write_text("query-id\tcorpus-id\tscore\nq\tp\t1\nq\tr\t0\n")
    assert trec.read_qrels(path) == {"q": {"p": 1, "r": 0}}
    path.write_text("q\tp\t1\n")
    with pytest.raises(InputError, match="line 1: got 3 columns, expected 4"):
        trec.read_qrels(path)


def test_a_long_row_of_digits_that_is_no_number_is_refused_at_once():
    began = time.process_time()
    with pytest.raises(InputError, match="got score '0000"):
        collect.real("a.run, line 1", "0" * 200_000 + "x")
    assert time.process_time() - began < 5  # by trial and error it took minutes


@pytest.mark.parametrize("text", ["q 0 p 1\n", "query-id corpus-id score\nq p 1\n"])
def test_judgements_may_come_from_a_pipe(text):
    read, write = os.pipe()
    os.write(write, text.encode())
    os.close(write)
    assert trec.read_qrels(f"/dev/fd/{read}") == {"q": {"p": 1}}
    os.close(read)
