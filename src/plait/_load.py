"""A saved learner, back."""

from collections.abc import Iterable
from pathlib import Path

from . import _artifact
from ._assemble import assemble
from ._learner import Learner


def load(path: str | Path, own: Iterable[type] = ()) -> Learner:
    """A learner that was saved, ready to predict. Nothing in its folder can run code.

    Args:
        path: The folder.
        own: Your own modality, task, fusion and sharing classes that it was built of. A class is
            never imported because a file names it.

    Raises:
        ArtifactError: If the folder holds no model, or a part is missing, damaged or newer, or it
            was built of a class that is not in ``own``.
    """
    own = tuple(own)
    schema, config, weights = _artifact.load(path, own)
    learner = Learner(
        config["targets"],
        config["inputs"],
        fusion=config["fusion"],
        sharing=config["sharing"],
        balancing=config["balancing"],
        width=config["model"]["width"],
    )
    model, _ = assemble(
        schema, config["model"]["width"], config["fusion"], config["sharing"], "Sum", own, True
    )
    model.load_state_dict(weights)
    learner._restore(schema, model.eval(), config)
    return learner
