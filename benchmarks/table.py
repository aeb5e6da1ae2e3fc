"""The measurements of a file as a table for the docs: python -m benchmarks.table results.jsonl.

The first contestant of a part is plait; ratios are to its second one (the hand-written loop, where
there is one) within the same repeat: plait's value by the other's, the median and in brackets the
range. For rates above 1 is better, for seconds below 1.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Any

from .scenarios import scenario

Values = dict[str, dict[int, float]]
"""For each contestant its value in each repeat."""


def read(path: Path) -> tuple[dict[tuple[str, str, str], Values], dict, list[dict[str, Any]]]:
    """Values by scenario, part and metric; their units; and all lines."""
    found: dict[tuple[str, str, str], Values] = defaultdict(lambda: defaultdict(dict))
    units, lines = {}, []
    for text in path.read_text(encoding="utf-8").splitlines():
        line = json.loads(text)
        lines.append(line)
        if "error" not in line:
            key = line["scenario"], line["part"], line["metric"]
            found[key][line["contestant"]][line["repeat"]] = line["value"]
            units[key] = line["unit"]
    return found, units, lines


def shown(value: float) -> str:
    """Three or four digits.

    Example:
        >>> shown(12345.6), shown(0.01234), shown(0.0)
        ('12,346', '0.0123', '0')
    """
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def spread(values: list[float]) -> str:
    """The median, and the range where there are several."""
    if len(values) == 1:
        return shown(values[0])
    return f"{shown(median(values))} ({shown(min(values))} to {shown(max(values))})"


def ratios(plait: dict[int, float], other: dict[int, float]) -> list[float]:
    """Within each repeat, as the load of the machine changes."""
    both = sorted(set(plait) & set(other))
    return [plait[each] / other[each] for each in both if other[each]]


def goal(name: str, part: str, metric: str, plait: list[float], by: list[float]) -> str:
    """What plait is held to, and whether it is met."""
    found = scenario(name).goals.get(f"{part}.{metric}")
    if not found:
        return ""
    kind, sign, bound = found
    given = median(plait if kind == "value" else by)
    met = given <= bound if sign == "<=" else given >= bound
    return f"{sign} {bound:g}: {'met' if met else 'missed'}"


def rows(found: dict[tuple[str, str, str], Values], units: dict) -> list[str]:
    """A row for each contestant that plait is compared with."""
    lines = []
    for (name, part, metric), values in found.items():
        plait = values.get("plait")
        if plait is None:
            continue
        others = [who for who in values if who != "plait"]
        own = spread(list(plait.values()))
        for who in others or [""]:
            by = ratios(plait, values[who]) if who else []
            held = goal(name, part, metric, list(plait.values()), by)
            cells = [
                f"{name}, {part}",
                f"{metric.replace('_', ' ')} ({units[name, part, metric]})",
                own,
                f"{who}: {spread(list(values[who].values()))}" if who else "",
                spread(by) if by else "",
                held if who == (others or [""])[0] else "",
            ]
            lines.append("| " + " | ".join(cells) + " |")
    return lines


def main() -> None:
    """Print the table, and what it was measured with."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path)
    given = parser.parse_args()
    found, units, lines = read(given.results)
    print("| scenario | figure | plait | beside | plait by it | goal |")
    print("| --- | --- | --- | --- | --- | --- |")
    print("\n".join(rows(found, units)))
    print()
    for about in dict.fromkeys(_about(line) for line in lines):
        print(about)
    for line in lines:
        if "error" in line:
            print(f"{line['scenario']}, {line['part']}: {line['contestant']}: {line['error']}")


def _about(line: dict[str, Any]) -> str:
    machine, versions = line["machine"], line["versions"]
    told = ", ".join(f"{name} {versions[name]}" for name in ("python", "torch", "plait", "pyarrow"))
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']:g} GiB, "
        f"{machine['os']}; {told}; {line['threads']} threads; `{line['command']}`"
    )


if __name__ == "__main__":
    main()
