"""The transformers library without its bars and its advice."""

import warnings
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def quiet() -> Generator[None]:
    """Within it, nothing of the transformers library is shown but errors."""
    from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    hidden = are_progress_bars_disabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            with warnings.catch_warnings():  # it warns where the environment forbids bars
                warnings.simplefilter("ignore")
                logging.enable_progress_bar()
        if hidden:
            disable_progress_bars()
