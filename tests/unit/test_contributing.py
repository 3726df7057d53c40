"""CONTRIBUTING.md, the commit hooks and the workflow file agree with dev.py and CI."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import yaml

import dev

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "CONTRIBUTING.md").read_text()


def commands(text: str) -> set[str]:
    """Return the commands of ``dev.py`` that a text calls."""
    return set(re.findall(r"python3 dev\.py (\w+)", text))


def test_files_and_commands_of_the_page_exist():
    """Paths are relative to the checkout; build output in dist/ is ignored."""
    named = {name for name in re.findall(r"`([\w.-]+/[\w./-]*)`", PAGE) if "dist" not in name}

    assert named
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []
    assert commands(PAGE) <= commands(dev.__doc__)


def test_the_commit_hooks_call_what_ci_calls():
    """They are valid and download nothing."""
    path = ROOT / ".pre-commit-config.yaml"
    [repo] = yaml.safe_load(path.read_text())["repos"]
    ci = commands((ROOT / ".ci" / "run").read_text())

    assert repo["repo"] == "local"
    assert {hook["language"] for hook in repo["hooks"]} == {"system"}
    assert {command for hook in repo["hooks"] for command in commands(hook["entry"])} <= ci
    subprocess.run([sys.executable, "-m", "pre_commit", "validate-config", path], check=True)


def test_the_workflow_runs_what_ci_runs():
    """Its only command is .ci/run, on every Python that the package declares."""
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    job = workflow["jobs"]["test"]
    declared = re.findall(
        r'"Programming Language :: Python :: (3\.\d+)"', (ROOT / "pyproject.toml").read_text()
    )

    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]
    assert job["strategy"]["matrix"]["python"] == declared
