"""The scenarios by name; each is imported only when it is asked for."""

import importlib

from ._base import Clock as Clock, Job as Job, Metrics as Metrics, Scenario as Scenario

NAMES = (
    "tabular",
    "text_table",
    "pictures_table",
    "trimodal",
    "frozen",
    "lengths",
    "missing",
    "bigger",
    "predict",
)


def scenario(name: str) -> Scenario:
    """The scenario of a name."""
    return importlib.import_module(f"{__name__}._{name}").SCENARIO
