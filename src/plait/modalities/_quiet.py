"""The transformers library without its bars and its advice."""

from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def quiet() -> Generator[None]:
    """Within it, nothing of the transformers library is shown but errors."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging._tqdm_active
    logging.set_verbosity_error()
    # `disable_progress_bar` would forget the hub's settings too, which are there for each group.
    logging._tqdm_active = False
    try:
        yield
    finally:
        logging._tqdm_active = bars
        logging.set_verbosity(level)
