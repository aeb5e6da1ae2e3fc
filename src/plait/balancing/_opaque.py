"""Loops that end when they are done, in one piece for ``torch.compile``."""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

import torch
from torch import Tensor

F = TypeVar("F", bound=Callable[..., Tensor])


def opaque(schema: str) -> Callable[[F], F]:
    """Let a compiler see a function as one operation; elsewhere it is called as it stands.

    A solver ends after a few rounds where a processor can look whether it is done. Unrolled by a
    compiler it would always take all of them.

    Args:
        schema: Its arguments and result as torch writes them. The result is new, and like the last
            of the tensors.
    """

    def wrap(function: F) -> F:
        name = getattr(function, "__name__", "").strip("_")

        def laid_out(*given: Tensor | float) -> Tensor:
            return function(*given).contiguous()

        op = torch.library.custom_op(f"plait::{name}", laid_out, mutates_args=(), schema=schema)
        op.register_fake(_like_last)

        @wraps(function)
        def call(*given: Tensor | float) -> Tensor:
            return op(*given) if torch.compiler.is_compiling() else function(*given)

        return call  # ty: ignore[invalid-explicit-return]  # the same arguments

    return wrap


def _like_last(*given: Tensor | float) -> Tensor:
    last = [each for each in given if isinstance(each, Tensor)][-1]
    return last.new_empty(last.shape)  # in the order of a new tensor, as promised above
