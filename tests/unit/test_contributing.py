"""What CONTRIBUTING.md, SECURITY.md, the hooks and the workflow file say is true today."""

from __future__ import annotations

import importlib
import inspect
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from airflow.sdk import BaseOperator

import dev
from airflow_provider_do_images.provider_info import get_provider_info

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "CONTRIBUTING.md").read_text()
MODULES = {
    f"airflow_provider_do_images.{kind}.{path.stem}": kind
    for kind in ("operators", "sensors")
    for path in (ROOT / "airflow_provider_do_images" / kind).glob("[!_]*.py")
}
CLASSES = {
    name: module
    for module in MODULES
    for name, value in vars(importlib.import_module(module)).items()
    if name.startswith("DigitalOcean")
    and inspect.isclass(value)
    and issubclass(value, BaseOperator)
    and value.__module__ == module
}


def commands(text: str) -> set[str]:
    """Return the commands of ``dev.py`` that a text calls."""
    return set(re.findall(r"python3 dev\.py (\w+)", text))


def test_every_file_that_the_page_names_exists():
    """Nothing has moved since it was written."""
    named = {name for name in re.findall(r"`([\w.-]+/[\w./-]*)`", PAGE) if "dist" not in name}

    assert len(named) > 15
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_every_command_of_the_page_is_one():
    """``dev.py`` knows what the page calls, and the page tells of most that it knows."""
    known = commands(dev.__doc__)

    assert commands(PAGE) <= known
    assert known - commands(PAGE) == {"bench"}


def test_the_worked_example_goes_through_each_place():
    """Its files name the class but for a few, and outside of the tests no other does."""
    [table] = re.findall(r"\| step \|.*?\n\n", PAGE, re.DOTALL)
    files = set(re.findall(r"`([\w./-]+\.\w+)`", table))
    others = [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "airflow_provider_do_images").rglob("*.py"),
        *(ROOT / "example_dags").glob("*.py"),
    ]
    naming = {
        name
        for name in files | {str(path.relative_to(ROOT)) for path in others}
        if "DigitalOceanListImageActionsOperator" in (ROOT / name).read_text()
    }

    assert files - naming == {
        "airflow_provider_do_images/actions/history.py",
        "airflow_provider_do_images/provider_info.py",
        "docs/api/airflow.md",  # it names the module
        "tests/system/test_example_dags.py",  # it names the DAG
        "tests/unit/actions/test_history.py",
    }
    assert naming - files == {"CONTRIBUTING.md"}


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_an_operator_is_in_every_place(name):
    """Airflow is told of it; it has a row on the first page, a page, an example and a test."""
    places = {
        "README.md": [ROOT / "README.md"],
        "docs": list((ROOT / "docs" / "classes").glob("*.md")),
        "example": list((ROOT / "example_dags").glob("*.py")),
        "test": list((ROOT / "tests" / "integration").rglob("test_*.py")),
    }

    module = CLASSES[name]
    told = [
        name for entry in get_provider_info()[MODULES[module]] for name in entry["python-modules"]
    ]
    assert module in told
    assert [
        place for place, files in places.items() if not any(name in f.read_text() for f in files)
    ] == []


def test_the_hooks_before_a_commit_are_our_own_commands():
    """They are valid, fetch nothing, and call what CI calls."""
    path = ROOT / ".pre-commit-config.yaml"
    [repo] = yaml.safe_load(path.read_text())["repos"]
    ci = commands((ROOT / ".ci" / "run").read_text())

    assert repo["repo"] == "local"
    assert {hook["language"] for hook in repo["hooks"]} == {"system"}
    assert {command for hook in repo["hooks"] for command in commands(hook["entry"])} <= ci
    subprocess.run([sys.executable, "-m", "pre_commit", "validate-config", path], check=True)


def test_the_hooks_run_before_what_the_page_says(tmp_path):
    """Installed as it says: the check before a commit, the unit tests before a push."""
    checkout, told = tmp_path / "checkout", tmp_path / "told"
    env = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    env |= {"PRE_COMMIT_HOME": str(tmp_path / "cache"), "GIT_CONFIG_GLOBAL": os.devnull}

    def git(*arguments):
        command = ["git", "-c", "user.name=me", "-c", "user.email=me@example.org", *arguments]
        subprocess.run(command, cwd=checkout, check=True, env=env)

    checkout.mkdir()
    (checkout / "dev.py").write_text(
        f"import sys\nprint(*sys.argv[1:], file=open({str(told)!r}, 'a'))"
    )
    shutil.copy(ROOT / ".pre-commit-config.yaml", checkout)
    git("init", "--quiet")
    git("init", "--quiet", "--bare", tmp_path / "remote")
    subprocess.run(
        [sys.executable, "-m", "pre_commit", "install"], cwd=checkout, check=True, env=env
    )
    git("add", ".")
    git("commit", "--quiet", "--message=first")
    assert told.read_text() == "check\n"
    git("push", "--quiet", tmp_path / "remote", "HEAD:main")
    assert told.read_text() == "check\ntest tests/unit\n"


def test_weaknesses_are_reported_where_there_is_somebody():
    """SECURITY.md speaks of no public repository as long as the package names none."""
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]
    page = " ".join((ROOT / "SECURITY.md").read_text().split())

    assert ("There is no public repository yet" in page) == ("Repository" not in urls)


def test_the_workflow_runs_what_ci_runs():
    """It has no steps of its own, and runs every Python that is declared."""
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    job = workflow["jobs"]["test"]
    declared = re.findall(
        r'"Programming Language :: Python :: (3\.\d+)"', (ROOT / "pyproject.toml").read_text()
    )

    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]
    assert job["strategy"]["matrix"]["python"] == declared
