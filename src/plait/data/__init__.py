"""The ground: tables of Arrow columns, packed columns of tensors, and the batches between."""

from ._bagged import Bagged as Bagged
from ._batch import Batch as Batch
from ._kept import Kept as Kept
from ._masked import Masked as Masked
from ._memory import memory_limit as memory_limit
from ._nested import nested as nested
from ._noise import noise as noise
from ._pack import Pack as Pack, joined as joined
from ._pack_writer import PackWriter as PackWriter
from ._packed import Note as Note, Packed as Packed, merged as merged
from ._query import Query as Query
from ._ragged import Ragged as Ragged
from ._repeated import Repeated as Repeated
from ._source import Source as Source
from ._stored_pack import stored_pack as stored_pack
from ._table import Table as Table
