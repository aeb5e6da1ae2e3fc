"""Losses that need no label: what belongs to one row should find each other."""

from ._base import Contrast as Contrast
from ._fingerprints import fingerprints as fingerprints
from ._info_nce import InfoNCE as InfoNCE
from ._matching import Matching as Matching
from ._sig_lip import SigLIP as SigLIP
