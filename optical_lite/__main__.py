"""The command line: ``python -m optical_lite COMMAND``."""

import sys

from .cli.main import main

if __name__ == "__main__":
    sys.exit(main())
