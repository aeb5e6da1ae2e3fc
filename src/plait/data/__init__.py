"""The ground: tables of Arrow columns, packed columns of tensors, and the batches between."""

from ._batch import Batch as Batch
from ._masked import Masked as Masked
from ._noise import noise as noise
from ._pack import Pack as Pack
from ._packed import Note as Note, Packed as Packed, merged as merged
from ._ragged import Ragged as Ragged
from ._table import Table as Table
