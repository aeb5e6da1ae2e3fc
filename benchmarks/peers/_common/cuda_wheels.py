"""Makes torchvision and torchaudio importable beside a torch that they were not built for.

Where only their CUDA wheels can be had and torch is the CPU build, their compiled libraries do not
load. `import torchvision` then stops at an operator that nobody defined: two schemas are enough for
its networks and transforms (`nms` and its like stay unusable; no peer calls them here), and Pillow
decodes pictures in its place. `import torchaudio` stops at the library itself: an empty module
stands in, as only audio columns would use it. Where the libraries load, this does nothing. Import
it before the peer.
"""

import io
import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from PIL import Image

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def _loads(package: str, pattern: str) -> bool:
    """Whether the compiled libraries of a package load, or there are none to load."""
    found = find_spec(package)
    if found is None or found.origin is None:
        return True
    try:
        for compiled in sorted(Path(found.origin).parent.glob(pattern)):
            torch.ops.load_library(str(compiled))
    except OSError:
        return False
    return True


def _schemas() -> torch.library.Library:
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(name + _SCHEMA)
    return library


def _decode(data: torch.Tensor, mode: object = None, **_: object) -> torch.Tensor:
    """`torchvision.io.decode_image` for pictures in grays or colors."""
    name = getattr(mode, "name", mode)
    with Image.open(io.BytesIO(data.numpy().tobytes())) as picture:
        wanted = {"GRAY": "L", "RGB": "RGB", "RGB_ALPHA": "RGBA"}.get(str(name))
        pixels = np.array(picture.convert(wanted) if wanted else picture)
    return torch.from_numpy(np.atleast_3d(pixels)).permute(2, 0, 1)


# Kept, as the schemas go when the object goes.
_operators = None if _loads("torchvision", "_C*.so") else _schemas()
if not _loads("torchvision", "image*.so"):
    import torchvision.io

    torchvision.io.decode_image = _decode
if not _loads("torchaudio", "lib/*torchaudio*.so"):
    _empty = ModuleType("torchaudio")
    _empty.__spec__ = ModuleSpec("torchaudio", None)
    sys.modules["torchaudio"] = _empty
