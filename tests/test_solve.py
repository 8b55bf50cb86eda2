"""What holds for every solver: numbers go in through one door, and what comes out is a plan or says that it is none."""

import math

import numpy as np
import ot
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from optical_lite.kernels import logdomain
from optical_lite.settings import InputError
from optical_lite.transport import METHODS, solve

BALANCED = sorted({*METHODS} - {"unbalanced", "partial"})
LIMITS = {"max_iterations": 5000, "tolerance": 1e-4}
few = settings(max_examples=12, deadline=None)
EVERY = pytest.mark.parametrize("method", METHODS)


@st.composite
def problems(draw, dtype=torch.float64):
    """Ragged batches: costs from 0 to 2, masses from .05 to 1, some problems without any mass."""
    B, n, m = draw(st.integers(1, 3)), draw(st.integers(1, 6)), draw(st.integers(1, 6))
    random = torch.Generator().manual_seed(draw(st.integers(0, 999)))
    cost = torch.rand(B, n, m, generator=random, dtype=torch.float64) * 2
    sides = []
    for width in (n, m):
        real = [draw(st.integers(1, width)) for _ in range(B)]
        mass = torch.rand(B, width, generator=random, dtype=torch.float64) * 0.95 + 0.05
        sides.append(mass * (torch.arange(width) < torch.tensor(real)[:, None]))
    empty = torch.tensor([draw(st.integers(0, 5)) == 0 for _ in range(B)])
    a, b = (x / x.sum(1, keepdim=True) * ~empty[:, None] for x in sides)
    return cost.to(dtype), a.to(dtype), b.to(dtype)


def blocks(cost, a, b, plan):
    """Each problem that has mass without its padding, as arrays for POT."""
    for C, p, q, T in zip(cost, a, b, plan, strict=True):
        if p.sum() > 0:
            yield p[p > 0].numpy(), q[q > 0].numpy(), C[p > 0][:, q > 0].numpy(), T[p > 0][:, q > 0].numpy()


@EVERY
@few
@given(problem=problems(), epsilon=st.sampled_from([1e-4, 0.02, 0.3, 30.0]))
def test_a_plan_is_finite_and_masked_and_its_flag_is_honest(method, problem, epsilon):
    for dtype in (torch.float64, torch.float32, torch.bfloat16):
        cost, a, b = (x.to(dtype) for x in problem)
        found = solve(cost, a, b, epsilon=epsilon, method=method, max_iterations=50)
        T = found.plan
        assert torch.isfinite(T).all()
        assert (T >= 0).all()
        assert (T[((a == 0)[:, :, None] | (b == 0)[:, None, :])] == 0).all()
        lost = found.marginal_error == math.inf
        assert (found.cost[lost] == math.inf).all()
        assert not found.converged[lost].any()
        exact = (T.double() * cost.double()).sum((1, 2))
        torch.testing.assert_close(found.cost[~lost].double(), exact[~lost], atol=1e-5, rtol=1e-4)
        if method != "partial" and dtype == torch.float64:
            errors = (T.sum(2) - a).abs().sum(1) + (T.sum(1) - b).abs().sum(1)
            torch.testing.assert_close(found.marginal_error[~lost], errors[~lost])
        if method in BALANCED:
            error = (T.sum(2) - problem[1]).abs().sum(1) + (T.sum(1) - problem[2]).abs().sum(1)
            enough = 1e-3 + (0.05 if dtype == torch.bfloat16 else 0)  # the masses themselves are rounded
            assert (error[found.converged] <= enough).all()


def too_dear(problem, method, epsilon):
    """Which plans cost more than an entropic optimum can: an optimum T* of the cost alone bounds T.

    <T, C> - <T*, C> <= epsilon (Ent(T) - Ent(T*)) <= epsilon log(nm) at a mass of 1. The divergences of ``unbalanced``
    are >= 0, and that of T* from the product is at most log(nm), so its T obeys, too. ``partial`` is an entropic
    optimum with a row and a column more and the mass 2 - 0.8; a share of T* bounds its optimum.
    """
    options = {"epsilon": epsilon, "max_iterations": 20_000, "tolerance": 1e-6}
    found, best = solve(*problem, method=method, **options), solve(*problem, method="exact")
    assert found.converged.all()
    wide, (n, m) = method == "partial", ((x > 0).sum(1) for x in problem[1:])
    share, mass = (0.8, 1.2) if wide else (1, 1)
    cells = ((n + wide) * (m + wide)).clamp(min=1)  # (B,)
    return found.cost > share * best.cost + epsilon * mass * cells.log() + 1e-4


@EVERY
@few
@given(problem=problems(), epsilon=st.sampled_from([0.02, 0.05]))
def test_a_plan_at_a_small_epsilon_is_nearly_the_cheapest(method, problem, epsilon):
    assert not too_dear(problem, method, epsilon).any()


def test_the_product_of_the_masses_would_be_seen(monkeypatch):
    """It has both marginals and stays off the padding, and is no plan of small cost."""
    random = torch.Generator().manual_seed(0)
    shapes = (3, 6, 5), (3, 6), (3, 5)
    cost, a, b = (torch.rand(*shape, generator=random, dtype=torch.float64) for shape in shapes)
    problem = cost, a / a.sum(1, keepdim=True), b / b.sum(1, keepdim=True)
    assert not too_dear(problem, "log", 0.02).any()
    monkeypatch.setattr(logdomain, "sinkhorn", lambda _, C, a, b, *rest: (a[:, :, None] * b[:, None], torch.ones(3)))
    assert too_dear(problem, "log", 0.02).all()


@EVERY
@few
@given(problem=problems(), seed=st.integers(0, 99))
def test_the_order_of_tokens_does_not_matter(method, problem, seed):
    cost, a, b = problem
    random = torch.Generator().manual_seed(seed)
    rows, columns = (torch.randperm(k, generator=random) for k in cost.shape[1:])
    options = {"epsilon": 0.2, "method": method, "tolerance": 1e-9, "max_iterations": 3000}
    straight = solve(cost, a, b, **options)
    mixed = solve(cost[:, rows][:, :, columns], a[:, rows], b[:, columns], **options)
    torch.testing.assert_close(mixed.cost, straight.cost, atol=1e-6, rtol=0)
    if method not in ("exact", "proximal"):  # there the best plan need not be the only one
        torch.testing.assert_close(mixed.plan, straight.plan[:, rows][:, :, columns], atol=1e-6, rtol=0)


@EVERY
@pytest.mark.parametrize("rubbish", [math.nan, math.inf, -math.inf, 1e30, -1e30])
@given(problem=problems(dtype=torch.float32))
@settings(max_examples=3, deadline=None)
def test_what_lies_on_padding_does_not_matter(method, rubbish, problem):
    cost, a, b = problem
    plain = solve(cost, a, b, epsilon=0.1, method=method)
    cost, a, b = (torch.nn.functional.pad(x, (0, 2), value=v) for x, v in ((cost, rubbish), (a, 0), (b, 0)))
    cost = torch.nn.functional.pad(cost, (0, 0, 0, 2), value=rubbish)
    found = solve(cost, a, b, epsilon=0.1, method=method)
    torch.testing.assert_close(found.plan[:, :-2, :-2], plain.plan, atol=1e-6, rtol=1e-5)
    assert found.converged.tolist() == plain.converged.tolist()
    assert found.plan.sum() == pytest.approx(plain.plan.sum().item(), abs=1e-5)


@EVERY
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float8_e4m3fn", "int64", "int32", "bool"])
def test_other_number_types_are_solved_in_float32(method, dtype):
    """Masses of thirds and sevenths do not sum to one in half precision; plans of such costs converge all the same."""
    dtype = getattr(torch, dtype)
    cost = torch.tensor([[[0, 1, 2, 1, 0, 2, 1], [1, 0, 1, 2, 1, 0, 2], [2, 1, 0, 0, 2, 1, 1]]]).to(dtype)
    half = dtype if dtype.itemsize == 2 else torch.float32
    a, b = torch.full((1, 3), 1 / 3, dtype=half), torch.full((1, 7), 1 / 7, dtype=half)
    found = solve(cost, a, b, epsilon=0.2, method=method, **LIMITS)
    expected = solve(cost.double(), torch.full((1, 3), 1 / 3).double(), torch.full((1, 7), 1 / 7).double(), epsilon=0.2,
                     method=method, **LIMITS)  # fmt: skip
    assert found.plan.dtype == torch.float32
    assert found.converged.all()
    assert found.cost.item() == pytest.approx(expected.cost.item(), abs=5e-3)
    assert found.plan.sum().item() == pytest.approx(expected.plan.sum().item(), rel=5e-3)


def test_sums_that_differ_by_rounding_meet_in_the_middle():
    cost = torch.rand(2, 3, 3, generator=torch.Generator().manual_seed(0))
    a, b = torch.full((2, 3), 1 / 3), torch.full((2, 3), 1 / 3) * 1.0008
    found = solve(cost, a, b, method="log", tolerance=1e-5, max_iterations=2000)
    assert found.converged.all()
    assert found.plan.sum().item() == pytest.approx(2.0008, abs=1e-5)
    a, b = a * 1e6, b * 1e6 / 1.0008  # a million of mass is no worse than one
    assert solve(cost, a * 1.0001, b, tolerance=50.0).converged.all()
    with pytest.raises(InputError, match=r"differ by 0\.02"):
        solve(cost, a * 1.02, b)


@EVERY
@pytest.mark.parametrize("shape", [(0, 3, 2), (2, 0, 3), (2, 3, 0), (0, 0, 0), (3, 2, 2)])
def test_without_mass_there_is_nothing_to_move(method, shape):
    B, n, m = shape
    found = solve(torch.ones(B, n, m), torch.zeros(B, n), torch.zeros(B, m), epsilon=0.001, method=method)
    assert found.plan.shape == shape
    assert not found.plan.any()
    assert found.iterations.dtype == torch.long
    assert found.converged.shape == found.cost.shape == found.iterations.shape == (B,)
    assert found.converged.all()


@EVERY
@pytest.mark.parametrize(
    ("option", "text"),
    [
        ({"check_every": 0}, "check_every 0"), ({"check_every": -1}, "check_every -1"),
        ({"check_every": 2.5}, "check_every 2.5"), ({"max_iterations": 0}, "max_iterations 0"),
        ({"max_iterations": True}, "max_iterations True"), ({"tolerance": None}, "tolerance None"),
        ({"mass": "0.8"}, "mass '0.8'"),
        ({"tolerance": -1.0}, "tolerance -1.0"), ({"tolerance": math.nan}, "tolerance nan"),
        ({"epsilon": math.inf}, "epsilon inf"), ({"epsilon": math.nan}, "epsilon nan"),
        ({"epsilon": -1.0}, "epsilon -1.0"), ({"reach": math.inf}, "reach inf"), ({"reach": -1}, "reach -1"),
        ({"reach": 0.0}, "reach 0.0"), ({"mass": 0}, "mass 0"), ({"mass": 1.2}, "mass 1.2"),
        ({"mass": math.nan}, "mass nan"),
    ],
)  # fmt: skip
def test_options_out_of_range_are_named_whatever_the_method(method, option, text):
    half = torch.full((1, 2), 0.5)
    with pytest.raises(InputError, match=f"{text}, expected"):
        solve(torch.ones(1, 2, 2), half, half, method=method, **option)


def test_a_tolerance_of_0_asks_for_every_iteration():
    half = torch.full((1, 2), 0.5)
    found = solve(torch.tensor([[[0.0, 0.7], [0.3, 0.1]]]), half, half, tolerance=0, max_iterations=7, check_every=100)
    assert found.iterations.item() == 7


@EVERY
@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_costs_that_are_no_numbers_are_refused_between_real_tokens(method, wrong):
    cost, half = torch.ones(2, 2, 2), torch.full((2, 2), 0.5)
    cost[1, 0, 1] = wrong
    with pytest.raises(InputError, match=r"^transport: got NaN or infinite costs"):
        solve(cost, half, half, method=method)
    with pytest.raises(InputError, match="complex"):
        solve(torch.ones(2, 2, 2, dtype=torch.complex64), half, half, method=method)


@pytest.mark.parametrize("epsilon", [1e-3, 1e-38])
def test_a_problem_beyond_the_range_of_numbers_is_lost_alone_and_says_so(epsilon):
    """exp(-C / epsilon) is 0 everywhere in the second problem; the first, of zero costs, is not disturbed."""
    cost, half = torch.stack([torch.zeros(2, 2), torch.ones(2, 2) * 3]), torch.full((2, 2), 0.5)
    found = solve(cost, half, half, epsilon=epsilon, method="scaling")
    assert found.converged.tolist() == [True, False]
    torch.testing.assert_close(found.plan, torch.stack([torch.full((2, 2), 0.25), torch.zeros(2, 2)]))
    assert found.marginal_error[1] == found.cost[1] == math.inf
    assert solve(cost, half, half, epsilon=1e-3, method="log").converged.all()


@few
@given(problem=problems(), epsilon=st.sampled_from([0.1, 1.0]))
def test_entropic_plans_are_those_of_pot(problem, epsilon):
    for method in ("log", "scaling", "stabilized"):
        found = solve(*problem, epsilon=epsilon, method=method, tolerance=1e-9, max_iterations=20_000)
        for p, q, C, T in blocks(*problem, found.plan):
            expected = ot.sinkhorn(p, q, C, epsilon, method="sinkhorn_log", stopThr=1e-10, numItermax=20_000)
            np.testing.assert_allclose(T, expected, atol=1e-7)


@few
@given(problem=problems())
def test_exact_costs_are_those_of_pot(problem):
    for method, options in {
        "exact": {},
        "proximal": {"epsilon": 0.5, "max_iterations": 20_000, "tolerance": 1e-7},
    }.items():
        found = solve(*problem, method=method, **options)
        costs = found.cost[problem[1].sum(1) > 0].tolist()
        for cost, (p, q, C, _) in zip(costs, blocks(*problem, found.plan), strict=True):
            assert cost == pytest.approx(ot.emd2(p / p.sum(), q / q.sum(), C), abs=1e-4)


@few
@given(problem=problems(), reach=st.sampled_from([0.05, 0.5, 4.0]), epsilon=st.sampled_from([0.1, 2.0]),
       scale=st.sampled_from([1.0, 3.0]))  # fmt: skip
def test_unbalanced_plans_are_those_of_pot(problem, reach, epsilon, scale):
    """POT takes the reference measure as an argument; at a mass of 1 it is its default."""
    cost, a, b = problem[0], problem[1] * scale, problem[2] * scale
    options = {"epsilon": epsilon, "reach": reach, "tolerance": 1e-12, "max_iterations": 30_000}
    found = solve(cost, a, b, method="unbalanced", **options)
    assert found.converged.all()
    for p, q, C, T in blocks(cost, a, b, found.plan):
        reference = None if scale == 1 else np.outer(p, q) / p.sum()
        expected = ot.unbalanced.sinkhorn_unbalanced(
            p, q, C, epsilon, reach, reg_type="kl", c=reference, stopThr=1e-13, numItermax=30_000
        )
        np.testing.assert_allclose(T, expected, atol=1e-7)


@few
@given(problem=problems(), reach=st.sampled_from([0.05, 0.5, 100.0]), epsilon=st.sampled_from([0.05, 1.0, 10.0]))
def test_unbalanced_makes_no_mass(problem, reach, epsilon):
    cost, a, b = problem
    options = {"epsilon": epsilon, "reach": reach, "method": "unbalanced", "max_iterations": 20_000, "tolerance": 1e-9}
    found, full = solve(cost, a, b, **options), a.sum(1) > 0
    moved = found.plan.sum((1, 2))[full]
    assert (moved <= torch.exp(-found.cost[full] / moved / (2 * reach + epsilon)) + 1e-4).all()
    free = solve(cost * 0, a, b, **options).plan
    torch.testing.assert_close(free, a[:, :, None] * b[:, None, :], atol=1e-6, rtol=0)  # nothing to save: all moves


@pytest.mark.filterwarnings("ignore:If reg_type = entropy")
@pytest.mark.parametrize(("n", "m"), [(3, 5), (7, 2)])
def test_counted_cell_by_cell_a_uniform_problem_has_the_same_plan_but_heavier(n, m):
    cost = torch.rand(1, n, m, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    a, b = torch.full((1, n), 1 / n, dtype=torch.float64), torch.full((1, m), 1 / m, dtype=torch.float64)
    options = {"epsilon": 0.1, "reach": 0.4, "max_iterations": 20_000, "tolerance": 1e-12}
    found = solve(cost, a, b, method="unbalanced", **options).plan[0]
    counted = ot.unbalanced.sinkhorn_unbalanced(
        a[0].numpy(), b[0].numpy(), cost[0].numpy(), 0.1, 0.4, reg_type="entropy", stopThr=1e-13, numItermax=20_000
    )
    np.testing.assert_allclose(found.numpy() * (n * m) ** (0.1 / 0.9), counted, rtol=1e-6)


@pytest.mark.parametrize("price", [0.0, 0.3, 1.0, 5.0])
def test_two_tokens_alone_keep_what_reach_leaves_them(price):
    one = torch.ones(1, 1, dtype=torch.float64)
    for reach, epsilon in ((0.5, 0.05), (0.1, 1.0)):
        plan = solve(
            one[None] * price, one, one, method="unbalanced", reach=reach, epsilon=epsilon, tolerance=1e-12
        ).plan
        assert plan.item() == pytest.approx(math.exp(-price / (2 * reach + epsilon)), rel=1e-6)


@pytest.mark.parametrize("method", ["log", "stabilized", "scaling", "unbalanced", "partial"])
@few
@given(problem=problems(), epsilon=st.sampled_from([0.1, 1.0]))
def test_a_token_cut_in_two_moves_what_it_moved(method, problem, epsilon):
    """The plan depends on what is where, not on how finely it is cut."""
    cost, a, b = problem
    options = {"epsilon": epsilon, "method": method, "tolerance": 1e-9, "max_iterations": 20_000}
    whole = solve(cost, a, b, **options).plan
    halves = solve(
        torch.cat([cost, cost[:, :1]], 1), torch.cat([a[:, :1] / 2, a[:, 1:], a[:, :1] / 2], 1), b, **options
    )
    together = torch.cat([halves.plan[:, :1] + halves.plan[:, -1:], halves.plan[:, 1:-1]], 1)
    torch.testing.assert_close(together, whole, atol=1e-5, rtol=0)


@few
@given(problem=problems(), epsilon=st.sampled_from([0.01, 0.2, 5.0, 100.0]), mass=st.sampled_from([0.1, 0.7, 1.0]))
def test_partial_moves_its_share_at_any_epsilon(problem, epsilon, mass):
    cost, a, b = problem
    found = solve(cost, a, b, epsilon=epsilon, method="partial", mass=mass, max_iterations=20_000, tolerance=1e-7)
    done = found.converged
    torch.testing.assert_close(found.plan.sum((1, 2))[done], mass * a.sum(1)[done], atol=1e-6, rtol=0)
    assert (found.plan.sum(2)[done] <= a[done] + 1e-6).all()
    assert (found.plan.sum(1)[done] <= b[done] + 1e-6).all()
    assert done.all() or epsilon < 0.1


@pytest.mark.parametrize("method", ["stabilized", "partial"])
@pytest.mark.parametrize("epsilon", [0.005, 0.05])
def test_a_plan_grows_with_the_masses_whatever_they_weigh(method, epsilon):
    random = torch.Generator().manual_seed(3)
    cost, a, b = (torch.rand(*shape, generator=random) for shape in ((1, 7, 5), (1, 7), (1, 5)))
    a, b = (x / x.sum(dtype=torch.float64) for x in (a.double(), b.double()))
    options = {"epsilon": epsilon, "method": method, "max_iterations": 20_000}
    expected = solve(cost.double(), a, b, **options, tolerance=1e-7)
    scales = [1e-30, 1e-18, 1e-6, 3.0, 1e6, 1e10, 1e12, 1e30]
    for scale in scales:
        found = solve(cost, a.float() * scale, b.float() * scale, **options, tolerance=1e-5 * scale)
        assert found.converged.all(), scale
        torch.testing.assert_close(found.plan.double() / scale, expected.plan, atol=1e-4, rtol=0)
        assert found.cost.item() / scale == pytest.approx(expected.cost.item(), rel=1e-3)
    # in one batch each has the tolerance of all, in units of mass
    heavy = torch.tensor(scales)[:, None]
    found = solve(cost.expand(8, -1, -1), a.float() * heavy, b.float() * heavy, **options, tolerance=1e7)
    assert found.converged[:-1].all()
    assert not found.converged[-1]
    for k in (5, 6):
        allowed = 1e7 / scales[k]
        torch.testing.assert_close(found.plan[k].double() / scales[k], expected.plan[0], atol=allowed, rtol=0)


@EVERY
def test_what_is_not_named_is_as_the_reference_says(method):
    random = torch.Generator().manual_seed(0)
    cost, a, b = (torch.rand(*shape, generator=random, dtype=torch.float64) for shape in ((4, 5, 6), (4, 5), (4, 6)))
    a, b = (x / x.sum(1, keepdim=True) for x in (a, b))
    said = {"epsilon": 0.05, "max_iterations": 500, "tolerance": 1e-3, "check_every": 5, "reach": 0.5, "mass": 0.8}
    usual = solve(cost, a, b, method=method)
    for name, value in vars(solve(cost, a, b, method=method, **said)).items():
        assert torch.equal(value, getattr(usual, name)), name
    if method == "log":
        assert torch.equal(usual.plan, solve(cost, a, b).plan)
    else:
        assert not torch.equal(usual.plan, solve(cost, a, b).plan)
    assert not (usual.iterations % 5).any()
    assert not (solve(cost, a, b, method=method, check_every=7, max_iterations=5_600).iterations % 7).any()
    if method != "exact":
        assert (solve(cost, a, b, method=method, epsilon=0.003, tolerance=0).iterations == 500).all()
