"""What several processes do not do together."""

from collections.abc import Mapping

from plait._errors import ConfigError
from plait.balancing import Balancer
from plait.modality_balancing import ModalityBalancer

from ._settings import Training
from ._world import World


def refuse_together(
    world: World, chosen: Training, balancer: Balancer, modality: ModalityBalancer | None
) -> None:
    """Refuse choices that one process alone can follow.

    Args:
        world: The processes.
        chosen: The choices of the loop.
        balancer: What makes one gradient of the losses.
        modality: What is done with the losses of single inputs.

    Raises:
        ConfigError: If something of that is asked for.
    """
    parts, name = chosen.strategy == "fsdp", type(balancer).__name__
    compares = balancer.needs != "losses"
    refuse(
        world,
        {
            "`modality_balancing`": modality is not None,
            '`compile` with `strategy="fsdp"`': parts and chosen.compile,
            f'{name} with `strategy="fsdp"`': parts and balancer.needs == "jacobian",
            f'`accumulate` and {name} with `strategy="fsdp"`': (
                parts and compares and chosen.accumulate > 1
            ),
        },
    )


def refuse(world: World, options: Mapping[str, bool]) -> None:
    """Refuse some options where there are several processes.

    Args:
        world: The processes.
        options: Whether each is asked for.

    Raises:
        ConfigError: If one is.
    """
    wrong = [name for name, asked in options.items() if asked]
    if world.size > 1 and wrong:
        raise ConfigError(
            f"{world.size} processes train together, which goes with all choices but "
            f"{', '.join(wrong)}. Leave that out, or train in one process."
        )
