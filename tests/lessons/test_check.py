"""Every exercise check passes the right answer and none of several wrong ones."""

import importlib
import re
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("empty", [None, ...])
def test_empty(name, empty, capsys):
    getattr(checks, name)(empty)
    assert capsys.readouterr().out.startswith("No answer yet")
