"""Tuning a teacher for MaxSim: the loss by hand, what trains, and a folder that is loaded and not made twice."""

from dataclasses import replace

import pytest
import torch

from optical_lite.__main__ import main
from optical_lite.corpora import Bitext
from optical_lite.datasets import english_questions as english
from optical_lite.datasets import pocket
from optical_lite.encoder import Encoder
from optical_lite.losses import TEMPERATURE, find_own, mean_maxsim
from optical_lite.paper import experiment
from optical_lite.settings import InputError
from optical_lite.training import teacher as tuning
from optical_lite.training.runs import read_log
from optical_lite.training.teacher import TuneConfig, neighbours, report, tune


@pytest.fixture(scope="module")
def teacher(tiny, number_type):
    return tiny


@pytest.fixture(scope="module")
def pairs():
    """English pocket questions with the passages that answer them."""
    data = pocket.collection("sw", "dev")
    found = [(data.translations[q], data.passages[next(iter(data.qrels[q]))]) for q in sorted(data.queries)]
    return Bitext("pocket", "en", "en", tuple(found[:24]))


def test_loss_is_the_cross_entropy_of_mean_maxsim():
    draw = torch.Generator().manual_seed(0)
    Q, P = (torch.nn.functional.normalize(torch.randn(*s, generator=draw), dim=-1) for s in ((2, 3, 8), (3, 5, 8)))
    q_mask, p_mask = torch.ones(2, 3, dtype=torch.bool), torch.ones(3, 5, dtype=torch.bool)
    q_mask[1, 2] = p_mask[2, 4] = False
    same = torch.zeros(2, 3, dtype=torch.bool)
    same[0, 2] = True  # the third passage answers the first question too
    expected = 0.0
    for i in range(2):
        scores = []
        for k in range(3):
            if not same[i, k]:
                rows = [
                    max(float(Q[i, a] @ P[k, b]) for b in range(5) if p_mask[k, b]) for a in range(3) if q_mask[i, a]
                ]
                scores.append((k, sum(rows) / len(rows) / TEMPERATURE))
        logits = torch.tensor([score for _, score in scores])
        expected -= float(logits.log_softmax(0)[[k for k, _ in scores].index(i)]) / 2
    assert float(find_own(mean_maxsim(Q, q_mask, P, p_mask), same)) == pytest.approx(expected, rel=1e-5)


def test_hard_negatives_are_other_passages(pairs):
    for (_, passage), found in zip(pairs.pairs, neighbours(list(pairs.pairs)), strict=True):
        assert found
        assert all(pairs.pairs[i][1] != passage for i in found)


def test_tuning_lowers_the_loss_and_is_not_repeated(teacher, pairs, tmp_path):
    before = teacher.embedding.clone()
    config = TuneConfig(steps=8, batch=8, rate=1e-4)
    tuned = tune(teacher, pairs, config, tmp_path / "tuned", progress=False)
    log = read_log(tmp_path / "tuned")
    assert sum(line["loss"] for line in log[-3:]) < sum(line["loss"] for line in log[:3])
    assert torch.equal(teacher.embedding, before)  # a copy was tuned
    assert not any(p.requires_grad for p in tuned.parameters())
    written = (tmp_path / "tuned" / "tune.json").read_bytes()
    again = tune(teacher, pairs, config, tmp_path / "tuned", progress=False)
    assert (tmp_path / "tuned" / "tune.json").read_bytes() == written
    assert torch.equal(again.encode(["a lake"]).vectors, tuned.encode(["a lake"]).vectors)
    with pytest.raises(InputError, match="a teacher tuned with another config"):
        tune(teacher, pairs, TuneConfig(steps=9, batch=8), tmp_path / "tuned", progress=False)


def test_report_sets_both_encoders_side_by_side(teacher, pairs, tmp_path):
    data = pocket.collection("sw", "dev")
    english = replace(data, queries=data.translations)
    found = report(teacher, tune(teacher, pairs, TuneConfig(steps=1, batch=8), tmp_path, progress=False), english)
    assert found["before"]["model"] != found["after"]["model"]
    gap = found["after"]["metrics"]["mrr@10"] - found["before"]["metrics"]["mrr@10"]
    assert found["test"]["difference"] == pytest.approx(gap)


def test_the_command_starts_from_any_model(number_type, pairs, monkeypatch, tmp_path, capsys):
    data = pocket.collection("sw", "dev")
    monkeypatch.setattr(tuning, "TEACHER", TuneConfig(steps=2, batch=8))
    monkeypatch.setattr(english, "teacher_pairs", lambda: pairs)
    monkeypatch.setattr(english, "teacher_dev", lambda: replace(data, queries=data.translations))
    folder = experiment.tiny().save(tmp_path / "tiny")
    assert main(["tune", "--model", str(folder), "--out", str(tmp_path / "tuned")]) == 0
    assert f"{len(data.queries)} English questions" in capsys.readouterr().out
    assert Encoder.load(tmp_path / "tuned").dimension == 64
