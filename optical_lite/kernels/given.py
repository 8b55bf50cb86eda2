"""Given: what a formula is called with, as tensors of one number type.

Only shapes and types are looked at, but for masks that are not bool: a step of training waits for
no number.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ..settings import InputError


def _tensor(place: str, given: object, read: Callable = torch.as_tensor) -> Tensor | np.ndarray:
    try:
        found = read(given)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(place, error, "a tensor, an array or equal lists of numbers") from None
    # eight bits have no arithmetic
    small = isinstance(found, Tensor) and found.is_floating_point() and found.itemsize == 1
    return found.float() if small else found


def as_array(place: str, given: object) -> np.ndarray:
    """A tensor, whatever its type and device and with a gradient or none, an array or lists.

    >>> as_array("links", torch.ones(2, dtype=torch.bfloat16, requires_grad=True))
    array([1., 1.])
    """
    given = given.detach().double().cpu() if isinstance(given, Tensor) else given
    return _tensor(place, given, functools.partial(np.asarray, dtype=np.float64))


def as_numbers(place: str, *given: object) -> list[Tensor]:
    """Tensors, arrays or lists as tensors of the widest floating type among them.

    >>> as_numbers("cost", [1, 2], torch.tensor([0.5], dtype=torch.float64))
    [tensor([1., 2.], dtype=torch.float64), tensor([0.5000], dtype=torch.float64)]
    """
    found = [_tensor(place, one) for one in given]
    kind = functools.reduce(torch.promote_types, (one.dtype for one in found))
    if kind.is_complex:
        raise InputError(place, "complex numbers", "real ones; take their real part")
    return [one.to(kind if kind.is_floating_point else torch.float32) for one in found]


def as_vectors(place: str, *given: object) -> list[Tensor]:
    """:func:`as_numbers` of vectors of one space, shapes (..., n, d) with one d."""
    found = as_numbers(place, *given)
    if any(one.ndim < 2 for one in found):
        got = " and ".join(f"{tuple(one.shape)}" for one in found)
        raise InputError(place, f"shapes {got}", "(..., n, d) each; add [None] for one vector")
    if len({one.shape[-1] for one in found}) > 1:
        got = " and ".join(f"{one.shape[-1]}" for one in found)
        expected = "the same; use one encoder family for both sides, or project"
        raise InputError(place, f"vectors of {got} dimensions", expected)
    return found


def as_mask(place: str, given: object) -> Tensor:
    """A mask as bool; of another type it has to hold 0 and 1 alone.

    >>> as_mask("loss", [1, 0])
    tensor([ True, False])
    """
    found = _tensor(place, given)
    if found.dtype != torch.bool and not ((found == 0) | (found == 1)).all():
        expected = "True or 1 where there is a token, False or 0 on padding"
        raise InputError(place, "a mask of other numbers than 0 and 1", expected)
    return found.bool()


def as_sentences(place: str, *sides: tuple[object, object]) -> list[tuple[Tensor, Tensor]]:
    """Token vectors (B, n, d), 0 on padding, which nothing reads, each with its mask (B, n).

    >>> as_sentences("loss", ([[[1.0], [9.0]]], [[1, 0]]))
    [(tensor([[[1.],
             [0.]]]), tensor([[ True, False]]))]
    """
    vectors = as_vectors(place, *(of for of, _ in sides))
    masks = [as_mask(place, mask) for _, mask in sides]
    if any(x.ndim != 3 or x.shape[:2] != y.shape for x, y in zip(vectors, masks, strict=True)):
        got = ", ".join(f"{tuple(x.shape)}" for x in (*vectors, *masks))
        expected = "(B, n, d) each, then (B, n) each; give each vector its place in the mask"
        raise InputError(place, f"vectors and masks of shapes {got}", expected)
    filled = (x.masked_fill(~y[..., None], 0.0) for x, y in zip(vectors, masks, strict=True))
    return list(zip(filled, masks, strict=True))


def as_masses(place: str, given: object, mask: Tensor) -> Tensor:
    """Masses of tokens, of the mask's shape, and 0 on padding whatever was given there.

    >>> as_masses("loss", [3, 9], [True, False])
    tensor([3., 0.])
    """
    (mass,), mask = as_numbers(place, given), as_mask(place, mask)
    if mass.shape != mask.shape:
        got = f"masses {tuple(mass.shape)} and a mask {tuple(mask.shape)}"
        raise InputError(place, got, "one shape; give each place of the mask its mass")
    return mass.where(mask, 0.0)
