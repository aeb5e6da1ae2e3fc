"""Where a training is written down, so that it can go on after an end that nobody wanted."""

import json
import os
import secrets
import shutil
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from plait._durable import apart, digest, sealed, sync
from plait._errors import ArtifactError, PlaceError, PlaitWarning

from ._signals import Signals

FORMAT = 1
TENSORS, STATE, MANIFEST = "tensors.safetensors", "state.json", "manifest.json"
LARGEST_JSON = 64 * 2**20
Found = tuple[dict[str, Tensor], dict[str, Any]]


@dataclass
class Checkpoints:
    """Folders that each hold a whole training at one of its steps.

    Each is written beside its place, brought to the disk, and then renamed; older ones are removed
    last. What is found under its name is whole, and its manifest vouches for it with SHA-256.

    Args:
        folder: Where they are.
        identity: What a training must have in common with one that is continued, by name.
        every: Steps between two; None for none by steps.
        minutes: Minutes between two; None for none by time.
        keep: How many are kept.
        extra: What else is written with each, for JSON.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     shelf = Checkpoints(Path(folder) / "run", {"seed": "0"})
        ...     _ = shelf.write(12, {"w": Tensor([1.0, 2.0])}, {"epoch": 1})
        ...     shelf.newest()
        ({'w': tensor([1., 2.])}, {'epoch': 1, 'extra': {}})
    """

    folder: Path
    identity: Mapping[str, str]
    every: int | None = None
    minutes: float | None = None
    keep: int = 2
    extra: dict[str, Any] = field(default_factory=dict)
    signals: Signals = field(default_factory=Signals)
    last: float = field(default_factory=time.monotonic)
    """When the last was written or tried, on the monotonic clock."""
    present: tuple[int, Path] | None = None
    """The steps of the last, and where it is."""
    begun: Found | None = None
    """What :meth:`newest` has found, until the training goes on from it."""

    def due(self, steps: int) -> bool:
        """Whether to write one after so many steps in all."""
        by_steps = bool(self.every) and steps % (self.every or 1) == 0
        waited = time.monotonic() - self.last
        return by_steps or (self.minutes is not None and waited >= 60 * self.minutes)

    def write(
        self, steps: int, tensors: Mapping[str, Tensor], plain: Mapping[str, Any]
    ) -> Path | None:
        """Write one; where that fails, a warning says so and those before stay as they are.

        Args:
            steps: How many steps are done in all.
            tensors: The tensors, by name.
            plain: All else, for JSON.

        Returns:
            Where it is; None if it could not be written.
        """
        if self.present and self.present[0] == steps:
            return self.present[1]  # at the end of an epoch that was written before validation
        place = self.folder / f"step-{steps:09d}"
        home, mark = self.folder.parent, secrets.token_hex(4)
        draft = self.folder / f".{place.name}.{mark}.tmp"
        # A run is not there before its first checkpoint is whole: both appear together.
        first = None if home.exists() else home.with_name(f".{home.name}.{mark}.tmp")
        if first:
            draft = first / self.folder.name / place.name
        whole = apart(tensors.items())
        try:
            draft.mkdir(parents=True)
            save_file(whole, draft / TENSORS)
            text = json.dumps({**plain, "extra": self.extra}, allow_nan=False)
            (draft / STATE).write_text(text, encoding="utf-8")
            files = {name: digest(draft / name) for name in (TENSORS, STATE)}
            manifest = {"format": FORMAT, "identity": dict(self.identity), "sha256": files}
            (draft / MANIFEST).write_text(sealed(manifest), encoding="utf-8")
            for name in (TENSORS, STATE, MANIFEST):
                sync(draft / name)
            sync(draft)
            if first:
                sync(draft.parent)
                os.rename(first, home)
                sync(home.parent)
            else:
                shutil.rmtree(place, ignore_errors=True)  # of the same step, and not sound
                os.rename(draft, place)
                sync(self.folder)
            self.present = steps, place
            self._prune(place)
        except (OSError, SafetensorError) as error:
            size = sum(value.nbytes for value in whole.values())
            warnings.warn(
                f"The checkpoint after step {steps:,} could not be written to "
                f"{str(self.folder)!r}: {error}. It takes {size:,} bytes. Those before it are as "
                "they were, and the training goes on; make room.",
                PlaitWarning,
                stacklevel=2,
            )
            return None
        finally:
            shutil.rmtree(first or draft, ignore_errors=True)
            self.last = time.monotonic()
        return place

    def newest(self) -> Found | None:
        """The newest sound one; a warning names each that is passed over, and why.

        Raises:
            ArtifactError: If it is of another training, or there are some and none is sound.
        """
        found = self.found
        for place in reversed(found):
            try:
                self.begun = tensors, plain = self._read(place)
                self.present = int(place.name.removeprefix("step-")), place
                self.extra = dict(plain["extra"])
                return tensors, plain
            except _UnsoundError as error:
                warnings.warn(
                    f"The checkpoint {str(place)!r} is passed over: {error}", PlaitWarning, 2
                )
        if found:
            raise ArtifactError(
                f"None of the {len(found)} checkpoints in {str(self.folder)!r} is sound. Copy them "
                "anew from where they were written, or begin anew (`--overwrite`)."
            )
        return None

    @property
    def found(self) -> list[Path]:
        """Those that are there, the oldest first."""
        return sorted(self.folder.glob("step-" + 9 * "[0-9]")) if self.folder.is_dir() else []

    def _prune(self, newest: Path) -> None:
        found = self.found
        older = [place for place in found if place < newest]
        # What is newer was passed over as damaged when the training went on from an older one.
        newer = [place for place in found if place > newest]
        for place in [*newer, *older[: max(0, len(older) + 1 - self.keep)]]:
            shutil.rmtree(place, ignore_errors=True)
        for left in self.folder.glob(".step-*.tmp"):
            shutil.rmtree(left, ignore_errors=True)

    def _read(self, place: Path) -> Found:
        part = MANIFEST
        try:
            text = _small(place / part)
            manifest = json.loads(text)
            if not isinstance(manifest, dict) or sealed(manifest) != text:
                raise _UnsoundError(f"its {MANIFEST!r} was changed or is damaged.")
            if manifest.get("format") != FORMAT:
                raise _UnsoundError(f"it is of format {manifest.get('format')!r}, not {FORMAT}.")
            for part in (TENSORS, STATE):
                if digest(place / part) != manifest["sha256"].get(part):
                    raise _UnsoundError(f"its {part!r} is damaged: the SHA-256 differs.")
            self._refuse_others(place, manifest["identity"])
            plain = json.loads(_small(place / STATE))
            return load_file(place / TENSORS), plain
        except FileNotFoundError as error:
            raise _UnsoundError(f"it lacks {part!r}.") from error
        except ArtifactError:
            raise
        except (OSError, SafetensorError, ValueError, RecursionError, KeyError) as error:
            raise _UnsoundError(f"its {part!r} cannot be read ({error}).") from error

    def _refuse_others(self, place: Path, identity: Mapping[str, str]) -> None:
        other = [name for name, mine in self.identity.items() if identity.get(name) != mine]
        if other:
            raise PlaceError(
                f"The checkpoint {str(place)!r} should be of the same training. It was written "
                f"with another {' and another '.join(other)}. Give what it was begun with, or "
                "begin anew (`--overwrite`)."
            )


def _small(path: Path) -> str:
    if path.stat().st_size > LARGEST_JSON:
        raise _UnsoundError(f"its {path.name!r} is larger than {LARGEST_JSON:,} bytes.")
    return path.read_text(encoding="utf-8")


class _UnsoundError(Exception):
    """Why a checkpoint is not taken."""
