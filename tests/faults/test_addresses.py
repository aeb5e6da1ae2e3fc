"""Nothing is fetched that the user did not ask for (28)."""

import hashlib
import json
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from threading import Thread
from urllib.request import urlopen

import pyarrow as pa
import pytest
import yaml
from pyarrow import feather, parquet

import plait
from plait import Audio, Bag, Config, Image, Learner, Table, Text, Training, UserError, Video
from plait.__main__ import main

QUICK = Training(epochs=1, batch_size=16, device="cpu")
ROWS = {"x": [float(n) for n in range(24)], "y": [2.0 * n + n % 3 for n in range(24)]}


class Listener:
    """A door on this machine that counts who knocks."""

    def __init__(self) -> None:
        self.calls = 0
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.thread = Thread(target=self._listen, daemon=True)
        self.thread.start()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                caller, _ = self.server.accept()
                self.calls += 1
                with caller:
                    caller.settimeout(5)
                    with suppress(OSError):
                        caller.recv(4096)
                        caller.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    def close(self) -> None:
        with suppress(OSError):
            self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        self.thread.join(5)


@pytest.fixture
def listener() -> Iterator[Listener]:
    with closing(Listener()) as found:
        yield found


@pytest.fixture
def asked(monkeypatch) -> list[str]:
    """Every name that is looked up and every address that is called, ours or not."""
    found: list[str] = []
    for name in ("getaddrinfo", "create_connection", "gethostbyname"):
        monkeypatch.setattr(socket, name, _told(found, getattr(socket, name)))
    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, _told(found, getattr(socket.socket, name)))
    return found


def _told(found: list[str], done):
    def called(*words, **more):
        found.append(str(words))
        return done(*words, **more)

    return called


def urls(listener: Listener) -> list[str]:
    """One address in several coats: schemes, chains, names of this machine, mapped numbers."""
    port = listener.port
    return [
        f"http://127.0.0.1:{port}/a", f"HTTP://127.0.0.1:{port}/a", f"https://127.0.0.1:{port}/a",
        f"ftp://127.0.0.1:{port}/a", f"http://localhost:{port}/a", f"http://[::1]:{port}/a",
        f"http://[::ffff:127.0.0.1]:{port}/a", f"http://2130706433:{port}/a",
        f"http://0x7f.1:{port}/a", f"http://user:word@127.0.0.1:{port}/a",
        f"simplecache::http://127.0.0.1:{port}/a", f"zip://a.png::http://127.0.0.1:{port}/a",
        f"s3://127.0.0.1:{port}/a", f"//127.0.0.1:{port}/a", f"\\\\127.0.0.1@{port}\\a",
        f" http://127.0.0.1:{port}/a", f"http:/127.0.0.1:{port}/a", f"git+http://127.0.0.1:{port}/a",
        "http://169.254.169.254/latest/meta-data", "data:text/plain,a", "file://127.0.0.1/etc/hosts",
    ]  # fmt: skip


def still(listener: Listener, asked: list[str]) -> None:
    assert listener.calls == 0
    assert asked == []


def test_a_call_would_be_counted(listener, asked):
    with urlopen(f"http://127.0.0.1:{listener.port}/a", timeout=5) as answer:
        assert answer.read() == b"{}"
    assert listener.calls == 1
    assert asked


@pytest.mark.parametrize("kind", ["picture", "sound", "video", "bag", "list of frames"])
def test_in_a_cell(listener, asked, tmp_path, kind):
    kinds = {
        "picture": Image(columns=("x",), size=8),
        "sound": Audio(columns=("x",)),
        "bag": Bag(columns=("x",), of=Image(size=8)),
    }
    part = kinds.get(kind, Video(columns=("x",)))
    for url in urls(listener):
        cell = [url] if kind in ("bag", "list of frames") else url
        table = Table.of({"x": [cell] * 3}, root=tmp_path)
        with pytest.raises(UserError, match=r"lead out of it|should exist"):
            part.fit(table).pack(table)
    still(listener, asked)


@pytest.mark.parametrize("ending", ["csv", "parquet", "feather", "jsonl", "sqlite"])
def test_in_a_file_that_is_learned_from_and_answered(
    listener, asked, tmp_path, ending, monkeypatch
):
    """As text it is text; as the name of a picture it is refused."""
    monkeypatch.chdir(tmp_path)
    some = urls(listener)
    table = pa.table({"x": some * 2, "y": [float(n) for n in range(2 * len(some))]})
    path = tmp_path / f"t.{ending}"
    if ending == "csv":
        cells = [
            json.dumps(x, ensure_ascii=False).replace("\\\\", "\\") for x in table["x"].to_pylist()
        ]
        path.write_text("x,y\n" + "".join(f"{x},{n}.0\n" for n, x in enumerate(cells)))
    elif ending == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    elif ending == "sqlite":
        with closing(sqlite3.connect(path)) as base, base:
            base.execute("CREATE TABLE t (x TEXT, y REAL)")
            rows = [(row["x"], row["y"]) for row in table.to_pylist()]
            base.executemany("INSERT INTO t VALUES (?, ?)", rows)
    else:
        (parquet.write_table if ending == "parquet" else feather.write_feather)(table, str(path))
    learner = Learner(["y"], {"x": "Text"}, width=8, training=QUICK).fit(path)
    assert len(learner.predict(path)) == len(table)
    with pytest.raises(UserError, match="lead out of it"):
        Learner(["y"], {"x": "Image"}, width=8, training=QUICK).fit(path)
    still(listener, asked)


def test_as_what_a_query_reads_from(listener, asked, tmp_path):
    duckdb = pytest.importorskip("duckdb")
    base = tmp_path / "a.duckdb"
    with duckdb.connect(str(base)) as connection:
        connection.execute("CREATE TABLE t AS SELECT 1 AS a")
    for sql in (f"SELECT * FROM 'http://127.0.0.1:{listener.port}/a.parquet'",
                f"SELECT * FROM read_csv('http://127.0.0.1:{listener.port}/a.csv')",
                f"SELECT * FROM read_text('http://127.0.0.1:{listener.port}/a')",
                "SELECT * FROM read_text('/etc/hosts')"):  # fmt: skip
        with pytest.raises(UserError):
            Table.of(f"{base}::{sql}")
    still(listener, asked)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    return (
        Learner(["y"], width=8, training=QUICK).fit(ROWS).save(tmp_path_factory.mktemp("m") / "m")
    )


def sealed(manifest: dict) -> str:
    """A manifest that vouches for itself, as every version has to write it."""
    body = {name: value for name, value in manifest.items() if name != "seal"}
    seal = hashlib.sha256(json.dumps(body).encode()).hexdigest()
    return json.dumps({**body, "seal": seal}, indent=1)


def forged(folder: Path, part: str, content: object) -> None:
    (folder / part).write_text(json.dumps(content), encoding="utf-8")
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest["sha256"][part] = hashlib.sha256((folder / part).read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(sealed(manifest), encoding="utf-8")


PLACES = ["fusion", "sharing", "inputs", "cache", "input type", "encoder", "schema encoder"]


@pytest.mark.parametrize("place", PLACES)
def test_in_a_saved_model(listener, asked, tmp_path, whole, place, monkeypatch):
    """A saved model brings all that it needs, or is refused."""
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{listener.port}")
    for number, url in enumerate([*urls(listener), "owner/name"]):
        folder = Path(shutil.copytree(whole, tmp_path / f"m{number}"))
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        schema = json.loads((folder / "schema.json").read_text(encoding="utf-8"))
        if place == "inputs":
            config["inputs"] = {"x": {"type": "Text", "encoder": f"hf:{url}"}}
        elif place == "cache":
            config["data"] = {"cache": url}
        elif place == "input type":
            schema["inputs"]["x"]["type"] = url
        elif place == "encoder":
            schema["inputs"]["x"] = {"type": "Text", "columns": ["x"], "encoder": f"hf:{url}"}
        elif place == "schema encoder":
            picture = {"type": "Image", "columns": ["x"], "size": 32, "rows": 9}
            schema["inputs"]["x"] = {**picture, "encoder": f"timm:hf_hub:{url}"}
        else:
            config[place] = url
        forged(folder, "config.json", config)
        forged(folder, "schema.json", schema)
        with suppress(UserError):
            plait.load(folder).predict({"x": [1.0]})
    still(listener, asked)


def test_as_the_place_of_a_model(listener, asked, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for url in urls(listener):
        with pytest.raises(UserError, match="There is no such folder"):
            plait.load(url)
        assert main(["predict", url, "none.csv", "-o", "a.csv"]) == 2
    still(listener, asked)


def test_as_the_folder_of_an_encoder(listener, asked, tmp_path, monkeypatch):
    """What looks like an address is no name of a hub, so that none is asked."""
    monkeypatch.chdir(tmp_path)
    table = Table.of({"x": ["a red bag"] * 9, "p": [b"no"] * 9})
    for url in urls(listener):
        for part in (Text(columns=("x",), encoder=f"hf:{url}"),
                     Text(columns=("x",), encoder=f"static:{url}"),
                     Image(columns=("p",), encoder=f"hf:{url}"),
                     Image(columns=("p",), encoder=f"timm:resnet10t:{url}"),
                     Audio(columns=("p",), encoder=f"ge2e:{url}"),
                     Audio(columns=("p",), encoder=f"hf:{url}")):  # fmt: skip
            with pytest.raises(UserError):
                part.fit(table)
    still(listener, asked)


def test_as_a_configuration_and_in_one(listener, asked, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    parquet.write_table(pa.table(ROWS), "t.parquet")
    for url in urls(listener):
        assert main(["fit", "t.parquet", "-t", "y", "--config", url, "-o", "run"]) == 2
        for key in ("fusion", "sharing", "balancing", "pretraining"):
            if ":" not in url.removeprefix("http"):
                continue
            with pytest.raises(UserError):
                Learner.from_config(Config.read(yaml.safe_dump({"targets": ["y"], key: url}))).fit(
                    ROWS
                )
    still(listener, asked)


def test_where_answers_and_models_go(listener, asked, tmp_path, whole, monkeypatch, capsys):
    """They go to a folder that is called so, on this machine."""
    monkeypatch.chdir(tmp_path)
    parquet.write_table(pa.table(ROWS), "t.parquet")
    learner = plait.load(whole)
    for number, url in enumerate(urls(listener)[:3]):
        with suppress(UserError):
            learner.save(f"{url}{number}")
        main(["predict", str(whole), "t.parquet", "-o", f"{url}{number}.csv"])
    still(listener, asked)


def test_a_run_from_table_to_answers_asks_for_nothing(listener, asked, tmp_path, monkeypatch):
    """Nor does it tell anyone that it ran."""
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{listener.port}")
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{listener.port}")
    learner = Learner(["y"], width=8, training=QUICK).fit(ROWS)
    assert plait.load(learner.save(tmp_path / "m")).evaluate(ROWS).to_dict()
    still(listener, asked)


def test_only_one_place_of_the_source_opens_addresses():
    """The user's own word for a table (docs/safety.md), by the package fsspec."""
    names = ("urllib.request", "requests", "httpx", "aiohttp", "http.client", "ftplib", "socket",
             "fsspec", "smart_open")  # fmt: skip
    code = (
        "import ast, sys, pathlib, plait\n"
        "root = pathlib.Path(plait.__file__).parent\n"
        f"names = {names!r}\n"
        "for path in sorted(root.rglob('*.py')):\n"
        "    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):\n"
        "        found = [a.name for a in node.names] if isinstance(node, ast.Import) else (\n"
        "            [node.module or ''] if isinstance(node, ast.ImportFrom) else [])\n"
        "        for each in found:\n"
        "            if each.startswith(names): print(path.relative_to(root).as_posix(), each)\n"
    )
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "data/_find.py urllib.request",  # url2pathname, which opens nothing
        "data/_find.py fsspec.core",
    ]
