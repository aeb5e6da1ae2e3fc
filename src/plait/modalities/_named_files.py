"""The files that the name of a pretrained encoder means."""

from pathlib import Path

from ._ge2e_file import GE2E, Ge2eFile
from ._hf_folder import PREFIX
from ._static_folder import STATIC, StaticFolder
from ._timm_file import TIMM, TimmFile


def named_files(encoder: str) -> list[Path] | None:
    """All files that may be read of an encoder, of whatever kind.

    Args:
        encoder: Its name, with what says where it comes from.

    Returns:
        None for what is not named by a path: a model of a hub, a name of timm's alone, a class.

    Raises:
        ConfigError: If there are no such files.

    Example:
        >>> named_files("hf:some/model"), named_files("module:Class")
        (None, None)
    """
    if encoder.startswith(PREFIX):
        folder = Path(encoder.removeprefix(PREFIX)).expanduser()
        return sorted(folder.rglob("*")) if folder.is_dir() else None
    if encoder.startswith(STATIC):
        return StaticFolder.of(encoder).files
    if encoder.startswith(GE2E):
        return [Ge2eFile.of(encoder).path]
    if encoder.startswith(TIMM):
        path = TimmFile.of(encoder).path
        return None if path is None else [path]
    return None
