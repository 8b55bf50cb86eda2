"""XGLUE's three relevance tasks: readers, rankers and the published scores.

WPR ranks the web pages of a query (nDCG); QADSM says whether an advertisement, QAM whether a
passage, answers a query (accuracy). Source: Liang et al., EMNLP 2020, and its evaluation script.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from ..settings import InputError, one_of
from .collect import real
from .lines import filled, headless

if TYPE_CHECKING:
    from ..encoder import Encoder

LABELS = {
    "wpr": {"bad": 0, "fair": 1, "good": 2, "excellent": 3, "perfect": 4},
    "qadsm": {"bad": 0, "good": 1},
    "qam": {"false": 0, "true": 1},
}


@dataclass(frozen=True)
class Task:
    """A file of ``wpr``, ``qadsm`` or ``qam``: query and candidate of each line, labels if any."""

    name: str
    lang: str
    pairs: tuple[tuple[str, str], ...]
    labels: tuple[int, ...]


def read(path: str | Path, lang: str = "xx", *, task: str) -> Task:
    """Read ``xglue.TASK.LANG.SPLIT``: query, title, text (QAM: query, passage), maybe a label."""
    known = LABELS[task] | {str(value): value for value in LABELS[task].values()}
    width, pairs, labels = (2 if task == "qam" else 3), [], []
    for where, line in filled(path):
        cells = line.split("\t", width + 1)
        if len(cells) not in (width, width + 1) or not cells[0].strip():
            got = f"{line.count(chr(9)) + 1} columns, the first {cells[0][:40]!r}"
            expected = f"{width} and a label, a query first ({task}); mend the line"
            raise InputError(where, got, expected)
        if not pairs:
            headless(where, cells, f"a query and a candidate ({task})")
        pairs.append((cells[0], " ".join(filter(None, cells[1:width]))))
        if len(cells) > width:
            label = cells[width].strip().lower()
            one_of(f"{where}: got label", label, known)
            labels.append(known[label])
    if not pairs or len(labels) not in (0, len(pairs)):
        expected = "one each, or none at all"
        raise InputError(path, f"{len(labels)} labels for {len(pairs)} lines", expected)
    return Task(task, lang, tuple(pairs), tuple(labels))


def groups(task: Task) -> list[list[int]]:
    """The lines of each query: a new group begins where the query differs from the one before.

    >>> groups(Task("wpr", "de", (("a", "x"), ("a", "y"), ("b", "z"), ("a", "x")), ()))
    [[0, 1], [2], [3]]
    """
    numbers = range(len(task.pairs))
    return [[*group] for _, group in groupby(numbers, lambda number: task.pairs[number][0])]


def score(task: Task, predictions: Sequence[float]) -> float:
    """The published score of a prediction a line: mean nDCG of the groups (WPR), or accuracy.

    Groups of one line do not count. nDCG runs over the whole group with the label as gain, ties
    share their places, and a group whose labels are all 0 has 0, as in the published script.

    >>> wpr = Task("wpr", "de", (("a", "x"), ("a", "y"), ("b", "z")), (0, 4, 4))
    >>> score(wpr, [1, 2, 0]), round(score(wpr, [2, 1, 0]), 3)
    (1.0, 0.631)
    """
    from .. import metrics

    if not task.labels or len(predictions) != len(task.labels):
        got = f"{len(predictions)} predictions for {len(task.labels)} labels"
        raise InputError(task.name, got, "one each")
    if task.name != "wpr":
        right = [p == y for p, y in zip(predictions, task.labels, strict=True)]
        return sum(right) / len(right)
    several = {str(group[0]): group for group in groups(task) if len(group) > 1}
    if not several:
        expected = "at least one; lines of a query stand together"
        raise InputError("wpr", "no query with two pages", expected)
    run = {q: [(str(i), float(predictions[i])) for i in group] for q, group in several.items()}
    labels = {q: {str(i): task.labels[i] for i in group} for q, group in several.items()}
    judged = {q: grades for q, grades in labels.items() if any(grades.values())}
    found = metrics.per_query(run, judged, ["ndcg"])["ndcg"]
    return metrics.mean(dict.fromkeys(run, 0.0) | found)


def read_predictions(path: str | Path, task: str) -> list[float]:
    """A file of predictions, a line each: a label, of WPR's also a score."""
    found = []
    for where, line in filled(path):
        known = LABELS[task].get(line.strip().lower())
        value = real(where, line.strip()) if known is None else known
        if task != "wpr" and value not in LABELS[task].values():
            words = f"{', '.join(LABELS[task])}, 0 or 1; cut scores at a threshold"
            raise InputError(where, repr(line.strip()[:40]), f"a label of {task}: {words}")
        found.append(value)
    return found


def rank(task: Task, questions: Encoder, passages: Encoder, size: int = 64) -> list[float]:
    """Score of each line by the encoders of queries and of candidates, such as student and teacher.

    It is MaxSim over the number of query tokens, so that one threshold serves all queries; 0 for an
    empty side.
    """
    from ..retrieval import explain

    found = []
    for start in range(0, len(task.pairs), size):
        left, right = zip(*task.pairs[start : start + size], strict=True)
        q, p = questions.encode(left), passages.encode(right)
        for i in range(len(left)):
            best, _ = explain(q.vectors[i][q.mask[i]], p.vectors[i][p.mask[i]])
            found.append(float(best.mean()) if len(best) else 0.0)
    return found


def threshold(scores: Sequence[float], labels: Sequence[int]) -> float:
    """The cut with the highest accuracy when a score above it means 1; of equal ones the lowest.

    >>> threshold([0.1, 0.4, 0.3, 0.9], [0, 1, 0, 1])
    0.35
    """
    order = sorted(zip(scores, labels, strict=True))
    best, right, cut = sum(labels), sum(labels), order[0][0] - 1.0
    for (low, label), (high, _) in pairwise([*order, (order[-1][0] + 2.0, 0)]):
        right += 1 - 2 * label  # this line falls below the cut
        if right > best and low < high:
            best, cut = right, (low + high) / 2
    return cut
