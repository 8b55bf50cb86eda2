"""Marking: what every exercise check is made of.

A check never raises: an empty answer (``...`` or None) prints a reminder, a wrong one a hint with
got and expected. The checks themselves are in the files beside it.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterable, Mapping, Set

import torch
from torch import Tensor

from ..transport import solve


class NotYet(Exception):
    """Why an answer is not right, as a hint to the reader."""


def exercise(function: str = "", *, by_formula: bool = False) -> Callable:
    """Turn a test that raises :class:`NotYet` into a check that prints what it thinks.

    Where the answer is to be a function, its name is given; with ``by_formula`` it runs without
    automatic differentiation.
    """

    def checked(test: Callable) -> Callable[[object], None]:
        @functools.wraps(test)
        def run(answer: object = None) -> None:
            if answer is None or answer is ...:
                print("No answer yet: replace the ... above and run both cells again.")
                return
            try:
                got = f"got {type(answer).__name__}, expected the function itself"
                need(not function or callable(answer), f"{got}: answer = {function}")
                test(_guarded(answer, by_formula) if function else answer)
            except NotYet as hint:
                print(f"Not yet: {hint}")
            except Exception:  # the test met something that nobody thought of
                asked = test.__doc__
                print(f"Not yet: this cannot be read; expected {asked[0].lower()}{asked[1:]}")
            else:
                print("Correct.")

        return run

    return checked


def _guarded(answer: Callable, by_formula: bool) -> Callable:
    """A reader's function, asked with copies; its own errors, of whatever kind, are hints."""

    def call(*asked: object) -> object:
        asked = copy.deepcopy(asked)
        try:
            with torch.inference_mode(by_formula):
                return answer(*asked)
        except Exception as error:
            hint = f"your answer raised {type(error).__name__}: {error}"
            if by_formula and "require grad" in str(error):
                hint = "write the slope as a formula, without automatic differentiation"
            raise NotYet(hint) from None

    return call


def need(right: object, hint: str) -> None:
    """Raise the hint unless something is right."""
    if not right:
        raise NotYet(hint)


def listed(answer: object, hint: str) -> list:
    """What an answer of any type holds; raise the hint if it is a text, a dict or one thing."""
    need(not isinstance(answer, (str, bytes, Mapping)), hint)
    try:
        return list(answer)
    except TypeError:
        raise NotYet(hint) from None


def several(answer: object, count: int, hint: str) -> list:
    """What an answer of any ordered type holds; raise the hint unless it is so many things."""
    found = listed(answer, hint)
    need(len(found) == count and not isinstance(answer, Set), hint)
    return found


def plain(answer: object) -> object:
    """An answer whose tensors, arrays and ordered containers are lists, and whose numbers Python's.

    >>> from fractions import Fraction
    >>> plain((Fraction(1, 4), range(2), torch.ones(1)))
    [0.25, [0, 1], [1.0]]
    """
    if hasattr(answer, "tolist"):
        answer = answer.tolist()
    if isinstance(answer, Iterable) and not isinstance(answer, (str, bytes, Mapping, Set)):
        return [plain(each) for each in answer]
    number = hasattr(answer, "__float__") and not isinstance(answer, int)
    return float(answer) if number else answer


def tensor(answer: object) -> Tensor:
    """An answer of any type as a tensor in float64; raise a hint if it is not made of numbers."""
    try:
        numbers = answer if torch.is_tensor(answer) else plain(answer)
        return torch.as_tensor(numbers, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError):
        expected = "a number, or numbers in rows of equal length"
        raise NotYet(f"got {type(answer).__name__}, expected {expected}") from None


def number(answer: object, hint: str) -> float:
    """An answer of any type that holds one number; raise the hint if it holds more or none."""
    found = tensor(answer)
    need(found.numel() == 1, hint)
    return found.item()


def same(
    got: object, expected: object, what: str, tolerance: float = 1e-4,
    mistakes: Mapping[str, object] | None = None,
) -> None:  # fmt: skip
    """Raise unless a number or tensor is close to the expected one.

    One number may come in a container. ``mistakes`` is what comes of a mistake that is often made,
    by the hint to it.
    """
    need(got is not None and got is not ..., f"{what} is missing")
    near = {"atol": tolerance, "rtol": tolerance}
    got, expected = tensor(got), tensor(expected)
    if got.numel() == 1 and expected.ndim == 0:
        got = got.reshape(())
    for hint, wrong in (mistakes or {}).items():
        wrong = tensor(wrong)
        alike = got.shape == wrong.shape and torch.allclose(got, wrong, **near)
        # in a small problem, a mistake may make no odds
        need(not alike or torch.allclose(wrong, expected, **near), hint)
    shape = f"{what} has shape {tuple(got.shape)}, expected {tuple(expected.shape)}"
    need(got.shape == expected.shape, shape)
    if not torch.allclose(got, expected, **near):
        said = f"{what} is off by {(got - expected).abs().max().item():.3g} where it is worst"
        raise NotYet(f"{said}; expected agreement to {tolerance:g}")


def converged(C: Tensor, a: Tensor, b: Tensor, epsilon: float) -> Tensor:
    """Plans of problems of shapes (B, n, m), (B, n) and (B, m), in float64 to convergence."""
    C, a, b = C.double(), *(mass.double() / mass.double().sum(1, keepdim=True) for mass in (a, b))
    return solve(C, a, b, epsilon=epsilon, max_iterations=20_000, tolerance=1e-12).plan
