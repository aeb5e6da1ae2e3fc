"""Paths, globs and URLs to files."""

import glob
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.request import url2pathname

from plait._errors import DataError, listing

from ._file import File, is_url


def find(source: str | Path | Sequence[str | Path]) -> list[File]:
    """The files that are meant, in order.

    Args:
        source: A path, a glob, a URL that fsspec understands, or a list of such.

    Raises:
        DataError: If one is not there, is a folder, or its protocol cannot be used.
    """
    files: list[File] = []
    for item in [source] if isinstance(source, str | Path) else source:
        if isinstance(item, str) and item.startswith("file://"):
            files += _near(url2pathname(item.removeprefix("file://")))
        elif isinstance(item, str) and is_url(item):
            files += _far(item)
        else:
            files += _near(item)
    if not files:
        raise DataError("A list of files should not be empty.")
    return files


def home(files: Sequence[File]) -> Path | None:
    """The folder that relative paths in the cells of these files start from."""
    folders = {file.folder.resolve() if file.folder else None for file in files}
    # The same relative path may mean another picture in each folder: then there is no one root.
    return files[0].folder if len(folders) == 1 else None


def _near(item: str | Path) -> list[File]:
    path = Path(item).expanduser()
    found = [path] if path.exists() else [Path(p) for p in sorted(glob.glob(str(path)))]
    if not found:
        raise DataError(f"There is no file {str(item)!r}. Looked in {str(Path.cwd())!r}.")
    _refuse_folders([str(path) for path in found if path.is_dir()])
    return [File(str(path)) for path in found]


def _far(url: str) -> list[File]:
    system, path = _system(url)
    try:
        found = [path] if system.exists(path) else sorted(system.glob(path))
        folders = [one for one in found if system.isdir(one)]
    except Exception as error:  # a file system raises what its maker likes
        raise DataError(f"{url!r} cannot be looked up: {error}") from error
    if not found:
        raise DataError(f"There is no file {url!r}.")
    _refuse_folders([system.unstrip_protocol(one) for one in folders])
    return [File(one, system) for one in found]


def _system(url: str) -> tuple[Any, str]:
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise DataError(
            f"{url!r} needs the package fsspec. Install it: pip install 'plait[remote]'."
        ) from error
    try:
        return url_to_fs(url)
    except ImportError as error:
        raise DataError(f"{url!r} needs one more package. {error}.") from error
    except (OSError, ValueError, TypeError) as error:
        raise DataError(
            f"{url!r} should begin with a protocol that fsspec knows, such as s3://, gs://, "
            f"https://, or be a path. {error}."
        ) from error


def _refuse_folders(folders: list[str]) -> None:
    if folders:
        raise DataError(
            f"A table should be a file. Found a folder: {listing(folders)}. "
            f"Name its files with a glob, for example {folders[0] + '/*.parquet'!r}."
        )
