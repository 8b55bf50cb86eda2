"""Marking: what every exercise check is made of.

A check never raises: an empty answer (``...`` or None) prints a reminder, a wrong one a hint with got and expected.
The checks themselves are in the files beside it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch


class NotYet(Exception):
    """Why an answer is not right, as a hint to the reader."""


def exercise(test: Callable) -> Callable[[object], None]:
    """Turn a test that raises :class:`NotYet` into a check that prints what it thinks of an answer."""

    @functools.wraps(test)
    def run(answer: object = None) -> None:
        if answer is None or answer is ...:
            print("No answer yet: replace the ... above and run both cells again.")
            return
        try:
            test(answer)
        except NotYet as hint:
            print(f"Not yet: {hint}")
        except Exception as error:  # the reader's own function may fail in any way
            print(f"Not yet: your answer raised {type(error).__name__}: {error}")
        else:
            print("Correct.")

    return run


def same(got: object, expected: object, what: str, tolerance: float = 1e-4) -> None:
    """Raise unless a number or tensor is close to the expected one."""
    if got is None or got is ...:
        raise NotYet(f"{what} is missing")
    got, expected = torch.as_tensor(got, dtype=torch.float64), torch.as_tensor(expected, dtype=torch.float64)
    if got.shape != expected.shape:
        raise NotYet(f"{what} has shape {tuple(got.shape)}, expected {tuple(expected.shape)}")
    if not torch.allclose(got, expected, atol=tolerance, rtol=tolerance):
        gap = (got - expected).abs().max().item()
        raise NotYet(f"{what} is off by {gap:.3g} where it is worst; expected agreement to {tolerance:g}")


def function(answer: object, name: str) -> None:
    """Raise unless the answer is a function."""
    if not callable(answer):
        raise NotYet(f"got {type(answer).__name__}, expected the function itself: answer = {name}")
