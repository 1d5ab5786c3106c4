"""`python -m toc_build`: the command line where the script is not on the path, as in nox sessions."""

from __future__ import annotations

import sys

from toc_build.cli import main

if __name__ == "__main__":
    sys.exit(main())
