"""One vector per row to one vector per row and task."""

from ._base import Sharing as Sharing
from ._bottom import Bottom as Bottom
from ._cgc import CGC as CGC
from ._cross_stitch import CrossStitch as CrossStitch
from ._dselect_k import DSelectK as DSelectK
from ._film_adapters import FiLMAdapters as FiLMAdapters
from ._lora_adapters import LoRAAdapters as LoRAAdapters
from ._mmoe import MMoE as MMoE
from ._ple import PLE as PLE
from ._task_queries import TaskQueries as TaskQueries
