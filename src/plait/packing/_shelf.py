"""Packs on disk, found again by what they were made of."""

import errno
import json
import os
import secrets
import shutil
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from plait._errors import ArtifactError, DataError
from plait.data import stored_pack
from plait.schema import Schema

from ._draft import FILES, FORMAT, MANIFEST, VERSION, Draft, seal
from ._prepared import Prepared
from ._state import state_of

STALE = 24 * 3600
"""Seconds after which a draft must have been left behind by a process that was killed."""


@dataclass(frozen=True)
class Shelf:
    """A folder of packs, each in a folder that bears the key of what it was made of.

    Args:
        folder: Where they stand.
        limit: How many bytes they may take in all, those unused for longest going first; None
            for no limit.
    """

    folder: Path
    limit: int | None = None

    def find(self, key: str, memory: int) -> Prepared | None:
        """What stands under a key; None if nothing does, or its pictures have changed since.

        Args:
            key: What it was made of.
            memory: Parts of more bytes stay on the disk.

        Raises:
            ArtifactError: If what stands there is damaged, or was written by another version.
        """
        home = self.folder / key
        try:
            body = json.loads((home / MANIFEST).read_text(encoding="utf-8"))
            told = body.pop("seal")
            if (body["format"], body["version"], body["key"]) != (FORMAT, VERSION, key):
                raise ArtifactError(f"{str(home)!r} is of another version or of other data")
            if told != seal(body):
                raise ArtifactError(f"{str(home / MANIFEST)!r} is not the file that was written")
            if state_of(json.loads((home / FILES).read_text(encoding="utf-8"))) != body["files"]:
                return None
            packs = {
                name: stored_pack(home / name, part, mapped=part["nbytes"] > memory)
                for name, part in body["parts"].items()
            }
            declared, schema = (Schema.from_dict(body[each]) for each in ("declared", "schema"))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ArtifactError(f"{str(home)!r} cannot be read: {error}") from error
        with suppress(OSError):
            os.utime(home)  # so that those unused for longest are known
        return Prepared(declared, schema, packs["train"], packs.get("valid"), held=body["held"])

    @contextmanager
    def draft(self, key: str) -> Generator[Draft]:
        """A place to write what will stand under a key; nothing is left of it after an error.

        Raises:
            DataError: If the disk is full.
        """
        target, home = self.folder / key, self.folder / f".{key[:16]}.{secrets.token_hex(4)}"
        home.mkdir(parents=True, mode=0o700)
        try:
            yield Draft(home)
            shutil.rmtree(target, ignore_errors=True)
            with suppress(OSError):  # another process was quicker, with the same pack
                home.rename(target)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise full(self.folder) from error
            raise
        finally:
            shutil.rmtree(home, ignore_errors=True)
        self._tidy(target)

    def _tidy(self, keep: Path) -> None:
        packs = [each for each in self.folder.iterdir() if each.is_dir() and each != keep]
        ages = {each: each.stat().st_mtime for each in packs}
        total = _size(keep) + sum(map(_size, packs))
        for pack in sorted(packs, key=ages.__getitem__):
            left = pack.name.startswith(".")
            if left and ages[pack] < time.time() - STALE:
                shutil.rmtree(pack, ignore_errors=True)
            elif not left and self.limit is not None and total > self.limit:
                total -= _size(pack)
                shutil.rmtree(pack, ignore_errors=True)


def full(folder: Path, needed: int | None = None) -> DataError:
    """The error for a disk that cannot hold a pack."""
    free = shutil.disk_usage(folder).free
    wanted = f"{needed:,} bytes" if needed else f"more than {free:,} bytes"
    return DataError(
        f"The disk of {str(folder)!r} should have room for the packed table: {wanted}. Free are "
        f"{free:,}. Nothing is left of it. Make room, give another folder as `data.cache`, or "
        "raise `data.memory` if it fits there."
    )


def _size(folder: Path) -> int:
    return sum(each.stat().st_size for each in folder.rglob("*") if each.is_file())
