"""Right and wrong answers for the checks of notebook 06."""

import numpy as np


def error_rate(found, sure, possible):
    right = len(found & sure) + len(found & (sure | possible))
    return 1 - right / (len(found) + len(sure))


def mutual(W):
    best = (W.max(1, keepdims=True) == W) & (W.max(0, keepdims=True) == W)
    return {(int(i), int(j)) for i, j in np.argwhere(best)}


RIGHT = {"ex06_1": error_rate, "ex06_2": mutual}
WRONG = {
    "ex06_1": [
        0.5,
        lambda found, sure, possible: 1 - error_rate(found, sure, possible),
        lambda found, sure, possible: 1 - 2 * len(found & sure) / (len(found) + len(sure)),
        lambda found, sure, possible: None,
    ],
    "ex06_2": [
        {(0, 0)},
        lambda W: {(i, int(j)) for i, j in enumerate(W.argmax(1))},
        lambda W: {(int(i), j) for j, i in enumerate(W.argmax(0))},
        lambda W: list(mutual(W)),
    ],
}
