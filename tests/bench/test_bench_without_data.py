"""Every benchmark with what stands in when published data cannot be had: no mirror, no network, no peers."""

import collections
import functools

import pytest
import torch

from optical_lite import settings
from optical_lite.bench import material, measuring, scale, search, training
from optical_lite.bench import transport as bench_transport

pytestmark = pytest.mark.float32  # the benchmarks measure the real encoder


@pytest.fixture
def without(monkeypatch, tmp_path):
    """No published data, no peers, and nothing that an earlier test has read of either."""
    monkeypatch.delenv("OPTICAL_LITE_MIRROR", raising=False)
    for name in ("PEERS", "PLAID"):
        monkeypatch.setattr(measuring, name, tmp_path / "none")
    monkeypatch.setattr(measuring, "limits", lambda: {"matrix": 100.0, "copy": 10.0})
    for cached in (settings.get, material.real):
        cached.cache_clear()
    yield monkeypatch
    monkeypatch.undo()
    for cached in (settings.get, material.real):
        cached.cache_clear()


def whole(rows):
    """Rows that say how fast, and that no peer was there."""
    rows = list(rows)
    assert rows
    assert all(row["ours"] > 0 and row["unit"] for row in rows)
    return {row["name"]: row for row in rows}


@pytest.mark.parametrize("n", sorted({n for _, n in bench_transport.SIZES}))
def test_problems_of_every_size_are_real_and_ragged(without, n):
    C, a, b = bench_transport.problems(8, n)
    assert len(C) == 8
    for mass in (a, b):
        tokens = (mass > 0).sum(1)
        assert n // 3 - 2 <= tokens.min() < tokens.max() <= n  # two special tokens have no part
    assert torch.isfinite(C[(a > 0)[:, :, None] & (b > 0)[:, None, :]]).all()


def test_short_sentences_are_put_together_and_long_ones_left_out():
    count = lambda texts: [text.split() for text in texts]  # noqa: E731
    pairs = [(f"a{i} b{i}", f"c{i} d{i} e{i}") for i in range(9)]
    assert list(bench_transport.fitting(pairs, count, 3)) == pairs
    joined = list(bench_transport.fitting(pairs, count, 9))
    assert joined[:2] == [("a0 b0 a1 b1", "c0 d0 e0 c1 d1 e1"), ("a2 b2 a3 b3", "c2 d2 e2 c3 d3 e3")]
    assert list(bench_transport.fitting([("a", "b " * 9), *pairs], count, 3)) == pairs


def test_transport(without):
    rows = list(bench_transport.transport(1, sizes=((4, 64),), epsilons=(0.1,)))
    assert {row["peer_name"] for row in rows} == {"POT sinkhorn batch", "POT log_sinkhorn batch", "our log"}
    assert all(row["ratio"] for row in whole(rows).values())


def test_training_and_encoding(without):
    without.setattr(training, "STEPS", 3)
    without.setattr(training, "DistillConfig", functools.partial(training.DistillConfig, batch=2))
    without.setattr(material, "bitext", functools.partial(material.bitext, 48))
    names = whole(training.distillation(1))
    assert names["distil new rows, teacher stored"]["peer_note"] == measuring.MISSING
    assert whole(training.encode(["Clean water.", "Rats"], {}, 1))["encode passages"]["note"] == ""


def test_search(without):
    without.setattr(material, "large", functools.partial(material.large, 300))
    rows = whole(search.maximum_similarity(1))
    assert any("160 passages" in name for name in rows)
    assert any("300 passages" in name for name in rows)
    assert all(row["peer"] is None for name, row in rows.items() if "one question at a time" in name)


def test_scale(without):
    without.setattr(scale, "SIZES", (20, 40))
    rows = list(scale.scale(1))
    found = whole([row for row in rows if "memory" not in row["name"]])
    for size in scale.SIZES:
        numbers = material.large(size)[0].vectors.numel()
        assert found[f"passages: index on disk, {size}"]["ours"] == pytest.approx(2 * numbers / 1e6, rel=0.05)
    assert len(rows) == 2 * len({row["quantity"] for row in rows})
    source, target = zip(*scale.made_up(200), strict=True)
    assert all(sorted(w[1:] for w in a) == sorted(w[1:] for w in b) for a, b in zip(source, target, strict=True))
    counts = collections.Counter(word for words in source for word in words)
    assert counts["s1"] > 20 * counts["s1000"]
