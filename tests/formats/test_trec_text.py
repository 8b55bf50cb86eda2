"""No text of a TREC file is lost without a word: it is read, or the file is refused."""

import os
import threading
import time

import pytest

from optical_lite.formats import collect, lines, sgml, trec, xor_tydi
from optical_lite.settings import InputError


def topics(tmp_path, text, fields="title+desc"):
    (tmp_path / "topics.txt").write_text(text)
    return {name: question for name, (question, _) in trec.read_topics(tmp_path / "topics.txt", fields).items()}


@pytest.mark.parametrize(
    ("inside", "text"),
    [
        ("<title>clean <i>water</i> in wells</title>", "clean water in wells"),
        ("<EN-title>clean <b>water</B> wells</en-TITLE> <EN-desc>so</EN-desc>", "clean water wells so"),
        ("<title> Topic: clean <i>water</i>\n<desc> Description:\nof <b>wells</b>\n", "clean water of wells"),
        (
            "<title>water\n<desc> Description:\nof wells\n<smry> Summary:\nno\n<con>\n<con> Concepts: no\n",
            "water of wells",
        ),
        ("<title>w</title><desc>what do <time>now</time> rats eat</desc>", "w what do now rats eat"),
        *((f"<title>a <{tag}>b</{tag}> c</title>", "a b c") for tag in ("head", "dom", "con", "time")),
        ("<title>a <desc>b</desc> c</title>", "a b c"),
        ("<title> a\n<fac> Factor(s):\n<nat> Nationality: U.S.\n</nat>\n</fac>\n<desc> b\n", "a b"),
        ("<title>a</title><!-- <desc>b</desc> -->", "a"),
        ("<title><![CDATA[x <b> & y]]></title>", "x <b> & y"),
    ],
)
def test_markup_inside_a_field_is_text_of_it(tmp_path, inside, text):
    assert topics(tmp_path, f"<top><num>1</num>{inside}</top>") == {"1": text}


@pytest.mark.parametrize("end", ["<top><num>2</num><title>b</title>\n", "<TOP>\n"])
def test_a_topic_without_an_end_is_refused(tmp_path, end):
    with pytest.raises(InputError, match="got 2 <top> and 1 whole"):
        topics(tmp_path, f"<top><num>1</num><title>a</title></top>\n{end}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<top><num>1<desc> what do <time>now</time> rats eat\n</top>", "got words outside of fields: 'rats eat'"),
        ("<top><num>1</num><title>a</title></top>\nquery_id: 2\ntitle: b\n", "got <top> and 'query_id:'"),
        ("<top><num>1</num><title>a</title></top><TOPIC>b", "got <top> and '<TOPIC>'"),
        ("queryid: 41\ntitle: a\n\nquery_id: 42\ntitle: b\n", "got 'queryid: 41.* before the first"),
        ("query_id: 41\ntitle: a\ndescription: a\n\nqueryid: 42\ntitle: b\n", "got 'queryid: 42' inside of topic '41'"),
        ("query_id: 41\ntitle: a\n\nQuery_ID: 42\ntitle: b\n", "got 'Query_ID: 42' inside"),
        ("query_id: 41\ntitle: a\n42\ntitle: b\n", "got 'title: b' inside"),
        ("query_id: 41\ntitle: a\nand query_id: 42\n", "got 'and query_id: 42' inside"),
        ("<top>lost<num>1</num><title>a</title></top>", "topic '1': got words outside of fields: 'lost'"),
        ("<top><num>1</num> lost <title>a</title></top>", "topic '1': got words outside of fields: 'lost'"),
        ("<top><num>1</num><title>a</title> 1945</top>", "topic '1': got words outside of fields: '1945'"),
        ("<top><num>1</num><b>lost</b><title>a</title></top>", "got words outside of fields: 'lost'.*--lenient"),
        ("lost <top><num>1</num><title>a</title></top>", "topics.txt: got words outside of fields: 'lost'"),
        ("<top><num>1</num><title>a</title></top> <p>lost", "topics.txt: got words outside of fields: 'lost'"),
    ],
)
def test_no_topic_vanishes_and_none_joins_another(tmp_path, text, said):
    with pytest.raises(InputError, match=said):
        topics(tmp_path, text)


def test_a_field_is_asked_once(tmp_path):
    with pytest.raises(InputError, match="each once"):
        topics(tmp_path, "<top><num>1</num><title>a</title></top>", "title+title")


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("a?x=1&reg=2&copy=3", "a?x=1&reg=2&copy=3"),
        ("if x<y and z>w then", "if x<y and z>w then"),
        ("write to <me@x.org> or <http://x.org/a>", "write to <me@x.org> or <http://x.org/a>"),
        ("&notit; &#65 &copy; &#x41; &hyph;", "&notit; &#65 © A &hyph;"),
        ("<F P=100>a</F><BR/><br />b<table width='3' border>c</P >", "a b c"),
        ("<![CDATA[1 < 2 <b>&amp;]]> <!-- <![CDATA[x]]> -->y", "1 < 2 <b>&amp; y"),
        ("<![CDATA[no end <!-- nor here", "<![CDATA[no end <!-- nor here"),
    ],
)
def test_what_is_no_markup_is_text(text, read):
    assert sgml.plain(text) == read


def documents(tmp_path, inside, **options):
    (tmp_path / "d.sgml").write_text(f"<DOC><DOCNO>d</DOCNO>{inside}</DOC>")
    return trec.read_documents(tmp_path, **options)["d"][0]


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
        ("<TEXT>a <TEXT>b</TEXT> c</TEXT>", "got </TEXT> without <TEXT>"),
        ("<TEXT>water</TEXT><DOCNO>e</DOCNO>", "document 1: got 2 <DOCNO>"),
        ("<BODY>water</BODY>", "document 'd': got words in no element of text: 'water', expected all in LEAD"),
        ("<P>water</P>", "got words in no element"),
        (" water", "got words in no element"),
        ("<TITLE>story 0</TITLE><BODY>water is life</BODY>", "got words in no element"),
        ("<TI>wells</TI><P>water</P>", "got words in no element"),
        ("1945<TEXT></TEXT>", "got words in no element of text: '1945'"),
        ("<html><head><title>wells</title></head><body>water</body></html>", "got words in no element"),
        ("<!-- <TEXT>a</TEXT> --><TEXT></TEXT><P>water</P>", "got words in no element"),
    ],
)
def test_a_document_whose_text_is_not_found_is_refused(tmp_path, inside, text):
    with pytest.raises(InputError, match=text):
        documents(tmp_path, inside)
    if "words" in text:
        heads = {"<TITLE>": "story 0", "<TI>": "wells", "<html>": "wells"}
        assert documents(tmp_path, inside, lenient=True) == heads.get(inside.partition(">")[0] + ">", "")


def test_comments_are_no_documents_and_fields_about_a_text_are_no_text(tmp_path):
    real = "<DATE><P>January 1, 1994</P></DATE><HEADER><H3><TI>Wells</TI></H3></HEADER><BYLINE>By A. Writer</BYLINE>"
    assert documents(tmp_path, real) == "Wells"
    assert documents(tmp_path, "<!-- <TEXT>a</TEXT> --><TEXT>b<!-- c --></TEXT>") == "b"
    (tmp_path / "c.sgml").write_text("<!-- <DOC><DOCNO>c</DOCNO></DOC> -->\n<DOC><DOCNO>e</DOCNO></DOC>")
    with pytest.raises(InputError, match="line 1: got <DOC> in a comment"):
        trec.read_documents(tmp_path)


@pytest.mark.parametrize("text", ["lost {0}\n{1}", "{0}lost 7 words {1}", "{0}\n7\n{1}", "{0}{1}\n<P>lost"])
def test_words_between_documents_are_refused_or_counted(tmp_path, text):
    each = ("<DOC><DOCNO>a</DOCNO><TEXT>maji</TEXT></DOC>", "<DOC><DOCNO>b</DOCNO><TEXT>moto</TEXT></DOC>")
    (tmp_path / "d.sgml").write_text(text.format(*each))
    with pytest.raises(InputError, match=r"document '[ab]': got words in no element of text: '[l7].*--lenient"):
        trec.read_documents(tmp_path)
    found = trec.read_documents(tmp_path, lenient=True)
    assert [words for words, _ in found.values()] == ["maji", "moto"]
    assert any(left for _, left in found.values())


def test_declarations_comments_wrappers_and_marks_are_no_words(tmp_path):
    head = '<?xml version="1.0"?>\n<!DOCTYPE docs [<!ELEMENT DOC (#PCDATA)> <!ENTITY a "b">]>\n<!-- of 1994 -->\n'
    one = "<DOC><DOCNO>{}</DOCNO><TEXT>maji</TEXT><RECORDNO>980549733</RECORDNO></DOC>\n<!-- page 2 -->--\n"
    (tmp_path / "d.sgml").write_text(f"{head}<docs year='1994'>{one.format('a')}{one.format('b')}</docs>\x1a\n")
    assert trec.read_documents(tmp_path) == {"a": ("maji", ""), "b": ("maji", "")}
    asked = "<top lang='sw'>\n<num>1</num> <!-- 1 -->\n<title>maji</title>\n--</top>\n"
    assert topics(tmp_path, f"{head}<topics>\n{asked}</topics>\n") == {"1": "maji"}


def test_an_end_without_a_document_is_refused(tmp_path):
    (tmp_path / "d.sgml").write_text("<DOC><DOCNO>a</DOCNO></DOC>\nlost </DOC>\n")
    with pytest.raises(InputError, match=r"got 1 <DOC> and 1 whole <DOC>\.\.\.</DOC>, 2 </DOC>"):
        trec.read_documents(tmp_path)


def test_words_of_topics_that_are_left_out_are_counted(tmp_path):
    documents(tmp_path, "<TEXT>maji</TEXT>")
    (tmp_path / "topics.txt").write_text("<top>lost<num>1</num> more <title>a</title></top> between\n")
    (tmp_path / "qrels.txt").write_text("1 0 d 1\n")
    with pytest.raises(InputError, match="words outside of fields"):
        trec.read(tmp_path, documents=tmp_path / "d.sgml")
    data = trec.read(tmp_path, documents=tmp_path / "d.sgml", lenient=True)
    said = f"words of topics are not read in 2 places: 'between' of {tmp_path / 'topics.txt'}"
    assert (data.queries, data.notes) == ({"1": "a"}, (said,))


def test_words_that_are_not_read_are_counted(tmp_path):
    (tmp_path / "d.sgml").write_text("<DOC><DOCNO>d</DOCNO><TEXT>maji</TEXT><GRAPHIC>a photograph</GRAPHIC></DOC>")
    (tmp_path / "topics.txt").write_text("<top><num>1<title>a</top><top><num>2<title>b</top>")
    (tmp_path / "qrels.txt").write_text("1 0 d 1\n")
    assert trec.read(tmp_path, documents=tmp_path / "d.sgml").notes == (
        "1 documents have words that are not read: 'a photograph' of 'd'",
        "1 of 2 questions have no judgement and are left out",
    )


def test_linked_folders_are_read_once_and_what_is_no_file_is_refused(tmp_path):
    folder, other = tmp_path / "documents", tmp_path / "other"
    folder.mkdir()
    other.mkdir()
    documents(other, "<TEXT>water</TEXT>")
    for name, target in (("one", other), ("two", other), ("loop", folder)):
        (folder / name).symlink_to(target, target_is_directory=True)
    assert trec.read_documents(folder) == {"d": ("water", "")}
    (folder / ".hidden").symlink_to(tmp_path / "none")
    assert trec.read_documents(folder) == {"d": ("water", "")}
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
    path.write_text("\n  \nquery-id\tcorpus-id\tscore\n\nq\tp\t1\nq\tr\t0\n")
    assert trec.read_qrels(path) == {"q": {"p": 1, "r": 0}}
    path.write_text("\nid\ttext\np\twater\n")
    with pytest.raises(InputError, match="line 2: got the columns' names 'id', 'text'"):
        [*lines.table(lines.placed(path), 2, "passage id, text")]
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


@pytest.mark.parametrize(
    ("reader", "text"),
    [
        (trec.read_topics, "<top><num>1</num><title>water</title></top>"),
        (xor_tydi.read_predictions, '[{"id": "1", "ctxs": ["a"]}]'),
        (lambda path: [*lines.lines(path)], "water"),
    ],
)
def test_a_file_that_a_user_names_may_be_a_pipe(tmp_path, reader, text):
    file, pipe = tmp_path / "file", tmp_path / "pipe"
    file.write_text(text)
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=(text,), daemon=True)
    writer.start()
    assert reader(pipe) == reader(file)
    writer.join()
