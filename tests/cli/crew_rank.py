"""One of two processes that run commands: ``torchrun crew_rank.py FOLDER COMMANDS VICTIM``.

In the last command one of them is killed as soon as the second has written its piece: the one that
is said.
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


def deadly(plain: Callable) -> Callable:
    def called(crew: _crew.Crew, key: str, *value: str) -> object:
        if key == "written-1" and crew.rank == int(sys.argv[3]):
            os.kill(os.getpid(), signal.SIGKILL)
        return plain(crew, key, *value)

    return called


if __name__ == "__main__":
    torch.set_num_threads(1)
    in_parts(setattr)
    _crew.BEAT = 0.2
    told, commands = [], json.loads(sys.argv[2])
    os.chdir(sys.argv[1])
    for number, words in enumerate(commands, 1):
        if number == len(commands):
            _crew.Crew.say = deadly(_crew.Crew.say)
            _crew.Crew.hear = deadly(_crew.Crew.hear)
        told.append(said(words))
        Path(f"told.{os.environ['RANK']}").write_text(json.dumps(told))
