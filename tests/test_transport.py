import itertools
import math

import numpy as np
import ot
import pytest
import torch

from optical_lite import transport
from optical_lite.kernels import stabilized
from optical_lite.settings import InputError
from optical_lite.transport import METHODS, plain, solve


def problems(batch=12, n=9, m=7, dtype=torch.float64, seed=0):
    """Ragged random problems: cost (B, n, m), marginals with zeros on padding."""
    draw = torch.Generator().manual_seed(seed)
    cost = torch.rand(batch, n, m, dtype=dtype, generator=draw) * 1.5
    a, b = torch.zeros(batch, n, dtype=dtype), torch.zeros(batch, m, dtype=dtype)
    for i in range(batch):
        rows, columns = 1 + i % n, 1 + (3 * i) % m
        a[i, :rows] = torch.rand(rows, dtype=dtype, generator=draw) + 0.1
        b[i, :columns] = torch.rand(columns, dtype=dtype, generator=draw) + 0.1
    return cost, a / a.sum(1, keepdim=True), b / b.sum(1, keepdim=True)


@pytest.mark.parametrize("method", ["log", "scaling", "stabilized"])
@pytest.mark.parametrize("epsilon", [1.0, 0.1, 0.05])
def test_sinkhorn_agrees_with_pot(method, epsilon):
    cost, a, b = problems()
    found = solve(cost, a, b, epsilon=epsilon, method=method, max_iterations=20_000, tolerance=1e-10)
    assert found.converged.all()
    for i in range(len(cost)):
        rows, columns = a[i] > 0, b[i] > 0
        block = cost[i][rows][:, columns].numpy()
        masses, options = (a[i, rows].numpy(), b[i, columns].numpy()), {"stopThr": 1e-12, "numItermax": 50_000}
        expected = ot.sinkhorn(*masses, block, epsilon, method="sinkhorn_log", **options)
        np.testing.assert_allclose(found.plan[i][rows][:, columns], expected, atol=1e-8)


def test_exact_agrees_with_pot_and_bounds_every_other_plan():
    cost, a, b = problems()
    exact = solve(cost, a, b, method="exact")
    blurred = solve(cost, a, b, epsilon=0.05, tolerance=1e-9, max_iterations=5000)
    for i in range(len(cost)):
        rows, columns = a[i] > 0, b[i] > 0
        expected = ot.emd2(a[i, rows].numpy(), b[i, columns].numpy(), cost[i][rows][:, columns].numpy())
        assert exact.cost[i].item() == pytest.approx(expected, abs=1e-9)
    assert (exact.cost <= blurred.cost + 1e-7).all()


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_exact_agrees_with_brute_force(n):
    """With equal uniform masses some permutation is optimal (Birkhoff)."""
    cost = torch.rand(1, n, n, dtype=torch.float64, generator=torch.Generator().manual_seed(n))
    a = torch.full((1, n), 1 / n, dtype=torch.float64)
    best = min(sum(cost[0, i, j].item() for i, j in enumerate(p)) / n for p in itertools.permutations(range(n)))
    assert solve(cost, a, a, method="exact").cost.item() == pytest.approx(best, abs=1e-12)
    assert solve(cost, a, a, epsilon=0.002, max_iterations=50_000).cost.item() == pytest.approx(best, abs=5e-3)


def test_small_problem_by_brute_force_over_the_entropic_objective():
    """A 2 x 2 plan with fixed marginals has one free number: search it on a fine grid."""
    cost = torch.tensor([[[0.1, 0.9], [0.7, 0.3]]], dtype=torch.float64)
    (a, b), epsilon = torch.tensor([[[0.6, 0.4]], [[0.3, 0.7]]], dtype=torch.float64), 0.2
    x = torch.linspace(1e-9, 0.3 - 1e-9, 400_001, dtype=torch.float64)
    plans = torch.stack([x, 0.6 - x, 0.3 - x, 0.1 + x])
    value = (plans * cost.flatten()[:, None]).sum(0) + epsilon * (plans * (plans.log() - 1)).sum(0)
    found = solve(cost, a, b, epsilon=epsilon, tolerance=1e-12, max_iterations=10_000)
    assert found.plan[0, 0, 0].item() == pytest.approx(x[value.argmin()].item(), abs=1e-5)


@pytest.mark.parametrize("method", sorted({*METHODS} - {"unbalanced", "partial"}))
def test_both_marginals_hold_and_padding_stays_empty(method):
    cost, a, b = problems(dtype=torch.float32)
    cost[:, a.shape[1] - 1, :] = torch.where(a[:, -1:] > 0, cost[:, -1], torch.inf)  # rubbish on padding is ignored
    found = solve(cost, a, b, epsilon=0.1, method=method, max_iterations=5000, tolerance=1e-4)
    assert found.converged.all()
    assert (found.marginal_error <= 1e-4).all()
    assert (found.plan >= 0).all()
    assert (found.plan[(a == 0)[:, :, None].expand_as(found.plan)] == 0).all()
    assert (found.plan[(b == 0)[:, None, :].expand_as(found.plan)] == 0).all()
    torch.testing.assert_close(found.plan.sum(2), a, atol=2e-4, rtol=0)
    torch.testing.assert_close(found.plan.sum(1), b, atol=2e-4, rtol=0)


@pytest.mark.parametrize("method", METHODS)
def test_an_empty_problem_is_the_zero_plan_and_does_not_disturb_the_others(method):
    cost, a, b = problems(dtype=torch.float32)
    keep, empty = torch.arange(len(cost)) != 3, (a.clone(), b.clone())
    empty[0][3], empty[1][3] = 0, 0
    for limit in (5, 500):
        options = {"epsilon": 0.1, "method": method, "max_iterations": limit}
        found, alone = solve(cost, *empty, **options), solve(cost, a, b, **options)
        for name, value in vars(found).items():
            torch.testing.assert_close(value[keep], getattr(alone, name)[keep], msg=name)
            assert (value[3] == (name == "converged")).all()


@pytest.mark.parametrize("method", ["log", "stabilized"])
@pytest.mark.parametrize("small", [0, 1 << 16])
def test_each_problem_stops_on_its_own(method, small, monkeypatch):
    monkeypatch.setattr(stabilized, "SMALL", small)  # with 0, those that are done leave at once
    cost, a, b = problems(batch=40)
    limits = {"epsilon": 0.02, "max_iterations": 20_000, "method": method}
    both = solve(cost, a, b, **limits)
    assert both.converged.all()
    assert len(set(both.iterations.tolist())) > 1
    for i in range(len(cost)):
        one = solve(cost[i : i + 1], a[i : i + 1], b[i : i + 1], **limits)
        torch.testing.assert_close(one.plan[0], both.plan[i])
        assert one.iterations[0] == both.iterations[i]


def test_too_few_iterations_are_admitted():
    cost, a, b = problems()
    found = solve(cost, a, b, epsilon=0.005, max_iterations=5, tolerance=1e-9)
    assert not found.converged.all()
    assert (found.marginal_error[~found.converged] > 1e-9).all()


def test_scaling_underflows_where_log_does_not():
    """exp(-1 / 0.005) is below the smallest float32: rows of the kernel vanish."""
    cost = torch.tensor([[[1.0, 1.2], [1.1, 1.0]]])
    half = torch.tensor([[0.5, 0.5]])
    broken = solve(cost, half, half, epsilon=0.005, method="scaling")
    assert not broken.converged.any()
    assert torch.isinf(broken.marginal_error).all()
    assert solve(cost, half, half, epsilon=0.005, method="log").converged.all()


@pytest.mark.parametrize("epsilon", [1.0, 0.1, 0.05, 0.02, 0.01])
def test_stabilized_in_float32_is_as_exact_as_logarithms_in_float64(epsilon):
    cost, a, b = problems(batch=63, n=20, m=23, seed=3)
    limits = {"epsilon": epsilon, "max_iterations": 20_000}
    exact = solve(cost, a, b, **limits, tolerance=1e-9)
    fast = solve(cost.float(), a.float(), b.float(), method="stabilized", **limits, tolerance=2e-5)
    assert exact.converged.all()
    assert fast.converged.all()
    torch.testing.assert_close(fast.plan.double(), exact.plan, atol=2e-4, rtol=0)
    torch.testing.assert_close(fast.cost.double(), exact.cost, atol=1e-4, rtol=0)


@pytest.mark.parametrize("epsilon", [0.5, 0.05, 0.01])
def test_stabilized_agrees_with_the_plain_lines(epsilon):
    cost, a, b = problems(batch=6)
    fast = solve(cost, a, b, epsilon=epsilon, method="stabilized", max_iterations=20_000, tolerance=1e-10)
    assert fast.converged.all()
    torch.testing.assert_close(fast.plan, plain(cost, a, b, epsilon, 1500), atol=1e-8, rtol=0)


def test_what_is_given_is_not_changed():
    cost, a, b = problems(dtype=torch.float32)
    copies = [x.clone() for x in (cost, a, b)]
    for epsilon in (0.1, 0.005):
        solve(cost, a, b, epsilon=epsilon, method="stabilized")
    for given, copy in zip((cost, a, b), copies, strict=True):
        assert torch.equal(given, copy)


def test_over_relaxation_is_read_off_the_speed():
    """A plain update that contracts by theta: the best factor is 2 / (1 + sqrt(1 - theta)), found from any other."""
    theta, omega = 0.9, 1.3
    root = omega * theta**0.5 / 2 + (omega**2 * theta / 4 - omega + 1) ** 0.5  # its square is the speed
    before = torch.full((1, 1, 1), 0.1, dtype=torch.float64)
    found = stabilized._retune(torch.full_like(before, omega), before * root**10, before, 5)
    assert found.item() == pytest.approx(2 / (1 + (1 - theta) ** 0.5))
    assert stabilized._retune(found, before * 2, before, 5).item() == pytest.approx(stabilized.RELAXED)  # went astray


@pytest.mark.parametrize("seed", range(8))
def test_stabilized_never_gives_nan(seed):
    """Whatever the mask, the masses, the costs and epsilon: finite plans, no mass on padding, an honest flag."""
    draw = torch.Generator().manual_seed(seed)
    cost = torch.rand(40, 12, 9, generator=draw) * 2
    cost[::5] = cost[::5, :1, :1]  # all costs equal
    cost[1::5] = (cost[1::5] > 1).float() * 2  # only the extremes
    a = torch.rand(40, 12, generator=draw) ** 8 * (torch.rand(40, 12, generator=draw) > 0.5)
    b = torch.rand(40, 9, generator=draw) ** 8 * (torch.rand(40, 9, generator=draw) > 0.5)
    alive = (a.sum(1) > 0) & (b.sum(1) > 0)
    a, b = (x * alive[:, None] / x.sum(1, keepdim=True).clamp(min=1e-30) for x in (a, b))
    for epsilon in (1.0, 0.05, 0.01, 0.003):
        found = solve(cost, a, b, epsilon=epsilon, method="stabilized", max_iterations=300)
        assert torch.isfinite(found.plan).all()
        assert (found.plan[((a == 0)[:, :, None] | (b == 0)[:, None, :])] == 0).all()
        error = (found.plan.sum(2) - a).abs().sum(1) + (found.plan.sum(1) - b).abs().sum(1)
        assert (found.converged == (error <= 1e-3)).all()


def test_what_stabilized_cannot_finish_is_solved_with_logarithms(monkeypatch):
    cost, a, b = problems(dtype=torch.float32)
    expected = solve(cost, a, b, epsilon=0.05, max_iterations=2000)
    monkeypatch.setattr(stabilized, "_start", lambda cost, a, b, *rest: (cost * torch.nan, a, b))
    found = solve(cost, a, b, epsilon=0.05, method="stabilized", max_iterations=2000)
    for name, value in vars(expected).items():
        torch.testing.assert_close(getattr(found, name), value, msg=name)


@pytest.mark.parametrize("method", METHODS)
def test_what_costs_more_than_a_float_holds_is_lost(method):
    cost, a, b = problems(dtype=torch.float32)
    found = solve((cost + 0.1) * 1e20, a * 1e20, b * 1e20, epsilon=1e20, reach=1e20, method=method, max_iterations=50)
    assert not found.plan.any()
    assert (found.cost == math.inf).all()
    assert (found.marginal_error == math.inf).all()
    assert not found.converged.any()


def test_a_name_without_a_solver_is_the_programmers_fault(monkeypatch):
    monkeypatch.setattr(transport, "METHODS", (*METHODS, "magic"))
    with pytest.raises(NotImplementedError, match=r"^transport: magic has a name and no call$"):
        solve(*problems(), method="magic")


def test_the_plan_is_a_constant_for_autograd():
    cost, a, b = problems()
    cost.requires_grad_()
    found = solve(cost, a, b)
    assert not found.plan.requires_grad
    (found.plan * cost).sum().backward()
    torch.testing.assert_close(cost.grad, found.plan)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda c, a, b: (c[0], a, b, {}), r"^transport: got cost \(.*; add a batch dimension"),
        (lambda c, a, b: (c, b, a, {}), "expected"),
        (lambda c, a, b: (c, a[:, :-1], b, {}), "expected \\(B, n, m"),
        (lambda c, a, b: (c, a, b[:, :-1], {}), "expected \\(B, n, m"),
        (lambda c, a, b: (c, -a, b, {}), "negative mass"),
        (lambda c, a, b: (c, 2 * a, b, {}), "sums differ"),
        (lambda c, a, b: (c, a * math.nan, b, {}), "differ by nan"),
        (lambda c, a, b: (c * math.nan, a, b, {}), "NaN"),
        (lambda c, a, b: (c, a, b, {"epsilon": 0.0}), "method='exact'"),
        (lambda c, a, b: (c, a, b, {"method": "magic"}), f"^transport: got method .*{', '.join(METHODS)}$"),
    ],
)
def test_wrong_input_is_named(change, text):
    cost, a, b, options = change(*problems())
    with pytest.raises(InputError, match=text):
        solve(cost, a, b, **options)


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
@pytest.mark.parametrize("how", [lambda x: x.numpy(), lambda x: x.tolist()])
def test_arrays_and_lists_are_solved_as_tensors(kind, how):
    given = problems(dtype=kind)
    for solver in (solve, lambda *x, **options: plain(*x, options["epsilon"], 50)):
        expected, found = solver(*given, epsilon=0.1), solver(*map(how, given), epsilon=0.1)
        plans = (getattr(x, "plan", x) for x in (found, expected))
        torch.testing.assert_close(*plans, check_dtype=False, atol=1e-5, rtol=0)


@pytest.mark.parametrize("epsilon", [0.0, -1, None, "0.1", [0.1, 0.2], torch.ones(2), np.ones(2), 1j, math.nan])
def test_an_epsilon_that_is_no_number_above_0_is_one_line(epsilon):
    for solver in (solve, plain):
        with pytest.raises(InputError, match=r"^transport: got epsilon .*expected a number above 0"):
            solver(*problems(), epsilon=epsilon)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda c, a, b: (c[0], a[0], b[0]), "add a batch dimension"),
        (lambda c, a, b: (c, a[:, :-1], b), "expected \\(B, n, m"),
        (lambda c, a, b: (c, -a, b), "negative mass"),
        (lambda c, a, b: (c, 2 * a, b), "sums differ"),
        (lambda c, a, b: (None, a, b), "expected a tensor"),
    ],
)
def test_the_readable_solver_refuses_what_the_others_refuse(change, text):
    for solver in (solve, plain):
        with pytest.raises(InputError, match=text):
            solver(*change(*problems()), epsilon=0.1)


@pytest.mark.parametrize("updates", [0, -1, 2.5])
def test_the_readable_solver_makes_an_update(updates):
    with pytest.raises(InputError, match=r"^updates: got .*, expected a whole number from 1"):
        plain(*problems(), 0.1, updates)


def test_the_readable_solver_makes_a_thousand_updates_where_none_are_named():
    given = problems(batch=9)  # whose last problem needs more
    assert torch.equal(plain(*(x[-1:] for x in given), 1e-3), plain(*(x[-1:] for x in given), 1e-3, 1000))
    assert not torch.equal(plain(*(x[-1:] for x in given), 1e-3), plain(*(x[-1:] for x in given), 1e-3, 1001))


def test_plain_of_whole_costs_is_that_of_their_numbers():
    cost, half = torch.tensor([[[0, 1], [1, 0]]]), torch.tensor([[0.5, 0.5]])
    assert torch.equal(plain(cost, half, half, 1.0), plain(cost.float(), half, half, 1.0))


def test_proximal_steps_come_to_the_exact_plan():
    cost, a, b = problems()
    found = solve(cost, a, b, epsilon=0.5, method="proximal", max_iterations=20_000, tolerance=1e-7)
    exact = solve(cost, a, b, method="exact")
    assert found.converged.all()
    assert (found.marginal_error < 1e-6).all()
    torch.testing.assert_close(found.cost, exact.cost, atol=1e-5, rtol=0)
    assert not solve(cost, a, b, epsilon=0.5, method="proximal", max_iterations=3).converged.all()


def test_unbalanced_leaves_a_token_without_counterpart_behind():
    cost = torch.tensor([[[0.0, 1.5], [1.5, 1.4]]], dtype=torch.float64)
    half = torch.full((1, 2), 0.5, dtype=torch.float64)
    plan = solve(cost, half, half, epsilon=0.02, method="unbalanced", reach=0.2, max_iterations=5000).plan[0]
    assert plan[0, 0] > 0.45
    assert plan[1].sum() < 0.05
    wide = solve(cost, half, half, epsilon=0.02, method="unbalanced", reach=100.0, max_iterations=50_000).plan[0]
    assert wide[1].sum() > 0.49


@pytest.mark.parametrize("mass", [0.4, 0.8, 1.0])
def test_partial_agrees_with_pot(mass):
    cost, a, b = problems(batch=8)
    found = solve(cost, a, b, epsilon=0.004, method="partial", mass=mass, max_iterations=50_000, tolerance=1e-7)
    assert found.converged.all()
    for i in range(len(cost)):
        rows, columns = a[i] > 0, b[i] > 0
        block = cost[i][rows][:, columns].numpy()
        expected = ot.partial.partial_wasserstein2(a[i, rows].numpy(), b[i, columns].numpy(), block, m=mass - 1e-12)
        assert found.plan[i].sum().item() == pytest.approx(mass, abs=1e-6)
        assert found.cost[i].item() == pytest.approx(expected, abs=6e-3)
        assert (found.plan[i].sum(1) <= a[i] + 1e-6).all()
