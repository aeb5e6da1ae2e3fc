"""What the peers' scripts share.

A script's folder comes first on the path, where ludwig.py would be taken for Ludwig; it is taken
off here, before any peer is imported.
"""

import sys

sys.path.pop(0)
