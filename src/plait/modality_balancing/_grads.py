"""Gradients of one pass, apart from what was there before."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager

from torch import nn


@contextmanager
def apart(parameters: Sequence[nn.Parameter]) -> Generator[None]:
    """Set the gradients of earlier parts of a step aside, and add them again at the end."""
    before = [each.grad for each in parameters]
    for each in parameters:
        each.grad = None
    try:
        yield
    finally:
        for each, kept in zip(parameters, before, strict=True):
            if kept is not None:
                each.grad = kept if each.grad is None else kept + each.grad
