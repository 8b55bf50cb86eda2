"""Right and wrong answers for the checks of notebook 07."""

import numpy as np
import torch


def slope_of_contrast(s, tau):
    return (torch.softmax(s / tau, dim=1) - torch.eye(len(s))) / (tau * len(s))


def interaction(none, transport, contrast, both):
    each = both + none - transport - contrast
    return each.mean(), each.std(ddof=1) / len(each) ** 0.5


def survivors(p):
    count = 0
    for value in sorted(p):
        if value > 0.05 / (len(p) - count):
            break
        count += 1
    return count


RIGHT = {"ex07_1": slope_of_contrast, "ex07_2": interaction, "ex07_3": survivors}
WRONG = {
    "ex07_1": [
        lambda s, tau: (torch.softmax(s / tau, dim=1) - torch.eye(len(s))) / tau,
        lambda s, tau: (torch.softmax(s / tau, dim=1) - torch.eye(len(s))) / len(s),
        lambda s, tau: (torch.eye(len(s)) - torch.softmax(s / tau, dim=1)) / (tau * len(s)),
        lambda s, tau: (torch.softmax(s / tau, dim=0) - torch.eye(len(s))) / (tau * len(s)),
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
        lambda p: sum(value <= 0.05 for value in p),
        lambda p: sum(value <= 0.05 / len(p) for value in p),  # Bonferroni
        lambda p: len(p),
    ],
}
