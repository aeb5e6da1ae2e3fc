"""One of several processes that run commands together: ``torchrun crew_rank.py FOLDER COMMANDS``.

In the last command the second process is killed as soon as it has written its piece.
"""

import contextlib
import io
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from plait import _answer
from plait.__main__ import main
from plait.cli import _crew


def said(words: list[str]) -> list:
    """The exit code of a command, and what it has printed."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    return [code, out.getvalue(), err.getvalue()]


def in_parts(change: Callable[[object, str, int], object]) -> None:
    """Let tables be answered in small parts, and files of columns be read in parts."""
    change(_answer, "CHUNK", 400)
    change(_answer, "IN_MEMORY", 0)


def dies(crew: _crew.Crew, key: str, value: str = "") -> None:
    if key == "written-1":
        os.kill(os.getpid(), signal.SIGKILL)
    crew.store.set(key, value)


if __name__ == "__main__":
    torch.set_num_threads(1)
    in_parts(setattr)
    _crew.BEAT = 0.2
    told, commands = [], json.loads(sys.argv[2])
    os.chdir(sys.argv[1])
    for number, words in enumerate(commands, 1):
        if number == len(commands):
            _crew.Crew.say = dies
        told.append(said(words))
        Path(f"told.{os.environ['RANK']}").write_text(json.dumps(told))
