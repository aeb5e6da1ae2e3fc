"""The command line. Nothing heavy is imported until a verb needs it."""

from ._app import app as app
from ._run import UNREAD as UNREAD, run as run, silence as silence
from ._show import tell as tell
