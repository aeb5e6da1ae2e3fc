"""What each process on the cluster does."""

import json
import os
import platform
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plait._artifact import CHECKPOINTS
from plait._errors import NonFiniteError, UserError
from plait._learner import Learner
from plait.training._agreed import left
from plait.training._world import PATIENCE, LostError, World

REFUSED = "refused.json"
"""Where a process says why it will never work, so that nobody tries it again."""
WAIT = PATIENCE.seconds


def work(order: Mapping[str, Any]) -> None:
    """Train with the others; the first process saves the model.

    What is refused is noted down, and the process ends as if all were well: Ray would start it
    again, and it would be refused again.

    Args:
        order: What is to be done, in plain words.

    Raises:
        RuntimeError: If another process has ended, so that all have to be started again.
    """
    refused = Path(order["notes"]) / REFUSED
    if refused.is_file():
        return
    warnings.simplefilter("ignore")
    storage = Path(order["storage"])
    learner = Learner.from_config(order["choices"])
    try:
        learner.fit(
            order["data"],
            order["valid"],
            root=order["root"],
            progress=False,
            checkpoints=storage / CHECKPOINTS,
            resume=True,
        )
        if World.here().rank == 0:
            learner.save(storage, overwrite=True)
    except LostError as error:
        if not refused.is_file():
            raise RuntimeError(str(error)) from None  # what travels through Ray is words
    except (UserError, NonFiniteError) as error:
        draft = refused.with_name(f"{REFUSED}.{platform.node()}.{os.getpid()}")
        draft.write_text(json.dumps([type(error).__name__, str(error)]), encoding="utf-8")
        draft.replace(refused)
        left()
