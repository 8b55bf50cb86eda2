"""Right and wrong answers for the checks of notebook 04."""


def em_step(pairs, t):
    counts, totals = {}, {}
    for source, english in pairs:
        for e in english:
            whole = sum(t[f, e] for f in source)
            for f in source:
                counts[f, e] = counts.get((f, e), 0) + t[f, e] / whole
                totals[f] = totals.get(f, 0) + t[f, e] / whole
    return {(f, e): count / totals[f] for (f, e), count in counts.items()}


def _by_english(pairs, t):
    new = em_step(pairs, t)
    totals = {}
    for (_, e), value in new.items():
        totals[e] = totals.get(e, 0) + value
    return {(f, e): value / totals[e] for (f, e), value in new.items()}


def _counts_only(pairs, t):
    return em_step(pairs, dict.fromkeys(t, 1.0))  # forgets what t says


def _not_split(pairs, t):
    new = {}
    for source, english in pairs:
        for e in english:
            for f in source:
                new[f, e] = new.get((f, e), 0) + t[f, e]
    return {(f, e): v / sum(w for c, w in new.items() if c[0] == f) for (f, e), v in new.items()}


def cut(word, vocabulary):
    pieces, start = [], 0
    while start < len(word):
        for end in range(len(word), start, -1):
            piece = ("##" if start else "") + word[start:end]
            if piece in vocabulary:
                break
        else:
            return ["[UNK]"]
        pieces.append(piece)
        start = end
    return pieces


def _shortest(word, vocabulary):
    pieces, start = [], 0
    while start < len(word):
        for end in range(start + 1, len(word) + 1):
            piece = ("##" if start else "") + word[start:end]
            if piece in vocabulary:
                break
        else:
            return ["[UNK]"]
        pieces.append(piece)
        start = end
    return pieces


def _unknown_rest(word, vocabulary):
    pieces, start = [], 0
    while start < len(word):
        for end in range(len(word), start, -1):
            piece = ("##" if start else "") + word[start:end]
            if piece in vocabulary:
                break
        else:
            return [*pieces, "[UNK]"]
        pieces.append(piece)
        start = end
    return pieces


def trained(rows, d, layers, rank):
    return rows * d + layers * 4 * 2 * d * rank


RIGHT = {"ex04_1": em_step, "ex04_2": cut, "ex04_3": trained}
WRONG = {
    "ex04_1": [_by_english, _counts_only, _not_split, lambda pairs, t: t, lambda pairs, t: {}, 0.5],
    "ex04_2": [
        _shortest,
        _unknown_rest,
        lambda word, vocabulary: [piece.removeprefix("##") for piece in cut(word, vocabulary)],
        lambda word, vocabulary: tuple(cut(word, vocabulary)),
        ["da", "##kt", "##ari"],
    ],
    "ex04_3": [
        lambda rows, d, layers, rank: layers * 4 * 2 * d * rank,
        lambda rows, d, layers, rank: rows * d + layers * 4 * d * rank,
        lambda rows, d, layers, rank: rows * d + layers * 4 * d * d,
        lambda rows, d, layers, rank: rows * d + 4 * 2 * d * rank,
        494592,
    ],
}
