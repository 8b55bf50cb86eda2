"""Right and wrong answers for the checks of notebook 00."""

import torch

P = torch.eye(3)


def _right(Q, P):
    return (Q @ P.T).amax(1).sum()


def _loops(Q, P):
    return sum(max(float(q @ p) for p in P) for q in Q)


def _transposed(Q, P):
    return (Q @ P.T).amax(0).sum()


def _mean(Q, P):
    return (Q @ P.T).amax(1).mean()


def _all(Q, P):
    return (Q @ P.T).sum()


def _clamped(Q, P):
    return (Q @ P.T).amax(1).clamp_min(0).sum()


def _not_reduced(Q, P):
    return (Q @ P.T).amax(1)


RIGHT = {"ex00_1": _right, "ex00_2": 13 / 36, "ex00_3": (P, P[[2, 0, 1, 1]])}
WRONG = {
    "ex00_1": [_transposed, _mean, _all, _clamped, _not_reduced, 1.0, lambda Q, P: None],
    "ex00_3": [(P, P[[1, 0, 2]]), (P, P[:2]), (P, torch.cat([P, torch.zeros(1, 3)])), (P, torch.eye(4)), P, (P[:0], P)],
    "ex00_2": [1 / 3, 1 / 2, 1 / 4, 13 / 12, "0.361", 0.0, float("nan")],
}
