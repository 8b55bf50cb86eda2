import pytest
import torch

from optical_lite.cost import cosine_cost, idf_table, uniform_marginal, weighted_marginal
from optical_lite.settings import InputError


def test_cost_of_unit_vectors_is_half_the_squared_distance():
    torch.manual_seed(0)
    S, H = (torch.nn.functional.normalize(torch.randn(2, k, 5, dtype=torch.float64), dim=-1) for k in (3, 4))
    assert torch.allclose(cosine_cost(S, H), torch.cdist(S, H) ** 2 / 2)


def test_different_dimensions_are_named():
    with pytest.raises(InputError, match="5 and 6 dimensions"):
        cosine_cost(torch.zeros(1, 2, 5), torch.zeros(1, 2, 6))


def test_marginals_sum_to_one_and_are_zero_on_padding():
    mask = torch.tensor([[True, True, False], [False, False, False]])
    for a in (uniform_marginal(mask), weighted_marginal(torch.rand(2, 3) + 0.1, mask)):
        assert torch.allclose(a.sum(1), torch.tensor([1.0, 0.0]))
        assert (a[~mask] == 0).all()


def test_rare_tokens_weigh_more():
    table = idf_table([[1, 2], [1, 3], [1, 1]], size=5)
    assert table[1] < table[2] == table[3] < table[4]
