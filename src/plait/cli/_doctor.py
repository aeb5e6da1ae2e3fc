"""``plait doctor``: what is installed, what is missing, and what brings it."""

import os
import platform
import re
import sys
from importlib import metadata
from typing import Any

from ._options import Json
from ._show import emit, heading, say, table, waiting

BRINGS = {
    "pandas": "tables and answers as data frames of pandas",
    "polars": "tables and answers as data frames of polars",
    "hf": "pretrained encoders in the format of transformers",
    "images": "pretrained picture encoders of timm",
    "lora": "the same, tuned by small matrices beside their attention",
    "audio": "sounds other than plain WAV files, and of several sampling rates",
    "duckdb": "tables out of files of DuckDB",
    "remote": "tables at URLs: s3://, gs://, https:// and more",
    "ray": "training and answers on a cluster of Ray",
    "dev": "all that `make test` needs",
}


def doctor(as_json: Json = False) -> None:
    """Show what is installed, what is missing, and which extra brings it."""
    with waiting("looking"):
        found = examined()
    if as_json:
        emit(found)
        return
    say(f"plait {found['plait']} on Python {found['python']}, {found['platform']}")
    say(_torch_line(found["torch"]))
    heading("Packages that plait needs")
    table(
        ("package", "installed", "needs"),
        [(name, part["installed"] or "missing", part["needs"] or "-")
         for name, part in found["packages"].items()],
    )  # fmt: skip
    heading("Extras")
    table(
        ("extra", "state", "brings"),
        [(name, _state(part), part["brings"]) for name, part in found["extras"].items()],
    )
    missing = [name for name, part in found["extras"].items() if part["missing"]]
    if missing:
        say("\nTo install what is missing:")
        for name in missing:
            say(f"  {found['extras'][name]['install']}")


def examined() -> dict[str, Any]:
    """Everything that ``doctor`` shows."""
    packages: dict[str, Any] = {}
    extras: dict[str, Any] = {
        name: {"brings": BRINGS.get(name, "-"), "install": f"pip install 'plait[{name}]'",
               "missing": []}
        for name in metadata.metadata("plait").get_all("Provides-Extra") or ()
    }  # fmt: skip
    for line in metadata.requires("plait") or ():
        wanted, _, marker = line.partition(";")
        found = re.match(r"\s*([A-Za-z0-9._-]+)\s*(\[[^\]]*\])?\s*(.*)", wanted)
        if not found or found[1] == "plait":
            continue
        extra = re.search(r"extra\s*==\s*['\"]([^'\"]+)['\"]", marker)
        installed = _installed(found[1])
        if not extra:
            packages[found[1]] = {"installed": installed, "needs": found[3].strip(" ()")}
        elif extra[1] in extras and installed is None:
            extras[extra[1]]["missing"].append(found[1])
    return {
        "plait": _installed("plait"),
        "python": platform.python_version(),
        "executable": sys.executable,
        "platform": platform.platform(),
        "processors": os.cpu_count(),
        "torch": _torch(),
        "packages": packages,
        "extras": extras,
    }


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _torch() -> dict[str, Any]:
    try:
        import torch
    except (ImportError, OSError) as error:  # a broken build fails to load a shared library
        return {"problem": str(error)}
    devices = [f"cuda:{at} {torch.cuda.get_device_name(at)}"
               for at in range(torch.cuda.device_count())]  # fmt: skip
    if torch.backends.mps.is_available():
        devices.append("mps")
    return {
        "version": torch.__version__,
        "cuda": torch.version.cuda,
        "devices": ["cpu", *devices],
        "threads": torch.get_num_threads(),
    }


def _torch_line(found: dict[str, Any]) -> str:
    if "problem" in found:
        return f"PyTorch cannot be loaded: {found['problem']}"
    build = f"CUDA {found['cuda']}" if found["cuda"] else "without CUDA"
    return (
        f"PyTorch {found['version']} ({build}), {found['threads']} threads, "
        f"devices: {', '.join(found['devices'])}"
    )


def _state(part: dict[str, Any]) -> str:
    return f"missing: {', '.join(part['missing'])}" if part["missing"] else "installed"
