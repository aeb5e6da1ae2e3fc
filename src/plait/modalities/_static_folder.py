"""A table of token vectors on disk."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from tokenizers import Tokenizer
from torch import Tensor

from plait._errors import ConfigError, listing
from plait.data._safe import check_header

STATIC = "static:"
TABLES = ("embeddings", "embedding.weight")
"""What the table is called: by model2vec; by sentence-transformers and wordllama."""
EXTRAS = ("weights", "mapping")
"""What model2vec may add: a weight for each token, and the row of the table that it takes."""
DEEPER = ("", "weights", "tokenizers", "0_StaticEmbedding")
"""Where to look within a folder."""
LARGEST = 256 * 2**20


@dataclass(frozen=True)
class StaticFolder:
    """Vectors of tokens that do not depend on their neighbors, and the tokenizer that they are for.

    Args:
        weights: A safetensors file.
        words: The JSON of a tokenizer.
        name: What the user called it, for messages.
    """

    weights: Path
    words: Path
    name: str

    @classmethod
    def of(cls, encoder: str) -> "StaticFolder":
        """The files that ``"static:PATH"`` means: those of a folder, or two with a comma between.

        In a folder there is one safetensors file, and one JSON file with "tokenizer" in its name
        (``tokenizer.json`` where there are several), or both are in its ``weights`` and
        ``tokenizers``.

        Raises:
            ConfigError: If there are none, or several.
        """
        name = encoder.removeprefix(STATIC)
        path = Path(name).expanduser()
        if path.is_dir():
            weights = _one(path, "*.safetensors", "model.safetensors", name)
            return cls(weights, _one(path, "*tokenizer*.json", "tokenizer.json", name), name)
        pair = [Path(part.strip()).expanduser() for part in name.split(",")]
        if len(pair) != 2 or not all(part.is_file() for part in pair):
            raise ConfigError(
                f"The encoder {encoder!r} should name a folder, or two files with a comma between "
                "them: a table of vectors (.safetensors) and a tokenizer (.json). There is no such "
                "folder, or not both files. Mend the path; nothing is fetched."
            )
        weights, words = sorted(pair, key=lambda part: part.suffix != ".safetensors")
        return cls(weights, words, name)

    @property
    def files(self) -> list[Path]:
        """All that is read of it."""
        return [self.weights, self.words]

    @property
    def digest(self) -> str:
        """The SHA-256 of its table."""
        with self.weights.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    @property
    def tokenizer(self) -> Tokenizer:
        """Its tokenizer, which neither pads nor cuts nor adds tokens."""
        try:
            if self.words.stat().st_size > LARGEST:
                raise ValueError(f"it is larger than {LARGEST:,} bytes")
            told = json.loads(self.words.read_text(encoding="utf-8"))
            # A mean of vectors has no use for what marks the ends of a text.
            kept = {**told, "post_processor": None, "truncation": None, "padding": None}
            return Tokenizer.from_str(json.dumps(kept))
        except Exception as error:  # the library raises nothing but Exception
            raise ConfigError(
                f"The tokenizer of the encoder {self.name!r} cannot be read: {error}. Take another "
                "copy of it."
            ) from error

    def vectors(self) -> Tensor:
        """The vector of each token, float32 ``[tokens, size]``.

        Raises:
            ConfigError: If the file cannot be read, or holds no such table.
        """
        try:
            check_header(self.weights)
            found = safetensors.torch.load_file(self.weights)
        except (OSError, SafetensorError, ValueError) as error:
            raise self._unread(error) from error
        table = found[_table(found, self)].float()
        if "mapping" in found:
            table = table[found["mapping"].long()]
        if "weights" in found:
            table = table * found["weights"].float().unsqueeze(1)
        return table

    def shape(self) -> tuple[int, int]:
        """How many tokens there are, and how long a vector is."""
        try:
            check_header(self.weights)
            with safe_open(self.weights, "pt") as file:  # which gives its keys, but is no iterable
                told = {name: torch.Size(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError, ValueError) as error:
            raise self._unread(error) from error
        rows, size = told[_table({name: torch.empty(s, device="meta") for name, s in told.items()},
                                 self)]  # fmt: skip
        return (told["mapping"][0] if "mapping" in told else rows), size

    def _unread(self, error: Exception) -> ConfigError:
        return ConfigError(
            f"The vectors of the encoder {self.name!r} should be in {self.weights.name!r}, as "
            f"safetensors. It cannot be read: {error}. Take another copy of it."
        )


def _table(found: dict[str, Tensor], folder: StaticFolder) -> str:
    flat = [name for name, each in found.items() if each.ndim == 2 and name not in EXTRAS]
    named = [name for name in TABLES if name in flat] or (flat if len(flat) == 1 else [])
    if not named:
        raise ConfigError(
            f"The file {folder.weights.name!r} of the encoder {folder.name!r} should hold one "
            f"table of vectors, {' or '.join(map(repr, TABLES))}. Found "
            f"{listing(sorted(found), 5) if found else 'nothing'}. Take another one."
        )
    return named[0]


def _one(folder: Path, pattern: str, usual: str, name: str) -> Path:
    found = [path for part in DEEPER for path in sorted((folder / part).glob(pattern))]
    found = [path for path in found if path.name == usual] or found
    if len(found) == 1:
        return found[0]
    what = f"hold one file {pattern!r}" if not found else f"hold one file {usual!r}"
    names = listing([str(path.relative_to(folder)) for path in found], 3) if found else "none"
    raise ConfigError(
        f"The folder of the encoder {name!r} should {what}. Found {names}. Save vectors and "
        f"tokenizer to one folder, or name both files: '{STATIC}VECTORS.safetensors,TOKENIZER.json'"
        "."
    )
