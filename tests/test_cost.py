import pytest
import torch

from optical_lite.cost import cosine_cost, idf_table, uniform_marginal, weighted_marginal
from optical_lite.settings import InputError


def test_cost_of_unit_vectors_is_half_the_squared_distance():
    torch.manual_seed(0)
    S, H = (torch.nn.functional.normalize(torch.randn(2, k, 5, dtype=torch.float64), dim=-1) for k in (3, 4))
    assert torch.allclose(cosine_cost(S, H), torch.cdist(S, H) ** 2 / 2)


def test_different_dimensions_are_named():
    with pytest.raises(InputError, match="5 and 6 dimensions, expected the same; use one"):
        cosine_cost(torch.zeros(1, 2, 5), torch.zeros(1, 2, 6))


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


def test_a_table_of_no_sentence_is_flat():
    assert idf_table([], size=3).tolist() == [1, 1, 1]
    assert idf_table([[]], size=2).tolist() == pytest.approx([1 + 0.6931472] * 2)
