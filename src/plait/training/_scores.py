"""How good a model is on rows that it was not trained on."""

from torch import nn

from plait._errors import NonFiniteError
from plait.data import Pack
from plait.schema import Schema

from ._outputs import outputs


def scores(
    schema: Schema, model: nn.Module, valid: Pack, device: str = "cpu", *, half: bool = False
) -> dict[str, float]:
    """The score of each task that has a label: 1 is perfect, 0 knows nothing of the row.

    Args:
        schema: Whose tasks they are.
        model: A :class:`~plait.Model`, on ``device``.
        valid: The rows.
        device: Where to compute.
        half: Whether to compute in bfloat16.

    Raises:
        NonFiniteError: If an output is NaN or infinite; the message names the rows.
    """
    raw = outputs(model, valid, device=device, half=half)
    for name, output in raw.items():
        strange = (~output.isfinite()).any(1).nonzero()[:, 0]
        if len(strange):
            raise NonFiniteError(
                f"The output of task {name!r} is not finite for {len(strange)} rows of the "
                f"validation table: {strange[:5].tolist()}. Nothing is kept. Look at these "
                "rows for extreme values, or lower `learning_rate`."
            )
    return {
        name: schema.tasks[name].score(raw[name], target)
        for name, target in valid.targets.items()
        if target.mask.any()
    }
