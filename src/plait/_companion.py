"""One of the processes that :class:`Launch` starts: ``python -m plait._companion``.

It does what the first line of its input says, and ends as soon as its input does, for then the
process that has started it is gone.
"""

import json
import os
import shutil
import sys
import threading
import warnings
from collections.abc import Mapping
from typing import Any

from ._config import Config
from ._errors import Stopped, UserError
from ._learner import Learner
from .data import Source


def main() -> int:
    """Train with the process that has started this one.

    Returns:
        The exit code: 0 done, 2 something was refused.
    """
    line = sys.stdin.buffer.readline()
    if not line:
        return 0
    order = json.loads(line)
    threading.Thread(target=_watch, args=(order["folder"],), daemon=True).start()
    warnings.simplefilter("ignore")  # the first process gives the same ones
    config = Config.of(order["choices"])
    learner = Learner.from_config(config)
    memory = config.data.bytes
    try:
        learner.fit(
            _opened(order["data"], memory),
            _opened(order["valid"], memory),
            progress=False,
            checkpoints=order["checkpoints"],
            resume=order["resume"],
        )
    except Stopped:
        return 0
    except UserError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 2
    return 0


def _opened(table: Mapping[str, Any] | None, memory: int) -> Source | None:
    if table is None:
        return None
    return Source.of(table["files"], table["root"], memory=memory)


def _watch(folder: str) -> None:
    # Not by `sys.stdin`: its lock would be held when this process wants to end.
    while os.read(0, 1):
        pass
    shutil.rmtree(folder, ignore_errors=True)  # nobody else is left to do it
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
