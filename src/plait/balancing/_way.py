"""From the choices of one call to the way in which gradients are compared."""

from collections.abc import Callable, Mapping, Sequence

from torch import Tensor

from plait._errors import ConfigError

from ._base import At, Balancer
from ._call import Call
from ._either import Either
from ._features import Features
from ._ranks import Ranks
from ._segmented import Segmented
from ._sharded import Sharded
from ._shared import Found, Shared

Way = Callable[[Call], Found]
PLACES = ("losses", "features", "shared", "auto")


def way(
    balancer: Balancer,
    at: At | str | None,
    features: Tensor | Sequence[Tensor] | None,
    over: Sequence[Tensor] | None,
    rows: Mapping[str, Tensor] | None,
    every: int,
    micro: tuple[int, int],
    exact: bool,
    stream: bool,
    ranks: Ranks,
) -> Way | None:
    """How gradients are compared; None for rules that look at losses alone.

    Raises:
        ConfigError: If the choices do not fit each other or the rule.
    """
    name = type(balancer).__name__
    part, parts = micro
    if every < 1:
        raise ConfigError(f"`every` should be 1 step or more. Got {every}.")
    if not 0 <= part < parts:
        raise ConfigError(
            f"`micro` should be a part and how many there are, from (0, {parts}) to "
            f"({parts - 1}, {parts}). Got {micro}."
        )
    at = at or ("features" if features is not None and balancer.needs != "losses" else balancer.at)
    if at == "auto" and (
        features is not None or over is not None or exact or stream or rows is not None
    ):
        at = "features" if features is not None else "shared"
    if at not in PLACES:
        raise ConfigError(f"`at` should be one of {', '.join(PLACES)}. Got {at!r}.")
    if balancer.needs == "losses" and balancer.lenient:
        return None
    if balancer.needs == "losses":
        told = {"at": at != "losses", "features": features is not None, "over": over is not None}
        told |= {"exact": exact, "stream": stream}
        for option, said in told.items():
            if said:
                raise ConfigError(
                    f"{name} looks at losses alone, and at no gradient: `{option}` is for methods "
                    "that do."
                    + (
                        " Give it `totals`, the losses of the whole step."
                        if option == "exact"
                        else ""
                    )
                )
        return None
    if at == "losses":
        raise ConfigError(
            f'{name} looks at gradients: `at` should be "shared" or "features". Got "losses".'
        )
    wrong = {
        "features": at != "features" and features is not None,
        "over": at != "shared" and over is not None,
        "stream": at != "shared" and stream,
        "rows": (at != "shared" or over is not None or stream or exact) and rows is not None,
        "exact": (at != "shared" or over is not None or stream) and exact,
    }
    for option, clash in wrong.items():
        if clash:
            raise ConfigError(
                f"`{option}` does not go with the other choices for {name} (at={at!r}"
                f"{', over' if over is not None else ''}{', stream' if stream else ''})."
            )
    several = ranks.how is not None
    if exact and several and ranks.how != "exact":
        raise ConfigError(
            f"`exact` gathers all gradients of a step, and among several processes they then have "
            f'to travel: {name} should have ranks="exact" with it. Got {ranks.how!r}.'
        )
    if balancer.needs == "jacobian" and (
        over is not None or stream or every > 1 or ((parts > 1 or several) and not exact)
    ):
        raise ConfigError(
            f"{name} changes the gradient itself, so it needs it whole and in each step: `over`, "
            "`stream`, `every`, and `ranks` and `micro` without `exact` are not for it."
        )
    if several and rows is not None:
        raise ConfigError(
            f"`rows` is for one process, and {name} is to compare gradients among several "
            f'(ranks={ranks.how!r}). Leave `rows` out, or take ranks="off".'
        )
    if ranks.how == "sharded":
        if over is None:
            raise ConfigError('ranks="sharded" should be told the sharded weights: `over`.')
        return Sharded(over)
    if at == "features":
        tensors = [features] if isinstance(features, Tensor) else features
        return Features(tensors)
    if rows is not None:
        return Segmented(rows)
    return Shared(over, stream) if at == "shared" else Either()
