"""From a collection to a p value with one command a step, as the README says; and evaluate on every format."""

import json
import re
import shlex
import shutil

import ir_measures
import pytest

from optical_lite import __main__, lexical, metrics, retrieval, significance
from optical_lite.datasets import pocket, reading
from optical_lite.formats import trec, xglue
from optical_lite.settings import DATA, ROOT
from optical_lite.training import runs

pytestmark = pytest.mark.float32

SAMPLES = DATA / "samples"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The README's lines, run in a folder with a student of two steps."""
    folder = tmp_path_factory.mktemp("trec")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        line = "train --bitext pocket --lang sw --out runs/demo_pocket_sw --steps 2 --batch 4 --size 400 --quiet"
        assert __main__.main(line.split()) == 0
        block = re.search(r"```\n(python -m optical_lite convert.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[
            1
        ]
        lines = [shlex.split(line)[3:] for line in block.strip().split("\n")]
        assert [line[0] for line in lines] == ["convert", "index", "search", "search", "evaluate", "significance"]
        for line in lines:
            assert __main__.main([*line, "--json", f"out_{line[0]}.json"]) == 0, line
    return folder


def run(place, line, capsys=None):
    code = __main__.main([*shlex.split(line), "--json", str(place / "out.json")])
    return json.loads((place / "out.json").read_text()) if code == 0 else (code, capsys.readouterr().err)


def test_the_path_gives_what_the_package_gives(place, teacher):
    data = pocket.collection("sw")
    assert reading.read("trec", place / "pocket_trec", "sw").queries == data.queries
    built = retrieval.PassageIndex.load(place / "pocket_index" / "index.safetensors")
    assert set(built.ids) == set(data.passages)
    plain = retrieval.search(built, teacher, data.queries)
    student = retrieval.search(built, runs.load_student(place / "runs" / "demo_pocket_sw"), data.queries)
    assert trec.read_run(place / "plain.run") == {q: [(p, pytest.approx(s)) for p, s in r] for q, r in plain.items()}
    found = json.loads((place / "out_evaluate.json").read_text())
    assert found["metrics"] == pytest.approx(metrics.summary(student, data.qrels, [*found["metrics"]]))
    assert set(found["metrics"]) == {"map", "p@10", "ndcg@10", "r@100", "mrr@10"}
    values = [metrics.per_query(ranking, data.qrels, ["map"])["map"] for ranking in (student, plain)]
    test = json.loads((place / "out_significance.json").read_text())["tests"]["student.run"]
    assert [test["p"], test["p_corrected"]] == pytest.approx([significance.compare(*values).p] * 2)
    assert test["difference"] > 0.05


def test_a_run_file_agrees_with_trec_eval(place):
    found = run(place, f"evaluate --trec-run {place}/plain.run --qrels {place}/pocket_trec/qrels.txt --ties trec")
    names = {"map": "AP", "p@10": "P@10", "ndcg@10": "nDCG@10", "r@100": "R@100", "mrr@10": "RR@10"}
    measures = [ir_measures.parse_measure(name) for name in names.values()]
    qrels = list(ir_measures.read_trec_qrels(str(place / "pocket_trec" / "qrels.txt")))
    theirs = ir_measures.calc_aggregate(measures, qrels, ir_measures.read_trec_run(str(place / "plain.run")))
    for name, measure in zip(names, measures, strict=True):
        assert found["metrics"][name] == pytest.approx(theirs[measure], abs=1e-4)


def test_structured_queries_and_a_student_are_fused(place):
    pairs = place / "pairs.tsv"
    pairs.write_text("".join(f"{ours}\t{english}\n" for ours, english in pocket.bitext("sw").pairs), encoding="utf-8")
    search = f"search --collection pocket --lang sw --system structured --out {place}/structured.run --bitext"
    run(place, f"{search} pocket")
    text = (place / "structured.run").read_bytes()
    run(place, f"{search} {pairs}")
    assert (place / "structured.run").read_bytes() == text
    found = run(place, f"fuse {place}/student.run {place}/structured.run --share 0.4 --out {place}/fused.run")
    assert found["questions"] == len(pocket.collection("sw").queries)
    first, second, both = (trec.read_run(place / f"{name}.run") for name in ("student", "structured", "fused"))
    expected = retrieval.at_most(lexical.fuse(first, {query: second.get(query, []) for query in first}, 0.4), 100)
    assert {query: [passage for passage, _ in rows] for query, rows in both.items()} == {
        query: [passage for passage, _ in rows] for query, rows in expected.items()
    }


def test_structured_queries_need_pairs(place, capsys):
    line = f"search --collection pocket --lang sw --system structured --out {place}/none.run"
    code, said = run(place, line, capsys)
    assert code == 2
    assert "expected --bitext FILE" in said


def test_significance_corrects_for_many(place):
    run(place, f"search --collection pocket --lang sw --system bm25 --out {place}/bm25.run")
    files = f"{place}/bm25.run {place}/plain.run {place}/student.run --qrels {place}/pocket_trec/qrels.txt"
    found = {
        (test, correction): run(place, f"significance {files} --metric mrr@10 --test {test} --correction {correction}")
        for test in ("permutation", "t")
        for correction in ("none", "holm", "bonferroni")
    }
    for test in ("permutation", "t"):
        none, holm, bonferroni = (found[test, c]["tests"].values() for c in ("none", "holm", "bonferroni"))
        assert [row["p"] for row in none] == [row["p_corrected"] for row in none]
        assert [row["p_corrected"] for row in bonferroni] == pytest.approx([min(1, 2 * row["p"]) for row in none])
        assert sorted(row["p_corrected"] / row["p"] for row in holm)[-1] <= 2
    assert found["t", "none"]["tests"] != found["permutation", "none"]["tests"]


def test_evaluate_reads_every_format(place, teacher):
    student = f"--run {place}/runs/demo_pocket_sw --quiet"
    for line in (
        f"--format trec --collection {SAMPLES}/trec --encoding iso-8859-1",
        f"--format msmarco --collection {SAMPLES}/msmarco --lang en",
        f"--format beir --collection {SAMPLES}/beir",
    ):
        found = run(place, f"evaluate {student} {line}")
        assert set(found["metrics"]) == set(metrics.METRICS)
        assert found["metrics"]["r@100"] > 0.9
    found = run(place, f"evaluate {student} --format xor --collection {SAMPLES}/xor --lang sw")
    assert found["metrics"] == {
        "R@2kt sw": 1,
        "R@2kt mean": 1,
        "R@5kt sw": 1,
        "R@5kt mean": 1,
    }  # the sample's passages all fit into 2,000 tokens


def test_xglue_from_end_to_end(place, teacher, capsys):
    student, folder = f"--run {place}/runs/demo_pocket_sw --quiet", SAMPLES / "xglue"
    found = run(place, f"evaluate {student} --format wpr --collection {folder}/xglue.wpr.de.test --lang de")
    task = reading.read("wpr", folder / "xglue.wpr.de.test")
    encoder = runs.load_student(place / "runs" / "demo_pocket_sw")
    assert found["metrics"] == {"ndcg": pytest.approx(xglue.score(task, xglue.rank(task, encoder, teacher)))}
    for kind, lang in (("qadsm", "de"), ("qam", "fr")):
        path = folder / f"xglue.{kind}.{lang}.test"
        test, dev = (reading.read(kind, path.with_suffix(end)) for end in (".test", ".dev"))
        cut = xglue.threshold(xglue.rank(dev, encoder, teacher), dev.labels)
        right = [(s > cut) == y for s, y in zip(xglue.rank(test, encoder, teacher), test.labels, strict=True)]
        found = run(place, f"evaluate {student} --format {kind} --collection {path}")
        assert found["metrics"] == {"accuracy": pytest.approx(sum(right) / 6)}
    (place / "bare.dev").write_text("maji\twater\n")
    code, said = run(place, f"evaluate {student} --format qam --collection {path} --tune {place}/bare.dev", capsys)
    assert (code, said.count("\n")) == (2, 1)
    assert "bare.dev: got pairs without labels, expected labelled ones" in said
    (place / "qam.prediction").write_text("1\n0\n1\n0\n1\n1\n")
    path = folder / "xglue.qam.fr.test"
    found = run(place, f"evaluate --format qam --collection {path} --predictions {place}/qam.prediction")
    assert found["metrics"] == {"accuracy": pytest.approx(5 / 6)}


def test_published_xor_predictions(place):
    found = run(place, f"evaluate --format xor --collection {SAMPLES}/xor --predictions {SAMPLES}/xor/predictions.json")
    assert set(found["metrics"]) == {f"R@{n}kt {lang}" for n in (2, 5) for lang in ("sw", "de", "mean")}
    assert set(found["metrics"].values()) == {1.0}


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("convert --to trec --out {x}/new", "expected afriqa"),
        ("convert --collection pocket --lang sw --to beir --out {x}/runs", "expected a new folder"),
        ("convert --format wpr --collection {s}/xglue/xglue.wpr.de.test --to trec --out {x}/new", "got a Task"),
        ("index --collection nowhere --out {x}/new", "got 'nowhere', expected afriqa"),
        ("search --collection pocket --lang sw --system {x}/pocket_trec --out {x}/a.run", "expected a finished run"),
        (
            "search --collection pocket --lang sw --system encoder --index {x}/pocket_trec --out {x}/a.run",
            "got no index.json",
        ),
        (
            "search --format trec --collection {s}/trec --encoding latin1 --lang sw --system encoder --index "
            "{x}/pocket_index --out {x}/a.run",
            "got an index of pocket_trec, expected one of trec",
        ),
        (
            "search --collection pocket --system {x}/runs/demo_pocket_sw --both --index {x}/pocket_index "
            "--out {x}/a.run",
            "got an index by sentence-transformers/all-MiniLM-L6-v2, expected one by",
        ),
        ("evaluate --collection pocket", "got nothing to evaluate, expected one of"),
        ("evaluate --trec-run {x}/plain.run", "expected --qrels"),
        ("evaluate --trec-run {x}/plain.run --qrels {x}/plain.run", "got 6 columns, expected 4"),
        ("evaluate --trec-run {x}/plain.run --qrels {x}/pocket_trec/qrels.txt --ties best", "got ties 'best'"),
        ("evaluate --predictions {x}/plain.run --collection pocket --lang sw", "expected --trec-run"),
        (
            "evaluate --run {x}/runs/demo_pocket_sw --format qam --collection {s}/xglue/xglue.qam.fr.dev",
            "got the pairs to judge",
        ),
        ("significance {x}/plain.run --qrels {x}/pocket_trec/qrels.txt", "expected two different run files"),
        ("significance {x}/plain.run {x}/student.run --qrels {x}/q --metric best", "no such file"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(place, capsys, line, text):
    code, error = run(place, line.format(x=place, s=SAMPLES), capsys)
    assert code == 2
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert text in error
    assert not (place / "a.run").exists()
    assert not (place / "new").exists()


def test_topics_without_a_relevant_document_are_counted(place, capsys):
    (place / "q.txt").write_text("health-q01 0 health-p01 1\nhealth-q02 0 health-p02 0\n")
    found = run(place, f"evaluate --trec-run {place}/plain.run --qrels {place}/q.txt")
    assert found["queries"] == 1
    assert "1 topics have no relevant document" in capsys.readouterr().err
    (place / "q.txt").write_text("health-q01 0 health-p01 0\n")
    assert run(place, f"evaluate --trec-run {place}/plain.run --qrels {place}/q.txt", capsys)[0] == 2


def long_collection(folder, more=""):
    """One passage of 402 tokens, one of 302 and one short one."""
    folder.mkdir(exist_ok=True)
    (folder / "qrels").mkdir(exist_ok=True)
    texts = {"a": "clean water " * 200, "b": "dark room " * 150, "c": f"The doctor keeps the pills.{more}"}
    rows = [json.dumps({"_id": name, "title": "", "text": text}) for name, text in texts.items()]
    (folder / "corpus.jsonl").write_text("\n".join(rows) + "\n")
    (folder / "queries.jsonl").write_text(json.dumps({"_id": "q", "text": "maji safi " * 200}) + "\n")
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq\ta\t1\n")
    return folder


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    return long_collection(tmp_path_factory.mktemp("long") / "texts")


def test_what_is_cut_is_counted_and_more_can_be_read(place, long, tmp_path, capsys):
    found = run(place, f"index --collection {long} --out {tmp_path}/i --quiet")
    assert (found["passages_cut"], found["passages_read_to"]) == (2, 256)
    said = capsys.readouterr().out
    assert "2 of 3 passages were cut at 256 tokens; --max-length 512 reads more\n" in said
    found = run(place, f"index --collection {long} --out {tmp_path}/j --quiet --max-length 350")
    assert (found["passages_cut"], found["passages_read_to"]) == (1, 350)
    assert "1 of 3 passages were cut at 350 tokens" in capsys.readouterr().out
    found = run(place, f"index --collection {long} --out {tmp_path}/k --quiet --max-length 512")
    assert found["passages_cut"] == 0
    assert "were cut" not in capsys.readouterr().out
    search = f"search --system {place}/runs/demo_pocket_sw --collection {long} --quiet --out {tmp_path}/a.run"
    for name, read in (("i", 256), ("j", 350), ("k", 512)):  # searching takes the length of the index
        found = run(place, f"{search} --index {tmp_path}/{name}")
        assert found["passages_read_to"] == found["questions_read_to"] == read
        assert found["questions_cut"] == (read < 402)
        assert run(place, f"{search} --index {tmp_path}/{name} --max-length {read}") == found
    evaluate = f"evaluate --run {place}/runs/demo_pocket_sw --collection {long} --quiet"
    assert [run(place, f"{evaluate} {more}")["passages_cut"] for more in ("", "--max-length 400")] == [2, 1]
    for line, text in (
        (
            f"{search} --index {tmp_path}/i --max-length 512",
            "got an index that read 256 tokens of a passage, expected 512",
        ),
        (
            f"index --collection {long} --out {tmp_path}/l --max-length 513",
            "got 513 tokens, expected a whole number from 3 to 512",
        ),
        (f"{evaluate} --max-length 2", "got '2', expected a whole number from 3"),
        (
            f"train --bitext pocket --lang sw --out {tmp_path}/l --max-length 513",
            "got 513 tokens, expected a whole number from 3 to 512",
        ),
    ):
        code, error = run(place, line, capsys)
        assert (code, error.count("\n")) == (2, 1)
        assert text in error
    assert not (tmp_path / "l").exists()


def test_sentences_that_training_cuts_are_said(tmp_path, capsys):
    (tmp_path / "pairs.tsv").write_text("maji " * 30 + "\tclean water\nmaji safi\tclean water\nmaji\twater\n")
    line = f"train --bitext {tmp_path}/pairs.tsv --lang sw --out {tmp_path}/run --steps 1 --batch 2 --size 400 --quiet"
    more = "--max-length 12 --solver unbalanced --reach 0.2 --special --keep 1"
    assert __main__.main([*line.split(), *more.split()]) == 0
    assert "1 of 3 source sentences were cut at 12 tokens; --max-length 512 reads more\n" in capsys.readouterr().out
    assert runs.read_metrics(tmp_path / "run")["sentences_cut"] == {"source": 1, "target": 0}
    kept = {"solver": "unbalanced", "reach": 0.2, "special": True, "keep": [1]}
    assert kept.items() <= runs.read_config(tmp_path / "run")["config"].items()


def test_an_index_of_other_texts_is_refused(place, tmp_path, capsys):
    texts = long_collection(tmp_path / "texts")
    run(place, f"index --collection {texts} --out {tmp_path}/i --quiet")
    search = f"search --system encoder --collection {texts} --index {tmp_path}/i --quiet --out {tmp_path}/a.run"
    assert run(place, search)["lines"] == 3
    long_collection(tmp_path / "texts", " Never!")
    code, error = run(place, search, capsys)
    assert code == 2
    assert "got an index of texts whose texts have changed since, expected one of texts; index it anew" in error
    long_collection(tmp_path / "texts")
    record = json.loads((tmp_path / "i" / "index.json").read_text())
    for change, text in (
        (b"{", "index.json: got no JSON"),
        (b"[]", "got '[]' as the record"),
        (b"\xff", "got no JSON"),
        ({"encoder": 3}, "got '3' as encoder"),
        ({"passages_read_to": 99}, "got an index that read 99 and 256 tokens"),
        ({"texts": None}, "got 'None' as texts"),
        ({"encoder": {"name": "\x1b[2J\nx", "sha256": "0"}}, "got an index by \\x1b[2J\\nx, expected one by"),
    ):
        content = change if isinstance(change, bytes) else json.dumps({**record, **change}).encode()
        (tmp_path / "i" / "index.json").write_bytes(content)
        code, error = run(place, search, capsys)
        assert (code, error.count("\n")) == (2, 1)
        assert text in error
    record.pop("texts")  # as an index of before
    (tmp_path / "i" / "index.json").write_text(json.dumps(record))
    assert "got no texts in the record" in run(place, search, capsys)[1]


def test_a_teacher_of_ones_own_is_named_by_the_user(place, teacher, tmp_path, capsys):
    folder = tmp_path / "run"
    shutil.copytree(place / "runs" / "demo_pocket_sw", folder)
    config = json.loads((folder / "config.json").read_text())
    config["teacher"]["name"] = str(teacher.save(tmp_path / "mine"))
    (folder / "config.json").write_text(json.dumps(config))
    line = f"evaluate --run {folder} --collection pocket --quiet"
    code, error = run(place, line, capsys)
    assert code == 2
    assert "expected --teacher with that model" in error
    found = run(place, f"{line} --teacher {tmp_path}/mine")
    assert found["metrics"] == run(place, f"evaluate --run {place}/runs/demo_pocket_sw --collection pocket")["metrics"]
    code, error = run(place, f"{line} --teacher {folder}/student", capsys)
    assert code == 2
    assert "give --teacher with the model that trained the run" in error


def test_the_scorer_and_the_model_are_options_of_search_and_evaluate(place, teacher, capsys):
    where = "--collection pocket --lang sw --split dev --quiet"
    data = reading.read(None, "pocket", "sw", split="dev")
    for scorer in ("maxsim", "mean"):
        built = retrieval.PassageIndex.cached(teacher, data.passages, scorer=scorer)
        expected = metrics.summary(retrieval.search(built, teacher, data.queries), data.qrels)
        found = run(place, f"evaluate --run encoder --model minilm --scorer {scorer} {where}")
        assert found["metrics"] == pytest.approx(expected, abs=1e-3)
    code, said = run(
        place,
        f"search --system encoder --scorer mean --format trec --collection {place}/pocket_trec --lang sw "
        f"--index {place}/pocket_index --out {place}/x.run",
        capsys,
    )
    assert (code, "got an index for maxsim, expected one for mean" in said) == (2, True)
