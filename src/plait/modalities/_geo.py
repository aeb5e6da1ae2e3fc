"""Places on the earth."""

from dataclasses import replace
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import nn

from plait._errors import DataError, SchemaError
from plait.data import Masked, Note, Packed, Table

from ._base import FAR, STRICT, Modality
from ._geo_encoder import GeoEncoder
from ._geo_read import Degrees, directions, is_longitude

SMALLEST = 1e-8
"""A spread below this, about six centimeters on the ground, is none."""
Place = tuple[float, float, float]


@dataclass(frozen=True, config=STRICT)
class Geo(Modality):
    """Latitude and longitude in degrees, as a point on the globe and as a place among the others.

    Degrees are no numbers to calculate with: 179.9 and -179.9 are neighbors, and a degree of
    longitude is nothing at the pole. Take it for any pair of coordinates; a single one of them,
    or meters on a map, are numbers.

    Two columns, latitude first; or one, whose cells are text (``"48.14, 11.58"``), lists of two
    numbers, or structs with a field for each. Latitudes run from -90 to 90, longitudes from -180
    to 360. Others are counted, with their rows, and taken as missing, as is half a place.

    Args:
        scales: How many wave lengths a place is laid out in: the longest is eight times the spread
            of the training places, and each next one half of the one before.
        center: The middle of the training places on the unit sphere, found by :meth:`fit`.
        spread: Their distance from it along a latitude or a longitude, as the root of the mean
            square, in radians; found by :meth:`fit`.

    Raises:
        DataError: From :meth:`fit`, if no cell is a place, or more than half of the cells are out
            of range.
        SchemaError: If there are more than two columns, or longitude comes first.

    Source:
        Mai et al., *Multi-Scale Representation Learning for Spatial Feature Distributions using
        Grid Cells*, 2020 (arXiv 2003.00824), section 3.2: here along two axes, not three, with
        fixed octaves that start at the spread of the training places, on the map that keeps
        distances from their center (azimuthal equidistant), beside the point on the unit sphere.

    Example:
        >>> table = Table.of({"lat": [48.1, None, 48.2], "lon": [11.5, 11.6, 371.6]})
        >>> home = Geo(columns=("lat", "lon")).fit(table)
        >>> packed = home.pack(table)
        >>> packed.cells.mask.tolist(), *map(str, packed.notes)
        ([True, False, False], 'lat: 1 missing', 'lon: 1 out of range or no numbers (row 2)')
    """

    scales: Annotated[int, Field(ge=1, le=24)] = 6
    center: Place | None = None
    spread: float = 1.0

    def fit(self, table: Table) -> "Geo":
        """A copy that knows the middle and the spread of the places."""
        columns = self._columns
        read = Degrees.of(table, columns)
        known = read.there
        wrong = sum(len(rows) for rows in read.wrong.values())
        if not known.any() and not wrong:
            raise DataError(
                f"The input {', '.join(columns)!r} should hold places. Found none in any row. "
                "Leave the column out, or fill it."
            )
        if not known.any() or wrong > known.sum():
            raise DataError(
                f"The input {', '.join(columns)!r} should hold degrees: latitudes from -90 to 90 "
                f"and longitudes from -180 to 360. {int(known.sum()):,} of {len(table):,} rows "
                f"are such places, {wrong:,} cells are out of range or no numbers. Is latitude "
                "the first? Meters on a map are numbers: make them `Numeric`."
            )
        points = directions(read.latitude[known], read.longitude[known])
        middle = points.mean(0)
        # Places all around the globe have no middle: any will do.
        middle = points[0] if np.linalg.norm(middle) < 1e-6 else middle / np.linalg.norm(middle)
        away = local(points, middle)
        spread = float(np.sqrt(np.square(away).mean()))
        x, y, z = middle.tolist()
        return replace(self, center=(x, y, z), spread=spread if spread > SMALLEST else 1.0)

    def pack(self, table: Table) -> Packed:
        """The point on the unit sphere and the place on the map: float32 ``[rows, 5]``."""
        if self.center is None:
            raise self.unfitted()
        read = Degrees.of(table, self._columns)
        points = directions(read.latitude, read.longitude)
        away = (local(points, np.array(self.center)) / self.spread).clip(-FAR, FAR)
        values = np.concatenate([points, away], 1).astype(np.float32)
        values[~read.there] = 0
        notes = [Note(each, "missing", count) for each, count in read.missing.items() if count]
        for column, lost in read.wrong.items():
            if len(lost):
                rows = tuple(f"row {row}" for row in table.numbers(lost[:3]))
                notes.append(Note(column, "out of range or no numbers", len(lost), rows))
        cells = Masked(torch.from_numpy(values), torch.from_numpy(read.there))
        return Packed(cells, tuple(notes))

    def build(self, width: int) -> nn.Module:
        """A :class:`GeoEncoder` of as many scales."""
        if self.center is None:
            raise self.unfitted()
        return GeoEncoder(self.scales, width)

    @property
    def _columns(self) -> tuple[str, ...]:
        if len(self.columns) not in (1, 2):
            raise SchemaError(
                "An input of the kind Geo should have one column or two, latitude and longitude. "
                f"Found {list(self.columns)}. Make each pair an input of its own."
            )
        if len(self.columns) == 2 and is_longitude(self.columns[0]):
            raise SchemaError(
                f"Latitude should be the first column of a Geo. Found {list(self.columns)}. "
                "Change their order."
            )
        return self.columns


def local(points: np.ndarray, center: np.ndarray) -> np.ndarray:
    """Points on the map that keeps distances from the center: east and north of it, in radians.

    Args:
        points: Unit vectors ``[rows, 3]``.
        center: A unit vector.

    Example:
        >>> north = directions(np.array([10.0]), np.array([0.0]))
        >>> np.degrees(local(north, np.array([1.0, 0.0, 0.0]))).round(9).tolist()
        [[0.0, 10.0]]
    """
    longitude = np.arctan2(center[1], center[0])
    east = np.array([-np.sin(longitude), np.cos(longitude), 0.0])
    north = np.cross(center, east)
    flat = np.stack([points @ east, points @ north], 1)
    sine = np.hypot(flat[:, 0], flat[:, 1])
    angle = np.arctan2(sine, points @ center)
    return flat * np.where(sine > 1e-12, angle / np.maximum(sine, 1e-12), 1.0)[:, None]
