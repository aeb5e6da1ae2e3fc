"""A saved learner, back."""

from collections.abc import Iterable
from pathlib import Path

import torch

from . import _artifact
from ._assemble import assemble
from ._config import Config
from ._errors import ArtifactError, NotFittedError, UserError
from ._fit import Done
from ._learner import Learner
from .modalities._without_weights import without_weights


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
    schema, plain, weights = _artifact.load(path, own)
    try:
        learner = Learner.from_config(plain)
        kept = Config.of(plain).model.kept
        width, view = learner.width, (kept,) if kept else learner.view
        head = weights.get("heads.0.weight")
        if width is None or head is None or head.shape[-1] != width:
            found = None if head is None else list(head.shape)
            raise ArtifactError(
                f"The weights in {str(path)!r} should be of the width {width}, as its "
                f"'config.json' says. Found heads of {found}. Take another copy."
            )
        with torch.random.fork_rng([]), without_weights():
            model, _ = assemble(
                schema, width, learner.fusion, learner.sharing, "Sum", own, True, view
            )
    except ArtifactError:
        raise
    except (UserError, NotFittedError) as error:
        raise ArtifactError(f"The model in {str(path)!r} cannot be built: {error}") from error
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise ArtifactError(
            f"The weights in {str(path)!r} should fit its schema and its choices. {error} Take "
            "another copy."
        ) from error
    learner._done = Done(schema, model.eval(), None, plain)
    return learner
