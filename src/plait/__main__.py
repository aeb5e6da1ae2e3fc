"""The command line: ``plait`` and ``python -m plait``."""

import io
import sys
import warnings
from collections.abc import Sequence

from ._errors import PlaitWarning
from .cli import UNREAD, run, silence, tell


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: The words behind ``plait``; left out, those of this process.

    Returns:
        The exit code: 0 done, 1 our fault, 2 the user's input is wrong, 3 a file is damaged or
        from elsewhere, 130 stopped by Ctrl-C, 141 nobody reads the output any more.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    # What libraries warn of is for those who program with them. `python -W` still shows it.
    with warnings.catch_warnings():
        if not sys.warnoptions:
            warnings.simplefilter("ignore")
            warnings.filterwarnings("always", category=PlaitWarning)
            warnings.showwarning = _told  # ty: ignore[invalid-assignment]
        code = run(sys.argv[1:] if arguments is None else arguments)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        silence()
        return code or UNREAD
    return code


def _told(message: Warning | str, *_: object, **__: object) -> None:
    tell(f"note: {message}")


if __name__ == "__main__":
    sys.exit(main())
