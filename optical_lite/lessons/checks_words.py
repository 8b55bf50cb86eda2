"""Checks of the exercises of notebooks 04 and 06: pieces, lexicons and links between words."""

from __future__ import annotations

import torch
from tokenizers.models import WordPiece

from ..alignment.linking import links, score, total
from ..lexicon import ibm1
from ..transport import solve
from .marking import NotYet, exercise, function, same


@exercise
def ex04_1(answer: object) -> None:
    """A function (word, vocabulary) -> the pieces of a word, longest match first, as WordPiece cuts it."""
    function(answer, "cut")
    plain = {"da", "##kt", "##ari", "##k", "##t", "d", "##a", "##aktari", "daktar"}
    cases = [("daktari", plain), ("da", plain), ("daktariz", plain), ("maji", {"m", "##a", "##ji", "##j", "##i"}),
             ("maji", {"maji", "m", "ma"}), ("ab", {"a", "b"}), ("ab", {"##a", "##b"})]  # fmt: skip
    for word, pieces in cases:
        numbers = {piece: k for k, piece in enumerate(["[UNK]", *sorted(pieces)])}
        expected = [token.value for token in WordPiece(numbers, unk_token="[UNK]").tokenize(word)]
        got = answer(word, set(pieces))
        if got != expected:
            raise NotYet(f"for {word!r} and the vocabulary {sorted(pieces)} got {got!r}, expected {expected}")


@exercise
def ex04_2(answer: object) -> None:
    """A function (Q, P) -> the gradient of the cosine of the mean vectors with respect to Q."""
    function(answer, "slope")
    for n, m, d in ((2, 3, 4), (5, 4, 6), (1, 7, 3)):
        Q, P = torch.randn(n, d, dtype=torch.float64), torch.randn(m, d, dtype=torch.float64)
        leaf = Q.clone().requires_grad_()
        with torch.enable_grad():
            cosine = torch.cosine_similarity(leaf.mean(0), P.mean(0), dim=0)
            cosine.backward()
        got, one = answer(Q.clone(), P.clone()), Q.mean(0).norm()
        towards = (P.mean(0) / P.mean(0).norm() / one / n).expand(n, d)
        for other, hint in ((leaf.grad * n, "each vector is one of n in the mean"), (-leaf.grad, "the sign is turned"),
                            (towards, "the length of the question's mean changes, too")):  # fmt: skip
            alike = torch.is_tensor(got) and got.shape == other.shape and torch.allclose(got.double(), other, atol=1e-6)
            if alike and not torch.allclose(other, leaf.grad, atol=1e-6):  # with one token, one mistake makes no odds
                raise NotYet(hint)
        same(got, leaf.grad, f"the gradient for n, m, d = {n}, {m}, {d}", 1e-5)


@exercise
def ex04_3(answer: object) -> None:
    """A bitext from which IBM Model 1 cannot tell whether maji or moto means water."""
    if not isinstance(answer, (list, tuple)) or len(answer) < 3:
        raise NotYet("expected a list of three pairs or more, each (source words, English words)")
    for pair in answer:
        sides = pair if isinstance(pair, (list, tuple)) and len(pair) == 2 else ("", "")
        if not all(
            isinstance(side, (list, tuple)) and side and all(isinstance(w, str) for w in side) for side in sides
        ):
            raise NotYet(f"got {pair!r}, expected a pair of lists of words, as in `three`")
    for word in ("maji", "moto"):
        if sum(word in source for source, _ in answer) < 2:
            raise NotYet(f"{word} must occur in two sentences at least; a rare word is hard for any method")
    if not any("water" in english for _, english in answer):
        raise NotYet("no English sentence has the word water")
    lexicon = ibm1(answer, 20)
    column = lexicon.target.index("water")
    maji, moto = (float(lexicon.table[lexicon.position(word), column]) for word in ("maji", "moto"))
    if min(maji, moto) < 1e-3 or abs(maji - moto) > 1e-3:
        raise NotYet(
            f"after 20 steps t(water | maji) is {maji:.3f} and t(water | moto) {moto:.3f}: they can be told apart"
        )


@exercise
def ex06_1(answer: object) -> None:
    """A function rows of (found, sure, possible) -> alignment error rate of the corpus."""
    function(answer, "corpus_rate")
    one, two = ({0, 1}, {0, 2}, {1}), ({4, 5, 6, 7, 8}, {4}, {5, 9})
    for numbers in ([one], [one, two], [two, one, ({0}, {0}, {1})], [({4}, {0, 1}, {2}), two]):
        rows = [tuple({(k, k) for k in each} for each in row) for row in numbers]
        expected, got = total(score(*row) for row in rows).aer, answer([tuple(map(set, row)) for row in rows])
        each = sum(score(*row).aer for row in rows) / len(rows)
        if got is not None and got is not ... and abs(float(got) - each) < 1e-9 and abs(each - expected) > 1e-6:
            raise NotYet("this is the mean of the sentences' rates; add up the counts of all sentences first")
        same(got, expected, f"the rate of {len(rows)} sentences", 1e-6)


@exercise
def ex06_2(answer: object) -> None:
    """Links (found, sure, possible) with AER 0 that miss most of the reference."""
    if (
        not isinstance(answer, (list, tuple))
        or len(answer) != 3
        or not all(isinstance(x, (set, frozenset)) for x in answer)
    ):
        raise NotYet("expected three sets of links (i, j): found, sure, possible")
    found, sure, possible = map(set, answer)
    if any(not isinstance(link, tuple) or len(link) != 2 for link in found | sure | possible):
        raise NotYet("a link is a pair (i, j)")
    if not found or not sure:
        raise NotYet("found and sure must hold a link each, or there is nothing to score")
    aer, missed = score(found, sure, possible).aer, len((sure | possible) - found)
    if aer > 1e-9:
        raise NotYet(
            f"the AER is {aer:.3f}, expected 0; every sure link must be found, and nothing that is not possible"
        )
    if missed <= len(found):
        raise NotYet(
            f"{missed} links of the reference are missed and {len(found)} found, expected more missed than found"
        )


@exercise
def ex06_3(answer: object) -> None:
    """A square cost matrix whose nearest token is the same for all rows, and whose plan is one-to-one."""
    C = torch.as_tensor(answer, dtype=torch.float64)
    if C.ndim != 2 or C.shape[0] != C.shape[1] or not 3 <= len(C) <= 8 or not C.isfinite().all():
        raise NotYet(f"got shape {tuple(C.shape)}, expected a square matrix of 3 to 8 rows")
    if C.min() < 0 or C.max() > 2:
        raise NotYet("a cosine cost lies between 0 and 2")
    lowest, nearest = C.min(1, keepdim=True)
    if torch.isclose(C, lowest).sum() > len(C):
        raise NotYet("two cells of a row are equally cheap; make one the cheapest")
    if len(nearest.unique()) > 1:
        raise NotYet(f"the cheapest columns are {nearest[:, 0].tolist()}, expected the same in every row: a hub")
    mass = torch.full((1, len(C)), 1 / len(C), dtype=torch.float64)
    T = solve(C[None], mass, mass, epsilon=0.1, max_iterations=20_000, tolerance=1e-9).plan[0]
    found = links(T.numpy(), "intersection")
    if len(found) < len(C):
        raise NotYet(f"the plan links {len(found)} of {len(C)} rows; let the other columns differ more in cost")
