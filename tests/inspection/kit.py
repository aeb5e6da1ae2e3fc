"""A table without any fault, to plant some in."""

import numpy as np

ROWS = 400


def sound(seed: int = 0, rows: int = ROWS) -> dict[str, list]:
    """Inputs that say something of the targets, and not all."""
    draw = np.random.default_rng(seed)
    size, age = draw.normal(50, 10, rows), draw.normal(30, 9, rows)
    city = draw.choice(["Ulm", "Bonn", "Kiel", "Jena"], rows)
    price = 3 * size + age + draw.normal(0, 25, rows)
    days = np.datetime64("2020-01-01") + draw.integers(0, 900, rows).astype("timedelta64[D]")
    return {
        "size": [float(s) if n % 9 else None for n, s in enumerate(size)],
        "age": age.tolist(),
        "city": city.tolist(),
        "seen": days.astype(str).tolist(),
        "price": price.tolist(),
        "sold": (price + draw.normal(0, 30, rows) > 180).tolist(),
        "view": [("sea", "lake", "road")[int(p) % 3] for p in price],
    }


TARGETS = ["price", "sold", "view"]
