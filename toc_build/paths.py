"""Where the tool keeps what commands and model repositories share; one variable moves it."""

from __future__ import annotations

import os
from pathlib import Path

CACHE_VARIABLE = "TOC_BUILD_CACHE_DIR"


def cache_dir() -> Path:
    """The folder for scoring environments, bundles and tools; safe to delete when nothing runs.

    `TOC_BUILD_CACHE_DIR` names it, otherwise it is `toc-build` in the user's cache folder. It is not
    created here.
    """
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named).expanduser().absolute()
    import platformdirs  # here, so that `toc-build --help` does not wait for it

    return Path(platformdirs.user_cache_dir("toc-build", appauthor=False))
