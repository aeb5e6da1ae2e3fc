"""A pretrained model on disk."""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from plait._errors import ConfigError, listing
from plait.data._safe import check_header

from ._pooled import Pooling

PREFIX = "hf:"
FILES = ("config.json", "tokenizer.json", "1_Pooling/config.json", "preprocessor_config.json",
         "processor_config.json", "model*.safetensors", "model.safetensors.index.json")  # fmt: skip
TEXT = {"config.json": "model and tokenizer", "tokenizer.json": "model and tokenizer"}
PICTURE = {
    "config.json": "model and image processor",
    "preprocessor_config.json": "model and image processor",
}
"""What a folder holds beside weights, and what has to be saved to have it."""
PROCESSOR = "processor_config.json"
"""Where newer versions of the library write what :data:`PICTURE` names."""
ADAPTER = "adapter_config.json"
# The transformers library prefers these to what stands in `model.safetensors`, unasked.
UNASKED = (ADAPTER, "shard-*-model-*-of-*.safetensors")
LARGEST = 64 * 2**20
MEAN, CLS = "pooling_mode_mean_tokens", "pooling_mode_cls_token"


@dataclass(frozen=True)
class HfFolder:
    """The folder of an encoder, as the transformers library saves one.

    Nothing in it is run: it is read as JSON, as a tokenizer and as safetensors.

    Args:
        path: The folder.
        name: What the user called it, for messages.
    """

    path: Path
    name: str

    @classmethod
    def of(cls, encoder: str, parts: Mapping[str, str] = TEXT) -> "HfFolder":
        """The folder that ``"hf:NAME"`` means: one of that name, or else that of a hub.

        The hub's own cache is asked first, and its own settings say whether the network may be
        used (``HF_HUB_OFFLINE=1`` forbids it).

        Args:
            encoder: Its name, with or without the prefix.
            parts: The files that it has to hold beside the weights: :data:`TEXT` or
                :data:`PICTURE`.

        Raises:
            ConfigError: If there is none, it lacks a file, or it holds an adapter beside a model.
        """
        name = encoder.removeprefix(PREFIX)
        path = Path(name).expanduser()
        folder = cls(path if path.is_dir() else _from_hub(name, parts), name)
        folder._refuse_unasked()
        for part, what in parts.items():
            if not any((folder.path / each).is_file() for each in _ways(part)):
                raise ConfigError(
                    f"The folder of the encoder {name!r} should hold {part!r}. It does not. Save "
                    f"{what} to one folder with `save_pretrained` of the transformers library."
                )
        return folder

    def _refuse_unasked(self) -> None:
        unasked = [path.name for pattern in UNASKED for path in self.path.glob(pattern)]
        if ADAPTER in unasked:
            raise ConfigError(
                f"The folder of the encoder {self.name!r} should hold a whole model. It holds an "
                f"adapter of the peft library ({ADAPTER!r}): merge it first with "
                "`merge_and_unload()` and save that to a folder of its own."
            )
        if unasked:
            raise ConfigError(
                f"The folder of the encoder {self.name!r} should hold its weights as "
                f"'model.safetensors'. It holds others: {listing(sorted(unasked), 3)}. Save the "
                "model once more with `save_pretrained`, to a folder of its own."
            )

    @property
    def files(self) -> list[Path]:
        """All that is read of it."""
        return sorted(path for pattern in FILES for path in self.path.glob(pattern))

    @property
    def tokenizer(self) -> str:
        """The JSON of its tokenizer, which neither pads nor cuts."""
        try:
            tokenizer = Tokenizer.from_file(str(self.path / "tokenizer.json"))
        except Exception as error:
            raise ConfigError(
                f"The tokenizer of the encoder {self.name!r} cannot be read: {error}. Take "
                "another copy of the folder."
            ) from error
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer.to_str()

    @property
    def config(self) -> dict[str, Any]:
        """Its ``config.json``."""
        return self._json("config.json")

    @property
    def processor(self) -> dict[str, Any]:
        """What it says of how a picture is brought to the net."""
        if (self.path / "preprocessor_config.json").is_file():
            return self._json("preprocessor_config.json")
        told = self._json(PROCESSOR).get("image_processor")
        if isinstance(told, dict):
            return told
        raise ConfigError(
            f"{PROCESSOR!r} of the encoder {self.name!r} should say under 'image_processor' how "
            "pictures are prepared. It does not. Save its image processor to the folder too."
        )

    @property
    def pooling(self) -> Pooling:
        """How tokens become one vector, where the folder says so; else their mean."""
        if not (self.path / "1_Pooling" / "config.json").is_file():
            return "mean"
        said = self._json("1_Pooling/config.json")
        # Older folders have a flag for each way, newer ones a name.
        flags = [key for key, value in said.items() if "pooling_mode_" in key and value is True]
        found = said.get("pooling_mode", flags)
        if found in ("mean", [MEAN]):
            return "mean"
        if found in ("cls", [CLS]):
            return "cls"
        raise ConfigError(
            f"The encoder {self.name!r} should pool by the mean of all tokens or take the first "
            f"one. Its folder says {found!r}. Take another encoder, or remove '1_Pooling' for the "
            "mean."
        )

    @property
    def digest(self) -> str:
        """The SHA-256 of its weights; of several files, that of all of theirs.

        Raises:
            ConfigError: If there are none in the safetensors format.
        """
        found = []
        for path in self._weights():
            try:
                check_header(path)
                with path.open("rb") as file:
                    found.append(hashlib.file_digest(file, "sha256").hexdigest())
            except (OSError, ValueError) as error:
                why = error.strerror if isinstance(error, OSError) else error
                raise ConfigError(
                    f"The weights of the encoder {self.name!r} should be in {path.name!r}. They "
                    f"cannot be read: {why}. Take another copy of the folder."
                ) from error
        if len(found) == 1:
            return found[0]
        return hashlib.sha256("".join(found).encode()).hexdigest()

    def _weights(self) -> list[Path]:
        if (self.path / "model.safetensors").is_file():
            return [self.path / "model.safetensors"]
        if (self.path / "model.safetensors.index.json").is_file():
            parts = self._json("model.safetensors.index.json").get("weight_map")
            if isinstance(parts, dict) and parts:
                names = sorted({str(part) for part in parts.values()})
                for part in names:
                    if Path(part).name != part:
                        raise ConfigError(
                            f"The index of the weights of the encoder {self.name!r} should name "
                            f"files beside it. Found {part!r}. Take another copy of the folder."
                        )
                return [self.path / part for part in names]
        raise ConfigError(
            f"The folder of the encoder {self.name!r} should hold its weights as "
            "'model.safetensors'. It does not; other formats can run code when they are read, and "
            "are not. Save it once more with `save_pretrained` of the transformers library."
        )

    def _json(self, part: str) -> dict[str, Any]:
        path = self.path / part
        try:
            if path.stat().st_size > LARGEST:
                raise ValueError(f"it is larger than {LARGEST:,} bytes")
            found = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(found, dict):
                raise ValueError("it is no mapping")
        except (OSError, ValueError, RecursionError) as error:
            raise ConfigError(
                f"{part!r} of the encoder {self.name!r} should be a mapping in JSON. It cannot be "
                f"read: {error}. Take another copy of the folder."
            ) from error
        return found


def _ways(part: str) -> tuple[str, ...]:
    return (part, PROCESSOR) if part == "preprocessor_config.json" else (part,)


def _from_hub(name: str, parts: Mapping[str, str]) -> Path:
    if name.count("/") > 1 or name.startswith(("/", ".", "~")) or "\\" in name:
        raise ConfigError(
            f"The encoder {PREFIX + name!r} should name a folder. There is no such folder. Mend "
            "the path; it starts from the working folder. A hub's models are named 'owner/name'."
        )
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise missing_extra(name) from error
    wanted = [*FILES, ADAPTER]
    with suppress(OSError, ValueError):  # it is not there, or a part of it
        found = Path(snapshot_download(name, allow_patterns=wanted, local_files_only=True))
        # What another program fetched may be a few of the files, and the hub does not know.
        weights = any(found.glob("model*.safetensors"))
        if weights and all(any((found / way).exists() for way in _ways(part)) for part in parts):
            return found
    try:
        return Path(snapshot_download(name, allow_patterns=wanted))
    except (OSError, ValueError) as error:
        told = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise ConfigError(
            f"The encoder {PREFIX + name!r} should name a folder, or a model of a hub. There is no "
            f"such folder, and the hub's answer is: {told}. Give the path of a folder, or fetch "
            "the model where the network may be used."
        ) from error


def missing_extra(name: str, extra: str = "hf") -> ConfigError:
    """The error for a package that is not installed."""
    return ConfigError(
        f"The encoder {PREFIX + name.removeprefix(PREFIX)!r} needs packages that are not "
        f"installed. Install them: pip install 'plait[{extra}]'"
    )
