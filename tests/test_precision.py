"""The number type from the command line to the record: asked for, said, written down and kept."""

import json
import time
from dataclasses import replace

import pytest
import torch

from optical_lite import provenance, settings
from optical_lite.__main__ import main
from optical_lite.datasets import pocket
from optical_lite.paper import experiment
from optical_lite.paper.configs import CONFIGS
from optical_lite.settings import InputError, computing_in
from optical_lite.study import demo
from optical_lite.training import runs

pytestmark = pytest.mark.own_number_type


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a tiny encoder, a few pairs and a collection of four passages."""
    folder = tmp_path_factory.mktemp("precision")
    experiment.tiny().save(folder / "tiny")
    pairs = pocket.bitext("sw").pairs[:12]
    (folder / "pairs.tsv").write_text("".join(f"{ours}\t{english}\n" for ours, english in pairs), encoding="utf-8")
    beir = folder / "beir"
    (beir / "qrels").mkdir(parents=True)
    texts = dict(list(pocket.passages().items())[:4])
    (beir / "corpus.jsonl").write_text("".join(json.dumps({"_id": p, "text": t}) + "\n" for p, t in texts.items()))
    (beir / "queries.jsonl").write_text(json.dumps({"_id": "q", "text": "maji safi"}) + "\n")
    (beir / "qrels" / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\nq\t{next(iter(texts))}\t1\n")
    return folder


@pytest.fixture(autouse=True)
def unset(monkeypatch):
    """The suite sets the environment's number type; here commands and the package have their defaults."""
    monkeypatch.delenv("OPTICAL_LITE_PRECISION", raising=False)
    settings.get.cache_clear()
    yield
    settings.get.cache_clear()


@pytest.fixture
def device(monkeypatch):
    """A device that has instructions for bfloat16, or has not."""

    def chosen(has):
        monkeypatch.setattr(settings, "has_bf16", lambda: has)

    return chosen


def train(place, out, more=""):
    line = f"train --bitext {place}/pairs.tsv --lang sw --model {place}/tiny --steps 2 --batch 4 --size 50 --quiet"
    return main([*line.split(), "--out", str(out), *more.split()])


def recorded(run):
    return json.loads((run / "config.json").read_text())["environment"]["precision"]


@pytest.mark.parametrize(("has", "more", "kind"), [
    (True, "", "bf16"), (False, "", "float32"), (True, "--precision float32", "float32"),
    (False, "--precision bf16", "bf16"),
])  # fmt: skip
def test_training_asks_the_device_or_does_as_it_is_told(place, tmp_path, device, capsys, has, more, kind):
    device(has)
    assert train(place, tmp_path / "run", more) == 0
    assert recorded(tmp_path / "run") == kind
    said = capsys.readouterr().out
    assert f"matrix products in {kind}" in said
    assert ("auto" in said) == (not more)


def test_the_environment_wins_over_the_default_and_the_option_over_both(place, tmp_path, device, monkeypatch):
    device(True)
    monkeypatch.setenv("OPTICAL_LITE_PRECISION", "float32")
    settings.get.cache_clear()
    assert train(place, tmp_path / "a") == 0
    assert train(place, tmp_path / "b", "--precision auto") == 0
    assert (recorded(tmp_path / "a"), recorded(tmp_path / "b")) == ("float32", "bf16")


def test_a_run_goes_on_in_its_own_number_type_only(place, tmp_path, device, capsys):
    device(False)
    run = tmp_path / "run"
    assert train(place, run) == 0
    before = (run / "log.jsonl").read_bytes()
    assert train(place, run, "--precision bf16") == 2
    error = capsys.readouterr().err
    assert "begun with matrix products in float32, expected bf16" in error
    assert "--precision float32" in error
    assert error.count("\n") == 1
    assert (run / "log.jsonl").read_bytes() == before


def test_a_teacher_goes_on_in_its_own_number_type_only(tmp_path):
    config = replace(CONFIGS["tiny"].teacher, steps=2, batch=4)

    def fit():
        start = experiment.ColBERT(experiment.tiny(), 32)
        experiment.fit(start, experiment.TRIPLES, config, tmp_path / "a", progress=False)

    with computing_in("float32"):
        fit()
        fit()
    with computing_in("bf16"), pytest.raises(InputError, match="in float32, expected bf16"):
        fit()


def test_an_index_says_its_number_type(place, tmp_path, device, capsys):
    device(True)
    reads = f"--collection {place}/beir --model {place}/tiny"
    assert main(f"index {reads} --out {tmp_path}/index --quiet".split()) == 0
    assert json.loads((tmp_path / "index" / "index.json").read_text())["precision"] == "bf16"
    assert "matrix products in bf16" in capsys.readouterr().out
    assert train(place, tmp_path / "run") == 0
    line = f"search --collection {place}/beir --system {tmp_path}/run --index {tmp_path}/index"
    line += f" --teacher {place}/tiny --out {tmp_path}/a.run"
    assert main(line.split()) == 0
    assert "encoded in" not in capsys.readouterr().out
    assert main([*line.split(), "--precision", "float32"]) == 0
    said = capsys.readouterr().out
    assert "matrix products in float32" in said
    assert f"{tmp_path}/index: its passages were encoded in bf16" in said


def test_evaluate_and_demo_compute_in_float32_unless_asked(place, tmp_path, device, monkeypatch):
    device(True)
    assert train(place, tmp_path / "run") == 0
    seen = []
    search = experiment.retrieval.search
    monkeypatch.setattr(
        "optical_lite.retrieval.search",
        lambda *some, **more: seen.append(settings.precision()) or search(*some, **more),
    )
    line = f"evaluate --run {tmp_path}/run --teacher {place}/tiny --collection {place}/beir --quiet"
    assert main(line.split()) == 0
    assert main([*line.split(), "--precision", "auto"]) == 0
    assert seen == ["float32", "bf16"]
    monkeypatch.setattr(demo, "run", lambda *_, **__: pytest.fail(settings.precision()))
    for more, kind in (("", "float32"), ("--precision bf16", "bf16")):
        with pytest.raises(pytest.fail.Exception, match=kind):
            main(["demo", *more.split()])
    assert settings.precision() == "float32"  # and the setting ends with the command
    assert runs.is_finished(tmp_path / "run")


def test_an_option_wins_over_the_environment_and_that_over_the_default(monkeypatch):
    assert settings.precision() == "float32"  # of everything that says nothing else
    with computing_in(default="bf16"):
        assert settings.precision() == "bf16"
    with computing_in("bf16"), computing_in("float32"):
        assert not settings.uses_bf16()
    assert settings.precision() == "float32"
    monkeypatch.setenv("OPTICAL_LITE_PRECISION", "bf16")
    settings.get.cache_clear()
    with computing_in(default="float32"):
        assert settings.uses_bf16()
    with computing_in("float32", default="auto"):
        assert not settings.uses_bf16()


@pytest.mark.parametrize(("place", "has", "expected"), [
    ("cpu", {"avx512_bf16": True}, True), ("cpu", {"amx_bf16": True}, True), ("cpu", {"bf16": True}, True),
    ("cpu", {"avx2": True, "avx512_f": True}, False), ("mps", {"bf16": True}, False),
])  # fmt: skip
def test_auto_asks_the_device_and_no_clock(monkeypatch, place, has, expected):
    monkeypatch.setattr(settings, "device", lambda: place)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: has, raising=False)
    monkeypatch.setattr(time, "perf_counter", lambda: pytest.fail("a stopwatch"))
    settings.has_bf16.cache_clear()
    with computing_in("auto"):
        assert settings.uses_bf16() == expected
        assert ("has no bfloat16" not in settings.precision_line()) == expected
    settings.has_bf16.cache_clear()


def test_auto_asks_the_accelerator(monkeypatch):
    monkeypatch.setattr(settings, "device", lambda: "cuda")
    for answer in (True, False):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation, answer=answer: answer)
        settings.has_bf16.cache_clear()
        assert settings.has_bf16() == answer
    settings.has_bf16.cache_clear()


def test_another_number_type_is_refused():
    provenance.same_precision("runs/x", {"precision": "float32"})
    provenance.same_precision("runs/x", {})
    with pytest.raises(InputError, match="begun with matrix products in bf16, expected float32"):
        provenance.same_precision("runs/x", {"precision": "bf16"})
    assert provenance.environment()["precision"] == "float32"


@pytest.mark.parametrize(("declared", "passes"), [("number_type", True), ("", False)])
def test_a_numeric_test_that_forgets_its_number_types_fails(pytester, declared, passes):
    """The guard of the suite itself, on a test that encodes."""
    pytester.makeconftest((settings.ROOT / "tests" / "conftest.py").read_text().replace(
        "Path(__file__).parent", f"Path({str(settings.ROOT / 'tests')!r})"
    ))  # fmt: skip
    pytester.makepyfile(f"""
        def test_scores({declared}):
            from optical_lite.settings import uses_bf16
            uses_bf16()
    """)
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    done.assert_outcomes(**({"passed": 2} if passes else {"failed": 1}))
    assert passes or "expected it to use the fixture number_type" in done.stdout.str()
