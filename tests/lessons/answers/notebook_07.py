"""Right and wrong answers for the checks of notebook 07."""

import numpy as np
import torch


def slope_of_contrast(s, tau):
    return (torch.softmax(s / tau, dim=1) - torch.eye(len(s))) / (tau * len(s))


def interaction(none, transport, contrast, both):
    each = both + none - transport - contrast
    return each.mean(), each.std(ddof=1) / len(each) ** 0.5


def fool(H):
    return H[:, :1].expand_as(H)  # every token on the sentence's first: MaxSim never asks who else is there


RIGHT = {"ex07_1": slope_of_contrast, "ex07_2": interaction, "ex07_3": fool}
WRONG = {
    "ex07_1": [
        lambda s, tau: (torch.softmax(s / tau, dim=1) - torch.eye(len(s))) / tau,
        lambda s, tau: (torch.softmax(s / tau, dim=1) - torch.eye(len(s))) / len(s),
        lambda s, tau: (torch.eye(len(s)) - torch.softmax(s / tau, dim=1)) / (tau * len(s)),
        lambda s, tau: (torch.softmax(s / tau, dim=0) - torch.eye(len(s))) / (tau * len(s)),
        lambda s, tau: (torch.softmax(s, dim=1) - torch.eye(len(s))) / (tau * len(s)),
        3,
    ],
    "ex07_2": [
        lambda none, transport, contrast, both: interaction(none, transport, contrast, both)[0],
        lambda none, transport, contrast, both: (-interaction(none, transport, contrast, both)[0], 0.0),
        lambda none, transport, contrast, both: (np.mean(both - transport), 0.1),
        lambda none, transport, contrast, both: (
            interaction(none, transport, contrast, both)[0],
            np.std(both + none - transport - contrast, ddof=1),
        ),
    ],
    "ex07_3": [
        lambda H: H,  # satisfies both
        lambda H: -H,  # satisfies none
        lambda H: 0.4 * H,  # not of length 1
        lambda H: H.roll(1, 0),  # each finds another's translation
        lambda H: H[:, 0],
    ],
}
