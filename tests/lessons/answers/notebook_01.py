"""Right and wrong answers for the checks of notebook 01."""

import torch

CROWDED = torch.tensor([[0.0, 2.0, 2.0], [0.0, 2.0, 2.0], [2.0, 0.0, 0.0]])  # two rows want one column


def _right_cost(S, H):
    S, H = S / S.norm(dim=1, keepdim=True), H / H.norm(dim=1, keepdim=True)
    return 1 - S @ H.T


def _no_norm(S, H):
    return 1 - S @ H.T


def _one_norm(S, H):
    return 1 - (S / S.norm(dim=1, keepdim=True)) @ H.T


def _similarity(S, H):
    return 1 - _right_cost(S, H)


def _turned(S, H):
    return _right_cost(S, H).T


def _whole_norm(S, H):
    return 1 - (S / S.norm()) @ (H / H.norm()).T


def _columns_norm(S, H):
    return 1 - (S / S.norm(dim=0)) @ (H / H.norm(dim=0)).T


def _right_bound(C):
    return max(C.amin(1).mean(), C.amin(0).mean())


def _rows(C):
    return C.amin(1).mean()


def _columns(C):
    return C.amin(0).mean()


def _smaller(C):
    return min(C.amin(1).mean(), C.amin(0).mean())


def _sums(C):
    return max(C.amin(1).sum(), C.amin(0).sum())


def _average(C):
    return (C.amin(1).mean() + C.amin(0).mean()) / 2


def _plain_minimum(C):
    return C.min()


RIGHT = {"ex01_1": _right_cost, "ex01_2": [0.437, 0.563], "ex01_3": _right_bound, "ex01_4": CROWDED}
WRONG = {
    "ex01_1": [
        _no_norm,
        _one_norm,
        _similarity,
        _turned,
        _whole_norm,
        _columns_norm,
        lambda S, H: None,
        torch.zeros(3, 5),
    ],
    "ex01_2": [
        [0.5, 0.5],
        [0.563, 0.437],
        [1.0, 1.288],
        [0.333, 0.667],
        [0.414, 0.586],
        [0.471, 0.529],
        0.437,
        [0.437],
    ],
    "ex01_4": [
        1 - torch.eye(3),
        CROWDED / 4,
        CROWDED * 2,
        CROWDED[:2],
        torch.ones(3, 3),
        torch.zeros(2, 2),
        CROWDED[0],
    ],
    "ex01_3": [_rows, _columns, _smaller, _sums, _average, _plain_minimum],
}
