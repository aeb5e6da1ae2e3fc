"""What changes while a model is trained."""

import time
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from plait._errors import ConfigError, NonFiniteError
from plait.balancing import Balancer

from ._schedule import follow, pace, parameter_groups
from ._settings import Training


@dataclass(frozen=True)
class State:
    """The modules and the optimizer of a training, on their device, and its clock.

    Args:
        model: What is trained.
        averaged: Its running average, which is evaluated and kept.
        balancer: What makes one gradient of the losses.
        optimizer: AdamW over both.
        chosen: The choices of the loop, with nothing left open.
        start: When it began, on the monotonic clock.
    """

    model: nn.Module
    averaged: AveragedModel
    balancer: Balancer
    optimizer: torch.optim.Optimizer
    chosen: Training
    start: float

    @classmethod
    def of(cls, model: nn.Module, balancer: Balancer, chosen: Training) -> "State":
        """The beginning.

        Raises:
            ConfigError: If there is no such device.
        """
        start = time.monotonic()
        try:
            model.to(chosen.device).train()
        except (RuntimeError, AssertionError) as error:
            raise ConfigError(
                "`device` should be 'auto', or a device that is here: 'cpu', 'cuda', 'cuda:1', "
                f"'mps'. Got {chosen.device!r}: {str(error).splitlines()[0]}"
            ) from error
        balancer.to(chosen.device)
        groups = parameter_groups([model, balancer], chosen.weight_decay)
        optimizer = torch.optim.AdamW(groups, fused=True)
        averaged = AveragedModel(model, multi_avg_fn=follow(chosen.average or 0.0))
        return cls(model, averaged, balancer, optimizer, chosen, start)

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self.start

    def pace(self, progress: float) -> None:
        """Set the learning rate for a share of the training that is done."""
        rate = (self.chosen.learning_rate or 0.0) * pace(progress, self.chosen.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def seed(self, number: int) -> None:
        """Let all randomness of the device begin at a number; other devices are left alone."""
        if torch.device(self.chosen.device).type == "cpu":
            torch.default_generator.manual_seed(number)
        else:
            torch.manual_seed(number)

    def refuse_non_finite(self) -> None:
        """Check the averaged weights, which are kept.

        Raises:
            NonFiniteError: If one is NaN or infinite.
        """
        for name, weight in self.averaged.module.named_parameters():
            if not weight.isfinite().all():
                raise NonFiniteError(
                    f"The weight {name!r} is not finite, although every gradient was. It is not "
                    "kept. Lower `learning_rate` or `weight_decay`."
                )

    def averages(self) -> dict[str, Tensor]:
        """A copy of the averaged weights."""
        kept = self.averaged.module.state_dict()
        return {name: value.detach().clone() for name, value in kept.items()}
