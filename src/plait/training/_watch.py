"""What a balancer of inputs is told between epochs."""

import torch

from plait._errors import ConfigError
from plait._model import Model
from plait.data import Pack
from plait.schema import Schema

from ._state import State
from ._view_losses import losses_on

MOST = 4_096
"""Rows that are looked at, of each table."""


def watch(schema: Schema, state: State, epoch: int, train: Pack, valid: Pack | None) -> None:
    """Tell the balancer of inputs the losses of all its views, if it wants to know them.

    Args:
        schema: The fitted schema.
        state: The training.
        epoch: How many epochs are done.
        train: The training rows, of which some are looked at.
        valid: The validation rows.

    Raises:
        ConfigError: If there are none, and the balancer goes by them.
    """
    modality, model = state.modality, state.model
    if modality is None or not modality.due(epoch):
        return
    if valid is None:
        raise ConfigError(
            f"{type(modality).__name__} should have validation rows to go by. There are none. Hold "
            "some back (`data.valid`), or take `Auxiliary`."
        )
    assert isinstance(model, Model), "views are those of a plait.Model"
    found = [
        losses_on(schema, model, _some(pack), modality.views, state.chosen.device)
        for pack in (train, valid)
    ]
    modality.observe(epoch, *found)


def _some(pack: Pack) -> Pack:
    if len(pack) <= MOST:
        return pack
    return pack.select(torch.linspace(0, len(pack) - 1, MOST).long())
