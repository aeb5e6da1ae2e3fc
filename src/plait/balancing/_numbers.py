"""Gradients as rows of real numbers, and back."""

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor

from plait._errors import ConfigError

WIDE = 1024


def line(grad: Tensor) -> Float[Tensor, " numbers"]:
    """A gradient as one row; a complex number is two, so that products are real.

    Raises:
        ConfigError: If it is sparse.
    """
    if grad.layout != torch.strided:
        raise ConfigError(
            "Gradients of shared weights should be dense where they are compared. Got a sparse one "
            f"of shape {list(grad.shape)}. Build the embedding with `sparse=False`, or compare "
            'where heads begin, with at="features".'
        )
    return (torch.view_as_real(grad.resolve_conj()) if grad.is_complex() else grad).reshape(-1)


def count(like: Tensor) -> int:
    """How many real numbers the row of a tensor has."""
    return like.numel() * (2 if like.is_complex() else 1)


def shaped(part: Float[Tensor, " numbers"], like: Tensor) -> Tensor:
    """The tensor behind a row, of the shape and kind of another.

    Args:
        part: The row.
        like: What it is to be like.
    """
    if not like.is_complex():
        return part.view(like.shape).to(like.dtype)
    # A piece of a longer row may begin where no complex number can.
    return torch.view_as_complex(part.reshape(*like.shape, 2).clone()).to(like.dtype)


def precision(likes: Iterable[Tensor]) -> torch.dtype:
    """What rows of some tensors are kept in: float64 if one of them is that exact."""
    exact = (torch.float64, torch.complex128)
    return torch.float64 if any(like.dtype in exact for like in likes) else torch.float32


def inner(rows: Float[Tensor, "tasks numbers"]) -> Float[Tensor, "tasks tasks"]:
    """The inner products of rows, in float64.

    Args:
        rows: The rows.
    """
    numbers = rows.shape[1]
    whole = numbers // WIDE
    if rows.device.type != "cpu" or whole < WIDE // 8:
        return (rows @ rows.T).double()
    # A processor multiplies a few very long rows faster in pieces.
    parts = rows[:, : whole * WIDE].unflatten(1, (whole, WIDE)).transpose(0, 1)
    found = torch.bmm(parts, parts.transpose(1, 2)).double().sum(0)
    rest = rows[:, whole * WIDE :]
    return found + (rest @ rest.T).double() if rest.shape[1] else found
