"""Right and wrong answers to the exercises of notebook 03."""

RIGHT = {
    "ex03_1": lambda S, H, T: -T @ H,
    "ex03_2": lambda T: (T * (T.log() - 1)).sum(),
    "ex03_3": lambda points: min(step for step, value in points.items() if value >= max(points.values()) - 0.01),
}
WRONG = {
    "ex03_1": [
        lambda S, H, T: T @ H,
        lambda S, H, T: -T @ H / len(S),
        lambda S, H, T: -T.T @ S,
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
        lambda points: max(points, key=points.get),
        lambda points: max(points),
        lambda points: min(points),
        lambda points: max(step for step, value in points.items() if value >= max(points.values()) - 0.01),
        40,
    ],
}
