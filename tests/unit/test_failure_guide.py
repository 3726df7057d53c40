"""The failure guide has an entry for every error code and every way a wait can end."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import airflow_provider_do_images
from airflow_provider_do_images.core.submit.copies import REFUSED, SUBMIT_FAILED
from airflow_provider_do_images.core.wait.evaluate import WaitStatus

PACKAGE = Path(airflow_provider_do_images.__file__).parent
PAGE = (PACKAGE.parent / "docs" / "failures.md").read_text()


def codes():
    """Return every code that the source gives to an error: a keyword, an attribute, a constant."""
    found = set()
    for path in [*(PACKAGE / "api").rglob("*.py"), *(PACKAGE / "core").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.keyword) and node.arg == "code":
                found.add(node.value)
            if isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                if [ast.unparse(target) for target in targets] == ["code"]:
                    found.add(node.value)
    for node in ast.parse((PACKAGE / "exceptions.py").read_text()).body:
        if isinstance(node, ast.Assign):
            found.add(node.value)
    return {node.value for node in found if isinstance(node, ast.Constant)}


def entries():
    """Return the codes that begin a row of a table in the guide."""
    return re.findall(r"^\| `([a-z_]+)` \|", PAGE, re.MULTILINE)


def test_the_guide_has_each_code_and_no_other():
    """A code in a message leads to its row; a row without a code would be found by nobody."""
    known = {*codes(), *WaitStatus, REFUSED, SUBMIT_FAILED}

    assert len(known) > len(WaitStatus) + 10
    assert set(entries()) == known
