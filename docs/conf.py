"""How Sphinx builds these pages: ``python3 dev.py docs``. Nothing here asks the network."""

from __future__ import annotations

import logging
import os
import tempfile

from airflow_provider_do_images import __version__

# Airflow, which the API reference imports, writes a configuration into its home, and logs it.
os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="airflow-docs-")
logging.getLogger("airflow").setLevel(logging.WARNING)

project = "airflow-provider-do-images"
author = "The authors of airflow-provider-do-images"
release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build", "examples", "figures"]
html_theme = "furo"
html_title = f"DigitalOcean images for Airflow {release}"
html_show_copyright = False
html_static_path = ["_static"]
html_css_files = ["site.css"]
myst_heading_anchors = 3

add_module_names = False
maximum_signature_line_length = 130  # with the module names that are not shown
autodoc_default_options = {"members": True}
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
nitpicky = True
nitpick_ignore_regex = [
    # Only this package's names can be looked up: Python's and Airflow's need the network.
    ("py:.*", r"(?!airflow_provider_do_images\.).*"),
    # Types in signatures that readers need not know.
    ("py:class", r"airflow_provider_do_images\.actions\.wait\.Ask"),
    ("py:class", r"airflow_provider_do_images\.api\.pagination\.Page"),
    ("py:class", r"airflow_provider_do_images\.simulator\..*\.(Exchange|F|Fate|Scopes)"),
]
