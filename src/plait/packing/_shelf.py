"""Packs on disk, found again by what they were made of."""

import errno
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from plait._errors import ArtifactError, DataError
from plait.data import stored_pack
from plait.data._safe import check_plain
from plait.schema import Schema

from ._draft import FILES, FORMAT, MANIFEST, VERSION, Draft, seal
from ._prepared import Prepared
from ._state import state_of

OURS = re.compile(r"[0-9a-f]{64}|\.[0-9a-f]{16}\.[0-9a-f]{8}")
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
            check_plain(home / MANIFEST)
            check_plain(home / FILES)
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
            found = Prepared(declared, schema, packs["train"], packs.get("valid"), body["held"])
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ArtifactError(f"{str(home)!r} cannot be read: {error}") from error
        with suppress(OSError):
            os.utime(home)  # so that those unused for longest are known
        return found

    @contextmanager
    def draft(self, key: str, since: int) -> Generator[Draft]:
        """A place to write what will stand under a key; nothing is left of it after an error.

        Args:
            key: What it was made of.
            since: When that began to be read, in nanoseconds since 1970.

        Raises:
            DataError: If the disk is full.
        """
        target, home = self.folder / key, self.folder / f".{key[:16]}.{secrets.token_hex(4)}"
        home.mkdir(parents=True, mode=0o700)
        try:
            yield Draft(home, since)
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
        # Nothing is touched that does not bear a name of ours; another process may be as tidy.
        found = []
        with suppress(OSError):
            for each in self.folder.iterdir():
                if OURS.fullmatch(each.name) and each != keep:
                    with suppress(OSError):
                        found.append((*_age_and_size(each), each))
        total = sum(size for _, size, _ in found)
        with suppress(OSError):  # it may be gone already
            total += _age_and_size(keep)[1]
        for age, size, each in sorted(found):
            left = each.name.startswith(".")
            if left and age < time.time() - STALE:
                shutil.rmtree(each, ignore_errors=True)
            elif not left and self.limit is not None and total > self.limit:
                total -= size
                shutil.rmtree(each, ignore_errors=True)


def full(folder: Path, needed: int | None = None) -> DataError:
    """The error for a disk that cannot hold a pack."""
    free = shutil.disk_usage(folder).free
    wanted = f"{needed:,} bytes" if needed else f"more than {free:,} bytes"
    return DataError(
        f"The disk of {str(folder)!r} should have room for the packed table: {wanted}. Free are "
        f"{free:,}. Nothing is left of it. Make room, give another folder as `data.cache`, or "
        "raise `data.memory` if it fits there."
    )


def _age_and_size(folder: Path) -> tuple[float, int]:
    # A pack is as old as its last use, which its folder tells; a draft as its newest file.
    age, size, draft = folder.stat().st_mtime, 0, folder.name.startswith(".")
    for each in folder.rglob("*"):
        with suppress(OSError):
            told = each.stat()
            if each.is_file():
                size += told.st_size
                age = max(age, told.st_mtime) if draft else age
    return age, size
