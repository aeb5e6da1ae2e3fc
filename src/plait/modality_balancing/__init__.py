"""Inputs that learn at different speeds: what the losses of single inputs are used for."""

from ._auxiliary import Auxiliary as Auxiliary
from ._base import ModalityBalancer as ModalityBalancer
from ._gradient_blending import GradientBlending as GradientBlending
from ._mmpareto import MMPareto as MMPareto
from ._ogmge import OGMGE as OGMGE
from ._step import ViewLosses as ViewLosses
