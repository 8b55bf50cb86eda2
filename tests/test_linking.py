"""Rules, scores and the Pharaoh format, each against an independent statement of what it should be."""

import itertools

import numpy as np
import pytest

from optical_lite import linking
from optical_lite.linking import (
    RULES,
    AlignmentScore,
    compare,
    from_pharaoh,
    links,
    read_pharaoh,
    score,
    to_pharaoh,
    total,
)
from optical_lite.settings import InputError


def random_matrices(count=30):
    random = np.random.default_rng(0)
    return [random.random((random.integers(1, 7), random.integers(1, 7))) for _ in range(count)]


@pytest.mark.parametrize("W", random_matrices(12))
def test_rules_stand_in_their_order(W):
    found = {rule: links(W, rule) for rule in RULES}
    assert found["intersection"] == found["forward"] & found["backward"]
    assert found["union"] == found["forward"] | found["backward"]
    assert found["intersection"] <= found["grow-diag"] <= found["grow-diag-final"] <= found["union"]
    assert found["intersection"] <= found["itermax"]
    assert len(found["match"]) == min(W.shape)
    assert found["threshold"] == set(np.ndindex(W.shape))


def test_match_is_the_best_one_to_one_assignment():
    for W in random_matrices():
        n, m = W.shape
        wide = W if n <= m else W.T
        best = max(
            wide[range(len(wide)), columns].sum() for columns in itertools.permutations(range(max(n, m)), min(n, m))
        )
        assert sum(W[i, j] for i, j in links(W, "match")) == pytest.approx(best)


def test_grow_diag_by_hand():
    W = np.array([[0.9, 0.0, 0.0, 0.0], [0.5, 0.4, 0.0, 0.0], [0.0, 0.0, 0.0, 0.3], [0.0, 0.0, 0.2, 0.1]])
    assert links(W, "intersection") == {(0, 0), (2, 3), (3, 2)}
    assert links(W, "grow-diag") == {(0, 0), (1, 0), (1, 1), (2, 3), (3, 2)}
    far = np.array([[0.9, 0, 0, 0.1], [0, 0, 0, 0], [0, 0, 0, 0], [0.4, 0, 0, 0.05]])
    assert links(far, "union") == {(0, 0), (3, 0), (0, 3)}
    assert links(far, "grow-diag-final") == {(0, 0)}


def test_itermax_finds_the_second_best_among_words_left_over():
    W = np.array([[1.0, 0.8, 0.1], [0.9, 0.7, 0.1], [0.1, 0.1, 0.9]])
    assert links(W, "intersection") == {(0, 0), (2, 2)}
    # (1, 1) has both words free and counts whole, .7; (1, 0) and (0, 1) count .9 of .9 and of .8, which is more
    assert links(W, "itermax") == {(0, 0), (2, 2), (1, 0), (0, 1)}
    W[1, 1] = 0.85
    assert links(W, "itermax") == {(0, 0), (2, 2), (1, 1)}


def test_empty_cells_never_link_and_thresholds_cut():
    assert links(np.zeros((2, 3)), "union") == set()
    assert links(np.zeros((0, 3))) == set()
    W = np.array([[0.6, 0.4], [0.0, 1.0]])
    assert links(W, "threshold", 0.5) == {(0, 0), (1, 1)}
    assert links(W, "union", 0.99) == set()


@pytest.mark.parametrize(
    ("matrix", "options"),
    [([[1.0]], {"rule": "best"}), ([1.0], {}), ([[np.nan]], {}), ([[-1.0]], {}), ([[1.0]], {"threshold": 1.5})],
)
def test_wrong_matrices_and_rules_are_refused(matrix, options):
    with pytest.raises(InputError, match="expected"):
        links(matrix, **options)


def test_scores_by_hand_and_summed():
    one = score({(0, 0), (1, 2)}, sure={(0, 0), (1, 1)}, possible={(1, 2)})
    assert (one.precision, one.recall, one.aer) == (1.0, 0.5, 1 - (1 + 2) / 4)
    perfect = score({(0, 0)}, {(0, 0)})
    assert perfect.aer == 0
    both = total([one, perfect])
    assert both.counts == {"found": 3, "sure": 3, "in_sure": 2, "in_possible": 3}
    assert both.aer == pytest.approx(1 - 5 / 6)
    assert score(set(), {(0, 0)}).aer == 1
    assert AlignmentScore().aer == 0
    assert 0 < one.f1 < 1


def test_compare_sees_a_difference_and_its_absence():
    random = np.random.default_rng(1)
    same = [score({(0, k) for k in range(random.integers(1, 5))}, {(0, 0)}) for _ in range(50)]
    nothing = compare(same, same)
    assert (nothing.difference, nothing.low, nothing.high, nothing.p) == (0, 0, 0, 1)
    better = compare([score({(0, 0)}, {(0, 0)})] * 50, same)
    assert better.high < 0
    assert better.p < 0.01
    assert better.low <= better.difference <= better.high
    with pytest.raises(InputError, match="same in both"):
        compare(same, same[1:])


def test_pharaoh_there_and_back(tmp_path):
    sure, possible = {(0, 1), (10, 2)}, {(3, 3)}
    assert from_pharaoh(to_pharaoh(sure, possible)) == (sure, possible)
    assert from_pharaoh("") == (set(), set())
    (tmp_path / "x").write_text("0-0\n\n1p1\n")
    assert read_pharaoh(tmp_path / "x") == [({(0, 0)}, set()), (set(), set()), (set(), {(1, 1)})]
    for wrong in ("0:0", "a-b", "-1-2", "1", "1-"):
        with pytest.raises(InputError, match="expected i-j"):
            from_pharaoh(wrong)
    with pytest.raises(InputError, match="numbers from 1"):
        from_pharaoh("0-1", base=1)


def test_names_of_the_module_are_those_of_alignment():
    from optical_lite import alignment

    assert alignment.links is linking.links
