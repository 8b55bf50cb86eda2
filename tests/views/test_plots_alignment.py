"""Figures of alignments: right numbers in the right place, and the same bytes every time."""

import hashlib

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

from optical_lite.datasets import pocket
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
    yield figures_alignment.links(source, target, found, sure=sure, possible=possible, title="links")
    yield figures_alignment.gold_overlay(T, source, target, found, sure, possible)
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
    assert len(sums[0]) == 6
    assert sums[0] == sums[1]


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
    assert [bar.get_ylabel() for bar in ax.child_axes] == ["mass between two words"]


def test_words_stand_where_the_svg_has_them():
    source, target, sure, _ = pocket.gold("sw")[0]
    ax = figures_alignment.links(words(source), words(target), sure)
    assert [t.get_text() for t in ax.texts] == [*words(source), *words(target)]
    assert len(ax.patches) == len(sure)


def test_a_dollar_is_a_word_like_another(tmp_path):
    words = ["$a_{$", "$x^$", "$5"]
    drawn = figures_alignment.links(words, words, {(0, 0)}, title="$\\frac$")
    figures.write_figure(drawn, tmp_path / "links.svg")
    for ax in (
        figures_alignment.gold_overlay(np.eye(3), words, words, {(0, 0)}, {(0, 0)}, title="$\\frac$"),
        figures.plan_and_sums(np.eye(3), np.ones(3), np.ones(3), words, words, title="$\\frac$"),
    ):
        figures.write_figure(ax, tmp_path / "plan.svg")
        labels = [*ax.get_xticklabels(), *ax.get_yticklabels()]
        assert not any(text.get_parse_math() for text in labels)
