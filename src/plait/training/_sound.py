"""Whether a checkpoint is what was written."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plait._durable import digest, sealed
from plait._errors import ArtifactError, PlaceError

from ._stored import SHARD, TENSORS
from ._world import World

FORMAT = 1
STATE, MANIFEST = "state.json", "manifest.json"
LARGEST_JSON = 64 * 2**20


class UnsoundError(Exception):
    """Why a checkpoint is not taken."""


def sound(place: Path, identity: Mapping[str, str], world: World) -> dict[str, Any]:
    """What a checkpoint holds beside tensors, if it is whole and of the same training.

    Args:
        place: Its folder.
        identity: What it must have in common with the training, by name.
        world: The processes, each of which looks at some of the files where there are several.

    Raises:
        UnsoundError: If a file is damaged or not there.
        PlaceError: If it is of another training.
        ArtifactError: If another version of plait wrote it, in another form.
    """
    manifest = _manifest(place)
    form, part = manifest.get("format"), MANIFEST
    if form != FORMAT:
        raise ArtifactError(
            f"The checkpoint {str(place)!r} should be of format {FORMAT}. It is of {form!r}. Go on "
            "with the version of plait that wrote it, or begin anew (`--overwrite`)."
        )
    try:
        known = dict(manifest["sha256"])
        strange = {each.name for each in place.glob("*.safetensors")} - set(known)
        if strange:
            raise UnsoundError(f"it holds {sorted(strange)[:3]}, which its manifest does not name.")
        parts = sorted(name for name in known if SHARD.fullmatch(name))
        for part in (STATE, *(parts[world.rank :: world.size] if parts else [TENSORS])):
            if digest(place / part) != known.get(part):
                raise UnsoundError(f"its {part!r} is damaged: the SHA-256 differs.")
        other = [name for name, mine in identity.items() if manifest["identity"].get(name) != mine]
        if not other:
            return json.loads(_small(place / STATE))
    except FileNotFoundError as error:
        raise UnsoundError(f"it lacks {part!r}.") from error
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise UnsoundError(f"its {part!r} cannot be read ({error}).") from error
    raise PlaceError(
        f"The checkpoint {str(place)!r} should be of the same training. It was written with "
        f"another {' and another '.join(other)}. Give what it was begun with, or begin anew "
        "(`--overwrite`)."
    )


def _manifest(place: Path) -> dict[str, Any]:
    try:
        text = _small(place / MANIFEST)
        manifest = json.loads(text)
        if isinstance(manifest, dict) and sealed(manifest) == text:
            return manifest
    except FileNotFoundError as error:
        raise UnsoundError(f"it lacks {MANIFEST!r}.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise UnsoundError(f"its {MANIFEST!r} cannot be read ({error}).") from error
    raise UnsoundError(f"its {MANIFEST!r} was changed or is damaged.")


def _small(path: Path) -> str:
    if path.stat().st_size > LARGEST_JSON:
        raise UnsoundError(f"its {path.name!r} is larger than {LARGEST_JSON:,} bytes.")
    return path.read_text(encoding="utf-8")
