"""Which weights tasks share, found before each process holds a part of them."""

from torch import nn

from plait.balancing._graph import Graph
from plait.schema import Schema

from ._settings import Training
from ._spare import Spare


def common(schema: Schema, model: nn.Module, spare: Spare, chosen: Training) -> list[str]:
    """The names of the weights that two tasks reach, from rows in which every input is there.

    Args:
        schema: The fitted schema.
        model: Before it is sharded; it is left as it was.
        spare: These rows.
        chosen: The choices of the loop.
    """
    batch = spare.all
    if chosen.strategy != "fsdp" or batch is None or len(schema.tasks) < 2:
        return []
    training = model.training
    outputs = model.eval()(batch.inputs)
    model.train(training)
    shared = {id(weight) for weight in Graph.of([each.sum() for each in outputs.values()]).shared}
    return [name for name, weight in model.named_parameters() if id(weight) in shared]
