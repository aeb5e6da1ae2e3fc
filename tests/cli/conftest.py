import json
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from plait.__main__ import main

ROWS = 60
SMALL = ("--set", "training.epochs=2", "--set", "model.width=8", "--set", "training.batch_size=16")


def homes(rows: int = ROWS) -> pa.Table:
    """Numbers, a category, and targets of three kinds, one of them with empty labels."""
    size = [20.0 + 7 * n % 83 for n in range(rows)]
    return pa.table(
        {
            "size": [None if n % 10 == 3 else size[n] for n in range(rows)],
            "city": [("Ulm", "Bonn", "Kiel")[n % 3] for n in range(rows)],
            "price": [None if n % 4 == 1 else 3.5 * size[n] + 0.25 * n for n in range(rows)],
            "sold": [("no", "yes")[size[n] > 60] for n in range(rows)],
            "view": [("sea", "lake", "road")[int(size[n]) % 3] for n in range(rows)],
        }
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder with ``homes.parquet`` in it."""
    monkeypatch.chdir(tmp_path)
    parquet.write_table(homes(), "homes.parquet")
    return tmp_path


class Plait:
    """The command line in this process, with what it printed."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self.capture, self.out, self.err = capture, "", ""

    def __call__(self, *words: object) -> int:
        code = main([str(word) for word in words])
        self.out, self.err = self.capture.readouterr()
        return code

    def json(self, *words: object) -> dict:
        assert self(*words, "--json") == 0, self.err
        return json.loads(self.out)

    def refused(self, *words: object, code: int = 2) -> str:
        """The message of a command that the user got wrong: one, and no traceback."""
        assert self(*words) == code, self.out + self.err
        assert self.err.startswith("error: ")
        assert "Traceback" not in self.err
        return self.err


@pytest.fixture
def plait(capsys: pytest.CaptureFixture[str]) -> Plait:
    return Plait(capsys)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved model of ``homes``, to be copied and not changed."""
    home = tmp_path_factory.mktemp("trained")
    parquet.write_table(homes(), home / "homes.parquet")
    words = ("-t", "price", "-t", "sold", "-t", "view", "-o", home / "run", *SMALL)
    assert main(["fit", str(home / "homes.parquet"), *map(str, words)]) == 0
    return home / "run"
