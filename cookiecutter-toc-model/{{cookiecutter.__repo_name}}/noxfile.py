# /// script
# requires-python = ">=3.10,<3.14"
# dependencies = ["nox>=2025.5.1", "{{ cookiecutter | toc_build_requirement }}"]
# ///
from toc_build.sessions import *
