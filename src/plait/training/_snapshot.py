"""All that changes while a model is trained, as tensors and plain values, and back."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from plait._errors import ArtifactError, ConfigError

from ._mark import Mark
from ._sharding import sharded
from ._state import State
from ._stored import Like, Stored

Snapshot = tuple[dict[str, Tensor], dict[str, Any]]


def snapshot(state: State, mark: Mark) -> Snapshot:
    """What it takes to go on from here as if nothing had happened.

    Weights that are not trained are left out: they are the same whenever the model is built.

    Raises:
        ConfigError: If a module of the user's own keeps a state that is no tensor.
    """
    tensors: dict[str, Tensor] = {f"mark.{name}": value for name, value in mark.tensors.items()}
    for place, module in _modules(state).items():
        still = _still(module)
        for name, value in module.state_dict().items():
            if not isinstance(value, Tensor):
                raise ConfigError(
                    f"A checkpoint holds tensors. {type(module).__name__} keeps {name!r} of type "
                    f"{type(value).__name__}. Keep it in a buffer, or train without checkpoints."
                )
            if name not in still:
                tensors[f"{place}.{name}"] = value
    # What was frozen and is no longer is an average of its own; what still is has one memory.
    tensors |= {f"average.{name}": value for name, value in state.averaged.copies().items()}
    groups = state.optimizer.state_dict()
    for number, kept in groups["state"].items():
        tensors |= {f"optimizer.{number}.{name}": value for name, value in kept.items()}
    plain = {
        "mark": mark.plain,
        "elapsed": state.elapsed,
        "parts": state.parts.count,
        "skipped": state.skipped,
        "rates": [group["lr"] for group in groups["param_groups"]],
        "averaged": int(state.averaged.n_averaged),
        "trained": sorted(name for name, w in state.model.named_parameters() if w.requires_grad),
    }
    return tensors, plain


def restore(state: State, stored: Stored, plain: Mapping[str, Any]) -> Mark:
    """Bring a training to where a snapshot was taken, and say where that is.

    Args:
        state: A training of the same model and choices, at its beginning. Its processes may be
            more or fewer, and may hold parts where others held all.
        stored: The tensors of the snapshot.
        plain: The rest of the snapshot.

    Raises:
        ArtifactError: If the snapshot is of another model.
    """
    tensors = stored.read(_like(state) if state.given is not None else None)
    trained = set(plain["trained"])
    for name, weight in state.model.named_parameters():
        if weight.requires_grad != (name in trained):
            weight.requires_grad_(name in trained)
    state.averaged.thaw()
    for place, module in _modules(state).items():
        _load(module, _below(tensors, f"{place}."), _still(module), place)
    _load(state.averaged.module, _below(tensors, "average."), _frozen(state), "average")
    state.averaged.n_averaged.fill_(plain["averaged"])
    kept: dict[int, dict[str, Tensor]] = {}
    for name, value in _below(tensors, "optimizer.").items():
        number, part = name.split(".", 1)
        kept.setdefault(int(number), {})[part] = value
    groups = state.optimizer.state_dict()["param_groups"]
    for group, rate in zip(groups, plain["rates"], strict=True):
        group["lr"] = rate
    state.optimizer.load_state_dict({"state": kept, "param_groups": groups})
    state.parts.count, state.skipped = plain["parts"], plain["skipped"]
    state.rewind(plain["elapsed"])
    return Mark.of(plain["mark"], _below(tensors, "mark."), state.chosen.device)


def _like(state: State) -> Like:
    """What each tensor is read into, where each process holds a part of those of the model."""
    groups = state.optimizer.param_groups
    numbered = [weight for group in groups for weight in group["params"]]
    known: dict[str, Tensor] = {}
    for name, value in state.model.state_dict().items():
        known |= {f"{place}.{name}": value for place in ("model", "average", "mark.kept")}

    def made(name: str, size: torch.Size, kind: torch.dtype) -> Tensor:
        if name.startswith("optimizer."):
            held: Tensor | None = numbered[int(name.split(".")[1])]
        else:
            held = known.get(name)
        if held is not None and sharded(held) and held.shape == size:
            return torch.zeros_like(held, dtype=kind)
        return torch.empty(size, dtype=kind)

    return made


def _modules(state: State) -> dict[str, nn.Module]:
    found = {"model": state.model, "balancer": state.balancer}
    return found if state.modality is None else {**found, "modality": state.modality}


def _still(module: nn.Module) -> set[str]:
    named = module.named_parameters(remove_duplicate=False)
    return {name for name, weight in named if not weight.requires_grad}


def _frozen(state: State) -> set[str]:
    shared = {id(weight) for weight, _ in state.averaged.frozen}
    named = state.averaged.module.named_parameters(remove_duplicate=False)
    return {name for name, weight in named if id(weight) in shared}


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    size = len(prefix)
    return {name[size:]: value for name, value in tensors.items() if name.startswith(prefix)}


@torch.no_grad()
def _load(module: nn.Module, found: Mapping[str, Tensor], still: set[str], place: str) -> None:
    wanted = {name for name in module.state_dict() if name not in still}
    if wanted != set(found):
        strange = sorted(wanted ^ set(found))
        raise ArtifactError(
            f"A checkpoint should be of the model that is trained. In its part {place!r}, "
            f"{len(strange)} names differ: {strange[:5]}. Continue with the choices and the "
            "version of plait that it was written with, or begin anew."
        )
    module.load_state_dict(dict(found), strict=False)
