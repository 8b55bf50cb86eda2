"""Right and wrong answers for the checks of notebook 04."""


def _cut(word, vocabulary, ends=lambda start, size: range(size, start, -1), lost=lambda pieces: ["[UNK]"]):
    """Pieces that are tried in the order of their ends; where none is known, what is made of those found."""
    pieces, start = [], 0
    while start < len(word):
        for end in ends(start, len(word)):
            piece = ("##" if start else "") + word[start:end]
            if piece in vocabulary:
                break
        else:
            return lost(pieces)
        pieces.append(piece)
        start = end
    return pieces


def cut(word, vocabulary):
    return _cut(word, vocabulary)


def _shortest(word, vocabulary):
    return _cut(word, vocabulary, ends=lambda start, size: range(start + 1, size + 1))


def _unknown_rest(word, vocabulary):
    return _cut(word, vocabulary, lost=lambda pieces: [*pieces, "[UNK]"])


def slope(Q, P):
    q, p = Q.mean(0), P.mean(0)
    unit_q, unit_p = q / q.norm(), p / p.norm()
    return ((unit_p - (unit_q @ unit_p) * unit_q) / q.norm() / len(Q)).expand_as(Q)


def _not_mean(Q, P):
    return slope(Q, P) * len(Q)


def _length_fixed(Q, P):
    q, p = Q.mean(0), P.mean(0)
    return (p / p.norm() / q.norm() / len(Q)).expand_as(Q)


TOGETHER = [(["maji", "moto"], ["hot", "water"])] * 3
THREE = [(["maji", "safi"], ["clean", "water"]), (["maji", "moto"], ["hot", "water"]), (["moto"], ["hot"])]
RIGHT = {"ex04_1": cut, "ex04_2": slope, "ex04_3": TOGETHER}
WRONG = {
    "ex04_1": [
        _shortest,
        _unknown_rest,
        lambda word, vocabulary: [piece.removeprefix("##") for piece in cut(word, vocabulary)],
        lambda word, vocabulary: " ".join(cut(word, vocabulary)),
        ["da", "##kt", "##ari"],
    ],
    "ex04_2": [
        _not_mean,
        _length_fixed,
        lambda Q, P: -slope(Q, P),
        lambda Q, P: slope(Q, P)[0],
        lambda Q, P: None,
        0.5,
    ],
    "ex04_3": [
        THREE,
        [*THREE, (["moto"], ["hot"])],
        TOGETHER[:2],
        [(["maji"], ["water"]), (["moto"], ["water"])] * 2,  # both are learned
        [(["maji", "maji", "moto", "moto"], ["hot", "water"])] + [(["safi"], ["clean"])] * 2,  # in one sentence only
        [(["maji"], ["water"]), (["moto"], ["hot"]), (["safi"], ["clean"])],
        [(["maji", "moto"], ["hot"])] * 3,
        [("maji moto", "hot water")] * 3,
        [(["maji"], ["water"])] * 2 + [(["moto"], ["hot"])] * 2,
        "maji moto",
    ],
}
