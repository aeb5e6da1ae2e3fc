"""A model on disk: schema, choices, weights, and a manifest that vouches for them."""

import json
import secrets
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from ._durable import alike, apart, digest, sealed, sync
from ._errors import ArtifactError, ConfigError, PlaceError
from .data._safe import MOST_TENSORS, check_header, check_plain, read_mapping
from .schema import Schema

FORMAT = 1
PARTS = ("schema.json", "config.json", "weights.safetensors", "log.jsonl")
CHECKPOINTS = "checkpoints"
LARGEST_JSON = 256 * 2**20


def save(
    path: str | Path,
    schema: Schema,
    model: nn.Module,
    config: Mapping[str, Any],
    log: Iterable[Mapping[str, Any]] = (),
    overwrite: bool = False,
) -> Path:
    """Write a model as a folder, whole or not at all.

    Everything is written beside the folder first, brought to the disk and then renamed, so that a
    reader never finds half a model.

    Args:
        path: The folder.
        schema: The fitted schema.
        model: Whose weights are written.
        config: All choices of the run, for ``config.json``.
        log: Records for ``log.jsonl``.
        overwrite: Whether a model that is already there may be replaced.

    Raises:
        PlaceError: If there is something else, or a model that must not be replaced, or it
            cannot be written; what stood there is then as it was.
    """
    target = Path(path).expanduser().absolute()
    check_free(target, overwrite)
    weights = apart(model.state_dict().items())
    if len(weights) > MOST_TENSORS:
        raise ConfigError(
            f"A model that is saved should have at most {MOST_TENSORS:,} tensors. This one has "
            f"{len(weights):,}. Put columns together, for example as a vector."
        )
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        draft.mkdir()
        save_file(weights, draft / "weights.safetensors")
        _write(draft / "schema.json", json.dumps(schema.to_dict(), indent=1, ensure_ascii=False))
        _write(draft / "config.json", json.dumps(config, indent=1, ensure_ascii=False))
        _write(draft / "log.jsonl", "".join(json.dumps(line) + "\n" for line in log))
        alike(draft / "weights.safetensors", draft / "config.json")
        files = {part: digest(draft / part) for part in PARTS}
        manifest = {"format": FORMAT, "sha256": files, "versions": _versions()}
        _write(draft / "manifest.json", sealed(manifest))
        for part in draft.iterdir():
            sync(part)
        sync(draft)
        if unfinished(target):
            _finish(draft, target)
        else:
            _replace(draft, target)
    except (OSError, SafetensorError) as error:
        size = sum(value.nbytes for value in weights.values())
        raise PlaceError(
            f"The model could not be written to {str(target)!r}: {error}. Nothing there was "
            f"changed. Its weights take {size:,} bytes; choose a place that is writable and has "
            "room."
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return target


def unfinished(target: Path) -> bool:
    """Whether there is a run whose checkpoints are written, and whose model is not."""
    if not (target / CHECKPOINTS).is_dir() or (target / "manifest.json").exists():
        return False
    names = {each.name for each in target.iterdir()}
    return names <= {CHECKPOINTS, *PARTS}


def check_free(target: Path, overwrite: bool) -> None:
    """Refuse a place where something stands that must not be replaced.

    Raises:
        PlaceError: If there is such a thing.
    """
    if not target.exists() or unfinished(target):
        return
    if not (target / "manifest.json").is_file():
        raise PlaceError(
            f"{str(target)!r} should be free or hold a saved model. Found something else. Choose "
            "another name."
        )
    if not overwrite:
        raise PlaceError(
            f"There is a model in {str(target)!r} already. Choose another name, or allow it to be "
            "replaced (`overwrite=True`, `--overwrite`)."
        )


def load(
    path: str | Path, own: Iterable[type] = ()
) -> tuple[Schema, dict[str, Any], dict[str, Any]]:
    """Read a model's schema, choices and weights. Nothing in the folder can run code.

    Args:
        path: The folder.
        own: Your own modality and task classes that the schema may name.

    Raises:
        ArtifactError: If the folder holds no model, or a part is missing, damaged or newer; the
            :class:`PlaceError` among them if there is no folder.
    """
    folder = Path(path).expanduser()
    if not folder.is_dir():
        found = "Found a file: unpack it, if it is an archive" if folder.exists() else (
            "There is no such folder")  # fmt: skip
        kind = ArtifactError if folder.exists() else PlaceError
        raise kind(f"{str(folder)!r} should be the folder of a saved model. {found}.")
    for part in ("manifest.json", *PARTS):
        _check_plain(folder, part)
    if not (folder / "manifest.json").is_file():
        raise ArtifactError(
            f"{str(folder)!r} should be the folder of a saved model. There is no manifest.json in "
            "it. Take another copy."
        )
    manifest = _read(folder / "manifest.json")
    if sealed(manifest) != (folder / "manifest.json").read_text(encoding="utf-8"):
        raise _changed("manifest.json", folder)
    if manifest.get("format") != FORMAT:
        raise ArtifactError(
            f"{str(folder)!r} should be of format {FORMAT}. Found {manifest.get('format')!r}. "
            "Load it with the version of plait that saved it."
        )
    digests = manifest.get("sha256")
    for part in PARTS:
        if not (folder / part).is_file():
            raise ArtifactError(f"{part!r} is missing in {str(folder)!r}. Copy the whole folder.")
        if not isinstance(digests, dict) or digest(folder / part) != digests.get(part):
            raise _changed(part, folder)
    try:
        check_header(folder / "weights.safetensors")
        weights = load_file(folder / "weights.safetensors")
    except (SafetensorError, ValueError) as error:
        raise _unfit(folder / "weights.safetensors", f"cannot be read: {error}") from error
    plain = _read(folder / "schema.json")
    try:
        schema = Schema.from_dict(plain, own)
    except ArtifactError:
        raise
    except ValueError as error:
        raise ArtifactError(f"'schema.json' in {str(folder)!r} is no schema: {error}") from error
    return schema, _read(folder / "config.json"), weights


def _check_plain(folder: Path, part: str) -> None:
    try:
        check_plain(folder / part)
    except ValueError as error:
        raise ArtifactError(
            f"{part!r} in {str(folder)!r} should be a plain file: {error}. Copy the folder with "
            "what its links lead to (`cp -rL`), or take another copy."
        ) from error


def _changed(part: str, folder: Path) -> ArtifactError:
    why = "is not the file that was saved: its SHA-256 differs. It is damaged or was changed"
    return ArtifactError(f"{part!r} in {str(folder)!r} {why}; take another copy.")


def _versions() -> dict[str, str]:
    return {name: version(name) for name in ("plait", "torch", "numpy", "pyarrow", "tokenizers")}


def _read(path: Path) -> dict[str, Any]:
    try:
        return read_mapping(path, LARGEST_JSON)
    except ValueError as error:
        raise _unfit(path, str(error)) from error


def _unfit(path: Path, why: str) -> ArtifactError:
    return ArtifactError(f"{str(path)!r} {why}. Take another copy.")


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _finish(draft: Path, target: Path) -> None:
    # The manifest comes last: before it the run goes on from its checkpoints, after it it is done.
    for part in (*PARTS, "manifest.json"):
        (draft / part).replace(target / part)
    sync(target)
    shutil.rmtree(target / CHECKPOINTS, ignore_errors=True)


def _replace(draft: Path, target: Path) -> None:
    if target.exists():
        old = target.with_name(f".{target.name}.{secrets.token_hex(4)}.old")
        target.rename(old)
        try:
            draft.rename(target)
        except BaseException:
            old.rename(target)
            raise
    else:
        old = None
        draft.rename(target)
    with suppress(OSError):  # the model is in place; not every file system can vouch for a folder
        sync(target.parent)
    if old:
        shutil.rmtree(old, ignore_errors=True)
