"""An import does nothing but define, and help needs no network (29)."""

import json
import os
import subprocess
import sys

import pytest

WATCH = """
import json, os, sys, threading
told = []
EVENTS = ("socket.", "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn",
          "urllib.", "http.", "ftplib.", "smtplib.", "webbrowser.", "os.remove", "os.rename",
          "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod", "os.chown",
          "os.putenv", "os.unsetenv", "shutil.", "tempfile.", "signal.", "_thread.start_new_thread")
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

def hook(event, words):
    if event == "open":
        path, mode, flags = words
        writes = flags & WRITES if isinstance(flags, int) else False
        if writes and path != os.devnull:
            told.append(f"open {path} {mode} {flags}")
    elif event.startswith(EVENTS) and b"PYDANTIC_DISABLE_PLUGINS" not in words:
        # typer sets that while it imports pydantic, and takes it back.
        told.append(f"{event} {words}"[:200])

BEFORE
sys.addaudithook(hook)
threads = threading.active_count()
CODE
found = list(told)
if threading.active_count() != threads:
    found.append("a thread")
print(json.dumps(found))
"""
LIBRARIES = "import pyarrow, pyarrow.parquet, safetensors, sklearn.metrics, torch, tokenizers"
EVERYTHING = """
import importlib, pkgutil, plait
for name in dir(plait):
    getattr(plait, name)
for each in pkgutil.walk_packages(plait.__path__, "plait."):
    if each.name != "plait.__main__":
        importlib.import_module(each.name)
"""


def effects(code: str, before: str = "") -> list[str]:
    """What the audit hooks of Python tell of, while a new process runs some code."""
    text = WATCH.replace("CODE", code).replace("BEFORE", before)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path),
                   "PYTHONDONTWRITEBYTECODE": "1"}  # fmt: skip
    words = [sys.executable, "-c", text]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    "code",
    ["import plait", "import plait.cli", "import plait.__main__ as m\nm.main(['--help'])",
     "import plait.__main__ as m\nm.main(['predict', '--help'])"],
)  # fmt: skip
def test_an_import_does_nothing(code):
    assert effects(code) == []


def test_every_module_does_nothing_over_the_libraries():
    """Those may look at the machine when they are imported; that is theirs to tell."""
    assert effects(EVERYTHING, LIBRARIES) == []


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import socket; s = socket.socket(); s.close()", "socket.__new__"),
        ("import subprocess; subprocess.run(['true'])", "subprocess.Popen"),
        ("import os; os.system('true')", "os.system"),
        ("open('/dev/full', 'w').close()", "open /dev/full"),
        ("import tempfile; tempfile.mkdtemp()", "tempfile.mkdtemp"),
        ("import threading, time; threading.Thread(target=time.sleep, args=(9,), daemon=True)"
         ".start()", "thread"),
        ("import os; os.environ['A'] = 'b'", "os.putenv"),
    ],
)  # fmt: skip
def test_the_tests_above_can_fail(code, told):
    if "/dev/full" in code and not os.path.exists("/dev/full"):
        pytest.skip("there is no such file here")
    assert told in " ".join(effects(code))
