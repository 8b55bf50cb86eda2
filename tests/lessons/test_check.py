"""Every exercise check passes the right answer and none of several wrong ones."""

import importlib
import math
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from answers import (
    notebook_00,
    notebook_01,
    notebook_02,
    notebook_03,
    notebook_04,
    notebook_05,
    notebook_06,
    notebook_07,
    notebook_08,
)

from optical_lite.lessons import checks

ANSWERS = [
    importlib.import_module(f"answers.{path.stem}") for path in sorted(Path(__file__).with_name("answers").glob("*.py"))
]
RIGHT = {name: answer for module in ANSWERS for name, answer in module.RIGHT.items()}
WRONG = [(name, answer) for module in ANSWERS for name, answers in module.WRONG.items() for answer in answers]


def test_every_exercise_has_right_and_wrong_answers():
    names = {name for name in vars(checks) if re.fullmatch(r"ex\d\d_\d", name)}
    assert names == RIGHT.keys() == {name for name, _ in WRONG}
    assert all(sum(other == name for other, _ in WRONG) >= 2 for name in names)


@pytest.mark.parametrize("name", RIGHT)
def test_right(name, capsys):
    getattr(checks, name)(RIGHT[name])
    assert capsys.readouterr().out == "Correct.\n"


@pytest.mark.parametrize(("name", "answer"), WRONG, ids=[f"{name}-{i}" for i, (name, _) in enumerate(WRONG)])
def test_wrong(name, answer, capsys):
    getattr(checks, name)(answer)
    assert capsys.readouterr().out.startswith("Not yet: ")


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("ex00_1", lambda Q, P: notebook_00._right(Q, P).reshape(1, 1)),
        ("ex00_2", [Fraction(13, 36)]),
        ("ex00_2", np.float32(13 / 36)),
        ("ex01_3", lambda C: [notebook_01._right_bound(C)]),
        ("ex02_1", (np.array([1, 0, 2]), [Fraction(1, 5)])),
        ("ex02_2", (np.full((3, 3), 1.5), [0.01])),
        ("ex02_3", lambda *problem: notebook_02.log_sinkhorn(*problem).numpy()),
        ("ex02_4", lambda *problem: [notebook_02.epsilon_for(*problem)]),
        ("ex04_1", lambda *asked: tuple(notebook_04.cut(*asked))),
        ("ex04_3", np.array([[["maji", "moto"], ["hot", "water"]]] * 3)),
        ("ex05_3", lambda p: {name: np.array([each]) for name, each in notebook_05.correct(p).items()}),
        ("ex05_4", np.full(6, 0.01)),
        ("ex05_4", torch.full((6,), 0.01)),
        ("ex05_4", (Fraction(k, 100) for k in (1, 1, 1, 1, 1, 1))),
        ("ex06_2", ([(0, 0)], [[0, 0]], np.array([[1, 1], [2, 2]]))),
        ("ex06_3", [np.array(row) for row in notebook_06.HUB]),
        ("ex07_2", lambda *runs: np.array(notebook_07.interaction(*runs))),
        ("ex07_3", lambda H: list(notebook_07.fool(H))),
        ("ex08_3", lambda *asked: {name: np.float64(x) for name, x in notebook_08._relabel(*asked).items()}),
    ],
)
def test_right_of_another_type(name, answer, capsys):
    getattr(checks, name)(answer)
    assert capsys.readouterr().out == "Correct.\n"


@pytest.mark.parametrize(
    ("name", "answer", "hint"),
    [
        ("ex00_2", "0.361", "got str, expected a number"),
        ("ex01_2", [1 / (2 + math.log(1.5)), (1 + math.log(1.5)) / (2 + math.log(1.5))], "add 1 to both counts"),
        ("ex01_2", [0.5, 0.5], "uniform"),
        ("ex01_3", notebook_01._rows, "the larger is nearer"),
        ("ex01_3", notebook_01._columns, "the larger is nearer"),
        ("ex01_3", notebook_01._smaller, "the larger is nearer"),
        ("ex01_3", notebook_01._sums, "mass 1/n"),
        ("ex02_2", (0.01, torch.full((3, 3), 1.5)), "(C, epsilon), in this order"),
        ("ex02_2", (torch.full((3, 3), 1.5), 0.0), "epsilon above 0"),
        ("ex02_2", (torch.full((3, 3), 0.5), 0.1), "cost more than 103 epsilon"),
        ("ex03_1", notebook_03.along_sphere, "take S as free: differentiate 1 - S H^T as it stands"),
        ("ex03_1", lambda S, H, T: T @ H, "the sign is turned"),
        ("ex03_2", lambda T: -(T * (T.log() - 1)).sum(), "the sign is turned"),
        ("ex03_2", lambda T: (T * T.log()).sum(), "where is the -1?"),
        ("ex05_1", notebook_05._exponential, "not 2**grade - 1"),
        ("ex05_1", notebook_05._own_ideal, "found or not"),
        ("ex05_2", notebook_05.strict, "exactly as far from 0"),
        ("ex05_2", lambda gaps: notebook_05.p_value(gaps, 0), "mind the 1e-12"),
        ("ex05_3", notebook_05._bonferroni, "Bonferroni"),
        ("ex05_3", notebook_05._not_monotone, "below that of a smaller p"),
        ("ex05_3", notebook_05._above_1, "no p is above 1"),
        ("ex06_1", notebook_06._only_possible, "a sure link is possible, too"),
        (
            "ex06_1",
            lambda rows: 1 - 2 * sum(len(f & s) for f, s, _ in rows) / sum(len(f) + len(s) for f, s, _ in rows),
            "found and possible counts, too",
        ),
        ("ex06_2", notebook_06.NO_SURE, "must not be empty"),
        ("ex07_1", lambda s, tau: notebook_07.slope_of_contrast(s.T, tau).T, "a row, chooses"),
        (
            "ex07_1",
            lambda s, tau: torch.softmax(s / tau, 1) - torch.eye(len(s)),
            "the mean over the batch, and the temp",
        ),
        (
            "ex08_1",
            lambda cells, average, digits: (
                abs(sum(x for x in cells if x is not None) / sum(x is not None for x in cells) - average)
                < 1.4 / 10**digits
            ),
            "expected False",
        ),
        ("ex07_2", lambda *runs: set(notebook_07.interaction(*runs)), "expected two numbers"),
        ("ex90_2", lambda rankings, k: None, "expected a list of pairs"),
        ("ex90_2", lambda rankings, k: ["b", "c", "a"], "expected a list of pairs"),
    ],
)
def test_hint(name, answer, hint, capsys):
    getattr(checks, name)(answer)
    assert hint in capsys.readouterr().out


def _differentiated(*asked):
    free = asked[0].requires_grad_()
    free.sum().backward()
    return free.grad


@pytest.mark.parametrize("name", ["ex03_1", "ex04_2", "ex07_1"])
def test_a_formula_is_asked_for(name, capsys):
    getattr(checks, name)(_differentiated)
    assert "without automatic differentiation" in capsys.readouterr().out


@pytest.mark.parametrize("name", [name for name, answer in RIGHT.items() if callable(answer)])
def test_what_a_function_raises_is_its_own(name, capsys):
    getattr(checks, name)(lambda *asked: 1 / 0)
    assert "your answer raised ZeroDivisionError" in capsys.readouterr().out


STRANGE = [
    3, "x", [], (), {}, {"a": None}, {1}, [None], ["a", 1], [["a"], ["b", "c"]], ((), ()), ([1, [2]], 3), object(),
    torch.empty(0), torch.zeros(0, 0), [[float("nan")] * 3] * 3, [(1, (2, [3]))] * 3, [{}, {}],
    ([(0, 0)], [(0, [0])], [(1, 1)]),
]  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_what_a_check_cannot_read_is_not_blamed_on_the_answer(name, capsys):
    for strange in STRANGE:
        getattr(checks, name)((lambda *asked, thing=strange: thing) if callable(RIGHT[name]) else strange)
        said = capsys.readouterr().out
        assert said.startswith("Not yet: "), (strange, said)
        assert "raised" not in said, (strange, said)


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("empty", [None, ...])
def test_empty(name, empty, capsys):
    getattr(checks, name)(empty)
    assert capsys.readouterr().out.startswith("No answer yet")
