"""The site that Sphinx builds from docs/."""

from __future__ import annotations

import subprocess
import sys

import pytest

from dev import DOCS as DOCS_COMMAND

pytestmark = pytest.mark.system


def test_the_site_is_built_without_a_warning(root, tmp_path):
    """A missing page, link target or Python name is a warning."""
    done = subprocess.run(
        [sys.executable, "-m", *DOCS_COMMAND[:-1], tmp_path],
        check=False,
        cwd=root,
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stderr) == (0, "")
