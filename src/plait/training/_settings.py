"""Every choice of the loop."""

import math
from dataclasses import replace
from typing import Annotated, Literal

import torch
from pydantic import ConfigDict, Field, PositiveFloat, PositiveInt
from pydantic.dataclasses import dataclass

from plait._errors import ConfigError

Share = Annotated[float, Field(ge=0, lt=1)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class Training:
    """The choices of the loop; what is None is chosen by the number of rows, by :meth:`resolve`.

    Args:
        epochs: How often each row is seen, at most.
        batch_size: Rows in a step. ``"auto"`` tries some on this machine, and takes the smallest
            that is about as fast as any; another run may find another.
        learning_rate: The highest rate of AdamW, after the warm-up.
        weight_decay: Of AdamW, on matrices; biases, norms and embeddings are spared.
        warmup: Share of all steps in which the rate rises to its highest; it then falls to nearly
            nothing along a cosine.
        clip: The norm that the gradient is cut to.
        accumulate: Into how many parts a batch is cut that share one step, to save memory. The
            step is that of the whole batch, whichever labels are missing where (``OGMGE``,
            ``MMPareto`` and the cost of ``DSelectK`` go by the part). Where memory runs out all
            the same, the number is doubled.
        average: How slowly the averaged weights follow the trained ones, as the share kept at each
            step; 0 turns averaging off. The averaged weights are the ones evaluated and saved.
        patience: Epochs without a better score before the loop stops. Scores are compared as means
            over the last epochs, one for each 10 that there may be: with few validation rows a
            single epoch may just be lucky.
        input_dropout: Chance that a picture (or another medium) of a row is hidden in a step; one
            input is always left.
        bucket: Whether rows of about one length share a batch, where there are texts or lists whose
            padding would be more than a tenth of a batch.
        precision: ``"float32"``, ``"bfloat16"`` (automatic mixed precision), or ``"auto"``:
            bfloat16 on a GPU that has it.
        device: ``"auto"`` takes a CUDA GPU, else Apple's, else the processor.
        guard: Whether inputs are tried alone at the end, on the validation rows, to see that all of
            them together are at least as good. ``"views"`` asks the trained model, with the
            others hidden; ``"models"`` trains a model for each input, which takes as much longer
            and is the honest comparison; ``"off"`` does neither. The history says what was found.
        fall_back: Whether the best input alone is kept where it is better than all of them.
        compile: Whether the training steps run a compiled form of the model, which takes minutes
            to make. It may pay in long trainings on a GPU; on the processor it was slower
            where it was tried. The model that is evaluated and saved stays the plain one.
        strategy: How several processes share a training. ``"ddp"``: each holds the whole model.
            ``"fsdp"``: each holds an equal part of the weights, of the optimizer's numbers and of
            the averaged weights (FSDP2), for models that are too large otherwise; weights then
            travel in each step, beside gradients. One process does the same with either.
        non_finite: What is done with a step in which a loss or the gradient is NaN or infinite:
            ``"stop"`` ends the training before that step, ``"skip"`` leaves the step out and
            counts it; more than 20 in a row end it.
        checkpoint_every: Steps between two checkpoints, where a folder for them is given; None for
            none by steps.
        checkpoint_minutes: Minutes between two checkpoints, likewise.

    Example:
        >>> settings = Training(epochs=3).resolve(rows=10_000)
        >>> settings.epochs, settings.batch_size
        (3, 128)
    """

    epochs: PositiveInt | None = None
    batch_size: PositiveInt | Literal["auto"] | None = None
    learning_rate: PositiveFloat | None = None
    weight_decay: Annotated[float, Field(ge=0)] = 0.02
    warmup: Share = 0.05
    clip: PositiveFloat = 10.0
    accumulate: PositiveInt = 1
    average: Share | None = None
    patience: PositiveInt | None = None
    input_dropout: Share = 0.15
    bucket: bool = True
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    device: str = "auto"
    guard: Literal["off", "views", "models"] = "views"
    fall_back: bool = False
    compile: bool = False
    strategy: Literal["ddp", "fsdp"] = "ddp"
    non_finite: Literal["stop", "skip"] = "stop"
    checkpoint_every: PositiveInt | None = None
    checkpoint_minutes: PositiveFloat | None = 5.0

    @property
    def size(self) -> int:
        """Rows in a step, once that is settled.

        Raises:
            ConfigError: If it is left open, or to be measured.
        """
        if not isinstance(self.batch_size, int):
            raise ConfigError(
                f"`batch_size` should be settled by now. Got {self.batch_size!r}. Give a number, "
                "or None to choose by the number of rows."
            )
        return self.batch_size

    def resolve(self, rows: int, seen: int | None = None) -> "Training":
        """A copy in which nothing is left open.

        The epochs are those of about 2,400 steps, between 4 and 120; with an input that is soon
        learned by heart, such as text, those in which so many rows are ``seen``, at most 40.

        Args:
            rows: How many training rows there are.
            seen: How many rows should be seen, each counted as often as it is.

        Raises:
            ConfigError: If the batch is to be measured, which takes a model.
        """
        device = self.device if self.device != "auto" else _device()
        batch_size = _batch_size(rows) if self.batch_size is None else self.size
        wanted = min(40, seen / rows) if seen else min(120, STEPS * batch_size / rows)
        epochs = self.epochs or max(4, round(wanted))
        precision = self.precision
        if precision == "auto":
            half = device.startswith("cuda") and torch.cuda.is_bf16_supported()
            precision = "bfloat16" if half else "float32"
        return replace(
            self,
            device=device,
            batch_size=batch_size,
            epochs=epochs,
            learning_rate=self.learning_rate or 2e-3,
            average=self.average if self.average is not None else 0.99 if rows < MANY else 0.995,
            patience=self.patience or max(10, epochs // 2),
            precision=precision,
        )


MANY, STEPS = 20_000, 2_400


def _batch_size(rows: int) -> int:
    """A power of two near 1.3 times the root of the rows, between 32 and 512."""
    return min(512, max(32, 2 ** round(math.log2(1.3 * max(rows, 1) ** 0.5))))


def _device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
