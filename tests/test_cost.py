import math

import pytest
import torch

from optical_lite.cost import cosine_cost, idf_table, shares, uniform_marginal, weighted_marginal
from optical_lite.settings import InputError


def test_cost_of_unit_vectors_is_half_the_squared_distance():
    torch.manual_seed(0)
    S, H = (torch.nn.functional.normalize(torch.randn(2, k, 5, dtype=torch.float64), dim=-1) for k in (3, 4))
    assert torch.allclose(cosine_cost(S, H), torch.cdist(S, H) ** 2 / 2)


def test_different_dimensions_are_named():
    with pytest.raises(InputError, match="5 and 6 dimensions, expected the same; use one"):
        cosine_cost(torch.zeros(1, 2, 5), torch.zeros(1, 2, 6))


NUMBERS = pytest.mark.parametrize("kind", [torch.float32, torch.float64])


@NUMBERS
@pytest.mark.parametrize("given", [lambda x: x.long(), lambda x: x.numpy(), lambda x: x.tolist(), lambda x: x.half()])
def test_a_cost_is_the_same_of_whole_numbers_arrays_lists_and_other_types(kind, given):
    S, H = torch.tensor([[3, 4], [0, -1]], dtype=kind) / 8, torch.tensor([[0.0, 1.0], [1.0, 0.0]], dtype=kind)
    found = cosine_cost(S, given(H))
    assert found.tolist() == [[0.5, 0.625], [1.125, 1.0]]
    assert found.dtype == kind
    assert cosine_cost(given(H), given(H)).tolist() == [[0, 1], [1, 0]]
    assert cosine_cost(given(H), given(H)).is_floating_point()


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ([1.0, 2.0], r"shapes \(2,\) and \(1, 2\), .* add \[None\]"),
        ([["a", "b"]], "expected a tensor, an array"),
        ([[1.0, 2.0], [1.0]], "equal lists of numbers"),
        (None, "expected a tensor"),
        ([[1j, 0]], "complex"),
    ],
)
def test_what_is_no_vectors_has_no_cost(source, text):
    with pytest.raises(InputError, match=f"^cosine_cost: got .*{text}"):
        cosine_cost(source, torch.ones(1, 2))


@NUMBERS
@pytest.mark.parametrize("mask", [[1, 1, 0], [1.0, 1.0, 0.0], [True, True, False]])
def test_a_weight_on_padding_is_never_read(kind, mask):
    for rubbish in (math.nan, math.inf, -1.0):
        found = weighted_marginal(torch.tensor([3.0, 1.0, rubbish], dtype=kind), torch.tensor(mask))
        assert found.tolist() == [0.75, 0.25, 0.0]
    assert weighted_marginal([3, 1, 7], mask).tolist() == [0.75, 0.25, 0.0]
    assert uniform_marginal(mask).tolist() == [0.5, 0.5, 0.0]


@NUMBERS
@pytest.mark.parametrize("weight", [-1.0, math.nan, math.inf])
def test_a_weight_that_shares_nothing_out_is_refused(kind, weight):
    with pytest.raises(InputError, match=r"^weighted_marginal: got a negative, .*at least 0"):
        weighted_marginal(torch.tensor([[1.0, weight]], dtype=kind), torch.ones(1, 2, dtype=torch.bool))
    with pytest.raises(InputError, match=r"^weighted_marginal: got masses .*expected one shape"):
        weighted_marginal(torch.ones(1, 3, dtype=kind), torch.ones(1, 2, dtype=torch.bool))
    mask = torch.tensor([[1.0, weight]])
    for marginal in (uniform_marginal, lambda mask: weighted_marginal(torch.ones(1, 2, dtype=kind), mask)):
        with pytest.raises(InputError, match=r"^\w+_marginal: got a mask .*expected True or 1 where there is a token"):
            marginal(mask)


@pytest.mark.parametrize(
    ("kind", "small"), [("float32", 1e-39), ("float64", 1e-60), ("float64", 4e307), ("float32", 1e38), ("half", 1e-7)]
)
def test_shares_of_small_and_large_weights_are_those_of_others(kind, small):
    weights, mask = torch.tensor([[1, 3]]) * torch.tensor(small, dtype=getattr(torch, kind)), [[1, 1]]
    near = 0.2 if kind == "half" else 1e-6  # of the weights themselves
    assert weighted_marginal(weights, mask).tolist() == [pytest.approx([0.25, 0.75], rel=near)]
    both = weighted_marginal(weights.expand(9, 2), [[1, 1]] * 9)  # whatever all sentences sum to
    assert both.tolist() == [pytest.approx([0.25, 0.75], rel=near)] * 9
    if small < 1e38:
        assert shares(weights).sum().item() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    ("ids", "text"), [([0, -1], "from -1 to 0, expected 0 to 2"), ([3], "from 3 to 3"), ([7], "7")]
)
def test_a_token_outside_the_vocabulary_is_counted_nowhere(ids, text):
    with pytest.raises(InputError, match=f"^idf_table: got token ids .*{text}"):
        idf_table([[1], ids], 3)


def test_marginals_sum_to_one_and_are_zero_on_padding():
    mask = torch.tensor([[True, True, False], [False, False, False]])
    for a in (uniform_marginal(mask), weighted_marginal(torch.rand(2, 3) + 0.1, mask)):
        assert torch.allclose(a.sum(1), torch.tensor([1.0, 0.0]))
        assert (a[~mask] == 0).all()


def test_rare_tokens_weigh_more():
    table = idf_table([[1, 2], [1, 3], [1, 1]], size=5)
    assert table[1] < table[2] == table[3] < table[4]


@pytest.mark.parametrize("shape", [(4,), (2, 4), (2, 3, 4)])
def test_marginals_are_shares_of_the_last_dimension(shape):
    weights = torch.arange(1.0, 1 + torch.tensor(shape).prod()).reshape(shape)
    mask = weights % 4 != 0
    found = weighted_marginal(weights, mask)
    torch.testing.assert_close(found.sum(-1), torch.ones(shape[:-1]))
    torch.testing.assert_close(found[..., 1] / found[..., 0], weights[..., 1] / weights[..., 0])
    torch.testing.assert_close(uniform_marginal(mask)[..., :3], torch.full((*shape[:-1], 3), 1 / 3))


@pytest.mark.parametrize("size", [-1, 2.5, "3"])
def test_a_table_has_a_size(size):
    with pytest.raises(InputError, match=r"^size: got .*, expected a whole number from 0"):
        idf_table([], size)


def test_a_table_of_no_sentence_is_flat():
    assert idf_table([], size=3).tolist() == [1, 1, 1]
    assert idf_table([[]], size=2).tolist() == pytest.approx([1 + 0.6931472] * 2)
