"""Checks of the exercises of lessons 04 and 06: pieces, lexicons and links between words."""

from __future__ import annotations

import torch
from tokenizers.models import WordPiece
from torch.func import grad

from ..alignment.linking import links, score, total
from ..lexicon import ibm1
from .marking import converged, exercise, listed, need, plain, same, several, tensor


@exercise("cut")
def ex04_1(answer: object) -> None:
    """A function (word, vocabulary) -> the pieces of a word, longest match first, as WordPiece."""
    plain = {"da", "##kt", "##ari", "##k", "##t", "d", "##a", "##aktari", "daktar"}
    cases = [
        ("daktari", plain), ("da", plain), ("daktariz", plain),
        ("maji", {"m", "##a", "##ji", "##j", "##i"}), ("maji", {"maji", "m", "ma"}),
        ("ab", {"a", "b"}), ("ab", {"##a", "##b"}),
    ]  # fmt: skip
    for word, pieces in cases:
        numbers = {piece: k for k, piece in enumerate(["[UNK]", *sorted(pieces)])}
        expected = [token.value for token in WordPiece(numbers, unk_token="[UNK]").tokenize(word)]
        got, asked = answer(word, pieces), f"{word!r} and the vocabulary {sorted(pieces)}"
        hint = f"for {asked} got {got!r}, expected {expected}"
        need(listed(got, hint) == expected, hint)


@exercise("slope", by_formula=True)
def ex04_2(answer: object) -> None:
    """A function (Q, P) -> the gradient of the cosine of the mean vectors with respect to Q."""
    for n, m, d in ((2, 3, 4), (5, 4, 6), (1, 7, 3)):
        Q, P = (torch.randn(k, d, dtype=torch.float64) for k in (n, m))
        expected = grad(lambda Q, P=P: torch.cosine_similarity(Q.mean(0), P.mean(0), dim=0))(Q)
        one = Q.mean(0).norm()
        mistakes = {
            "each vector is one of n in the mean": expected * n,
            "the sign is turned": -expected,
            "the length of the question's mean changes, too": (
                P.mean(0) / P.mean(0).norm() / one / n
            ).expand(n, d),
        }
        what = f"the gradient for n, m, d = {n}, {m}, {d}"
        same(answer(Q, P), expected, what, 1e-5, mistakes)


@exercise()
def ex04_3(answer: object) -> None:
    """A bitext from which IBM Model 1 cannot tell whether maji or moto means water."""
    hint = "expected a list of three pairs or more, each (source words, English words)"
    pairs = []
    for pair in listed(answer, hint):
        asked = f"got {pair!r}, expected a pair of lists of words, as in `three`"
        pairs.append([listed(side, asked) for side in several(pair, 2, asked)])
        words = all(side and all(isinstance(word, str) for word in side) for side in pairs[-1])
        need(words, asked)
    need(len(pairs) >= 3, hint)
    rare = "must stand in two sentences or more; a rare word is hard for any method"
    for word in ("maji", "moto"):
        need(sum(word in source for source, _ in pairs) >= 2, f"{word} {rare}")
    known = any("water" in english for _, english in pairs)
    need(known, "no English sentence has the word water")
    lexicon = ibm1(pairs, 20)
    table, column = lexicon.table, lexicon.target.index("water")
    maji, moto = (float(table[lexicon.position(word), column]) for word in ("maji", "moto"))
    said = f"after 20 steps t(water | maji) is {maji:.3f} and t(water | moto) {moto:.3f}"
    need(abs(maji - moto) <= 1e-3, f"{said}: they can be told apart")
    hint = "expected both from 0.1 to 0.9, so that neither is learned nor ruled out"
    need(0.1 <= min(maji, moto) <= max(maji, moto) <= 0.9, f"{said}; {hint}")


@exercise("corpus_rate")
def ex06_1(answer: object) -> None:
    """A function rows of (found, sure, possible) -> alignment error rate of the corpus."""
    one, two = ({0, 1}, {0, 2}, {1}), ({4, 5, 6, 7, 8}, {4}, {5, 6, 9})
    hint = "this is the mean of the sentences' rates; add up the counts of all sentences first"
    bare = "P is sure | possible: a sure link is possible, too"
    forgotten = "a link that is found and possible counts, too"
    cases = ([two], [one, two], [two, one, ({0}, {0}, {1})], [({4}, {0, 1}, {2}), two])
    for numbers in cases:
        rows = [tuple({(k, k) for k in each} for each in row) for row in numbers]
        expected = total(score(*row) for row in rows).aer
        mean = sum(score(*row).aer for row in rows) / len(rows)
        counts = [(len(f & s) + len(f & p), len(f) + len(s)) for f, s, p in rows]
        right, size = (sum(each) for each in zip(*counts, strict=True))
        sure = sum(len(f & s) for f, s, _ in rows)
        mistakes = {hint: mean, forgotten: 1 - 2 * sure / size, bare: 1 - right / size}
        same(answer(rows), expected, f"the rate of {len(rows)} sentences", 1e-6, mistakes)


@exercise()
def ex06_2(answer: object) -> None:
    """Links (found, sure, possible) with AER 0 that miss most of the reference."""
    hint = "expected three sets of links (i, j): found, sure, possible"
    found, sure, possible = (
        {tuple(several(plain(link), 2, "a link is a pair (i, j)")) for link in listed(each, hint)}
        for each in several(answer, 3, hint)
    )
    need(found and sure, "the first two sets, found and sure, must not be empty")
    aer, missed = score(found, sure, possible).aer, len((sure | possible) - found)
    hint = "every sure link must be found, and nothing that is not possible"
    need(aer <= 1e-9, f"the AER is {aer:.3f}, expected 0; {hint}")
    said = f"{missed} links of the reference are missed and {len(found)} found"
    need(missed > len(found), f"{said}, expected more missed than found")


@exercise()
def ex06_3(answer: object) -> None:
    """A square cost matrix: the nearest token is the same for all rows, the plan is one-to-one."""
    C = tensor(answer)
    square = C.ndim == 2 and C.shape[0] == C.shape[1] and 3 <= len(C) <= 8 and C.isfinite().all()
    need(square, f"got shape {tuple(C.shape)}, expected a square matrix of 3 to 8 rows")
    need(C.min() >= 0 and C.max() <= 2, "a cosine cost lies between 0 and 2")
    lowest, nearest = C.min(1, keepdim=True)
    alone = torch.isclose(C, lowest).sum() == len(C)
    need(alone, "two cells of a row are equally cheap; make one the cheapest")
    hint = f"the cheapest columns are {nearest[:, 0].tolist()}, expected the same in every row"
    need(len(nearest.unique()) == 1, f"{hint}: a hub")
    mass = torch.full((1, len(C)), 1 / len(C), dtype=torch.float64)
    found = links(converged(C[None], mass, mass, 0.1)[0].numpy(), "intersection")
    hint = "let the other columns differ more in cost"
    need(len(found) == len(C), f"the plan links {len(found)} of {len(C)} rows; {hint}")
