"""Every exercise check passes the right answer and none of several wrong ones."""

import importlib
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from answers import notebook_02, notebook_03, notebook_04, notebook_05, notebook_06, notebook_07

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
        ("ex00_2", Fraction(13, 36)),
        ("ex00_2", np.float32(13 / 36)),
        ("ex02_1", (np.array([1, 0, 2]), Fraction(1, 5))),
        ("ex02_3", lambda *problem: notebook_02.log_sinkhorn(*problem).numpy()),
        ("ex04_1", lambda *asked: tuple(notebook_04.cut(*asked))),
        ("ex04_3", np.array([[["maji", "moto"], ["hot", "water"]]] * 3)),
        ("ex05_4", np.full(6, 0.01)),
        ("ex05_4", torch.full((6,), 0.01)),
        ("ex05_4", (Fraction(k, 100) for k in (1, 1, 1, 1, 1, 1))),
        ("ex06_2", ([(0, 0)], [[0, 0]], np.array([[1, 1], [2, 2]]))),
        ("ex06_3", [np.array(row) for row in notebook_06.HUB]),
        ("ex07_2", lambda *runs: np.array(notebook_07.interaction(*runs))),
        ("ex07_3", lambda H: list(notebook_07.fool(H))),
    ],
)
def test_right_of_another_type(name, answer, capsys):
    getattr(checks, name)(answer)
    assert capsys.readouterr().out == "Correct.\n"


@pytest.mark.parametrize(
    ("name", "answer", "hint"),
    [
        ("ex00_2", "0.361", "got str, expected a number"),
        ("ex03_1", notebook_03.along_sphere, "take S as free: differentiate 1 - S H^T as it stands"),
        ("ex05_2", notebook_05.strict, "exactly as far from 0"),
        ("ex05_2", lambda gaps: notebook_05.p_value(gaps, 0), "mind the 1e-12"),
        ("ex06_2", notebook_06.NO_SURE, "must not be empty"),
        ("ex07_2", lambda *runs: set(notebook_07.interaction(*runs)), "expected two numbers"),
    ],
)
def test_hint(name, answer, hint, capsys):
    getattr(checks, name)(answer)
    assert hint in capsys.readouterr().out


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("empty", [None, ...])
def test_empty(name, empty, capsys):
    getattr(checks, name)(empty)
    assert capsys.readouterr().out.startswith("No answer yet")
