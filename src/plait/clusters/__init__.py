"""The same training and the same answers on many machines, which Ray starts (extra ``ray``)."""

from ._answered import Answered as Answered
from ._fit import fit as fit
from ._predict import predict as predict
