"""Run files: what is written is read back, what cannot be is refused, and what is printed is the whole truth."""

import gzip
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optical_lite import __main__, encoder, lexical, metrics, retrieval, significance
from optical_lite.corpora import Collection
from optical_lite.datasets import reading
from optical_lite.formats import trec
from optical_lite.paper import experiment
from optical_lite.settings import InputError

NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=6)
PLAIN = st.text(st.characters(codec="utf-8", exclude_categories=("Z", "C")), min_size=1, max_size=6)
SCORES = st.floats(allow_nan=False, allow_infinity=False)


def runs(names, scores, least=0):
    ranking = st.dictionaries(names, scores, min_size=least, max_size=4).map(lambda found: list(found.items()))
    return st.dictionaries(names, ranking, max_size=4)


def expected(run):
    return {query: trec.ranked(ranking) for query, ranking in run.items() if ranking}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("runs") / "any.run"


@given(runs(PLAIN, SCORES))
def test_a_run_of_plain_names_is_read_back_to_the_last_digit(path, run):
    assert trec.read_run(trec.write_run(path, run, "tag")) == expected(run)


@given(runs(st.text(max_size=6), st.floats()), st.text(max_size=4))
def test_any_run_is_read_back_or_not_written(path, run, tag):
    path.unlink(missing_ok=True)
    try:
        trec.write_run(path, run, tag)
    except InputError:
        assert not path.exists()
    else:
        assert trec.read_run(path) == expected(run)


@pytest.mark.parametrize(
    "name", ["", "a b", "a\tb", " a", "a\n", "a\u00a0b", "\u2003", "\ufeffa", "a\ud800", "a\0", "b\ufeff"]
)
@pytest.mark.parametrize("place", ["topic", "document", "tag"])
def test_names_that_columns_cannot_hold(tmp_path, name, place):
    names = {"topic": "t", "document": "d", "tag": "x"} | {place: name}
    with pytest.raises(InputError, match="expected one without blanks"):
        trec.write_run(tmp_path / "a.run", {names["topic"]: [(names["document"], 1.0)]}, names["tag"])
    assert not (tmp_path / "a.run").exists()


@pytest.mark.parametrize("score", ["nan", "inf", "-inf", "1e999", "1_0", "٣", "0x1", "", "1,5"])
def test_scores_that_are_no_finite_numbers_are_named_with_line_and_topic(path, score):
    path.write_text(f"t1 Q0 d 1 2 x\n\nt2 Q0 d 1 {score} x\n", encoding="utf-8")
    place = "got 5 columns" if not score else f"line 3, topic 't2': got score '{score}'"
    with pytest.raises(InputError, match=place):
        trec.read_run(path)


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_no_function_lets_such_a_score_pass(tmp_path, score):
    bad, good = {"t": [("d", score), ("e", 1.0)]}, {"t": [("d", 1.0)]}
    with pytest.raises(InputError, match="topic 't', expected a finite number"):
        trec.write_run(tmp_path / "a.run", bad, "x")
    for pair in ((bad, good), (good, bad)):
        with pytest.raises(InputError, match="question 't', expected finite scores"):
            lexical.fuse(*pair)
    with pytest.raises(InputError, match="no finite number, for query 't'"):
        metrics.summary(bad, {"t": {"d": 1}})


def test_a_document_twice(tmp_path):
    twice = {"t": [("d", 2.0), ("d", 1.0)]}
    for call in (
        lambda: trec.write_run(tmp_path / "a.run", twice, "x"),
        lambda: lexical.fuse(twice, twice),
        lambda: metrics.summary(twice, {"t": {"d": 1}}),
    ):
        with pytest.raises(InputError, match="twice"):
            call()


def test_ranks_follow_scores_whatever_the_order_given(path):
    trec.write_run(path, {"t": [("low", 1.0), ("z", 2.0), ("a", 2.0)]}, "x")
    assert [line.split()[2:4] for line in path.read_text().splitlines()] == [["a", "1"], ["z", "2"], ["low", "3"]]


def test_a_byte_order_mark_and_windows_lines(path):
    path.write_bytes(b"\xef\xbb\xbft1\tQ0\td\t1\t1.5e+01\tx \r\n\r\nt2 Q0 d 9 -3E-2 x\r\n")
    assert trec.read_run(path) == {"t1": [("d", 15.0)], "t2": [("d", -0.03)]}


NORMAL = st.integers(-999, 999).map(float)


@given(runs(PLAIN, NORMAL), runs(PLAIN, NORMAL), st.floats(0, 1), st.integers(1, 5))
def test_a_fusion_keeps_every_question_and_stays_between_0_and_1(first, second, share, k):
    asked = first.keys() | second.keys()
    pair = [{query: run.get(query, []) for query in asked} for run in (first, second)]
    found = lexical.fuse(*pair, share, k)
    assert found.keys() == asked
    for query, ranking in found.items():
        named = {name for run in pair for name, _ in run[query]}
        assert {name for name, _ in ranking} <= named
        assert len(ranking) >= min(k, len(named))
        assert all(-1e-9 <= score <= 1 + 1e-9 for _, score in ranking)
        assert ranking == trec.ranked(ranking)


@pytest.mark.parametrize("k", [0, -3])
def test_a_ranking_of_no_passage_is_refused(k):
    for call in (
        lambda: lexical.fuse({}, {}, 0.5, k),
        lambda: lexical.bm25({"p": "maji"}, {"q": "maji"}, k),
        lambda: lexical.structured({"p": "maji"}, {"q": "maji"}, None, k),
        lambda: retrieval.search(None, None, {}, k),
    ):
        with pytest.raises(InputError, match=f"k: got {k}, expected a whole number from 1 to"):
            call()


# The command line


def write(folder, **files):
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    judged = "".join(f"t{i} 0 d{i} 1\n" for i in range(1, 5))
    right = "".join(f"t{i} Q0 d{i} 1 {i} good\n" for i in range(1, 5))
    half = "t1 Q0 d1 1 2 half\nt1 Q0 d2 2 1 half\nt2 Q0 d4 1 1 half\nt9 Q0 d1 1 1 half\n"
    return write(tmp_path, judged=judged, right=right, half=half, other="T-1 Q0 d1 1 1 other\n", empty="")


def run(line, capsys):
    """Exit code, standard output and standard error; an error is one line, and no number that is none is printed."""
    code = __main__.main([*line.split(), "--json", "out.json"])
    out, err = capsys.readouterr()
    assert "nan" not in (out + err).lower().replace("finance", "")
    if code:
        assert (code, err.count("error: "), out) == (2, 1, "")
        assert err.splitlines()[-1].startswith("error: ")
    return code, out, err


@pytest.mark.parametrize("line", ["evaluate --trec-run {} --qrels judged", "significance right {} --qrels judged"])
@pytest.mark.parametrize("name", ["other", "empty"])
def test_runs_and_judgements_that_do_not_meet(place, capsys, line, name):
    code, _, err = run(line.format(name), capsys)
    assert code == 2
    assert f"{name}: got answers to none of the 4 topics of judged" in err
    assert not (place / "out.json").exists()


@pytest.mark.parametrize("line", ["evaluate --trec-run {} --qrels judged", "significance right {} --qrels judged"])
def test_documents_that_no_judgement_names_are_said(place, capsys, line):
    lines = [row.split() for row in (place / "right").read_text().splitlines()]
    (place / "named").write_text("".join(" ".join([q, i, f"x{d}", *more]) + "\n" for q, i, d, *more in lines))
    code, _, err = run(line.format("named"), capsys)
    assert code == 0
    assert "named: none of its documents is judged for any topic, such as 'x" in err
    assert "right: none" not in err


CASES = [  # judged, a run, and what is said: topics and documents, all of them or one, composed or apart
    ("t 0 \u00e9 1\n", "t Q0 e\u0301 1 1 a\n", r"id 'e\u0301', which looks the same as '\xe9' of"),
    ("t 0 e\u0301 1\n", "t Q0 d 1 2 a\nt Q0 \u00e9 1 1 a\n", r"id '\xe9', which looks the same as 'e\u0301' of"),
    ("t 0 d 1\nt 0 \u00e9 0\n", "t Q0 d 1 2 a\nt Q0 e\u0301 1 1 a\n", r"id 'e\u0301', which looks the same as"),
    ("\u00e9 0 d 1\nt 0 d 1\n", "e\u0301 Q0 d 1 1 a\nt Q0 d 1 1 a\n", r"id 'e\u0301', which looks the same as"),
]
LINES = ["evaluate --trec-run b --qrels a", "significance b c --qrels a", "fuse c b --out d"]


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize(("a", "b", "said"), CASES)
def test_ids_of_another_normal_form_are_refused(place, capsys, line, a, b, said):
    c = "".join(f"{topic} Q0 {document} 1 1 c\n" for topic, _, document, _ in map(str.split, a.splitlines()))
    write(place, a=a, b=b, c=c)
    code, _, err = run(line, capsys)
    assert code == 2
    assert f"b: got {said}" in err
    assert "expected one Unicode normal form in both; convert both to NFC" in err
    assert not (place / "d").exists()


@pytest.mark.parametrize("more", ["", "--lenient"])
@pytest.mark.parametrize("part", ["query", "passage"])
def test_judgements_of_another_normal_form_are_refused(place, capsys, part, more):
    beir(place / "data", {"p\u00e9": "water", "r": "air"}, {"q\u00e9": "maji", "s": "hewa"})
    judged = place / "data" / "qrels" / "test.tsv"
    old, new = {"query": ("q\u00e9", "qe\u0301"), "passage": ("p\u00e9", "pe\u0301")}[part]
    judged.write_text(judged.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    code, _, err = run(f"search --collection data --system bm25 --out e.run {more}", capsys)
    assert code == 2
    assert r"e\u0301', which looks the same as" in err


@pytest.mark.parametrize("content", ["t1 Q0 d1 1 1 a\n".encode("utf-16"), gzip.compress(b"t")], ids=["utf-16", "gzip"])
@pytest.mark.parametrize("line", ["evaluate --trec-run b --qrels judged", "fuse right b --out d"])
def test_an_option_that_a_command_lacks_is_not_named(place, capsys, line, content):
    (place / "b").write_bytes(content)
    code, _, err = run(line, capsys)
    assert code == 2
    assert "b, after line 0: got byte 0x" in err
    assert "convert it to UTF-8 with iconv, or end its name in .gz if it is packed" in err
    assert "--encoding" not in err


@pytest.mark.parametrize("name", ["other", "empty"])
def test_runs_of_other_questions_are_not_fused(place, capsys, name):
    code, _, err = run(f"fuse right {name} --out f.run", capsys)
    assert code == 2
    assert "no question that both right and" in err
    assert not (place / "f.run").exists()


def test_topics_without_an_answer_count_0_and_are_counted(place, capsys):
    code, out, err = run("evaluate --trec-run half --qrels judged", capsys)
    assert code == 0
    assert "2 of 4 topics have no answer and count 0" in err
    assert "1 topics are not in judged and are left out" in err
    found = json.loads((place / "out.json").read_text())
    assert (found["queries"], found["unanswered"]) == (4, 2)
    assert found["metrics"]["mrr@10"] == 0.25
    assert "(4 topics)" in out


def test_a_fusion_says_what_each_run_lacks(place, capsys):
    code, out, err = run("fuse right half --out f.run --k 1", capsys)
    assert code == 0
    assert "right: 1 of 5 questions have no answer" in err
    assert "half: 2 of 5 questions have no answer" in err
    assert out.startswith("f.run: 5 questions, 5 lines")
    assert len(trec.read_run("f.run")) == 5


@pytest.mark.parametrize(("topics", "text"), [(1, "on 1 of 1 queries"), (3, "on 3 of 3 queries")])
def test_a_t_test_that_is_not_defined(place, capsys, topics, text):
    judged, ours, base = (
        "".join(line.format(i) for i in range(topics))
        for line in ("t{} 0 d 1\n", "t{} Q0 d 1 2 a\n", "t{} Q0 y 1 1 b\n")
    )
    write(place, judged=judged, ours=ours, base=base)
    code, _, err = run("significance base ours --qrels judged --test t --metric mrr@10", capsys)
    assert code == 2
    assert "t test: not computable, got the difference +1.000 " + text in err
    code, out, _ = run("significance base ours --qrels judged --metric mrr@10", capsys)
    assert code == 0
    assert "permutation test p = " in out


def test_a_t_test_of_equal_systems_and_of_too_few():
    same = {"a": 0.5, "b": 0.25}
    assert significance.t_test(same, dict(same)) == 1.0
    with pytest.raises(InputError, match="not computable"):  # equal but for rounding
        significance.t_test({"a": 0.1 + 0.2, "b": 0.4}, {"a": 0.2, "b": 0.3})
    for ours, base in (({}, {}), ({"a": 1.0}, {"b": 1.0})):
        with pytest.raises(InputError, match="expected the same queries"):
            significance.t_test(ours, base)


def test_nothing_has_no_mean_and_no_difference():
    with pytest.raises(InputError, match="got no query"):
        metrics.mean({})
    with pytest.raises(InputError, match="got no query"):
        significance.compare({}, {})
    with pytest.raises(InputError, match="got no query"):
        metrics.summary({}, {})


def beir(folder, passages, questions):
    (folder / "qrels").mkdir(parents=True)
    for name, texts in (("corpus", passages), ("queries", questions)):
        lines = (json.dumps({"_id": i, "text": text}) + "\n" for i, text in texts.items())
        (folder / f"{name}.jsonl").write_text("".join(lines))
    first = next(iter(passages))
    judged = "".join(f"{query}\t{first}\t1\n" for query in questions)
    (folder / "qrels" / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{judged}")


@pytest.mark.parametrize("system", ["bm25", "structured --bitext pairs.tsv"])
@pytest.mark.parametrize(
    ("passages", "questions"),
    [({"p": "...", "r": ""}, {"q": "maji", "s": "?"}), ({"p": "clean water"}, {"q": "?!", "s": "..."})],
)
def test_texts_without_words_give_an_empty_run_that_says_so(place, capsys, system, passages, questions):
    beir(place / "bare", passages, questions)
    write(place, **{"pairs.tsv": "maji\twater\nsafi\tclean\n"})
    code, out, _ = run(f"search --collection bare --system {system} --out e.run", capsys)
    assert code == 0
    assert out.startswith("e.run: 2 questions, 2 of them without an answer, 0 lines")
    assert trec.read_run("e.run") == {}


@pytest.mark.parametrize(
    ("passages", "questions"), [({"lake report": "water"}, {"q": "water"}), ({"p": "water"}, {"my q": "water"})]
)
def test_a_search_refuses_names_that_its_run_cannot_hold(place, capsys, monkeypatch, passages, questions):
    beir(place / "named", passages, questions)
    monkeypatch.setattr(lexical, "bm25", None)  # before anything is searched
    code, _, err = run("search --collection named --system bm25 --out e.run", capsys)
    assert code == 2
    assert "expected one without blanks" in err
    assert not (place / "e.run").exists()


@pytest.mark.parametrize("command", ["search --system bm25", "index"])
def test_what_has_no_judged_passages_is_not_searched(place, capsys, command):
    from optical_lite.settings import DATA

    line = f"{command} --format xor --collection {DATA}/samples/xor --lang sw --out new"
    code, _, err = run(line, capsys)
    assert code == 2
    assert "got questions without judged passages" in err
    assert not (place / "new").exists()


def tied(count=9):
    """Passages that say the same, and one that says more; in another order than their ids'."""
    passages = {f"p{i}": "clean water" for i in reversed(range(count))} | {"best": "maji safi clean water"}
    questions = {"q": "clean water maji", "r": "clean"}
    return Collection("tied", "sw", passages, questions, {"q": {"best": 1}, "r": {"p0": 1}})


@pytest.mark.parametrize("system", ["bm25", "structured", "encoder"])
def test_search_writes_at_most_k_lines_and_says_how_it_cut_ties(number_type, tmp_path, monkeypatch, capsys, system):
    monkeypatch.setattr(encoder, "teacher", lambda model: experiment.tiny())
    reading.write("trec", tied(), tmp_path / "data")
    (tmp_path / "pairs.tsv").write_text("maji\twater\nsafi\tclean\n")
    line = f"search --format trec --collection {tmp_path}/data --lang sw --system {system} --quiet --k 4 --json "
    line += f"{tmp_path}/said.json --out {tmp_path}/a.run"
    line += f" --bitext {tmp_path}/pairs.tsv" * (system == "structured")
    assert __main__.main(line.split()) == 0
    run = trec.read_run(tmp_path / "a.run")
    assert {len(ranking) for ranking in run.values()} == {4}
    assert {"p0", "p1", "p2"} <= {passage for passage, _ in run["q"]}  # the first ids of those that are equal
    assert "2 questions with a tie at place 4 cut by passage id (--ties all keeps it)" in capsys.readouterr().out
    again = (tmp_path / "a.run").read_bytes()
    assert __main__.main(line.split()) == 0
    assert (tmp_path / "a.run").read_bytes() == again
    assert __main__.main([*line.split(), "--ties", "all"]) == 0
    assert len(trec.read_run(tmp_path / "a.run")["q"]) >= 9
    assert "2 questions with more than 4 because of a tie" in capsys.readouterr().out
    assert __main__.main(line.replace("--k 4", "--k 10").split()) == 0
    assert "tie" not in capsys.readouterr().out


def test_fuse_writes_at_most_k_lines(tmp_path, capsys):
    for name in "ab":
        trec.write_run(tmp_path / name, {"q": [("p3", 2.0), ("p2", 1.0), ("p1", 1.0), ("p0", 0.0)]}, name)
    line = f"fuse {tmp_path}/a {tmp_path}/b --k 2 --out {tmp_path}/c".split()
    assert __main__.main(line) == 0
    assert [passage for passage, _ in trec.read_run(tmp_path / "c")["q"]] == ["p3", "p1"]
    assert "1 questions with a tie at place 2 cut by passage id" in capsys.readouterr().out
    assert __main__.main([*line, "--ties", "all"]) == 0
    assert [passage for passage, _ in trec.read_run(tmp_path / "c")["q"]] == ["p3", "p1", "p2"]


def test_published_predictions_are_those_of_the_questions_asked(place, capsys):
    from optical_lite.settings import DATA

    folder = DATA / "samples" / "xor"
    whole = json.loads((folder / "predictions.json").read_text(encoding="utf-8"))
    asked = [json.loads(line) for line in (folder / "questions.jsonl").read_text(encoding="utf-8").splitlines()]
    swahili = [record["id"] for record in asked if record["lang"] == "sw"]
    line = f"evaluate --format xor --collection {folder} --lang sw --predictions some.json"
    write(place, **{"some.json": json.dumps([record for record in whole if record["id"] != swahili[0]])})
    code, out, err = run(line, capsys)
    found = json.loads((place / "out.json").read_text())["metrics"]
    assert code == 0
    assert f"1 of {len(swahili)} topics have no answer and are left out, as in the published script" in err
    assert f"{len(swahili) - 1} questions" in out
    assert set(found) == {f"R@{n}kt {name}" for n in (2, 5) for name in ("sw", "mean")}
    write(place, **{"some.json": json.dumps([record for record in whole if record["id"] not in swahili])})
    code, _, err = run(line, capsys)
    assert code == 2
    assert f"some.json: got answers to none of the {len(swahili)} topics of {folder}" in err
    extra = {"id": "zzz", "lang": "sw", "ctxs": ["maji"]}
    write(place, **{"some.json": json.dumps([*whole, extra])})
    code, _, err = run(line, capsys)
    assert (code, err) == (0, f"some.json: 1 topics are not in {folder} and are left out\n")


def test_predictions_of_another_normal_form_are_refused(place, capsys):
    asked = [{"id": name, "lang": "sw", "question": "maji?", "answers": ["water"]} for name in ("q\u00e9", "r")]
    (place / "xor").mkdir()
    write(place / "xor", **{"q.jsonl": "".join(map(json.dumps, asked)).replace("}{", "}\n{"), "p.tsv": "p\twater\t\n"})
    write(place, **{"some.json": json.dumps([{"id": name, "ctxs": ["water"]} for name in ("qe\u0301", "r")])})
    code, _, err = run("evaluate --format xor --collection xor --predictions some.json", capsys)
    assert code == 2
    assert r"some.json: got id 'qe\u0301', which looks the same as 'q\xe9' of" in err


def test_one_thing_is_evaluated_at_a_time(place, capsys):
    for line in ("--run run --trec-run right --qrels judged", "--predictions right --trec-run right", "--both"):
        code, _, err = run(f"evaluate {line}", capsys)
        assert code == 2
        assert "expected one of --run, --predictions and --trec-run" in err


@pytest.mark.parametrize(("share", "whole"), [("1", "first"), ("0", "second"), ("0.5", "first")])
def test_a_question_that_one_run_lacks_has_the_others_ranking(share, whole):
    run = {"q": [("c", 3.0), ("a", 2.0), ("b", 1.0)]}
    pair = (run, {"q": []}) if whole == "first" else ({"q": []}, run)
    assert [name for name, _ in lexical.fuse(*pair, float(share))["q"]] == ["c", "a", "b"]


def test_questions_without_a_judgement_are_counted(tmp_path, capsys):
    data = tmp_path / "data"
    (data / "qrels").mkdir(parents=True)
    (data / "corpus.jsonl").write_text('{"_id": "p", "text": "maji"}\n')
    asked = "".join(json.dumps({"_id": name, "text": "maji"}) + "\n" for name in "qrs")
    (data / "queries.jsonl").write_text(asked)
    (data / "qrels" / "test.tsv").write_text("q\tp\t1\n")
    for line in (f"convert --to trec --out {tmp_path}/new", f"search --system bm25 --out {tmp_path}/x.run"):
        assert __main__.main([*line.split(), "--collection", str(data)]) == 0
        said = f"{data.name}: 2 of 3 questions have no judgement and are left out\n"
        assert capsys.readouterr().err == said
