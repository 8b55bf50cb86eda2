"""Rules, scores and the Pharaoh format, each against an independent statement of what it should be."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

import optical_lite.alignment
from optical_lite.alignment import linking
from optical_lite.alignment.linking import (
    RULES,
    AlignmentScore,
    compare,
    from_pharaoh,
    links,
    score,
    symmetrize,
    to_pharaoh,
    total,
)  # fmt: skip
from optical_lite.alignment.subwords import word_plan
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
    ("matrix", "options", "text"),
    [
        ([[1.0]], {"rule": "best"}, "got rule 'best', expected one of forward"), ([[-1.0]], {}, "cells >= 0"),
        ([1.0], {}, r"shape \(1,\), expected \(N, M\)"), ([[np.nan]], {}, "finite cells"),
        ([[1.0]], {"threshold": 1.5}, "threshold 1.5, expected a share"),
        ([[1.0]], {"threshold": -0.1}, r"threshold -0\.1, expected a share"),
        ([[1.0], [1.0, 2.0]], {}, "^links: got .* expected a tensor, an array or equal lists of numbers"),
    ],
)  # fmt: skip
def test_wrong_matrices_and_rules_are_refused(matrix, options, text):
    with pytest.raises(InputError, match=text):
        links(matrix, **options)
    with pytest.raises(InputError, match="got rule 'itermax', expected one of forward, backward"):
        symmetrize(set(), set(), "itermax")
    assert links([[1.0]], "match") == {(0, 0)}


def test_a_matrix_is_a_tensor_of_any_kind():
    W = torch.tensor([[0.5, 0.25], [0.125, 0.5]])
    for kind in (W.clone().requires_grad_(), W.bfloat16(), W.half(), W.numpy(), W.tolist()):
        assert links(kind, "threshold", 0.5) == {(0, 0), (1, 1)}
        assert word_plan(kind, [0, 0], [0, 1], 1, 2).tolist() == [[0.625, 0.75]]


def test_scores_by_hand_and_summed():
    one = score({(0, 0), (1, 2)}, sure={(0, 0), (1, 1)}, possible={(1, 2)})
    assert (one.precision, one.recall, one.aer) == (1.0, 0.5, 1 - (1 + 2) / 4)
    perfect = score({(0, 0)}, {(0, 0)})
    assert perfect.aer == 0
    both = total([one, perfect])
    assert vars(both) == {"found": 3, "sure": 3, "in_sure": 2, "in_possible": 3}
    assert both.aer == pytest.approx(1 - 5 / 6)
    assert score(set(), {(0, 0)}).aer == 1
    nothing = AlignmentScore()
    assert (nothing.precision, nothing.recall, nothing.aer) == (0, 0, 0)


def test_compare_sees_a_difference_and_its_absence():
    random = np.random.default_rng(1)
    same = [score({(0, k) for k in range(random.integers(1, 5))}, {(0, 0)}) for _ in range(50)]
    nothing = compare(same, same)
    assert (nothing.difference, nothing.low, nothing.high, nothing.p) == (0, 0, 0, 1)
    better = compare([score({(0, 0)}, {(0, 0)})] * 50, same)
    assert better.high < 0
    assert better.p < 0.01
    assert better.low <= better.difference <= better.high
    for pair in ((same, same[1:]), ([], [])):
        got = f"compare: got {len(pair[0])} and {len(pair[1])} sentences, expected the same in both, at least one"
        with pytest.raises(InputError, match=f"^{got}$"):
            compare(*pair)
    for name, wrong in (("draws", 0), ("draws", 2.5), ("seed", -1), ("seed", 2**32)):
        with pytest.raises(InputError, match=f"^{name}: got {wrong}, expected a whole number from"):
            compare(same, same, **{name: wrong})
    assert compare(same, same, draws=1, seed=2**32 - 1).p == 1


def test_by_default_two_thousand_draws_of_seed_0():
    random = np.random.default_rng(2)
    ours, theirs = ([AlignmentScore(9, 9, k, k) for k in random.integers(0, 9, 60)] for _ in range(2))
    found = compare(ours, theirs)
    assert found == compare(ours, theirs, 2000, 0) != compare(ours, theirs, 2000, 1)


def test_pharaoh_there_and_back():
    assert from_pharaoh(to_pharaoh({(0, 1), (10, 2)})) == ({(0, 1), (10, 2)}, set())
    assert from_pharaoh("0-0 1p1") == ({(0, 0)}, {(1, 1)})
    assert from_pharaoh("") == (set(), set())
    for wrong in ("0:0", "a-b", "-1-2", "1", "1-"):
        with pytest.raises(InputError, match="expected i-j"):
            from_pharaoh(wrong)
    assert from_pharaoh("3-1 2p2", base=1) == ({(2, 0)}, {(1, 1)})
    assert to_pharaoh({(2, 1), (0, 3), (10, 0)}) == "0-3 2-1 10-0"
    for wrong in ("0-1", "1-1 0p1"):
        with pytest.raises(InputError, match=r"got '0.1', expected i-j or ipj with numbers from 1"):
            from_pharaoh(wrong, base=1)


def test_the_room_offers_what_its_modules_do():
    assert optical_lite.alignment.links is linking.links
    assert optical_lite.alignment.realign.__module__ == "optical_lite.alignment.plans"
    with pytest.raises(AttributeError, match="alignment has no 'guess'"):
        optical_lite.alignment.guess()


CELLS = st.sets(st.tuples(st.integers(0, 4), st.integers(0, 4)))


@given(forward=CELLS, backward=CELLS)
@example(forward={(0, 0), (3, 3), (4, 3)}, backward={(0, 0)})
def test_growing_stops_only_where_nothing_can_be_added(forward, backward):
    def touches(cell, links):
        return any(max(abs(cell[0] - i), abs(cell[1] - j)) == 1 for i, j in links)

    def missing(cell, links):
        return cell[0] not in {i for i, _ in links}, cell[1] not in {j for _, j in links}

    both, either = forward & backward, forward | backward
    grown = symmetrize(forward, backward, "grow-diag")
    final = symmetrize(forward, backward, "grow-diag-final")
    assert both <= grown <= final <= either
    assert all(touches(cell, grown) for cell in grown - both)
    words = [len({cell[side] for cell in grown}) - len({cell[side] for cell in both}) for side in (0, 1)]
    assert len(grown - both) <= sum(words)  # each brings a new word
    assert not [cell for cell in either - grown if touches(cell, grown) and any(missing(cell, grown))]
    for cell in final - grown:
        assert all(missing(cell, final - {cell}))
    assert not [cell for cell in either - final if all(missing(cell, final))]
    for rule, expected in (("forward", forward), ("backward", backward), ("union", either), ("intersection", both)):
        assert symmetrize(forward, backward, rule) == expected


def test_the_eight_neighbours_are_near_and_no_other_cell():
    for i, j in itertools.product(range(5), repeat=2):
        near = max(abs(i - 2), abs(j - 2)) == 1
        assert symmetrize({(2, 2), (i, j)}, {(2, 2)}, "grow-diag") == {(2, 2), *([(i, j)] if near else [])}


def as_simalign(similarity, rounds=2, alpha=0.9):
    """SimAlign's loop (simalign.py, get_alignment_matrix and iter_max), on arrays of ones and zeros."""

    def best(S):
        return np.eye(S.shape[1])[S.argmax(1)] * np.eye(S.shape[0])[S.argmax(0)].T * (S > 0)

    found = best(similarity)
    if min(similarity.shape) <= 2:
        return found
    for _ in range(rounds - 1):
        rows, columns = 1 - found.sum(1).clip(0, 1)[:, None], 1 - found.sum(0).clip(0, 1)[None]
        if rows.sum() < 1 or columns.sum() < 1:
            break
        found = (found + best(similarity * np.clip(alpha * rows + alpha * columns, 0, 1))).clip(0, 1)
    return found


@given(shape=st.tuples(st.integers(1, 7), st.integers(1, 7)), seed=st.integers(0, 999))
@settings(max_examples=200)
def test_itermax_is_that_of_simalign(shape, seed):
    W = np.random.default_rng(seed).random(shape)
    assert links(W, "itermax") == set(zip(*np.nonzero(as_simalign(W)), strict=True))


@pytest.mark.parametrize("rule", RULES)
@given(seed=st.integers(0, 99), threshold=st.sampled_from([0.0, 0.25, 0.5, 1.0]))
@settings(max_examples=20)
def test_a_threshold_drops_links_whose_share_is_below_it(rule, seed, threshold):
    """Cells are small whole numbers, so that shares of exactly the threshold, and empty cells, occur."""
    W = np.random.default_rng(seed).integers(0, 3, (4, 3))
    kept = {
        (i, j) for i, j in links(W, rule)
        if W[i, j] >= threshold * W[i].sum() and W[i, j] >= threshold * W[:, j].sum()
    }  # fmt: skip
    assert links(W, rule, threshold) == kept
    assert all(W[cell] > 0 for cell in kept)


def test_a_comparison_of_few_sentences_is_that_of_all_draws():
    """Two sentences, of two and of one link: 4 swaps, and 3 resamples of weights 1, 2, 1."""
    ours = [AlignmentScore(2, 2, 2, 2), AlignmentScore(1, 1, 0, 0)]
    theirs = [AlignmentScore(2, 2, 0, 0), AlignmentScore(1, 1, 1, 1)]
    found = compare(ours, theirs, draws=20_000)
    assert found.difference == pytest.approx(1 / 3 - 2 / 3)
    assert (found.wins, found.losses) == (1, 1)
    assert (found.low, found.high) == (-1, 1)  # twice the first, twice the second
    assert found.p == pytest.approx(1, abs=0.01)  # swapped or not, the gap is 1/3 or 1
    assert compare(theirs, ours).difference == pytest.approx(1 / 3)
    good, bad = AlignmentScore(2, 2, 2, 2), AlignmentScore(2, 2, 1, 1)
    assert compare([good] * 40, [bad] * 40).p == pytest.approx(1 / 2001)  # the order as it is, among 2,000 others
    assert compare([good] * 40, [bad] * 40, seed=1) == compare([good] * 40, [bad] * 40, seed=1)


def test_a_comparison_is_of_corpus_rates_with_an_interval_of_95_percent():
    random = np.random.default_rng(3)
    right = random.random((2, 600)) < [[0.7], [0.6]]  # whether each sentence's one link is found

    def rated(found):  # a link that is sure, and one that is only possible, beside it
        return [AlignmentScore(2, 1, int(hit), 1 + int(hit)) for hit in found]

    ours, theirs = rated(right[0]), rated(right[1])
    found = compare(ours, theirs, draws=20_000)
    assert found.difference == pytest.approx(total(ours).aer - total(theirs).aer)
    gaps = -2 / 3 * (right[0].astype(float) - right[1])  # of one sentence: two counts of three links
    width = 1.96 * gaps.std() / 600**0.5
    assert found.low == pytest.approx(gaps.mean() - width, abs=0.05 * width)
    assert found.high == pytest.approx(gaps.mean() + width, abs=0.05 * width)
    assert (found.wins, found.losses) == ((gaps < 0).sum(), (gaps > 0).sum())


def test_one_link_that_is_only_possible_is_no_error():
    assert linking._aer(np.array([[1, 0, 0, 1], [0, 0, 0, 0]])).tolist() == [0, 1]
