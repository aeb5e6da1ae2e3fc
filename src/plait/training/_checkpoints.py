"""Where a training is written down, so that it can go on after an end that nobody wanted."""

import glob
import hashlib
import json
import os
import secrets
import shutil
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from torch import Tensor

from plait._durable import alike, digest, sealed, sync
from plait._errors import ArtifactError, ConfigError, PlaceError, PlaitWarning

from ._signals import Signals
from ._sound import FORMAT, MANIFEST, STATE, UnsoundError, sound
from ._stored import Stored, store
from ._world import World

FAILS = (OSError, SafetensorError)
Found = tuple[Stored, dict[str, Any]]


@dataclass
class Checkpoints:
    """Folders that each hold a whole training at one of its steps.

    Each is written beside its place, brought to the disk, and then renamed; older ones are removed
    last. What is found under its name is whole, and its manifest vouches for it with SHA-256. Of
    several processes all see the same folder.

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
        ...     found, plain = shelf.newest()
        ...     found.read(), plain
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

    def place(self, steps: int) -> Path:
        """Where the one after so many steps is, or would be."""
        return self.folder / f"step-{steps:09d}"

    def due(self, steps: int) -> bool:
        """Whether to write one after so many steps in all."""
        by_steps = bool(self.every) and steps % (self.every or 1) == 0
        waited = time.monotonic() - self.last
        return by_steps or (self.minutes is not None and waited >= 60 * self.minutes)

    def write(
        self,
        steps: int,
        tensors: Mapping[str, Tensor],
        plain: Mapping[str, Any],
        world: World | None = None,
    ) -> Path | None:
        """Write one; where that fails, a warning says so and those before stay as they are.

        Args:
            steps: How many steps are done in all.
            tensors: The tensors, by name.
            plain: All else, for JSON.
            world: The processes, where each holds a part of the tensors; all of them write. Left
                out, this one writes all.

        Returns:
            Where it is; None if it could not be written.
        """
        if self.present and self.present[0] == steps:
            return self.present[1]  # at the end of an epoch that was written before validation
        world = world or World()
        place = self.place(steps)
        mark = f"{int(world.told(float(secrets.randbits(32)))):08x}"
        # A run is not there before its first checkpoint is whole: both appear together.
        fresh = bool(world.told(float(not self.folder.parent.exists())))
        home = self.folder.parent
        first = home.with_name(f".{home.name}.{mark}.tmp") if fresh else None
        draft = self.folder / f".{place.name}.{mark}.tmp"
        if first:
            draft = first / self.folder.name / place.name
        files: dict[str, str] = {}
        try:
            world.together(lambda: draft.mkdir(parents=True), FAILS, alone=True)
            world.together(lambda: files.update(store(tensors, draft, world)), FAILS)
            world.together(lambda: self._seal(draft, first, place, plain, files), FAILS, alone=True)
        except FAILS as error:
            if not world.rank:
                size = sum(value.nbytes for value in tensors.values())
                warnings.warn(
                    f"The checkpoint after step {steps:,} could not be written to "
                    f"{str(self.folder)!r}: {error}. It takes {size:,} bytes. Those before it are "
                    "as they were, and the training goes on; make room.",
                    PlaitWarning,
                    stacklevel=2,
                )
            return None
        finally:
            if not world.rank:
                shutil.rmtree(first or draft, ignore_errors=True)
            self.last = time.monotonic()
        self.present = steps, place
        if not world.rank:
            self._prune(place)
        return place

    def _seal(
        self,
        draft: Path,
        first: Path | None,
        place: Path,
        plain: Mapping[str, Any],
        files: dict[str, str],
    ) -> None:
        """Write what is no tensor, bring all to the disk, and let it appear."""
        # A score may be no number, which JSON has no word for, but Python has.
        text = json.dumps({**plain, "extra": self.extra})
        (draft / STATE).write_text(text, encoding="utf-8")
        for name in files:
            alike(draft / name, draft / STATE)
        files = {**files, STATE: digest(draft / STATE)}
        manifest = {"format": FORMAT, "identity": dict(self.identity), "sha256": files}
        (draft / MANIFEST).write_text(sealed(manifest), encoding="utf-8")
        for name in (STATE, MANIFEST):
            sync(draft / name)
        sync(draft)
        if first:
            sync(draft.parent)
            os.rename(first, self.folder.parent)
            sync(self.folder.parent.parent)
            return
        shutil.rmtree(place, ignore_errors=True)  # of the same step, and not sound
        os.rename(draft, place)
        sync(self.folder)
        sync(self.folder.parent)

    def newest(self) -> Found | None:
        """The newest sound one; a warning names each that is passed over, and why.

        Raises:
            ArtifactError: If it is of another training, or there are some and none is sound.
            ConfigError: If processes do not see the same folder.
        """
        found, world = self.found, World.here()
        mine = _seen(found)
        most, least = world.most([mine, -mine])
        if most != -least:
            raise ConfigError(
                f"Processes should see the same folder of checkpoints, {str(self.folder)!r}. This "
                f"one sees {[each.name for each in found]} in it, and others see something else. "
                "Give a folder that all of them share."
            )
        for place in reversed(found):
            plain: dict[str, Any] = {}
            why: Exception | None = None
            try:
                plain = sound(place, self.identity, world)
            except (UnsoundError, ArtifactError) as error:
                why = error
            worst = 0.0 if why is None else 1.0 if isinstance(why, UnsoundError) else 2.0
            (worst,) = world.most([worst])
            if worst == 2:
                raise why or PlaceError(
                    f"The checkpoint {str(place)!r} should be of the same training. To another "
                    "process it is not, whose message says why."
                )
            if not worst:
                self.begun = Stored(place), plain
                self.present = int(place.name.removeprefix("step-")), place
                self.extra = dict(plain["extra"])
                return self.begun
            told = why or "another process found it damaged."
            warnings.warn(f"The checkpoint {str(place)!r} is passed over: {told}", PlaitWarning, 2)
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
        home = self.folder.parent
        firsts = [
            each
            for each in home.parent.glob(f".{glob.escape(home.name)}.*.tmp")
            if each.is_dir() and [inner.name for inner in each.iterdir()] == [self.folder.name]
        ]
        for left in [*firsts, *self.folder.glob(".step-*.tmp")]:
            shutil.rmtree(left, ignore_errors=True)


def _seen(found: Sequence[Path]) -> float:
    """A number that tells one folder of checkpoints from another."""
    told = hashlib.sha256()
    for place in found:
        manifest = place / MANIFEST
        told.update(place.name.encode())
        told.update(manifest.read_bytes() if manifest.is_file() else b"")
    return float(int.from_bytes(told.digest()[:6]))
