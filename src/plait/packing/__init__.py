"""From a source to packs that are ready to be trained on, found again by what they are made of."""

from ._choices import Choices as Choices
from ._fitted import part_rows as part_rows
from ._prepare import prepare as prepare
from ._prepared import Prepared as Prepared
from ._shelf import Shelf as Shelf
