"""Figures of alignments: right numbers in the right place, and the same bytes every time."""

import hashlib

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

from optical_lite.datasets import pocket
from optical_lite.settings import InputError
from optical_lite.text import words
from optical_lite.views import figures, figures_alignment

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


@pytest.fixture
def problem():
    C = np.array([[0.1, 0.9, 0.5], [0.2, 0.3, 0.8]])
    T = np.array([[0.5, 0.0, 0.0], [0.0, 0.3, 0.0]])
    return C, T, [0.5, 0.5], [0.5, 0.3, 0.2], ["maji", "पाणी"], ["water", "safe", "."]


def every(C, T, a, b, source, target):
    """One of each figure."""
    found, sure, possible = {(0, 0), (1, 2), (1, 1)}, {(0, 0), (0, 1)}, {(1, 1)}
    yield figures_alignment.triptych(C, T, a, b, source, target)[2]
    yield figures_alignment.links(source, target, found, sure=sure, possible=possible, title="links")
    yield figures_alignment.gold_overlay(T, source, target, found, sure, possible)
    yield figures_alignment.plan_minus_greedy(T, C, a, source, target)
    yield figures_alignment.epsilon_sweep([0.01, 0.1, 1], [0.2, 0.3, 0.5], error=[0.1, 0.1, 0.4], chosen=0.1)
    yield figures_alignment.levels(T, T, (source, target), (source, target))[1]
    yield figures_alignment.maxsim(source, [0.9, -0.1], [1, 0], ["the", "$un$", "##clean"], title="why")
    yield figures.plan_strip([T] * 6, source, target, [f"step {k}" for k in range(6)])[0]


def test_each_returns_axes_and_its_files_are_byte_stable(problem, tmp_path):
    sums = []
    for folder in ("one", "two"):
        paths = []
        for number, ax in enumerate(every(*problem)):
            assert isinstance(ax, matplotlib.axes.Axes)
            paths += figures.save_figure(ax, f"x{number}", tmp_path / folder)
            plt.close("all")
        sums.append([hashlib.sha256(path.read_bytes()).hexdigest() for path in paths])
    assert len(sums[0]) == 16
    assert sums[0] == sums[1]


def test_bars_tell_the_mass_that_stays_behind(problem):
    ax = figures_alignment.marginals(*problem[1:])
    widths = [patch.get_width() for patch in ax.patches]
    assert widths == pytest.approx([0.5, 0.3, 0.5, 0.3, 0, 0.5, 0.5, 0.5, 0.3, 0.2])


def test_hits_misses_and_false_links_are_counted_and_differ_without_colour(problem):
    *_, source, target = problem
    ax = figures_alignment.links(source, target, {(0, 0), (1, 2)}, sure={(0, 0), (0, 1)}, possible=set())
    assert [t.get_text() for t in ax.get_legend().get_texts()] == [
        "sure, found: 1", "sure, missed: 1", "found, not in gold: 1",
    ]  # fmt: skip
    assert len({str(patch.get_linestyle()) for patch in ax.patches}) == 3
    ax = figures_alignment.gold_overlay(problem[1], source, target, {(0, 0), (1, 2)}, {(0, 0), (0, 1)})
    assert [t.get_text()[-1] for t in ax.get_legend().get_texts()] == ["1", "0", "1", "1"]
    assert ax.collections[1].get_offsets().tolist() == [[0.5, 0.5]]


def test_words_stand_where_the_svg_has_them():
    source, target, sure, _ = pocket.gold("sw")[0]
    ax = figures_alignment.links(words(source), words(target), sure)
    assert [t.get_text() for t in ax.texts] == [*words(source), *words(target)]
    assert len(ax.patches) == len(sure)


def test_the_difference_from_greedy_has_both_signs(problem):
    C, T, a, _, source, target = problem
    ax = figures_alignment.plan_minus_greedy(T, C, a, source, target)
    assert ax.collections[0].get_array().reshape(2, 3).tolist() == [[0, 0, 0], [-0.5, 0.3, 0]]
    assert sorted(t.get_text() for t in ax.texts) == ["+", "−"]


def test_a_sweep_needs_a_cost_for_each_epsilon():
    with pytest.raises(InputError, match="got 2 epsilons, 1 costs"):
        figures_alignment.epsilon_sweep([0.1, 0.2], [0.3])


def test_the_reasons_name_passage_tokens_in_context():
    ax = figures_alignment.maxsim(["maji"], [0.9], [2], ["the", "un", "##clean", "."])
    assert ax.texts[0].get_text() == "the un[clean] ."
    assert figures_alignment.maxsim(["maji"], [0.0], [-1], []).texts[0].get_text() == "(nothing)"
