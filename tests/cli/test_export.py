"""What is exported gives the kit's vectors and scores in transformers, sentence-transformers and PyLate."""

import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from transformers import AutoModel, AutoTokenizer

from optical_lite import retrieval, vocabulary
from optical_lite.__main__ import main
from optical_lite.bench import measuring
from optical_lite.datasets import pocket
from optical_lite.encoder import Encoder
from optical_lite.training import runs

pytestmark = pytest.mark.float32

TEXTS = ["Maji safi ni muhimu kwa afya.", "Clean wátér, a\u0301 [MASK]", "", "Nairobi is a city. " * 60]


def export(run, to, out, *more):
    assert main(["export", "--run", str(run), "--to", to, "--out", str(out), *more]) == 0
    return out


@pytest.fixture(scope="module")
def run(tiny, tmp_path_factory):
    """A trained run whose student has words of Swahili."""
    folder = tmp_path_factory.mktemp("run")
    tiny.save(folder / "tiny")
    line = ["--bitext", "pocket", "--lang", "sw", "--steps", "2", "--batch", "4", "--size", "500", "--quiet"]
    assert main(["train", *line, "--model", str(folder / "tiny"), "--out", str(folder / "run")]) == 0
    return folder / "run"


@pytest.fixture(scope="module")
def short(tiny, tmp_path_factory):
    """An encoder whose vectors a projection shortens and whose mean vectors want prefixes."""
    torch.manual_seed(0)
    made = Encoder(tiny.copy("short").model, tiny.tokenizer, "short", 256, nn.Linear(tiny.dimension, 16, bias=False))
    made.model.config.prefixes = ["query: ", "passage: "]
    return made.requires_grad_(False).save(tmp_path_factory.mktemp("short"))


@pytest.mark.parametrize("to", ["sentence-transformers", "pylate"])
def test_transformers_reads_the_same_vectors(run, tmp_path, to):
    student = runs.load_student(run)
    assert student.rows > vocabulary.base_rows(student)
    folder = export(run, to, tmp_path / "out")
    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    assert {name: tokenizer.special_tokens_map[name] for name in special} == special
    inputs = tokenizer(TEXTS, padding=True, truncation=True, return_tensors="pt")
    assert [
        ids[: len(own)] for ids, own in zip(inputs["input_ids"].tolist(), student.tokenize(TEXTS), strict=True)
    ] == (student.tokenize(TEXTS))
    with torch.no_grad():
        hidden = model(**inputs).last_hidden_state
    mine = student.encode(TEXTS)
    theirs = nn.functional.normalize(hidden, dim=-1)[mine.mask]
    torch.testing.assert_close(theirs, mine.vectors[mine.mask], atol=1e-4, rtol=0)


def settings_of(folder):
    """Each module's class, without its library, and settings; what the whole is."""
    listed = json.loads((folder / "modules.json").read_text())
    assert [module["idx"] for module in listed] == list(range(len(listed)))
    own = [json.loads((folder / module["path"] / "config.json").read_text()) for module in listed]
    kinds = [module["type"].rpartition(".")[2] for module in listed]
    return list(zip(kinds, own, strict=True)), json.loads((folder / "config_sentence_transformers.json").read_text())


def test_what_a_library_is_told(run, short, tmp_path):
    student = runs.load_student(run)
    special = [student.tokenizer.id_to_token(i) for i in sorted(student.special)]
    modules, about = settings_of(export(run, "pylate", tmp_path / "p", "--max-length", "99"))
    assert [kind for kind, _ in modules] == ["Transformer", "Dense"]
    assert about["skiplist_words"] == special
    assert about["query_length"] == about["document_length"] == 99
    modules, about = settings_of(export(run, "sentence-transformers", tmp_path / "s", "--max-length", "99"))
    assert [kind for kind, _ in modules] == ["Transformer", "Normalize", "MultiVectorMask", "Pooling", "Normalize"]
    assert modules[2][1]["skiplist_words"] == special
    assert about["prompts"] == {"query": "", "document": ""}
    assert json.loads((tmp_path / "s" / "sentence_bert_config.json").read_text())["max_seq_length"] == 99
    modules, about = settings_of(export(short, "sentence-transformers", tmp_path / "short"))
    assert [kind for kind, _ in modules][:3] == ["Transformer", "Dense", "Normalize"]
    assert about["prompts"] == {"query": "query: ", "document": "passage: "}
    assert modules[1][1]["out_features"] == modules[4][1]["embedding_dimension"] == 16


def texts():
    """A dozen questions and passages, the last of them longer than what is read, with rare letters."""
    data = pocket.collection("sw")
    questions, passages = list(data.queries.values())[:12], list(data.passages.values())[:11]
    return [*questions[:11], f"{questions[11]} ọ́ é 中"], [*passages, " ".join(passages * 2)]


def scored(python, library, folders, tmp_path):
    """The tables of scores that a library gives, one for each folder."""
    asked, answered = tmp_path / "request.json", tmp_path / "answer.json"
    questions, passages = texts()
    request = {"folders": list(map(str, folders)), "questions": questions, "passages": passages}
    asked.write_text(json.dumps(request), encoding="utf-8")
    script = Path(__file__).with_name("library_scores.py")
    done = subprocess.run([python, str(script), library, str(asked), str(answered)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return [torch.tensor(table) for table in json.loads(answered.read_text())]


def maxsim(encoder):
    asked, read = (encoder.encode(side) for side in texts())
    return retrieval.maxsim(asked.vectors, asked.mask, read.vectors, read.mask)


def cosines(encoder):
    asked, read = (encoder.means(side, prefix) for side, prefix in zip(texts(), encoder.prefixes, strict=True))
    return asked @ read.T


def agree(tables, expected):
    """Both scores to 1e-3, and that they are no constant."""
    for mine, theirs in zip(expected, tables, strict=True):
        assert mine.std() > 0.01
        torch.testing.assert_close(theirs, mine, atol=1e-3, rtol=0)
        print(f"largest difference {float((theirs - mine).abs().max()):.1e}")


@pytest.fixture(scope="module")
def own_python():
    """The interpreter of these tests, where it has the library; the encoder's package brings some version of it."""
    found = [d.version for d in importlib.metadata.distributions(name="sentence-transformers")]
    if not found or int(found[0].split(".")[0]) < 6:
        pytest.skip("sentence-transformers 6: pip install -r requirements-lock.txt")
    return sys.executable


def test_sentence_transformers_scores_the_same(own_python, run, short, tmp_path):
    folders = [export(one, "sentence-transformers", tmp_path / one.name) for one in (run, short)]
    tables = scored(own_python, "sentence_transformers", folders, tmp_path)
    agree(tables, [cosines(runs.load_student(run)), cosines(Encoder.load(short))])


@pytest.fixture(scope="module")
def students(student, multilingual, tmp_path_factory):
    """Real students with words of Swahili, English and multilingual."""
    folder, both = tmp_path_factory.mktemp("students"), {"english": student}
    both["multilingual"] = vocabulary.extend(multilingual, pocket.bitext("sw"))
    assert all(one.rows > vocabulary.base_rows(one) for one in both.values())
    return [one.save(folder / name) for name, one in both.items()]


@pytest.fixture(scope="session")
def bench_python():
    """The interpreter of the peers' environment, before anything large is made."""
    return measuring.PEERS if measuring.PEERS.exists() else pytest.skip("PyLate: make .venv-bench/installed")


def test_pylate_scores_the_same(bench_python, short, students, tmp_path):
    every = [short, *students]
    folders = [export(one, "pylate", tmp_path / one.name) for one in every]
    tables = scored(bench_python, "pylate", folders, tmp_path)
    agree(tables, [maxsim(Encoder.load(one)) for one in every])


def test_real_students_score_the_same_in_sentence_transformers(bench_python, own_python, students, tmp_path):
    folders = [export(one, "sentence-transformers", tmp_path / one.name) for one in students]
    tables = scored(own_python, "sentence_transformers", folders, tmp_path)
    agree(tables, [cosines(Encoder.load(one)) for one in students])


def folder(place, *files):
    place.mkdir()
    for name in files:
        (place / name).touch()
    return str(place)


def begun(place):
    """A run that was killed before its first step."""
    folder(place)
    (place / "config.json").write_text('{"config": {}, "bitext": {"lang": "sw"}}')
    return str(place)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (lambda t: ["--run", "no/model", "--out", str(t / "out")], "got 'no/model'"),
        (
            lambda t: ["--run", folder(t / "run", "log.jsonl"), "--out", str(t / "out")],
            "got a run without a finished student",
        ),
        (lambda t: ["--run", begun(t / "run"), "--out", str(t / "out")], "finish it with train --out"),
        (lambda t: ["--run", folder(t / "run"), "--out", str(t / "out")], "got no weights"),
        (lambda t: ["--run", "minilm", "--out", str(t)], "got a path that exists"),
        (lambda t: ["--run", "minilm", "--out", str(t / "out"), "--max-length", "513"], "got 513 tokens"),
        (lambda t: ["--run", "minilm", "--out", str(t / "out"), "--to", "faiss"], "invalid choice"),
    ],
)
def test_wrong_input_is_one_line_and_writes_nothing(tmp_path, capsys, line, text):
    assert main(["export", "--to", "pylate", *line(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert text in error
    assert {path.name for path in tmp_path.iterdir()} <= {"run"}
