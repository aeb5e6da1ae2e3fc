"""Several task losses to one gradient."""

from ._auto import Auto as Auto
from ._backward import backward as backward
from ._base import Balancer as Balancer
from ._diagnose import diagnose as diagnose
from ._diagnosis import Diagnosis as Diagnosis
from ._findings import Findings as Findings
from ._gradient_balancer import GradientBalancer as GradientBalancer
from ._loss_balancer import LossBalancer as LossBalancer
from ._report import Report as Report
from ._step import Step as Step
from ._sum import Sum as Sum
from ._upgrad import UPGrad as UPGrad
