"""An encoder of the timm library, by its name, and the file of its weights."""

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from torch import Tensor

from plait._errors import ConfigError

from ._tensor_file import tensors_of

TIMM = "timm:"
NAME = re.compile(r"timm:([A-Za-z0-9_.]+)(?::(.+))?")
KINDS = (".safetensors", ".pth", ".pt", ".bin")
IN_A_FOLDER = ("model.safetensors", "pytorch_model.bin")


@dataclass(frozen=True)
class TimmFile:
    """What ``"timm:NAME"`` or ``"timm:NAME:PATH"`` means.

    Args:
        name: What timm calls the net.
        path: The file of its weights; None for those that timm fetches itself.
    """

    name: str
    path: Path | None

    @classmethod
    def of(cls, encoder: str) -> "TimmFile":
        """The name and the file; a folder stands for the file of weights in it.

        Raises:
            ConfigError: If it is no such name, or there is no such file.
        """
        found = NAME.fullmatch(encoder)
        if not found:
            raise ConfigError(
                "An encoder of the timm library should be written 'timm:NAME', or "
                f"'timm:NAME:PATH' with a file of weights. Got {encoder!r}."
            )
        name, where = found.groups()
        if where is None:
            return cls(name, None)
        path = Path(where).expanduser()
        if path.is_dir():
            inside = [path / part for part in IN_A_FOLDER if (path / part).is_file()]
            path = inside[0] if inside else path / IN_A_FOLDER[0]
        if not path.is_file() or path.suffix not in KINDS:
            raise ConfigError(
                f"The weights of the encoder {encoder!r} should be a file that ends in one of "
                f"{', '.join(KINDS)}, or a folder with 'model.safetensors'. Found no such file: "
                f"{str(path)!r}. Mend the path, or leave it out for the weights that timm fetches."
            )
        return cls(name, path)

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the file; empty where timm fetches it."""
        if self.path is None:
            return ""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def state(self) -> dict[str, Tensor]:
        """The weights of the file. Nothing in it is run.

        Raises:
            ConfigError: If it cannot be read, or holds something else.
        """
        assert self.path is not None
        return tensors_of(self.path, f"{TIMM}{self.name}")
