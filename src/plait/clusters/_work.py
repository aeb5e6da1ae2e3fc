"""What each process on the cluster does."""

import json
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plait._artifact import CHECKPOINTS
from plait._errors import UserError
from plait._learner import Learner
from plait.training._world import PATIENCE, LostError, World

REFUSED = "refused.json"
"""Where a process says why it will never work, so that nobody tries it again."""
WAIT = PATIENCE.seconds


def work(order: Mapping[str, Any]) -> None:
    """Train with the others; the first process saves the model.

    Args:
        order: What is to be done, in plain words.

    Raises:
        RuntimeError: If it was refused: what travels through Ray is words.
    """
    refused = Path(order["notes"]) / REFUSED
    if refused.is_file():
        raise RuntimeError(refused.read_text(encoding="utf-8"))
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
        raise RuntimeError(str(error)) from None
    except UserError as error:
        draft = refused.with_name(f"{REFUSED}.{os.getpid()}")
        draft.write_text(json.dumps(str(error)), encoding="utf-8")
        draft.replace(refused)
        raise RuntimeError(str(error)) from None
