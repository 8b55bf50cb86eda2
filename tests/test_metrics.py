import itertools
import random
import re
import tracemalloc

import ir_measures
import numpy as np
import pytest

from optical_lite import metrics, significance
from optical_lite.kernels import drawn
from optical_lite.settings import InputError


def case(seed, ties, queries=20, passages=30):
    draw = random.Random(seed)
    qrels, run = {}, {}
    for q in range(queries):
        names = [f"p{i}" for i in range(passages)]
        qrels[f"q{q}"] = {p: draw.choice([0, 0, 0, 1, 2]) for p in draw.sample(names, 12)} | {"p0": 1}
        score = (lambda: float(draw.randint(1, 4))) if ties else draw.random
        run[f"q{q}"] = [(p, score()) for p in draw.sample(names, draw.randint(1, passages))]
    return run, qrels


@pytest.mark.parametrize("ties", [False, True])
def test_agrees_with_ir_measures(ties):
    run, qrels = case(1, ties)
    pairs = {
        "mrr@10": "RR@10",
        "mrr": "RR",
        "map": "AP",
        "map@10": "AP@10",
        "ndcg@10": "nDCG@10",
        "ndcg": "nDCG",
        "r@5": "R@5",
        "r@100": "R@100",
        "p@10": "P@10",
    }
    if ties:
        del pairs["mrr@10"]  # not trec_eval's: its provider orders ties in a way of its own
    ours = metrics.per_query(run, qrels, list(pairs), ties="trec")
    ranked = {q: dict(r) for q, r in run.items()}
    for mine, theirs in pairs.items():
        for value in ir_measures.iter_calc([ir_measures.parse_measure(theirs)], qrels, ranked):
            assert ours[mine][value.query_id] == pytest.approx(value.value, abs=1e-9), (mine, value.query_id)


@pytest.mark.parametrize("name", ["mrr@2", "mrr", "map", "map@3", "ndcg@3", "r@2", "p@3"])
@pytest.mark.parametrize("seed", range(6))
def test_expected_value_equals_the_mean_over_all_orders(name, seed):
    draw = random.Random(seed)
    ranking = [(f"p{i}", float(draw.randint(1, 3))) for i in range(6)]
    grades = {p: draw.choice([0, 1, 2]) for p, _ in ranking} | {"p1": 1, "missing": 1}
    values = []
    for order in itertools.permutations(range(6)):
        broken = [(p, s + rank * 1e-6) for rank, (p, s) in zip(order, ranking, strict=True)]  # one order of the ties
        values.append(metrics.per_query({"q": broken}, {"q": grades}, [name])[name]["q"])
    assert metrics.per_query({"q": ranking}, {"q": grades}, [name])[name]["q"] == pytest.approx(
        sum(values) / len(values), abs=1e-9
    )


def test_names_of_passages_do_not_matter():
    tied = [("wrong", 1.0), ("right", 1.0), ("zebra", 1.0)]
    value = metrics.per_query({"q": tied}, {"q": {"right": 1}}, ["mrr@10"])["mrr@10"]["q"]
    assert value == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)


def test_unanswered_queries_count_as_zero():
    assert metrics.summary({"q": [("a", 1.0)]}, {"q": {"a": 1}, "r": {"a": 1}}, ["mrr@10"]) == {"mrr@10": 0.5}


@pytest.mark.parametrize("name", ["r", "p", "mrr@0", "f1", "ndcg@x"])
def test_unknown_metrics_are_named(name):
    with pytest.raises(InputError, match=name):
        metrics.summary({}, {"q": {"a": 1}}, [name])


@pytest.mark.parametrize("grades", [{"a": 0}, {}])
def test_queries_without_relevant_passages_are_refused(grades):
    with pytest.raises(InputError, match="'q' without a relevant passage"):
        metrics.summary({}, {"q": grades})


def test_comparison_tells_noise_from_a_difference():
    draw = random.Random(0)
    base = {str(i): draw.random() for i in range(200)}
    noise = significance.compare({q: v + draw.gauss(0, 0.1) for q, v in base.items()}, base)
    better = significance.compare({q: v + 0.1 + draw.gauss(0, 0.1) for q, v in base.items()}, base)
    assert noise.p > 0.05
    assert noise.low < 0 < noise.high
    assert better.p < 0.001
    assert 0 < better.low < 0.1 < better.high < 0.2
    same = significance.compare(base, base)
    assert (same.difference, same.p, same.wins, same.losses) == (0, 1, 0, 0)
    for name, test in (("compare", significance.compare), ("t test", significance.t_test)):
        with pytest.raises(InputError, match=f"^{name}: got 200 and 1 queries, expected the same queries in both"):
            test(base, {"0": 1.0})
    with pytest.raises(InputError, match=r"^compare: got no query, expected at least one; check"):
        significance.compare({}, {})


def test_questions_of_one_passage_are_no_more_evidence_than_one():
    draw = random.Random(0)
    single = {f"{i:02}": draw.gauss(0.2, 0.4) for i in range(30)}
    copies = {f"{q}{copy}": value for q, value in single.items() for copy in "abcd"}
    groups = significance.same_passages({q: {f"passage of {q[:2]}": 1, "another": 0} for q in copies})
    zero, zeros = dict.fromkeys(single, 0.0), dict.fromkeys(copies, 0.0)
    alone, grouped, believed = (
        significance.compare(single, zero), significance.compare(copies, zeros, groups),
        significance.compare(copies, zeros),
    )  # fmt: skip
    assert (grouped.p, grouped.low, grouped.high) == pytest.approx((alone.p, alone.low, alone.high))
    assert believed.p < grouped.p / 10  # four times the same is taken for four witnesses
    assert believed.high - believed.low < 0.6 * (grouped.high - grouped.low)
    with pytest.raises(InputError, match=r"^compare: got no group of query '29d', expected one for each"):
        significance.compare(copies, zeros, {q: g for q, g in groups.items() if q != "29d"})


def test_a_drawn_interval_of_unequal_groups_is_of_the_mean_over_queries():
    values = np.array([[1.0] * 9 + [0.0]])
    low, high = significance.bootstrap(values, ["large"] * 9 + ["small"])
    assert (low[0], high[0]) == (0.0, 1.0)  # only one of both groups, in a quarter of the draws each


def test_p_values_are_uniform_without_a_difference():
    ps = []
    for seed in range(200):
        draw = random.Random(seed)
        ps.append(
            significance.compare(
                {str(i): draw.gauss(0, 1) for i in range(20)}, dict.fromkeys(map(str, range(20)), 0.0), draws=200
            ).p
        )
    assert 0.02 <= sum(p < 0.05 for p in ps) / 200 <= 0.1


def test_the_usual_metrics_are_four():
    found = metrics.summary({"q": [("a", 1.0)]}, {"q": {"a": 1}})
    assert found == {"mrr@10": 1.0, "r@10": 1.0, "r@100": 1.0, "map": 1.0}


def test_one_name_is_no_list_of_names():
    with pytest.raises(InputError, match=r"got 'map', expected a list of names; write \['map'\]"):
        metrics.summary({"q": [("a", 1.0)]}, {"q": {"a": 1}}, "map")


def test_a_rank_at_the_cut_counts_and_one_below_does_not():
    ranking = {"q": [(f"p{i}", float(-i)) for i in range(1, 6)]}
    for rank in range(1, 6):
        found = metrics.summary(ranking, {"q": {f"p{rank}": 1}}, ["mrr@3", "map@3", "r@3", "p@3", "ndcg@3", "mrr"])
        inside = rank <= 3
        assert found["mrr@3"] == found["map@3"] == pytest.approx(inside / rank)
        assert found["r@3"] == inside
        assert found["p@3"] == pytest.approx(inside / 3)
        assert found["ndcg@3"] == pytest.approx(inside / np.log2(rank + 1))
        assert found["mrr"] == pytest.approx(1 / rank)


def test_an_unknown_way_with_ties_is_named():
    with pytest.raises(InputError, match="got ties 'first', expected 'expected' or 'trec'"):
        metrics.per_query({"q": [("a", 1.0)]}, {"q": {"a": 1}}, ties="first")


def test_no_p_is_below_one_over_the_draws():
    better, base = ({str(i): value for i in range(40)} for value in (1.0, 0.0))
    assert significance.compare(better, base).p == pytest.approx(1 / 10_001)
    assert significance.compare(better, base, draws=99).p == pytest.approx(1 / 100)
    assert significance.compare_all({}, base) == {}


def test_corrected_p_values_are_probabilities_in_the_order_of_the_raw_ones():
    p = {"a": 0.6, "b": 0.2, "c": 0.9, "d": 0.01}
    assert significance.holm(p) == pytest.approx({"d": 0.04, "b": 0.6, "a": 1.0, "c": 1.0})
    assert significance.bonferroni(p) == {"a": 1.0, "b": 0.8, "c": 1.0, "d": 0.04}


def test_an_interval_leaves_a_fortieth_out_on_each_side():
    values = np.random.default_rng(2).normal(size=(1, 500))
    low, high = significance.bootstrap(values, draws=20_000)
    width = 1.96 * values.std() / 500**0.5
    assert low[0] == pytest.approx(values.mean() - width, abs=0.05 * width)
    assert high[0] == pytest.approx(values.mean() + width, abs=0.05 * width)


@pytest.mark.parametrize("ranking", [[("a", 2.0), ("a", 1.0)], [("a", float("nan"))], [("a", float("inf"))]])
def test_a_passage_twice_or_a_score_that_is_no_number_is_refused(ranking):
    with pytest.raises(InputError, match="got a passage twice, or a score that is no finite number, for query 'q'"):
        metrics.per_query({"q": ranking}, {"q": {"a": 1}})


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_what_is_no_number_has_no_p_and_no_metric(wrong):
    base = {str(i): i / 10 for i in range(10)}
    bad = base | {"3": wrong}
    for place, test in (("compare", significance.compare), ("t test", significance.t_test)):
        for pair in ((bad, base), (base, bad), (bad, bad)):
            text = f"^{place}: got values that are no finite numbers, expected a finite number"
            with pytest.raises(InputError, match=text):
                test(*pair)
    with pytest.raises(InputError, match="no finite numbers"):
        significance.bootstrap(np.array([[0.5, wrong]]))
    for corrected in (significance.holm, significance.bonferroni):
        for p in (wrong, -0.01, 1.5):
            with pytest.raises(InputError, match=rf"^correction: got p = {p} of 'a', expected a number from 0 to 1"):
                corrected({"b": 0.01, "a": p})
        assert corrected({"b": 0.0, "a": 1.0}) == {"b": 0.0, "a": 1.0}
    for name in ("ndcg@10", "map"):
        with pytest.raises(InputError, match="got a grade that is no number of query 'q'"):
            metrics.summary({"q": [("a", 1.0)]}, {"q": {"a": 1, "b": wrong}}, [name])


@pytest.mark.parametrize("wrong", [{"draws": 0}, {"draws": -1}, {"draws": 2.5}, {"seed": -1}, {"seed": "1"}])
def test_draws_and_seeds_that_cannot_be_are_named(wrong):
    [(name, value)] = wrong.items()
    for call in (lambda **of: significance.compare({"a": 1.0}, {"a": 0.5}, **of),
                 lambda **of: significance.bootstrap(np.ones((1, 3)), **of)):  # fmt: skip
        with pytest.raises(InputError, match=f"^{name}: got {value!r}, expected a whole number from"):
            call(**wrong)
        call(draws=1, seed=2**32 - 1)


@pytest.mark.parametrize(("values", "labels"), [
    ([1.0, 2.0], None), (3.0, None), (np.zeros((1, 0)), None), (np.zeros((0, 2)), None), ([[0, 1, 2]], [0, 1]),
    ([[0, 1, 2]], "abcd"),
])  # fmt: skip
def test_what_has_no_interval_is_one_line(values, labels):
    number = len(labels) if labels else (0, *np.shape(values))[-1]
    got = re.escape(f"values of shape {np.shape(values)} and {number} labels")
    with pytest.raises(InputError, match=f"^bootstrap: got {got}, expected"):
        significance.bootstrap(values, labels)


def test_an_interval_of_a_list_is_that_of_an_array():
    found = significance.bootstrap([[1, 0, 1]], (k for k in "aab"), draws=50)
    for same in (np.array([[1.0, 0.0, 1.0]]), np.array([[1, 0, 1]], object)):
        assert np.array_equal(found, significance.bootstrap(same, [0, 0, 1], draws=50))


def test_no_correction_makes_a_small_p_smaller():
    assert significance.holm({"a": 3e-11, "b": 1e-12}) == {"b": 2e-12, "a": 3e-11}


def test_rankings_as_dicts_mean_the_same():
    run, qrels = {"q": [("a", 1.0), ("b", 2.0), ("c", 2.0)]}, {"q": {"b": 1}, "not asked": {"a": 1}}
    for ties in ("expected", "trec"):
        pairs, dicts = (metrics.per_query(given, qrels, ties=ties) for given in (run, {"q": dict(run["q"])}))
        assert pairs == dicts


@pytest.mark.parametrize(("ranking", "grades"), [
    *((wrong, {"a": 1}) for wrong in ([("a", "1")], None, ["ab"], [("a", 1.0, 2)], {"a": None}, 3)),
    ([("a", 1.0)], ["a"]), ([("a", 1.0)], {"a": "1"}), ([("a", 1.0)], {"a": 10**400}),
])  # fmt: skip
def test_what_is_no_ranking_or_no_grades_is_one_line(ranking, grades):
    with pytest.raises(InputError, match=r"^metrics: got .* for query 'q', expected a list of \(passage, score\)"):
        metrics.per_query({"q": ranking}, {"q": grades})


def test_systems_that_do_not_differ_have_a_p_of_one():
    assert significance.t_test({"a": 0.5, "b": 0.2}, {"a": 0.5, "b": 0.2}) == 1.0


@pytest.mark.parametrize(("ours", "theirs"), [
    ([0.3, 1.1], [0.2, 1.0]), ([100.1, 1.1], [100.0, 1.0]), ([1e6 + 0.1, 1.1], [1e6, 1.0]),
])  # fmt: skip
def test_a_difference_that_varies_by_rounding_alone_is_the_same_everywhere(ours, theirs):
    ours, theirs = dict(enumerate(ours)), dict(enumerate(theirs))
    assert ours[0] - theirs[0] != ours[1] - theirs[1]
    with pytest.raises(InputError, match="on 2 of 2 queries, expected one that varies"):
        significance.t_test(ours, theirs)


def test_the_seed_decides_the_draws():
    ours, theirs = ({str(q): float(x) for q, x in enumerate(np.random.default_rng(s).random(30))} for s in (1, 2))
    found = [significance.compare(ours, theirs, draws=200, seed=seed) for seed in (0, 0, 1)]
    assert found[0] == found[1] != found[2]
    assert significance.compare_all({"": ours}, theirs, draws=200) == {"": found[0]}
    usual, gaps = significance.compare(ours, theirs), [[ours[q] - theirs[q] for q in ours]]
    assert usual == significance.compare(ours, theirs, draws=10_000, seed=0)
    assert significance.compare_all({"": ours}, theirs) == {"": usual}
    ends = significance.bootstrap(gaps)
    assert ends.tolist() == significance.bootstrap(gaps, draws=10_000, seed=0).tolist()
    assert ends.tolist() != significance.bootstrap(gaps, seed=1).tolist()


def test_every_query_is_won_lost_or_neither_by_however_little():
    gaps = {"a": 0.25, "b": 0.5, "c": -0.25, "d": 0.0, "e": 3.0, "f": -2.0, "g": 1.0}
    found = significance.compare(gaps, dict.fromkeys(gaps, 0.0))
    assert (found.difference, found.wins, found.losses) == (pytest.approx(2.5 / 7), 4, 2)


def test_queries_of_the_same_right_passages_are_one_group():
    qrels = {"a": {"x": 1, "y": 0}, "b": {"z": 1}, "c": {"x": 2}, "d": {"x": 1, "y": 1}, "e": {"y": 1, "x": 3}}
    assert significance.same_passages(qrels) == {"a": 0, "b": 1, "c": 0, "d": 2, "e": 2}


def at_once(sums, sizes, draws, seed):
    """p and interval of one system, from all draws at once: `sums` and `sizes` of the groups."""
    draw, n = np.random.default_rng(seed), len(sums)
    flips = draw.choice([-1.0, 1.0], size=(draws, n)) @ sums
    picks = draw.integers(0, n, size=(draws, n))
    means = sums[picks].sum(1) / sizes[picks].sum(1)
    p = (1 + np.sum(np.abs(flips) >= abs(sums.sum()) - 1e-12)) / (draws + 1)
    return [p, *np.percentile(means, [2.5, 97.5])]


@pytest.mark.parametrize("cells", [1, 1 << 14, 1 << 20, 1 << 30])
@pytest.mark.parametrize("kept", [0, 1 << 25])
def test_draws_in_blocks_are_those_of_one_block(cells, kept, monkeypatch):
    monkeypatch.setattr(drawn, "CELLS", cells)
    monkeypatch.setattr(drawn, "KEPT", kept)
    drawn._kept.cache_clear()
    draw = random.Random(3)
    systems = {name: {str(q): draw.choice([0, 1 / 3, 0.5, 1]) for q in range(150)} for name in "abc"}
    groups = {query: int(query) // 2 for query in systems["a"]}
    baseline = systems.pop("c")
    for _ in range(2):  # what is kept is the same
        found = significance.compare_all(systems, baseline, groups, draws=1_000, seed=5)
        for name, values in systems.items():
            sums, one = dict.fromkeys((groups[q] for q in sorted(baseline)), 0.0), found[name]
            for query in sorted(baseline):
                sums[groups[query]] += values[query] - baseline[query]
            sums = np.array([*sums.values()])
            assert [one.p, one.low, one.high] == pytest.approx(at_once(sums, np.full(75, 2), 1_000, 5), rel=1e-12)


def test_memory_does_not_grow_with_topics():
    """The numbers of ten thousand draws of 4,000 topics take 320 MB."""
    ours, base = ({str(i): float(i % k == 0) for i in range(4_000)} for k in (3, 5))
    tracemalloc.start()
    try:
        significance.compare(ours, base)
        assert tracemalloc.get_traced_memory()[1] < 100e6
    finally:
        tracemalloc.stop()


def test_a_cut_has_nine_digits_at_most():
    assert metrics.per_query({"q": [("a", 1.0)]}, {"q": {"a": 1}}, [f"r@{'9' * 9}"]) == {f"r@{'9' * 9}": {"q": 1.0}}
    for cut in ("9" * 400, "1" * 10, "٣"):
        with pytest.raises(InputError, match="nine digits at most"):
            metrics.per_query({"q": [("a", 1.0)]}, {"q": {"a": 1}}, [f"p@{cut}"])


def test_trec_eval_keeps_single_precision():
    run = {"q": [("a", 0.1 + 1e-12), ("b", 0.1), ("c", -1e300)]}
    assert metrics.per_query(run, {"q": {"b": 1}}, ["mrr"], ties="trec") == {"mrr": {"q": 1.0}}
