import re

import pytest
import torch

from optical_lite import losses
from optical_lite.cost import cosine_cost
from optical_lite.settings import InputError
from optical_lite.transport import solve

ALL = losses.PLAIN | losses.AMONG


def batch(dtype=torch.float64, seed=0):
    torch.manual_seed(seed)
    S, H = (torch.nn.functional.normalize(torch.randn(3, k, 6, dtype=dtype), dim=-1) for k in (4, 5))
    source = torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0], [1, 0, 0, 0]], dtype=torch.bool)
    target = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [1, 1, 1, 0, 0]], dtype=torch.bool)
    return S.requires_grad_(), H, source, target


def test_loss_is_the_inner_product_of_plan_and_cost():
    S, H, source, target = batch()
    loss, plan = losses.transport_loss(S, H, source, target, epsilon=0.1)
    by_hand = sum((plan.plan[k] * cosine_cost(S, H)[k]).sum() for k in range(3)) / 3
    assert loss.item() == pytest.approx(by_hand.item())
    assert loss.item() == pytest.approx(plan.cost.mean().item())


def test_by_default_a_hundred_updates_of_the_stabilized_solver():
    S, H, source, target = batch()
    options = {"epsilon": 0.002, "tolerance": 0}
    _, plan = losses.transport_loss(S, H, source, target, **options)
    _, said = losses.transport_loss(S, H, source, target, **options, method="stabilized", max_iterations=100)
    assert torch.equal(plan.plan, said.plan)
    assert plan.iterations.tolist() == [100, 100, 100]


def test_gradient_is_that_of_the_regularised_cost():
    """Envelope theorem: with the plan held constant, dL/dS is the gradient of the optimal regularised value."""
    S, H, source, target = batch()
    settings = {"epsilon": 0.1, "max_iterations": 2000}
    S0 = S.detach().clone()

    def value(x):
        C = cosine_cost(x, H)
        a = source / source.sum(1, keepdim=True)
        b = target / target.sum(1, keepdim=True)
        T = solve(C, a, b, epsilon=0.1, method="stabilized", max_iterations=2000, tolerance=1e-11).plan
        entropy = -torch.where(T > 0, T * (T.clamp_min(1e-300).log() - 1), 0.0).sum()
        return ((T * C).sum() - 0.1 * entropy) / 3

    loss, _ = losses.transport_loss(S, H, source, target, **settings)
    loss.backward()
    for i, j, k in ((0, 0, 0), (0, 3, 5), (1, 2, 1), (2, 0, 4)):
        step = torch.zeros_like(S0)
        step[i, j, k] = 1e-5
        slope = (value(S0 + step) - value(S0 - step)) / 2e-5
        assert S.grad[i, j, k].item() == pytest.approx(slope.item(), abs=2e-4)


def test_gradcheck_with_the_plan_fixed():
    S, H, source, target = batch()
    _, plan = losses.transport_loss(S, H, source, target)
    assert torch.autograd.gradcheck(lambda x: (plan.plan * cosine_cost(x, H)).sum((1, 2)).mean(), (S,))


def test_padding_gets_no_gradient_and_empty_sides_do_no_harm():
    S, H, source, target = batch()
    target[1] = False
    loss, plan = losses.transport_loss(S, H, source, target)
    loss.backward()
    assert torch.isfinite(loss)
    assert (S.grad[~source] == 0).all()
    assert (S.grad[1] == 0).all()
    assert (plan.plan[1] == 0).all()


def test_identical_sides_cost_nothing_and_greedy_is_a_lower_bound():
    S, H, source, target = batch()
    loss, _ = losses.transport_loss(H, H, target, target, method="exact")
    assert loss.item() == pytest.approx(0, abs=1e-9)
    assert losses.sentence_loss(H, H, target, target).item() == pytest.approx(0, abs=1e-9)
    exact, _ = losses.transport_loss(S, H, source, target, method="exact")
    assert losses.greedy_loss(S, H, source, target) <= exact + 1e-9


def transport(S, H, source, target):
    return losses.transport_loss(S, H, source, target)[0]


EVERY = pytest.mark.parametrize("loss", [*ALL.values(), transport], ids=[*ALL, "transport"])


@EVERY
@pytest.mark.parametrize("rubbish", [0.4, 1e30, torch.nan, torch.inf])
def test_every_loss_ignores_padding_and_has_a_gradient(loss, rubbish):
    S, H, source, target = batch(torch.float32)
    expected = loss(S, H, source, target)
    expected.backward()
    noisy = torch.where(target[..., None], H, torch.full_like(H, rubbish))
    masked = torch.where(source[..., None], S.detach(), torch.full_like(S, rubbish)).requires_grad_()
    found = loss(masked, noisy, source, target)
    found.backward()
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(masked.grad, S.grad)
    assert torch.isfinite(S.grad).all()
    assert S.grad.abs().sum() > 0
    assert (masked.grad[~source] == 0).all()


@EVERY
@pytest.mark.parametrize("side", ["source", "English"])
def test_a_pair_with_an_empty_side_teaches_nothing(loss, side):
    """The others learn as if it were not there, but for its share of the mean; an English side can still be told."""
    S, H, source, target = (torch.cat(both).detach() for both in zip(batch(), batch(seed=1), strict=True))
    (source if side == "source" else target)[1] = False
    S.requires_grad_()
    value = loss(S, H, source, target)
    value.backward()
    taught, S.grad, kept = S.grad, None, [0, 2, 3, 4, 5]
    assert torch.isfinite(value)
    assert torch.isfinite(taught).all()
    assert (taught[1] == 0).all()
    assert taught[0].any()
    if side == "English":
        (loss(S[kept], H[kept], source[kept], target[kept]) * 5 / 6).backward()
        torch.testing.assert_close(taught, S.grad)


@EVERY
def test_a_batch_without_a_known_token_teaches_nothing_and_training_goes_on(loss):
    S, H, source, target = batch(torch.float32)
    value = loss(S, H, torch.zeros_like(source), target)
    assert torch.isfinite(value)
    value.backward()
    assert (S.grad == 0).all()


@EVERY
def test_a_batch_without_pairs_or_of_other_shapes_is_refused(loss):
    S, H, source, target = batch()
    for text, wrong in (
        ("at least one pair", (S[:0], H[:0], source[:0], target[:0])),
        ("at least one pair", (S, H[:2], source, target[:2])),
        ("vectors and masks of shapes", (S, H, source[:, :2], target)),
    ):
        with pytest.raises(InputError, match=text):
            loss(*wrong)
    if loss not in losses.AMONG.values():
        with pytest.raises(InputError, match=r"^loss: got vectors \(2, 4, 6\) and \(3, 5, 6\), expected"):
            loss(S[:2], H, source[:2], target)


NUMBERS = pytest.mark.parametrize("kind", [torch.float32, torch.float64])


@EVERY
@NUMBERS
def test_lists_arrays_and_masks_of_0_and_1_mean_the_same(loss, kind):
    S, H, source, target = batch(kind)
    expected = loss(S, H, source, target)
    for given in (
        (S, H, source.long(), target.float()),
        (S, H.numpy(), source.numpy(), target.int()),
        (S, H.tolist(), source.tolist(), target.tolist()),
        (S, H.double(), source, target),
    ):
        found = loss(*given)
        torch.testing.assert_close(found, expected, check_dtype=False, atol=1e-5, rtol=0)
        assert found.dtype in (kind, torch.float64)
        found.backward()


@EVERY
@NUMBERS
def test_what_no_loss_can_mean_is_one_line(loss, kind):
    S, H, source, target = batch(kind)
    for text, wrong in (
        ("vectors of 6 and 5 dimensions", (S, H[..., :5], source, target)),
        ("at least one pair and place", (S, H[:, :0], source, target[:, :0])),
        ("at least one pair and place", (S[:, :0], H, source[:, :0], target)),
        ("other numbers than 0 and 1", (S, H, source, target * 0.5)),
        ("expected a tensor, an array", (S, ["maji"], source, target)),
        ("shapes", (S, H[0, 0], source, target)),
    ):
        with pytest.raises(InputError, match=f"^loss: got .*{text}"):
            loss(*wrong)


def test_given_masses_below_nothing_are_refused():
    S, H, source, target = batch()
    for wrong in (-1.0, torch.nan):
        for first in ([wrong, 0, 0, 0], [wrong, 1, 0, 0]):
            a = torch.tensor([first, [1, 0, 0, 0], [1, 0, 0, 0]])
            with pytest.raises(InputError, match=r"^transport: got (negative mass|marginals)"):
                losses.transport_loss(S, H, source, target, a=a)


@NUMBERS
def test_given_masses_on_padding_are_not_moved(kind):
    S, H, source, target = batch(kind)
    spread = torch.full(source.shape, 0.25, dtype=kind)
    with pytest.raises(InputError, match=r"sums differ.*normalise"):
        losses.transport_loss(S, H, source, target, a=spread)
    for side in "ab":
        with pytest.raises(InputError, match=r"^loss: got masses \(4,\) and a mask \(3, [45]\), expected one shape"):
            losses.transport_loss(S, H, source, target, **{side: spread[0]})
    shares = (source / source.sum(1, keepdim=True)).where(source, torch.nan)
    found, _ = losses.transport_loss(S, H, source, target, a=shares.tolist())
    torch.testing.assert_close(found, transport(S, H, source, target), atol=1e-5, rtol=0)


@EVERY
def test_the_order_of_pairs_and_of_their_tokens_does_not_matter(loss):
    S, H, source, target = batch()
    pairs, rows, columns = torch.tensor([2, 0, 1]), torch.tensor([3, 0, 2, 1]), torch.tensor([4, 2, 0, 1, 3])
    moved = loss(S[pairs][:, rows], H[pairs][:, columns], source[pairs][:, rows], target[pairs][:, columns])
    torch.testing.assert_close(moved, loss(S, H, source, target), atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", losses.AMONG)
def test_the_loss_of_a_batch_is_that_of_its_pieces_among_all_english_sentences(name):
    S, H, source, target = batch()
    own = [[0, 1, 2], [1, 0, 2], [2, 0, 1]]  # the English sentences, the piece's own first
    pieces = [losses.AMONG[name](S[k : k + 1], H[own[k]], source[k : k + 1], target[own[k]]) for k in range(3)]
    assert losses.AMONG[name](S, H, source, target).item() == pytest.approx(torch.stack(pieces).mean().item())


def test_contrast_by_hand():
    """Two orthogonal sentences, each equal to its translation: softmax of (1, 0) over the temperature."""
    S = torch.eye(2)[:, None, :]
    mask = torch.ones(2, 1, dtype=torch.bool)
    expected = torch.log1p(torch.exp(torch.tensor(-1 / losses.TEMPERATURE)))
    for name in ("contrast", "late"):
        torch.testing.assert_close(losses.AMONG[name](S, S, mask, mask), expected)


@pytest.mark.parametrize("name", sorted(losses.AMONG))
def test_what_says_the_same_has_a_column_for_each_sentence_and_may_name_the_own(name):
    given, none = batch(), torch.zeros(3, 3)
    expected = losses.AMONG[name](*given)
    torch.testing.assert_close(losses.AMONG[name](*given, none + torch.eye(3)), expected)
    for wrong in (none[:1], none[0], none[:, :2]):
        with pytest.raises(InputError, match=r"^loss: got same of shape .*, expected \(3, 3\)"):
            losses.AMONG[name](*given, wrong)
    with pytest.raises(InputError, match=r"^loss: got a mask of other numbers than 0 and 1"):
        losses.AMONG[name](*given, none + 0.5)


@pytest.mark.parametrize("name", sorted(losses.AMONG))
def test_an_english_sentence_without_a_token_is_no_candidate(name):
    """As if it were not there, whether it is a pair's own or one more, and whether or not some say the same."""
    S, H, source, target = (torch.cat(both).detach() for both in zip(batch(), batch(seed=1), strict=True))
    H[3], target[3] = H[0], target[0]
    target[[1, 5]] = False
    S, source, rows, columns = S[:4], source[:4], [0, 2, 3], [0, 2, 3, 4]
    same = torch.zeros(4, 6, dtype=torch.bool)
    same[0, 3] = same[3, 0] = True
    for given, kept in ((same, same[rows][:, columns]), (None, None)):
        expected = losses.AMONG[name](S[rows], H[columns], source[rows], target[columns], kept) * 3 / 4
        torch.testing.assert_close(losses.AMONG[name](S, H, source, target, given), expected)
        assert expected > 1e-3


@pytest.mark.parametrize("name", sorted(losses.AMONG))
def test_a_sentence_said_twice_is_no_negative_of_itself(name):
    """The fourth pair repeats the third's English: each of the two then counts as if the other were not there."""
    S, H, source, target = (torch.cat([x, x[2:]]) for x in batch())
    same = losses.repeated(torch.tensor([[1, 2], [1, 3], [4, 0], [4, 0]]))
    assert same.nonzero().tolist() == [[2, 3], [3, 2]]
    ignored, counted = losses.AMONG[name](S, H, source, target, same), losses.AMONG[name](S, H, source, target)
    alone = losses.AMONG[name](S[2:], H[2:], source[2:], target[2:], same[2:, 2:])
    assert alone.item() == pytest.approx(0)
    assert ignored.item() != pytest.approx(counted.item(), abs=1e-3)
    torch.autograd.grad(ignored, S)


def test_scores_of_the_other_sentences_by_hand():
    """Three sentences of one token, 10 degrees apart; the first student token lies where the third sentence does."""
    angles = torch.deg2rad(torch.tensor([0.0, 10.0, 20.0]))
    H = torch.stack([angles.cos(), angles.sin()], 1)[:, None, :]  # (3, 1, 2)
    mask = torch.ones(3, 1, dtype=torch.bool)
    assert losses.score_loss(H, H, mask, mask).item() == pytest.approx(0, abs=1e-6)
    near, far = angles[1].cos(), angles[2].cos()  # the first sentence's scores of the second and third
    wanted = torch.softmax(torch.stack([near, far]) / losses.TEMPERATURE, 0)
    got = torch.softmax(torch.stack([near, torch.tensor(1.0)]) / losses.TEMPERATURE, 0)
    expected = (wanted * (wanted / got).log()).sum() / 3
    assert expected > 0.01
    moved = H[[2, 1, 2]]
    torch.testing.assert_close(losses.score_loss(moved, H, mask, mask), expected)
    assert losses.score_loss(H[:1], H[:1], mask[:1], mask[:1]).item() == 0  # alone there is nothing to score


def test_given_marginals_take_the_place_of_uniform_ones():
    S, H, source, target = batch()
    a = torch.tensor([[0.7, 0.1, 0.1, 0.1], [0.2, 0.3, 0.5, 0.0], [1.0, 0.0, 0.0, 0.0]], dtype=torch.float64)
    b = torch.tensor([[0.1, 0.6, 0.1, 0.1, 0.1], [0.9, 0.1, 0, 0, 0], [0.5, 0.25, 0.25, 0, 0]], dtype=torch.float64)
    _, plan = losses.transport_loss(S, H, source, target, a=a, b=b, method="exact")
    torch.testing.assert_close(plan.plan.sum(2), a)
    torch.testing.assert_close(plan.plan.sum(1), b)
    _, half = losses.transport_loss(S, H, source, target, a=a, method="exact")
    torch.testing.assert_close(half.plan.sum(1), target / target.sum(1, keepdim=True).double())


def test_losses_of_each_pair_by_hand():
    """Lists of costs in plain Python: nearest, one-to-one and sentence cosine."""
    S, H, source, target = batch()
    nearest, matched, apart = [], [], []
    for k in range(3):
        s, h = S[k, source[k]].detach(), H[k, target[k]]
        C = (1 - s @ h.T).tolist()
        nearest.append(sum(map(min, C)) / len(C))
        free = {(i, j): C[i][j] for i in range(len(C)) for j in range(len(C[0]))}
        pairs = []
        while free:
            i, j = min(free, key=free.get)
            pairs.append(free[i, j])
            free = {cell: cost for cell, cost in free.items() if cell[0] != i and cell[1] != j}
        matched.append(sum(pairs) / len(pairs))
        apart.append(1 - torch.nn.functional.cosine_similarity(s.sum(0), h.sum(0), dim=0).item())
    for loss, values in ((losses.greedy_loss, nearest), (losses.match_loss, matched), (losses.sentence_loss, apart)):
        assert loss(S, H, source, target).item() == pytest.approx(sum(values) / 3)


def test_the_score_level_takes_no_sentence_for_another_of_itself():
    """With a pair said twice, its copy is left out of the labels as its own sentence is."""
    S, H, source, target = (torch.cat([x, x[2:]]) for x in batch())
    same = losses.repeated(torch.tensor([[1, 2], [1, 3], [4, 0], [4, 0]]))
    ours = losses.mean_maxsim(S, source, H, target)
    theirs = losses.mean_maxsim(H, target, H, target)
    total = 0.0
    for i, others in enumerate(([1, 2, 3], [0, 2, 3], [0, 1], [0, 1])):
        wanted, got = (torch.softmax(x[i, others] / losses.TEMPERATURE, 0) for x in (theirs, ours))
        total += (wanted * (wanted / got).log()).sum().item() / 4
    assert losses.score_loss(S, H, source, target, same).item() == pytest.approx(total)


def test_mean_maxsim_by_hand():
    S, H, source, target = batch()
    found = losses.mean_maxsim(S, source, H[:2], target[:2])
    assert found.shape == (3, 2)
    for i in range(3):
        for k in range(2):
            best = (S[i, source[i]] @ H[k, target[k]].T).amax(1).mean()
            assert found[i, k].item() == pytest.approx(best.item())


def test_one_to_one_takes_each_cheapest_free_pair_and_no_padding():
    C = torch.tensor([[[0.1, 0.3, 0.2], [0.2, 0.0, 0.9]], [[0.5, 0.4, 0.3], [0.1, 0.2, 0.0]]])
    source = torch.tensor([[True, True], [True, True]])
    target = torch.tensor([[True, True, True], [True, True, False]])
    found = losses.one_to_one(C, source, target)
    assert found.int().tolist() == [[[1, 0, 0], [0, 1, 0]], [[0, 1, 0], [1, 0, 0]]]
    assert not losses.one_to_one(C, source & False, target).any()
    for given in ((C.numpy(), source.numpy(), target.int()), (C.tolist(), source.tolist(), target.long().tolist())):
        assert torch.equal(losses.one_to_one(*given), found)
    assert losses.one_to_one([[[3, 1], [0, 1]]], [[1, 1]], [[1, 1]]).int().tolist() == [[[0, 1], [1, 0]]]
    for rubbish in (torch.nan, torch.inf, -torch.inf):
        C[1, :, 2] = rubbish  # on padding
        assert torch.equal(losses.one_to_one(C, source, target), found)
        with pytest.raises(InputError, match=r"^one_to_one: got NaN or infinite costs between real tokens, expected"):
            losses.one_to_one(C, source, target | True)
    for wrong in ((C[0], source, target), (C, source[:, :1], target), (C, source, target[:, :2]),
                  (C, source, target[:1]), (C[:1], source, target[:1])):  # fmt: skip
        shapes = ".*".join(re.escape(f"{tuple(x.shape)}") for x in wrong)
        with pytest.raises(InputError, match=f"^one_to_one: got cost {shapes}, expected"):
            losses.one_to_one(*wrong)
    with pytest.raises(InputError, match=r"^one_to_one: got .*expected a tensor, an array"):
        losses.one_to_one(None, source, target)
    for wrong in ((C, source * 2, target), (C, source, target * 2)):
        with pytest.raises(InputError, match=r"^one_to_one: got a mask of other numbers than 0 and 1"):
            losses.one_to_one(*wrong)


def test_losses_have_the_names_that_a_run_is_asked_for():
    from optical_lite.config import LOSSES

    assert {*ALL, "transport"} == set(LOSSES)
    assert all(function.__name__ == f"{name}_loss" for name, function in ALL.items())
