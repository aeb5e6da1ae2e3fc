"""Series of measurements over time."""

from dataclasses import replace
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field, PositiveInt
from pydantic.dataclasses import dataclass
from torch import nn

from plait._errors import DataError, SchemaError
from plait.data import Masked, Note, Packed, Table

from ._base import FAR, STRICT, Modality
from ._series_encoder import SeriesEncoder
from ._series_events import Events
from ._series_fit import SeriesFit
from ._series_learn import learned
from ._series_pack import block, ordered
from ._series_plan import Plan
from ._series_reading import Reading
from ._series_roles import Roles
from ._series_shortcut import SeriesShortcut

Share = Annotated[float, Field(ge=0, lt=0.5)]


@dataclass(frozen=True, config=STRICT)
class Series(Modality):
    """Measurements over time, of one channel or of many, at regular times or not.

    Use it where the order of numbers in time matters: sensors, vital signs, prices, logs. For a
    vector whose entries have no order take :class:`~plait.modalities.Vector`.

    What the cells may be, with times that are numbers, moments or durations:

    ==================================  =======================================================
    ``[5.0, 6.0, ...]``                 one channel, at equal steps; several columns are as many
                                        channels, and one more column may hold the times
    ``[[5.0, 1.0], [6.0, 2.0], ...]``   at each step one number for each channel
    ``[{time, hr, bp}, ...]``           a channel for each field but the time
    ``[{time, variable, value}, ...]``  single measurements, each with the name of its channel;
                                        three columns of lists do as well. Rows of a long table
                                        become such cells by :func:`plait.data.nested`
    ==================================  =======================================================

    Empty entries are missing measurements, and a row without any is missing. A net reads the
    means of equal steps of time, and *statistics* of each channel are read beside it, those of
    the whole time and those of each half: where measurements are few and far between, the
    latter say most of what there is to say.

    Args:
        encoder: ``"both"``, or only ``"summary"`` (the statistics) or ``"steps"`` (the net).
        time: The column or field of times; left out, the field ``time``. Without one, entries are
            equally far apart.
        variable: The column or field of the channels' names; left out, the field ``variable``.
        value: The column or field of the numbers, where there are names; left out, the field
            ``value`` or the one that remains.
        parts: Into how many equal parts of time, beside the whole, statistics are taken; 1 for the
            whole alone.
        steps: Into how many equal steps the time is divided; left out, 24 where there are times,
            and one for each entry where there are none.
        origin: Whether times count from ``"zero"`` or from the ``"first"`` of each row; left out,
            from zero if they are numbers and most rows begin in the first tenth of the time.
        max_length: How many points of time a row has at most; longer ones are cut and counted.
        keep: Which end of them is kept.
        duplicates: Whether several measurements of a channel at one time become their ``"mean"``,
            counted, or are refused as an error with their rows.
        most: How many channels there are at most; of named ones, the most frequent are kept.
        clip: The share of measurements at either end that is held at its edge: records of machines
            and people hold impossible numbers.
        bins: How many intervals a statistic is divided into at most.
        fitted: What the series looked like in training, found by :meth:`fit`.

    Raises:
        DataError: From :meth:`fit`, if there is no measurement.

    Source:
        The layout of statistics is that of :class:`NumericEncoder`; the net is that of
        :class:`SeriesEncoder`.

    Example:
        >>> table = Table.of({"pulse": [[60.0, 70.0, None], None, [80.0, 90.0, 85.0]]})
        >>> pulse = Series(columns=("pulse",), encoder="steps").fit(table)
        >>> cells = pulse.pack(table).cells
        >>> cells.mask.tolist()
        [[[True, True, False]], [[False, False, False]], [[True, True, True]]]
    """

    SEEN: ClassVar[int | None] = 36_000

    encoder: Literal["both", "summary", "steps"] = "both"
    time: str | None = None
    variable: str | None = None
    value: str | None = None
    parts: PositiveInt = 2
    steps: PositiveInt | None = None
    origin: Literal["zero", "first"] | None = None
    max_length: PositiveInt = 4096
    keep: Literal["first", "last"] = "last"
    duplicates: Literal["mean", "refuse"] = "mean"
    most: PositiveInt = 256
    clip: Share = 0.001
    bins: PositiveInt = 4
    fitted: SeriesFit | None = None

    def fit(self, table: Table) -> "Series":
        """A copy that knows the channels, their range, and the length of time."""
        found = ordered(table, self._plan, self._from_first)
        if not len(found.events):
            raise DataError(
                f"The series {self._column!r} should hold numbers. Found none. Leave it out, or "
                "fill it."
            )
        return replace(
            self,
            fitted=learned(
                found,
                len(table),
                self._plan,
                steps=self.steps,
                first=self._from_first,
                most=self.most,
                clip=self.clip,
                bins=self.bins,
            ),
        )

    def pack(self, table: Table) -> Packed:
        """Standardized numbers: float32 ``[rows, channels, entries]``, mask alike.

        The entries of a channel are its statistics, of the whole and of each part, and its steps.
        """
        fit = self.fitted
        if fit is None:
            raise self.unfitted()
        found = ordered(table, self._plan, fit.first)
        events, notes = self._known(found, fit)
        packed = block(events, len(table), fit, self._plan)
        count = len(fit.centers) // len(fit.channels)
        shape = (len(fit.channels), count)
        center, scale = (np.array(each).reshape(shape) for each in (fit.centers, fit.scales))
        packed[..., :count] = ((packed[..., :count] - center) / scale).clip(-FAR, FAR)
        mask = np.isfinite(packed)
        packed[~mask] = 0
        cells = Masked(torch.from_numpy(packed.astype(np.float32)), torch.from_numpy(mask))
        return Packed(cells, tuple(notes))

    def build(self, width: int) -> nn.Module:
        """A :class:`SeriesEncoder` of as many channels and steps."""
        fit = self.fitted
        if fit is None:
            raise self.unfitted()
        steps = fit.steps if self._plan.grid else 0
        return SeriesEncoder(len(fit.channels), steps, fit.edges, width)

    def shortcut(self, outputs: int) -> nn.Module | None:
        """A :class:`SeriesShortcut` from the statistics, where they are read."""
        fit = self.fitted
        if fit is None:
            raise self.unfitted()
        if not fit.knots:
            return None
        return SeriesShortcut(len(fit.channels), fit.edges, outputs, levels=fit.levels)

    def _known(self, found: Reading, fit: SeriesFit) -> tuple[Events, list[Note]]:
        """The measurements of known channels, held within their range."""
        column, events, notes = self._column, found.events, list(found.notes)
        places = {name: place for place, name in enumerate(fit.channels)}
        numbers = np.array([places.get(name, -1) for name in found.names], np.int64)
        if len(events):
            events = replace(events, channel=numbers[events.channel])
        strange = int((events.channel < 0).sum())
        if strange:
            unseen = tuple(name for name in found.names if name not in places)[:3]
            notes.append(
                Note(column, "measurements of channels unseen in training", strange, unseen)
            )
            events = events.take(events.channel >= 0)
        events = events.take(np.lexsort((events.time, events.channel, events.row)))
        late = int((events.time > fit.span).sum())
        low, high = (np.array(each)[events.channel] for each in (fit.low, fit.high))
        held = int(((events.value < low) | (events.value > high)).sum())
        counts = (late, "measurements after the last step"), (held, "held at the edge of the range")
        notes += [Note(column, what, count) for count, what in counts if count]
        return replace(events, value=events.value.clip(low, high)), notes

    @property
    def _column(self) -> str:
        return self._plan.roles.columns[0]

    @property
    def _from_first(self) -> bool | None:
        return None if self.origin is None else self.origin == "first"

    @property
    def _plan(self) -> Plan:
        if not self.columns:
            raise SchemaError("A series should have a column. Found none. Name it in `columns`.")
        return Plan(
            roles=Roles(self.columns, self.time, self.variable, self.value),
            parts=self.parts,
            max_length=self.max_length,
            keep=self.keep,
            duplicates=self.duplicates,
            summary=self.encoder != "steps",
            grid=self.encoder != "summary",
        )
