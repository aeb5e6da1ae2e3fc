"""The file of a GE2E voice encoder."""

import hashlib
import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from torch import Tensor

from plait._errors import ConfigError, listing

from ._finite import check_finite
from ._ge2e_frames import MELS
from ._tensor_file import tensors_of

GE2E = "ge2e:"
IN_A_FOLDER = "pretrained.pt"
LAYERS = 3
"""Of the published encoder, for what is missing where none is found."""
KINDS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
GATES = 4


@dataclass(frozen=True)
class Ge2eFile:
    """What ``"ge2e:PATH"`` means.

    Args:
        path: The checkpoint.
    """

    path: Path

    @classmethod
    def of(cls, encoder: str) -> "Ge2eFile":
        """The file; a folder stands for the ``pretrained.pt`` in it.

        Raises:
            ConfigError: If there is no such file.
        """
        path = Path(encoder.removeprefix(GE2E)).expanduser()
        if path.is_dir():
            path = path / IN_A_FOLDER
        if not path.is_file():
            raise ConfigError(
                f"The encoder {encoder!r} should name the file of a GE2E voice encoder, or a "
                f"folder with {IN_A_FOLDER!r}. There is no file {str(path)!r}. Mend the path: the "
                "package resemblyzer brings one, and nothing is fetched."
            )
        return cls(path)

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the file."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    @cached_property
    def state(self) -> dict[str, Tensor]:
        """The weights of the net, without what its training needed beside them.

        Raises:
            ConfigError: If the file cannot be read, or lacks a tensor, or one has another shape
                or a number that is not finite.
        """
        encoder = f"{GE2E}{self.path}"
        found = tensors_of(self.path, encoder)
        layers = [
            int(told[1]) for name in found if (told := re.fullmatch(_name("weight_ih"), name))
        ]
        count = max(layers, default=LAYERS - 1) + 1
        names = [f"lstm.{kind}_l{layer}" for layer in range(count) for kind in KINDS]
        names += ["linear.weight", "linear.bias"]
        lacking = [name for name in names if name not in found]
        if lacking:
            raise ConfigError(
                f"The file of the encoder {encoder!r} should hold the tensors of a GE2E voice "
                f"encoder, bare or under 'model_state'. {len(lacking)} of {len(names)} are not "
                f"there: {listing(lacking, 3)}. Take the 'pretrained.pt' of the package "
                "resemblyzer, or a checkpoint of the same net."
            )
        state = {name: found[name].float() for name in names}
        check_finite(state, encoder)
        self._check_shapes(state, count, encoder)
        return state

    @cached_property
    def config(self) -> str:
        """Its shape, as JSON."""
        layers = sum(name.startswith("lstm.weight_ih") for name in self.state)
        features, hidden = self.state["linear.weight"].shape
        return json.dumps({"layers": layers, "hidden": hidden, "features": features})

    def _check_shapes(self, state: dict[str, Tensor], count: int, encoder: str) -> None:
        hidden = state["lstm.weight_hh_l0"].shape[-1] if state["lstm.weight_hh_l0"].ndim else 0
        rows, features = GATES * hidden, state["linear.bias"].numel()
        wanted = {"linear.weight": (features, hidden), "linear.bias": (features,)}
        for layer in range(count):
            for kind in KINDS:
                size = (MELS if layer == 0 else hidden) if kind == "weight_ih" else hidden
                shape = (rows, size) if kind.startswith("weight") else (rows,)
                wanted[f"lstm.{kind}_l{layer}"] = shape
        other = [
            f"{name} {list(each.shape)} for {list(wanted[name])}"
            for name, each in state.items()
            if tuple(each.shape) != wanted[name]
        ]
        if other:
            raise ConfigError(
                f"The tensors of the encoder {encoder!r} should be those of one LSTM over {MELS} "
                f"mel bands and a layer behind it. {len(other)} are of another shape: "
                f"{listing(other, 3)}. Take another file."
            )


def _name(kind: str) -> str:
    return rf"lstm\.{kind}_l(\d{{1,2}})"
