"""XGLUE: the published scores, by their script's rules, and students as rankers."""

import numpy as np
import pytest

from optical_lite.datasets import reading
from optical_lite.formats import xglue
from optical_lite.settings import DATA, InputError


@pytest.fixture(scope="module")
def teacher(tiny, number_type):
    return tiny


SAMPLES = DATA / "samples" / "xglue"


def test_the_samples():
    wpr = reading.read("wpr", SAMPLES / "xglue.wpr.de.test", "de")
    assert (wpr.name, wpr.lang, len(wpr.pairs)) == ("wpr", "de", 13)
    assert [len(group) for group in xglue.groups(wpr)] == [3, 3, 3, 3, 1]
    assert wpr.labels[:4] == (0, 4, 1, 0)
    assert wpr.pairs[1][1].startswith("How malaria spreads Malaria is caused")
    assert reading.read("qadsm", SAMPLES / "xglue.qadsm.de.dev").labels == (1, 0) * 3
    assert reading.read("qam", SAMPLES / "xglue.qam.fr.test").labels == (1, 0) * 3


def test_wpr_agrees_with_scikit_learn():
    """Ties in the prediction, a query that comes back later, a lone page, a query with nothing relevant."""
    from sklearn.metrics import ndcg_score

    random = np.random.default_rng(0)
    names = ["a"] * 5 + ["b"] * 2 + ["a"] * 3 + ["c"] + ["d"] * 4
    labels = [*random.integers(0, 5, 11).tolist(), 0, 0, 0, 0]
    predictions = random.integers(0, 3, len(names)).tolist()
    task = xglue.Task("wpr", "de", tuple((name, "page") for name in names), tuple(labels))
    spans = [range(0, 5), range(5, 7), range(7, 10), range(11, 15)]  # c stands alone and does not count
    wanted = np.mean([ndcg_score([[labels[i] for i in s]], [[predictions[i] for i in s]]) for s in spans])
    assert xglue.score(task, predictions) == pytest.approx(wanted)


def test_accuracy_and_predictions(tmp_path):
    task = reading.read("qadsm", SAMPLES / "xglue.qadsm.de.test")
    (tmp_path / "de.prediction").write_text("Good\nBad\nGood\nGood\nBad\nBad\n")
    assert xglue.score(task, xglue.read_predictions(tmp_path / "de.prediction", "qadsm")) == pytest.approx(4 / 6)


def test_threshold_is_the_best_cut():
    random = np.random.default_rng(1)
    for _ in range(50):
        scores, labels = random.integers(0, 6, 9) / 4, random.integers(0, 2, 9).tolist()
        cut = xglue.threshold(scores.tolist(), labels)
        best = max(np.mean((scores > c) == labels) for c in (-1, *(np.unique(scores) + 0.1)))
        assert np.mean((scores > cut) == labels) == best


def test_the_english_encoder_ranks_english_pairs(teacher):
    """Queries in English here: the right page comes first, and the score does not grow with the query."""
    page, other = "The mosquito net keeps insects away.", "The market opens on Friday."
    pairs = (("net against insects", page), ("net against insects", other), ("net against insects " * 3, page))
    right, wrong, long = xglue.rank(xglue.Task("wpr", "en", pairs, (4, 0, 4)), teacher, teacher, size=2)
    assert 1 >= right > wrong
    assert abs(right - long) < 0.2
    assert xglue.rank(xglue.Task("wpr", "en", (("net", " "),), ()), teacher, teacher) != []


@pytest.mark.parametrize(
    ("task", "content", "text"),
    [
        ("wpr", "maji\twater\n", "line 1: got 2 columns"),
        ("wpr", "maji\ta\tb\t5\n", "line 1: got label '5', expected one of bad, fair"),
        ("wpr", "\ta\tb\t4\n", "the first ''"),
        ("wpr", "maji\ta\tb\t4\nmaji\ta\tb\n", "got 1 labels for 2 lines"),
        ("qadsm", "maji\ta\tb\t1\textra\n", "got 5 columns"),
        ("qam", "maji\ta\tGood\n", "got label 'good'"),
        ("qam", "", "got 0 labels for 0 lines"),
    ],
)
def test_a_wrong_file_is_named(tmp_path, task, content, text):
    (tmp_path / "x").write_text(content)
    with pytest.raises(InputError, match=text):
        reading.read(task, tmp_path / "x", "sw")


def test_scores_need_labels_and_as_many_predictions(tmp_path):
    (tmp_path / "x").write_text("maji\ta\tb\nmaji\tc\td\n")
    unjudged = reading.read("wpr", tmp_path / "x")
    assert unjudged.labels == ()
    with pytest.raises(InputError, match="got 2 predictions for 0 labels"):
        xglue.score(unjudged, [1, 2])
    with pytest.raises(InputError, match="got no query with two pages"):
        xglue.score(xglue.Task("wpr", "de", (("a", "x"),), (1,)), [1])
    (tmp_path / "p").write_text("0\nbest\n")
    with pytest.raises(InputError, match="line 2: got score 'best'"):
        xglue.read_predictions(tmp_path / "p", "wpr")


@pytest.mark.parametrize("line", ["0.9", "2", "-1"])
def test_a_score_is_no_label(tmp_path, line):
    (tmp_path / "p").write_text(f"1\n{line}\n")
    with pytest.raises(InputError, match=f"line 2: got '{line}', expected a label of qam"):
        xglue.read_predictions(tmp_path / "p", "qam")
    assert xglue.read_predictions(tmp_path / "p", "wpr") == [1, float(line)]
