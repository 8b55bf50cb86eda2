"""The experiment end to end on a random tiny BERT; its sizes against hand counts and a counting forward pass."""

import itertools
import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import ttest_rel
from steps import each_step
from torch.utils.flop_counter import FlopCounterMode

from optical_lite import __main__, losses
from optical_lite.corpora import Collection
from optical_lite.datasets import pocket
from optical_lite.formats import trec
from optical_lite.paper import budget
from optical_lite.paper import experiment as paper
from optical_lite.paper.budget import SHAPES, shape_of
from optical_lite.paper.colbert import ColBERT, split
from optical_lite.paper.configs import CONFIGS, MBERT, XLMR
from optical_lite.provenance import model_record
from optical_lite.retrieval import PassageIndex
from optical_lite.settings import InputError
from optical_lite.training.runs import load_student, read_log

TINY = CONFIGS["tiny"]
CONFIG = replace(
    TINY,
    teacher=replace(TINY.teacher, steps=5, batch=4),
    student=replace(TINY.student, steps=5, batch=8, save_every=2),
)
BITEXT = replace(pocket.bitext("sw"), pairs=pocket.bitext("sw").pairs[:48])


def some(count=24):
    """Pocket with fewer questions; all its passages."""
    data = pocket.collection("sw")
    keep = list(data.queries)[:count]
    part = {name: {q: getattr(data, name)[q] for q in keep} for name in ("queries", "qrels", "translations")}
    return Collection("pocket", "sw", data.passages, **part)


def go(out, config=CONFIG, **more):
    return paper.run(config, paper.TRIPLES, BITEXT, some(), out, progress=False, **more)


@pytest.fixture(scope="module")
def whole(number_type, tmp_path_factory):
    out = tmp_path_factory.mktemp("paper") / "whole"
    return out, go(out)


def test_what_a_run_leaves(whole):
    out, result = whole
    assert json.loads((out / "result.json").read_text()) == result
    assert set(result["systems"]) == {"bm25", "teacher", "student", "translation"}
    assert all(set(values) == {"map", "p@10", "ndcg@10", "r@100"} for values in result["systems"].values())
    assert set(result["tests"]["map"]) == {"bm25", "teacher", "translation"}
    assert result["step"] == "retrieve"
    assert len(read_log(out / "student")) == len(read_log(out / "teacher")) == 5
    assert load_student(out / "student").dimension == 32  # the projection is part of what is saved
    run = trec.read_run(out / "rankings" / "student.run")
    assert {len(ranking) for ranking in run.values()} == {100}


def test_the_document_side_stays_frozen(whole):
    out, result = whole
    before = json.loads((out / "teacher" / "teacher.json").read_text())["result"]
    assert result["teacher"] == before
    assert result["student"]["sha256"] != before["sha256"]


def test_an_interrupted_run_ends_alike(whole, tmp_path):
    for log in ("teacher", "student"):

        def stop(line, part=log):
            if line["step"] == 3 and ("converged" in line) == (part == "student"):
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt), each_step(stop):
            go(tmp_path / "cut")
        assert (tmp_path / "cut" / "teacher" / "model.safetensors").exists() == (log == "student")
    steps = []
    with each_step(lambda line: steps.append(line["step"])):
        again = go(tmp_path / "cut")
    assert steps == [3, 4, 5]  # the student's, from where it was saved
    for name, values in whole[1]["systems"].items():
        assert again["systems"][name] == pytest.approx(values, abs=0.02), name
    with pytest.raises(InputError, match="an experiment made with another config"):
        go(tmp_path / "cut", replace(CONFIG, depth=7))


def test_a_given_first_stage_is_reranked(whole, tmp_path):
    out, _ = whole
    data = some()
    names = list(data.passages)
    first = {q: [(p, -float(i)) for i, p in enumerate(sorted({*data.qrels[q], *names[:6]}))] for q in data.queries}
    first.pop(next(iter(data.queries)))  # one question without candidates
    before = (out / "result.json").read_bytes(), sorted((out / "rankings").iterdir())
    with pytest.raises(InputError, match="got a result of another collection or first stage"):
        go(out, first=first)
    assert ((out / "result.json").read_bytes(), sorted((out / "rankings").iterdir())) == before
    (out / "result.json").rename(tmp_path / "result.json")
    result = go(out, first=first)
    assert not (out / "rankings" / "bm25.run").exists()
    assert result["step"] == "re-rank"
    assert set(result["systems"]) == {"first stage", "teacher", "student", "translation"}
    assert result["documents"] == result["passages"] == len({p for ranking in first.values() for p, _ in ranking})
    run = trec.read_run(out / "rankings" / "student.run")
    assert {q: {p for p, _ in r} for q, r in run.items()} == {q: {p for p, _ in r} for q, r in first.items()}
    with pytest.raises(InputError, match="first stage: got 'elsewhere', expected documents of pocket"):
        go(tmp_path / "x", first={next(iter(first)): [("elsewhere", 1.0)]})
    assert not (tmp_path / "x").exists()


def test_a_long_document_is_its_best_passage(number_type):
    model = ColBERT(paper.tiny(), 32, (32, 24)).requires_grad_(False)  # 21 tokens of text a passage
    texts = {name: text for name, text in list(pocket.passages().items())[:6]} | {"short": "Boil the water."}
    parts = split(texts, model, 10)
    assert list(parts["short"].values()) == ["Boil the water."]
    for name, own in parts.items():
        assert list(own) == [f"{name}#{k}" for k in range(len(own))]
        places = [(texts[name].index(part), texts[name].index(part) + len(part)) for part in own.values()]
        assert (places[0][0], places[-1][1]) == (0, len(texts[name]))
        assert all(before[0] < after[0] <= before[1] for before, after in itertools.pairwise(places))
    name = next(iter(texts))
    count = len(model.tokenizer.encode(texts[name], add_special_tokens=False).ids)
    assert len(parts[name]) == 1 + math.ceil((count - 21) / 10)
    pieces = {name: text for own in parts.values() for name, text in own.items()}
    index = PassageIndex.build(model.reading("passage"), pieces)
    asked = {"q": "Is malaria passed on by touching?"}
    each = dict(paper.retrieval.search(index, model, asked, len(pieces))["q"])
    best = {name: max(each[piece] for piece in own) for name, own in parts.items()}
    whole = paper.search(index, model, asked, None, 4, parts)["q"]
    assert whole == sorted(best.items(), key=lambda pair: (-pair[1], pair[0]))[:4]
    candidates = {"q": [("short", 2.0), (whole[1][0], 1.0)]}
    again = paper.search(index, model, asked, candidates, 4, parts)["q"]
    assert dict(again) == pytest.approx({name: best[name] for name, _ in candidates["q"]}, abs=0.1)
    assert paper.search(index, model, asked, {}, 4, parts) == {"q": []}
    with pytest.raises(InputError, match="expected 1 to 21"):
        split(texts, model, 22)
    with pytest.raises(InputError, match="document 'book': got 1,100,000 characters, expected at most 1,048,576"):
        split({"book": "water and " * 110_000}, model, 10)


def align_as_released(student, teacher):
    """DR.DECR's loop over one sentence: the teacher's rows, each where its student token is."""
    C = 1 - teacher @ student.T
    teacher = teacher.clone()
    for _ in range(len(C)):
        i, j = divmod(int(C.argmin()), C.shape[1])
        C[[i, j]] = C[[j, i]]
        C[j, :] = C[:, j] = 10
        teacher[[i, j]] = teacher[[j, i]]
    return teacher


def test_match_is_drdecr_squared_error_up_to_a_factor():
    torch.manual_seed(0)
    S, H = (torch.nn.functional.normalize(torch.randn(3, 32, 16), dim=-1) for _ in range(2))
    every = torch.ones(3, 32, dtype=torch.bool)
    moved = torch.stack([align_as_released(s, h) for s, h in zip(S, H, strict=True)])
    expected = torch.nn.functional.mse_loss(S, moved) * 16 / 2
    torch.testing.assert_close(losses.match_loss(S, H, every, every), expected)


def test_comparison_is_a_paired_t_test_with_bonferroni():
    draw = np.random.default_rng(0)
    qrels = {str(q): {"p0": 1, "p1": 1} for q in range(9)}
    runs = {name: {q: [(f"p{i}", float(s)) for i, s in enumerate(draw.random(5))] for q in qrels}
            for name in ("student", "a", "b", "c")}  # fmt: skip
    found = paper.compare(runs, qrels)
    values = {name: paper.metrics.per_query(run, qrels, ["map"])["map"] for name, run in runs.items()}
    for name in "abc":
        p = ttest_rel([values["student"][q] for q in qrels], [values[name][q] for q in qrels]).pvalue
        assert found["tests"]["map"][name]["p"] == pytest.approx(p)
        assert found["tests"]["map"][name]["p_bonferroni"] == pytest.approx(min(1, 3 * p))


def test_parameters_by_hand():
    """Embeddings (3000 + 192 + 2) x 64 + 128; two layers of 4 x 4160 + 16640 + 16448 + 256; projection 64 x 32."""
    count = budget.parameters(SHAPES["tiny"], 32)
    assert count == {"embeddings": 204_544, "layers": 99_968, "projection": 2_048, "total": 306_560}
    assert count["total"] == model_record(ColBERT(paper.tiny(), 32))["parameters"]


@pytest.mark.parametrize("name", [MBERT, XLMR])
def test_parameters_of_the_real_models(name):
    from transformers import BertConfig, BertModel, XLMRobertaConfig, XLMRobertaModel

    kinds = (BertConfig, BertModel) if name == MBERT else (XLMRobertaConfig, XLMRobertaModel)
    with torch.device("meta"):
        model = kinds[1](kinds[0](**SHAPES[name]._asdict()), add_pooling_layer=False)
    expected = sum(p.numel() for p in model.parameters())
    assert budget.parameters(SHAPES[name], 128)["total"] == expected + SHAPES[name].hidden_size * 128


def test_operations_by_hand_and_by_a_counter():
    """32 tokens x (2 layers x (2 x (4 x 64 x 64 + 2 x 64 x 256) + 4 x 32 x 64) + 2 x 64 x 32)."""
    assert budget.forward(SHAPES["tiny"], 32, 32) == 32 * (2 * (98_304 + 8_192) + 4_096) == 6_946_816
    model, ids = ColBERT(paper.tiny(), 32), torch.full((1, 32), 20)
    with FlopCounterMode(display=False) as counter:
        model(ids, torch.ones(1, 32, dtype=torch.bool))
    assert counter.get_total_flops() == 6_946_816


def test_what_training_keeps_is_of_the_estimated_size():
    """In float32 twice the bytes; the estimate also counts dropout's masks."""
    model, ids, sizes = ColBERT(paper.tiny(), 32).requires_grad_(True), torch.full((4, 180), 20), {}
    own = {p.untyped_storage().data_ptr() for p in model.parameters()}

    def pack(x):
        if x.untyped_storage().data_ptr() not in own:
            sizes[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes()
        return x

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        vectors = model(ids, torch.ones(4, 180, dtype=torch.bool))
    assert 0.5 < sum(sizes.values()) / (2 * budget.kept(SHAPES["tiny"], 4, 180)) < 1.2
    assert vectors.requires_grad


def test_estimate_of_the_tiny_configuration():
    found = budget.estimate(TINY)
    question, passage = budget.forward(SHAPES["tiny"], 32, 32), budget.forward(SHAPES["tiny"], 180, 32)
    assert found["teacher"]["step"] == 3 * 16 * (question + 2 * passage)
    assert found["teacher"]["total"] == 40 * found["teacher"]["step"]
    assert found["student"]["step"] == 16 * 4 * question
    assert (found["weights"], found["optimizer"]) == (4 * 306_560, 12 * 306_560)
    assert found["passages"]["index"] == 10**6 * 180 * 32 * 2


@pytest.mark.parametrize("name", list(CONFIGS))
def test_every_dry_run_says_sizes_and_sources(name, capsys, tmp_path):
    place = tmp_path / "x.json"
    assert __main__.main(["paper", "--config", name, "--dry-run", "--gpu", "H100", "--json", str(place)]) == 0
    out, found = capsys.readouterr().out, json.loads(place.read_text())
    hours = found["teacher"]["total"] / (989e12 * 0.3) / 3600
    assert found["teacher"]["hours"] == pytest.approx(hours)
    assert f"{found['parameters']['total']:,}" in out
    settings = {setting: source for setting, _, source in CONFIGS[name].settings()}
    assert set(CONFIGS[name].sources) <= set(settings)
    assert all(source in out for source in settings.values())


def test_a_model_of_ones_own_is_measured(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({**SHAPES["tiny"]._asdict(), "vocab_size": 99, "more": 1}))
    assert shape_of(str(tmp_path)).vocab_size == 99
    with pytest.raises(InputError, match="expected a folder with config"):
        shape_of("no/such")


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("--config x", "expected one of optical_mbert"),
        ("--config optical_xlmr --lang sw", "got no --triples, --bitext, --collection, --out"),
        ("--config tiny", "got no --out"),
        ("--config tiny --dry-run --gpu abacus", "expected one of A100, H100"),
        ("--config tiny --dry-run --share 0", "from 0.001 to 1"),
    ],
)
def test_wrong_command_lines_are_named(line, text, capsys):
    assert __main__.main(["paper", *line.split()]) == 2
    assert text in capsys.readouterr().err


@pytest.mark.parametrize(
    ("of", "name", "value"),
    [
        ("teacher", "dimension", 0), ("teacher", "steps", 2.5), ("teacher", "batch", -1), ("teacher", "rate", "fast"),
        ("teacher", "warmup", 1.5), ("teacher", "question_length", 2), ("teacher", "passage_length", None),
        ("teacher", "seed", True), ("student", "rate", 0.0), ("", "depth", 0), ("", "stride", 1.5),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_are_named(of, name, value):
    config = getattr(TINY, of) if of else TINY
    with pytest.raises(InputError, match=f"{name}: got {value!r}, expected a "):
        replace(config, **{name: value})


def test_lengths_must_agree():
    with pytest.raises(InputError, match="questions of 32 tokens and sentences of 40"):
        replace(TINY, student=replace(TINY.student, max_length=40))


def test_the_command_runs_the_whole(number_type, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(CONFIGS, "tiny", CONFIG)
    out = tmp_path / "run"
    assert __main__.main(["paper", "--config", "tiny", "--out", str(out), "--quiet"]) == 0
    said = capsys.readouterr().out
    assert "retrieve, 112 questions (sw), 160 documents" in said
    assert "student against, ndcg@10" in said


def test_a_t_test_that_is_not_defined_does_not_lose_the_experiment():
    runs = {"student": {"q": [("a", 1.0)]}, "bm25": {"q": [("b", 1.0)]}, "same": {"q": [("a", 2.0)]}}
    tests = paper.compare(runs, {"q": {"a": 1}})["tests"]["map"]
    assert tests["bm25"] == {"difference": 1.0, "p": None, "p_bonferroni": None}
    assert tests["same"] == {"difference": 0.0, "p": 1.0, "p_bonferroni": 1.0}
