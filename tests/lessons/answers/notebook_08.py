"""Right and wrong answers to the exercises of notebook 08."""


def _adds_up(cells, average, digits):
    there = [value for value in cells if value is not None]
    return abs(sum(there) / len(there) - average) <= 1.0001 * 10**-digits


def _state(paper, ours, tolerance):
    if ours is None:
        return "missing"
    if paper is None:
        return "no verdict"
    return "reproduced" if abs(ours - paper) <= tolerance else "differs"


def _relabel(reference, values):
    names = sorted(reference, key=reference.get)
    return dict(zip(names, sorted(values), strict=True))


def _nearest_first(reference, values):
    left, found = list(values), {}
    for name in reference:
        found[name] = min(left, key=lambda value: abs(value - reference[name]))
        left.remove(found[name])
    return found


RIGHT = {"ex08_1": _adds_up, "ex08_2": _state, "ex08_3": _relabel}
WRONG = {
    "ex08_1": [
        lambda cells, average, digits: True,
        lambda cells, average, digits: False,
        lambda cells, average, digits: abs(sum(c or 0 for c in cells) / len(cells) - average) <= 1.0001 * 10**-digits,
        lambda cells, average, digits: _adds_up(cells, average, 1),
        lambda cells, average, digits: _adds_up([cell or None for cell in cells], average, digits),  # 0 is not there
        lambda cells, average, digits: None,
        0.35,
    ],
    "ex08_2": [
        lambda paper, ours, tolerance: "reproduced" if ours >= paper - tolerance else "differs",  # too high passes
        lambda paper, ours, tolerance: _state(paper, ours or 0.0, tolerance),  # a missing score counted as 0
        lambda paper, ours, tolerance: _state(paper, ours or None, tolerance),  # a score of 0 counted as missing
        lambda paper, ours, tolerance: _state(paper, ours, 0.02),
        lambda paper, ours, tolerance: _state(paper, ours, tolerance - 1e-9),  # its edge left out
        lambda paper, ours, tolerance: _state(paper, ours, tolerance * max(1, paper or 0)),  # relative
        lambda paper, ours, tolerance: None,
        "reproduced",
    ],
    "ex08_3": [
        lambda reference, values: dict(zip(reference, values, strict=True)),
        lambda reference, values: dict(zip(sorted(reference, key=reference.get), sorted(values)[::-1], strict=True)),
        lambda reference, values: dict.fromkeys(reference, min(values)),
        lambda reference, values: list(values),
        lambda reference, values: None,
    ],
}
