"""``python -m scd`` is the command ``anyscd``."""

import sys

from scd.entry import main

if __name__ == "__main__":
    sys.exit(main())
