"""Right and wrong answers to the exercises of notebook 03."""

import torch


def along_sphere(S, H, T):
    slope = -T @ H
    return slope - (slope * S).sum(1, keepdim=True) * S


RIGHT = {
    "ex03_1": lambda S, H, T: -T @ H,
    "ex03_2": lambda T: (T * (T.log() - 1)).sum(),
    "ex03_3": torch.eye(4, 8)[[0, 0, 0, 0]],
}
WRONG = {
    "ex03_1": [
        lambda S, H, T: T @ H,
        lambda S, H, T: -T @ H / len(S),
        lambda S, H, T: -T.T @ S,
        along_sphere,
        lambda S, H, T: None,
        3,
    ],
    "ex03_2": [
        lambda T: -(T * (T.log() - 1)).sum(),
        lambda T: (T * T.log()).sum(),
        lambda T: 0.0,
        lambda T: None,
    ],
    "ex03_3": [
        torch.eye(4, 8),
        torch.eye(4, 8)[[0, 0, 1, 2]],
        torch.eye(8)[4:],
        2 * torch.eye(4, 8)[[0, 0, 0, 0]],
        torch.eye(4)[[0, 0, 0, 0]],
        3,
    ],
}
