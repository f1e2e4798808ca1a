"""Sphinx configuration; the build needs no network."""

from __future__ import annotations

import importlib.metadata

project = "glaciercast"
author = "The glaciercast developers"
project_copyright = "The glaciercast developers, Apache-2.0"
release = version = importlib.metadata.version("glaciercast")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.mathjax", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["_build", "_templates", "results/*"]  # results are included in results.md
templates_path = ["_templates"]
default_role = "literal"  # single backticks in docstrings name code

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

autosummary_generate = True
autosummary_ignore_module_all = True
autodoc_default_options = {"members": True, "show-inheritance": True, "ignore-module-all": True}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_google_docstring = False
napoleon_use_ivar = True  # the fields of a class are members already
napoleon_use_rtype = False

suppress_warnings = ["ref.python"]  # two rooms may use one short name, such as a Scene that is read and one that is drawn

html_theme = "furo"
html_title = "glaciercast"
