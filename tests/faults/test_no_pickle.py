"""No file that is read can run code, whatever it holds and wherever it is given (24)."""

import ast
import hashlib
import io
import json
import os
import pickle
import runpy
import shutil
import sqlite3
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import joblib
import numpy as np
import pyarrow as pa
import pytest
import torch
import yaml
from pyarrow import feather, parquet
from safetensors.torch import save_file

import plait
from plait import (
    ArtifactError,
    Audio,
    Config,
    Image,
    Learner,
    PlaitWarning,
    Text,
    Training,
    UserError,
    Video,
)
from plait.__main__ import main
from plait._artifact import PARTS
from plait.data import Table

SOURCE = Path(plait.__file__).parent
QUICK = Training(epochs=1, batch_size=16, device="cpu")
ROWS = {"x": [float(n) for n in range(24)], "y": [2.0 * n + n % 3 for n in range(24)]}

# ---------------------------------------------------------------------------------- in the source

CODE = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve",
        "copyreg", "runpy", "code", "codeop", "imp", "torch.package", "torch.export",
        "torch.distributed.checkpoint", "torch.jit"}  # fmt: skip
"""Modules that read code from files, or run what they are given."""
SAFE = {f"torch.distributed.checkpoint.{name}" for name in (
    "CheckpointException", "HuggingFaceStorageReader", "HuggingFaceStorageWriter",
    "TensorStorageMetadata", "load", "save")}  # fmt: skip
"""Of DCP, what reads and writes safetensors; its own reader of files takes a pickle."""
CALLS = {"eval", "exec", "compile", "__import__", "execfile"}
LOADS = {"torch.load": ("weights_only", True), "np.load": ("allow_pickle", False),
         "numpy.load": ("allow_pickle", False), "pd.read_pickle": ("", None),
         "yaml.load": ("", None), "yaml.unsafe_load": ("", None), "yaml.full_load": ("", None),
         "yaml.load_all": ("", None), "torch.export.load": ("", None),
         "torch.jit.load": ("", None), "joblib.load": ("", None),
         "torch.hub.load": ("", None)}  # fmt: skip
"""Calls that may do so, and the word that makes each harmless."""
FLAGS = {"weights_only": True, "allow_pickle": False, "trust_remote_code": False,
         "shell": False, "use_safetensors": True}  # fmt: skip
"""What such a word has to say, in any call."""


def name_of(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return f"{name_of(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and not node.level:
        named = {f"{node.module}.{alias.name}" for alias in node.names}
        if named <= SAFE and any(name.split(".")[-1].startswith("HuggingFace") for name in named):
            return []
        return [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
    return []


def dangers(source: str) -> Iterator[tuple[int, str]]:
    """What could run code that a file brings, with its line."""
    for node in ast.walk(ast.parse(source)):
        for module in imported(node):
            if module in CODE:
                yield node.lineno, f"import of {module}"
        if not isinstance(node, ast.Call):
            continue
        name = name_of(node.func)
        said = {each.arg: getattr(each.value, "value", "?") for each in node.keywords}
        if name in CALLS:
            yield node.lineno, name
        if name in LOADS:
            word, wanted = LOADS[name]
            if not word or said.get(word) is not wanted:
                yield node.lineno, name
        if name.endswith(".from_pretrained") and said.get("trust_remote_code") is not False:
            yield node.lineno, f"{name} that may trust"
        yield from ((node.lineno, f"{word}={value}") for word, value in said.items()
                    if word in FLAGS and value is not FLAGS[word])  # fmt: skip


def test_nothing_in_the_source_runs_what_a_file_brings():
    found = [
        f"{path.relative_to(SOURCE)}:{line}: {what}"
        for path in sorted(SOURCE.rglob("*.py"))
        for line, what in dangers(path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    "source",
    ["import pickle", "from pickle import loads", "import torch.distributed.checkpoint as dcp",
     "from torch import package", "from torch.distributed import checkpoint", "eval(text)",
     "from torch.distributed.checkpoint import load",
     "from torch.distributed.checkpoint import FileSystemReader",
     "exec(text)", "__import__(name)", "torch.load(path)", "torch.load(path, weights_only=False)",
     "torch.load(path, weights_only=flag)", "np.load(path)", "np.load(path, allow_pickle=True)",
     "yaml.load(text)", "yaml.unsafe_load(text)", "torch.export.load(path)",
     "AutoModel.from_pretrained(path)", "AutoModel.from_pretrained(path, trust_remote_code=True)",
     "AutoConfig.for_model(name, trust_remote_code=True)", "torch.jit.load(path)",
     "subprocess.run(words, shell=True)", "pd.read_pickle(path)", "torch.hub.load(a, b)",
     "made.from_pretrained(path, trust_remote_code=False, use_safetensors=False)"],
)  # fmt: skip
def test_the_test_above_can_fail(source):
    assert list(dangers(source))


def test_the_one_import_by_name_is_of_what_the_user_wrote():
    """``module:Class`` is for configurations; saved models are refused before (test_artifact)."""
    found = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and name_of(node.func).endswith("import_module")
    }
    # The last two name what they import themselves: a net of timm, and Ray.
    assert found == {"__init__.py", "_catalogue.py", "modalities/_timm_net.py", "clusters/_ray.py"}


# ------------------------------------------------------------------------------------- in its work


class Evil:
    """What leaves a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = str(mark)

    def __reduce__(self) -> tuple:
        return os.mkdir, (self.mark,)


def pickled(mark: Path) -> bytes:
    return pickle.dumps(Evil(mark))


def saved_by_torch(mark: Path, zipped: bool = True) -> bytes:
    file = io.BytesIO()
    torch.save({"a": Evil(mark)}, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()


def program(mark: Path) -> bytes:
    """What ``torch.export.save`` writes, with sample inputs that are pickled."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in {
            "archive_format": b"pt2", "version": b"0", ".data/version": b"3",
            "data/sample_inputs/model.pt": saved_by_torch(mark),
            "data/weights/model.pt": saved_by_torch(mark), "models/model.json": b"{}",
        }.items():  # fmt: skip
            archive.writestr(f"archive/{name}", content)
    return file.getvalue()


def objects(mark: Path) -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([Evil(mark)], object), allow_pickle=True)
    return file.getvalue()


def many_objects(mark: Path) -> bytes:
    file = io.BytesIO()
    np.savez(file, x=np.array([Evil(mark)], object))
    return file.getvalue()


def dumped(mark: Path) -> bytes:
    file = io.BytesIO()
    joblib.dump(Evil(mark), file)
    return file.getvalue()


def tagged(mark: Path) -> bytes:
    return f"x: !!python/object/apply:os.mkdir [{str(mark)!r}]\n".encode()


def archived(mark: Path) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("__main__.py", f"import os; os.mkdir({str(mark)!r})")
        archive.writestr("../../data.pkl", pickled(mark))
        archive.writestr("manifest.json", "{}")
    return file.getvalue()


def extension(mark: Path) -> pa.Table:
    """A column of the type whose name made pyarrow unpickle, until 14.0.1 (CVE-2023-47248)."""
    told = {b"ARROW:extension:name": b"arrow.py_extension_type",
            b"ARROW:extension:metadata": pickled(mark)}  # fmt: skip
    fields = [pa.field("x", pa.int64(), metadata=told), pa.field("y", pa.int64())]
    rows = {"x": list(range(24)), "y": list(range(24))}
    return pa.table(rows, schema=pa.schema(fields, {"pandas": pickled(mark), "x": pickled(mark)}))


def columns(mark: Path) -> bytes:
    file = io.BytesIO()
    parquet.write_table(extension(mark), file)
    return file.getvalue()


def streamed(mark: Path) -> bytes:
    file = io.BytesIO()
    feather.write_feather(extension(mark), file)
    return file.getvalue()


def tensors(mark: Path) -> bytes:
    """Safetensors whose header is a pickle, as long as it says."""
    header = pickled(mark)
    return len(header).to_bytes(8, "little") + header


def cells(mark: Path) -> bytes:
    """JSON lines whose cells are the text of all the others."""
    names = ("!!python/object/apply:os.system", "__reduce__", "cos\nsystem\n(S'id'\ntR.")
    return b"".join(
        json.dumps({"x": names[n % 3], "y": n, "__class__": "Evil"}).encode() + b"\n"
        for n in range(24)
    )


FILES: dict[str, Callable[[Path], bytes]] = {
    "pickle.pkl": pickled,
    "torch.pt": saved_by_torch,
    "old.pth": lambda mark: saved_by_torch(mark, zipped=False),
    "program.pt2": program,
    "objects.npy": objects,
    "many.npz": many_objects,
    "dumped.joblib": dumped,
    "tagged.yaml": tagged,
    "archive.zip": archived,
    "columns.parquet": columns,
    "table.feather": streamed,
    "weights.safetensors": tensors,
    "cells.jsonl": cells,
}
SELDOM = ("columns.parquet", "table.feather", "cells.jsonl")
"""What is a table, so that it may be learned from: it only must do nothing else."""


def sealed(manifest: dict) -> str:
    """A manifest that vouches for itself, as every version has to write it."""
    body = {name: value for name, value in manifest.items() if name != "seal"}
    seal = hashlib.sha256(json.dumps(body).encode()).hexdigest()
    return json.dumps({**body, "seal": seal}, indent=1)


@pytest.fixture(params=FILES)
def evil(request, tmp_path) -> Iterator[Path]:
    """A malicious file; that its mark is not there is looked at in the end."""
    path, mark = tmp_path / "evil" / request.param, tmp_path / "mark"
    path.parent.mkdir()
    path.write_bytes(FILES[request.param](mark))
    assert not mark.exists()
    yield path
    assert not mark.exists()


def load_array(path: Path) -> None:
    np.load(path, allow_pickle=True)


def load_arrays(path: Path) -> None:
    with np.load(path, allow_pickle=True) as found:
        found["x"]


CARELESS = {
    "pickle.pkl": lambda path: pickle.loads(path.read_bytes()),
    "torch.pt": lambda path: torch.load(path, weights_only=False),
    "old.pth": lambda path: torch.load(path, weights_only=False),
    "objects.npy": load_array,
    "many.npz": load_arrays,
    "dumped.joblib": joblib.load,
    "tagged.yaml": lambda path: yaml.unsafe_load(path.read_text()),
    "archive.zip": lambda path: runpy.run_path(str(path)),
}
"""How others read these."""


@pytest.mark.parametrize("name", CARELESS)
def test_the_mark_is_left_where_one_is_careless(name, tmp_path):
    path = tmp_path / name
    path.write_bytes(FILES[name](tmp_path / "mark"))
    CARELESS[name](path)
    assert (tmp_path / "mark").exists()


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return (
        Learner(["y"], width=8, training=QUICK).fit(ROWS).save(tmp_path_factory.mktemp("m") / "m")
    )


def test_as_a_model(evil, capsys):
    with pytest.raises(ArtifactError, match="Found a file"):
        plait.load(evil)
    assert main(["evaluate", str(evil), str(evil)]) == 3


@pytest.mark.parametrize("vouched", [False, True])
def test_as_a_part_of_a_model(evil, model, tmp_path, vouched):
    for part in ("manifest.json", *PARTS):
        folder = Path(shutil.copytree(model, tmp_path / part))
        shutil.copy(evil, folder / part)
        if vouched and part != "manifest.json":
            manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
            manifest["sha256"][part] = hashlib.sha256((folder / part).read_bytes()).hexdigest()
            (folder / "manifest.json").write_text(sealed(manifest), encoding="utf-8")
        if vouched and part == "log.jsonl":
            plait.load(folder)  # it is never read
            continue
        with pytest.raises(ArtifactError):
            plait.load(folder)


def test_beside_the_parts_of_a_model(evil, model, tmp_path):
    folder = Path(shutil.copytree(model, tmp_path / "model"))
    for name in (f"more-{evil.name}", "data.pkl", "pytorch_model.bin", ".metadata", "__init__.py"):
        shutil.copy(evil, folder / name)
    assert plait.load(folder).predict({"x": [1.0]})["y"]


@pytest.mark.parametrize(
    "ending", ["", ".csv", ".parquet", ".arrow", ".jsonl", ".csv.gz", ".sqlite", ".duckdb"]
)
def test_as_a_table(evil, tmp_path, ending):
    path = Path(shutil.copy(evil, tmp_path / f"t{ending or evil.suffix}"))
    if not ending and evil.name in SELDOM:
        assert len(Table.of(path)) == 24
        return
    with suppress(UserError):  # as text, some of them are tables
        Table.of(path)


def test_as_a_table_to_learn_from(evil):
    if evil.name in SELDOM:
        learner = Learner(["y"], {"x": "Categorical"}, width=8, training=QUICK)
        assert len(learner.fit(evil).predict(evil)) == 24
    else:
        with pytest.raises(UserError):
            Learner(["y"], width=8, training=QUICK).fit(evil)


def test_as_the_answer_of_a_query(evil, tmp_path):
    with sqlite3.connect(tmp_path / "a.sqlite") as base:
        base.execute("CREATE TABLE t (x BLOB, y INTEGER)")
        base.executemany("INSERT INTO t VALUES (?, ?)", [(evil.read_bytes(), n) for n in range(9)])
    base.close()
    assert len(Table.of(f"{tmp_path / 'a.sqlite'}::SELECT * FROM t")) == 9


@pytest.mark.parametrize("kind", [Image, Audio, Video])
def test_as_a_cell(evil, kind):
    content = evil.read_bytes()
    for cell, root in ((content, None), (evil.name, evil.parent)):
        with pytest.raises(UserError):
            kind(columns=("x",)).fit(Table.of({"x": [cell]}, root=root))


def test_as_a_configuration(evil, capsys):
    content = evil.read_bytes()
    with pytest.raises(UserError):
        Config.read(content.decode("utf-8", "replace"))
    with pytest.raises(UserError):
        Config().changed([f"fusion={content.decode('utf-8', 'replace')}"])
    assert main(["fit", "none.csv", "--config", str(evil), "-o", str(evil.parent / "o")]) == 2


HUGGING = ("config.json", "tokenizer.json", "preprocessor_config.json", "model.safetensors",
           "pytorch_model.bin", "model.safetensors.index.json", "modeling_evil.py")  # fmt: skip


@pytest.mark.parametrize("part", HUGGING)
def test_as_a_part_of_an_encoder(evil, tmp_path, part):
    folder = tmp_path / "encoder"
    folder.mkdir()
    shape = {"model_type": "bert", "auto_map": {"AutoModel": "modeling_evil.Evil"}}
    for name in HUGGING[:3]:
        (folder / name).write_text(json.dumps(shape))
    save_file({"a": torch.ones(1)}, folder / "model.safetensors")
    (folder / "modeling_evil.py").write_text(f"import os; os.mkdir({str(tmp_path / 'mark')!r})\n")
    shutil.copy(evil, folder / part)
    if part == "pytorch_model.bin":
        (folder / "model.safetensors").unlink()
    table = Table.of({"x": ["a red bag"] * 9, "p": [b"no"] * 9})
    for made, column in ((Text, "x"), (Image, "p"), (Audio, "p")):
        with pytest.raises(UserError):
            made(columns=(column,), encoder=f"hf:{folder}").fit(table)


@pytest.mark.parametrize(
    "name", ["weights.pt", "weights.pth", "weights.safetensors", "weights.bin"]
)
def test_as_the_weights_of_an_encoder(evil, tmp_path, name):
    path = Path(shutil.copy(evil, tmp_path / f"w-{name}"))
    table = Table.of({"x": ["a red bag"] * 9, "p": [b"no"] * 9})
    made = [Audio(columns=("p",), encoder=f"ge2e:{path}"),
            Text(columns=("x",), encoder=f"static:{path},{path}")]  # fmt: skip
    if not name.endswith(".bin"):
        made.append(Image(columns=("p",), encoder=f"timm:resnet10t:{path}"))
    for part in made:
        with pytest.raises(UserError):
            part.fit(table)


def test_in_what_is_kept_from_run_to_run(evil, tmp_path):
    """Whatever stands where a pack should is told, and made anew."""
    cache = tmp_path / "cache"
    first = Learner(["y"], width=8, training=QUICK, cache=str(cache)).fit(ROWS)
    files = [path for path in cache.rglob("*") if path.is_file()]
    assert files
    for path in files:
        shutil.copy(evil, path)
    with pytest.warns(PlaitWarning, match="A pack on disk is not used, and made again"):
        again = Learner(["y"], width=8, training=QUICK, cache=str(cache)).fit(ROWS)
    assert again.predict(ROWS) == first.predict(ROWS)
