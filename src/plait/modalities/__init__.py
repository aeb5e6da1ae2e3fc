"""Inputs: the cells of a column or a group of columns, to tokens."""

from ._audio import Audio as Audio
from ._bag import Bag as Bag
from ._base import Modality as Modality
from ._categorical import Categorical as Categorical
from ._datetime import Datetime as Datetime
from ._geo import Geo as Geo
from ._image import Image as Image
from ._numeric import Numeric as Numeric
from ._series import Series as Series
from ._staged import Staged as Staged
from ._tags import Tags as Tags
from ._text import Text as Text
from ._vector import Vector as Vector
from ._video import Video as Video
