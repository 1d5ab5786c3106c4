# An example inside the project it shows: there is no header here that names a toc-build, it is the one of this checkout.
# From this folder: uvx --with-editable ../.. nox
from toc_build.sessions import *
