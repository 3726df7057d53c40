"""The failure guide has a complete section for each error code, and no others."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import airflow_provider_do_images
from airflow_provider_do_images.core.results import Submission, WaitStatus

PACKAGE = Path(airflow_provider_do_images.__file__).parent
PAGE = (PACKAGE.parent / "docs" / "failures.md").read_text()
SECTIONS = dict(re.findall(r"^### (.+)\n\n((?:.+\n)+)", PAGE, re.MULTILINE))
PARTS = ["Symptom", "Cause", "Fix", "Still running at DigitalOcean?"]
ROW_CODES = {Submission.REJECTED, Submission.SUBMIT_FAILED}
"""The values of ``submission`` of a region without an action."""


def codes():
    """Return each code that the source gives to an error: a keyword, an attribute, a constant."""
    found = []
    for path in [*(PACKAGE / "api").rglob("*.py"), *(PACKAGE / "core").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.keyword) and node.arg == "code":
                found.append(node.value)
            if isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                if [ast.unparse(target) for target in targets] == ["code"]:
                    found.append(node.value)
    constants = ast.parse((PACKAGE / "exceptions.py").read_text()).body
    found += [node.value for node in constants if isinstance(node, ast.Assign)]
    return {value.value for value in found if isinstance(value, ast.Constant)}


def test_each_code_has_a_section():
    """The anchor of a section is its heading, which is the code."""
    failures = set(WaitStatus) - {WaitStatus.COMPLETED}

    assert len(codes()) > 10
    assert set(SECTIONS) == {*codes(), *failures, *ROW_CODES}


@pytest.mark.parametrize("code", SECTIONS)
def test_a_section_is_complete(code):
    """It has the symptom, the cause, the fix, and whether an action is still running."""
    assert re.findall(r"^- \*\*(.+?)\*\*", SECTIONS[code], re.MULTILINE) == PARTS
