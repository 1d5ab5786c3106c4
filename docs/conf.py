"""Sphinx settings; `python3 dev.py docs` builds."""

project = "toc-build"
author = "The toc-build founders"
extensions = ["myst_parser"]
html_theme = "furo"
html_title = "toc-build"
exclude_patterns = ["_build"]
myst_heading_anchors = 3
suppress_warnings = ["myst.xref_missing"]
