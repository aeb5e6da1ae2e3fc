"""Tokens of all inputs to one vector per row."""

from ._attention import Attention as Attention
from ._base import Fusion as Fusion
from ._bottleneck import Bottleneck as Bottleneck
from ._concat import Concat as Concat
from ._cross_attention import CrossAttention as CrossAttention
from ._early_transformer import EarlyTransformer as EarlyTransformer
from ._embrace_net import EmbraceNet as EmbraceNet
from ._experts import Experts as Experts
from ._film import FiLM as FiLM
from ._gmu import GMU as GMU
from ._late import Late as Late
from ._late_mean import LateMean as LateMean
from ._low_rank import LowRank as LowRank
from ._max import Max as Max
from ._mean import Mean as Mean
from ._mfb import MFB as MFB
from ._perceiver import Perceiver as Perceiver
from ._product_of_experts import ProductOfExperts as ProductOfExperts
from ._scalar_attention import ScalarAttention as ScalarAttention
from ._sum import Sum as Sum
from ._tensor_fusion import TensorFusion as TensorFusion
