"""Sphinx settings for the documentation: ``python3 dev.py docs``. The build needs no network."""

from __future__ import annotations

import logging
import os
import tempfile

from docutils import nodes
from sphinx.application import Sphinx

from airflow_provider_do_images import __version__

# The API reference imports Airflow, which writes a configuration into its home and logs that.
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
    # References to Python and Airflow would need their inventories from the network.
    ("py:.*", r"(?!airflow_provider_do_images\.).*"),
    # Types in signatures that are not public.
    ("py:class", r"airflow_provider_do_images\.core\.wait\.flow\.ReadRequest"),
    ("py:class", r"airflow_provider_do_images\.api\.pagination\.Page"),
    ("py:class", r"airflow_provider_do_images\.simulator\..*\.(FaultChain|F|ActionOutcome|Scopes)"),
]


def _add_slugs(_app: Sphinx, doctree: nodes.document) -> None:
    """Add each heading's slug to its ids: docutils writes the code ``not_found`` as not-found."""
    for section in doctree.findall(nodes.section):
        if (slug := section.get("slug")) and slug not in section["ids"]:
            section["ids"].append(slug)


def setup(app: Sphinx) -> None:
    """Register the function above."""
    app.connect("doctree-read", _add_slugs)
