"""Right and wrong answers for the checks of notebook 06."""


def corpus_rate(rows):
    right = sum(len(found & sure) + len(found & (sure | possible)) for found, sure, possible in rows)
    return 1 - right / sum(len(found) + len(sure) for found, sure, _ in rows)


def _mean_of_rates(rows):
    return sum(corpus_rate([row]) for row in rows) / len(rows)


def _sure_only(rows):
    return corpus_rate([(found, sure, sure) for found, sure, _ in rows])


def _only_possible(rows):
    right = sum(len(found & sure) + len(found & possible) for found, sure, possible in rows)
    return 1 - right / sum(len(found) + len(sure) for found, sure, _ in rows)


POSSIBLE = {(1, 1), (2, 2)}
NO_SURE = {(1, 1)}, set(), {(1, 1), (2, 2), (3, 3)}
HUB = [[0.1, 0.3, 0.9], [0.1, 0.9, 0.3], [0.05, 0.9, 0.9]]  # every row is nearest to the first column
RIGHT = {"ex06_1": corpus_rate, "ex06_2": ({(0, 0)}, {(0, 0)}, POSSIBLE), "ex06_3": HUB}
WRONG = {
    "ex06_1": [_mean_of_rates, _sure_only, _only_possible, lambda rows: 1 - corpus_rate(rows), lambda rows: None, 0.2],
    "ex06_2": [
        (set(), set(), POSSIBLE),
        NO_SURE,
        ({(0, 0)}, {(0, 0)}, {(1, 1)}),
        ({(0, 0)}, {(0, 0), (3, 3)}, POSSIBLE),
        ({(0, 0), (5, 5)}, {(0, 0)}, POSSIBLE),
        ({0}, {0}, {1, 2}),
        [{(0, 0)}, {(0, 0)}],
    ],
    "ex06_3": [
        [[0.1, 0.9, 0.9], [0.9, 0.1, 0.9], [0.9, 0.9, 0.1]],  # no hub
        [[0.1, 0.9, 0.9]] * 3,  # a hub, and nothing to tell the rows apart
        [[0.1, 0.1, 0.9], [0.1, 0.9, 0.3], [0.05, 0.9, 0.9]],
        [[0.1, 0.3], [0.1, 0.4]],
        [[0.1, 3.0, 0.9], [0.1, 0.9, 0.3], [0.05, 0.9, 0.9]],
        0.1,
    ],
}
