"""What a training that is continued must have in common with the one that was begun."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from ._assemble import described
from ._config import Config
from ._errors import ConfigError
from ._said import Said
from .data import Masked, Pack
from .packing import Prepared
from .training import Checkpoints, Training
from .training._world import attempt

SOME = 16_384
"""Rows whose cells are compared."""
FREE = {
    "device", "precision", "checkpoint_every", "checkpoint_minutes", "strategy", "accumulate",
}  # fmt: skip
"""Choices of the loop that may be another when a training is continued."""


def begun(
    place: str | Path | None, resume: bool, said: Said, config: Config, found: Prepared
) -> Checkpoints | None:
    """The checkpoints of a training, the newest of them read where it is to go on.

    Args:
        place: Where they are; None for none.
        resume: Whether to go on; so it does where a launcher has started it anew.
        said: What the learner was told.
        config: All other choices.
        found: The packed rows.

    Raises:
        ConfigError: If there are some, and it is to begin anew; or it is to go on from nowhere.
        ArtifactError: If there are some, and none is sound and of this training.
    """
    if place is None:
        if resume:
            raise ConfigError(
                "`resume` should be told where checkpoints are. Got no folder: give `checkpoints`."
            )
        return None
    folder = Path(place).expanduser().absolute()
    training = config.training
    shelf = Checkpoints(
        folder,
        _identity(said, config, found),
        training.checkpoint_every,
        training.checkpoint_minutes,
    )
    if resume or attempt() > 0:
        shelf.newest()
    elif shelf.found:
        raise ConfigError(
            f"There are checkpoints in {str(folder)!r} already. Continue with `resume=True` "
            "(`--resume`), or remove them to begin anew (`--overwrite`)."
        )
    return shelf


def told_of(found: Prepared) -> dict[str, str | int]:
    """What processes that train together must all have learned of a table."""
    learned = json.dumps(found.schema.to_dict(), sort_keys=True)
    return {
        "training rows": len(found.train),
        "validation rows": len(found.valid or ()),
        "inputs": ", ".join(found.schema.inputs),
        "what was learned of the columns": hashlib.sha256(learned.encode()).hexdigest()[:12],
    }


def _identity(said: Said, config: Config, found: Prepared) -> dict[str, str]:
    choices = {
        name: value for name, value in vars(said).items() if name not in ("targets", "inputs")
    }
    told = described(
        {**choices, "seed": config.seed, "budget": config.budget, "valid": config.data.valid},
        found.declared,
        Training(),
        {"width": config.model.width, "view": config.model.view},
    )
    loop = {name: value for name, value in asdict(config.training).items() if name not in FREE}
    packs = [found.train, *([found.valid] if found.valid else [])]
    rows = [[len(pack), _cells(pack)] for pack in packs]
    learned = json.dumps([found.schema.to_dict(), rows], sort_keys=True)
    table = {"table": hashlib.sha256(learned.encode()).hexdigest()}
    return {**table, **dict(_flat({**told, "training": loop}, ""))}


def _cells(pack: Pack) -> str:
    """A digest of what stands in some rows, from all over a pack: others may have the same sums."""
    told = hashlib.sha256()
    some = pack.select(torch.linspace(0, max(0, len(pack) - 1), min(SOME, len(pack))).long())
    for name, part in [*some.inputs.items(), *some.targets.items()]:
        told.update(name.encode())
        held = part.tensors()
        if isinstance(part, Masked):  # what stands where nothing is there may be anything
            there = part.mask.view(*part.mask.shape, *[1] * (part.values.ndim - part.mask.ndim))
            held = (part.values.masked_fill(~there, 0), part.mask)
        for tensor in held:
            told.update(tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return told.hexdigest()


def _flat(tree: Any, path: str) -> list[tuple[str, str]]:
    if isinstance(tree, Mapping) and tree:
        return [
            each
            for name, inner in tree.items()
            for each in _flat(inner, f"{path}.{name}" if path else str(name))
        ]
    return [(f"`{path}`", json.dumps(tree, sort_keys=True, default=repr))]
