"""What was found in a table, as a file that ``plait fit --config`` reads."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from plait._yaml import quoted

from ._show import clean

if TYPE_CHECKING:
    from plait._config import Config


def written(data: str, found: Mapping[str, Any], chosen: "Config") -> str:
    """YAML with a line for each column and the reason beside it.

    Args:
        data: Where the table is.
        found: What ``inspect`` found.
        chosen: The choices it was asked with; what they say of columns and the rest is kept.
    """
    import yaml

    lines = [
        f"# Made by `plait inspect` of {_comment(data)}. Change what you know better.",
        "",
        "targets:" if found["targets"] else "targets: {}  # name at least one",
    ]
    lines += [_line(part["name"], part["type"], part, chosen.targets) for part in found["targets"]]
    lines += ["", "inputs:" if found["columns"] else "inputs: {}"]
    lines += [_line(part["name"], part["kind"], part, chosen.inputs) for part in found["columns"]]
    named = {part["name"] for part in found["columns"]}
    lines += [
        f"  {quoted(name)}: {_flow(wish)}"
        for name, wish in chosen.inputs.items()
        if name not in named
    ]
    lines += ["", "# What is behind a # is taken when nothing is said; null is chosen by the rows."]
    usual = _tree(type(chosen)())
    for key, value in _tree(chosen).items():
        text = yaml.safe_dump({key: value}, sort_keys=False, allow_unicode=True, width=90)
        mark = "# " if value == usual[key] else ""
        lines += [mark + line for line in text.splitlines()]
    return "\n".join(lines) + "\n"


def _line(name: str, kind: str, part: Mapping[str, Any], wishes: Mapping[str, Any]) -> str:
    wish = wishes.get(name) or ({"type": kind, **part["options"]} if part["options"] else kind)
    if isinstance(wish, dict) and "type" not in wish and not wish.get("ignore"):
        wish = {"type": kind, **wish}
    why = part["why"]
    if "positive" in part:
        why += f"; the positive class is {part['positive']}"
    return f"  {quoted(name)}: {_flow(wish)}  # {_comment(why)}"


def _flow(wish: Any) -> str:
    if isinstance(wish, Mapping):
        return "{" + ", ".join(f"{quoted(str(n))}: {_flow(v)}" for n, v in wish.items()) + "}"
    if isinstance(wish, list | tuple):
        return "[" + ", ".join(_flow(each) for each in wish) + "]"
    if isinstance(wish, str):
        return quoted(wish)
    return "null" if wish is None else str(wish).lower() if isinstance(wish, bool) else repr(wish)


def _comment(text: str) -> str:
    return clean(text).replace("\n", " ")


def _tree(config: "Config") -> dict[str, Any]:
    from pydantic import TypeAdapter

    from plait._config import Config

    tree = TypeAdapter(Config).dump_python(config, mode="json")
    return {name: value for name, value in tree.items() if name not in ("targets", "inputs")}
