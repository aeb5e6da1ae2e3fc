"""The command line of plait, with the peak of its memory as the last line on stderr."""

import json
import sys

from plait.__main__ import main

from ._memory import status

if __name__ == "__main__":
    code = main(sys.argv[1:])
    print(json.dumps({"peak_mb": status("VmHWM")}), file=sys.stderr)
    raise SystemExit(code)
