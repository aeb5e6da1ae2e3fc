"""Pretrained encoders whose weights come from somewhere else."""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

_LEFT_OUT: ContextVar[bool] = ContextVar("left_out", default=False)


@contextmanager
def without_weights() -> Generator[None]:
    """Within it, pretrained encoders are built without their weights, and need no folder.

    Use it where weights are loaded into the model afterwards, all of them.
    """
    token = _LEFT_OUT.set(True)
    try:
        yield
    finally:
        _LEFT_OUT.reset(token)


def weights_left_out() -> bool:
    """Whether this is within :func:`without_weights`."""
    return _LEFT_OUT.get()
