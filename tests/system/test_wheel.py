"""What a user gets: the wheel, in an environment where nothing of this checkout is."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from email import message_from_bytes
from pathlib import Path
from zipfile import ZipFile

import pytest

from airflow_provider_do_images import __version__
from airflow_provider_do_images.provider_info import get_provider_info
from devtools.build import build, copy_checkout

pytestmark = pytest.mark.system

PACKAGE = "airflow-provider-do-images"
HOOK = "airflow_provider_do_images.hooks.digitalocean.DigitalOceanHook"

Airflow = Callable[..., str]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source distribution, which lies beside it."""
    return build(tmp_path_factory.mktemp("dist"))[0]


@pytest.fixture(scope="session")
def clean_python(root: Path, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has the wheel, what that asks for, and pytest."""
    venv = tmp_path_factory.mktemp("clean") / "venv"
    run(sys.executable, "-m", "uv", "venv", f"--python={sys.executable}", venv)
    python = venv / "bin" / "python"
    pins = f"--constraint={root / 'constraints.txt'}"
    what = (wheel, "pytest")
    run(sys.executable, "-m", "uv", "pip", "install", f"--python={python}", pins, *what)
    return python


@pytest.fixture
def airflow_command(clean_python: Path, tmp_path: Path, connection: str) -> Airflow:
    """The ``airflow`` command of the clean environment; returns what it prints."""
    env = {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW_CONN_DIGITALOCEAN_DEFAULT": connection,
    }

    def airflow(*arguments: str) -> str:
        return run(clean_python, "-m", "airflow", *arguments, cwd=tmp_path, env=env)

    return airflow


def run(*command: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    """Run a command with nobody's Airflow or Python path around it; return what it prints."""
    inherited = {
        key: value for key, value in os.environ.items() if not key.startswith(("AIRFLOW", "PYTHON"))
    }
    done = subprocess.run(
        command,
        check=False,
        cwd=cwd,
        env={**inherited, **(env or {})},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    """The wheel has the typed package, its metadata and its licence; no tests, no tools."""
    names = ZipFile(wheel).namelist()

    package, metadata = sorted({name.split("/")[0] for name in names})
    assert package == "airflow_provider_do_images"
    assert metadata.endswith(".dist-info")
    assert f"{package}/py.typed" in names
    assert f"{metadata}/licenses/LICENSE" in names
    assert {Path(name).suffix for name in names if name.startswith(f"{package}/")} == {
        ".md",  # the simulator's rules
        ".py",
        ".typed",
    }


def test_the_source_distribution_holds_what_the_wheel_is_built_from(wheel, root):
    """And all that the README links to; no tests, no settings, no machine's files."""
    [archive] = wheel.parent.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        names = {Path(name).parts[1:] for name in opened.getnames()}

    assert {name[0] for name in names} == {
        *("airflow_provider_do_images", "docs", "example_dags"),
        *("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE"),
        *("pyproject.toml", "PKG-INFO", ".gitignore"),
    }
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", (root / "README.md").read_text())
    held = {name[:length] for name in names for length in range(1, len(name) + 1)}
    assert {link for link in links if Path(link).parts not in held} == set()
    assert ("docs", "_build") not in held


def test_a_build_elsewhere_gives_the_same_bytes(wheel, tmp_path):
    """Both files depend on what is in the checkout alone, not on its folder or its times."""
    copy = tmp_path / "elsewhere"
    copy_checkout(copy)
    for path in copy.rglob("*"):
        os.utime(path, (10**9, 10**9))

    again = build(tmp_path / "again", copy)

    assert [path.name for path in again] == [
        wheel.name,
        f"airflow_provider_do_images-{__version__}.tar.gz",
    ]
    assert [path.read_bytes() for path in again] == [
        (wheel.parent / path.name).read_bytes() for path in again
    ]


def test_the_command_line_works(clean_python, tmp_path):
    """The installed command ``do-images`` prints the rules, which are a data file of the wheel."""
    printed = run(clean_python.parent / "do-images", "simulator", "--rules", cwd=tmp_path)

    assert "convert_seconds=0.0" in printed


def test_the_metadata_is_complete_and_its_page_renders(wheel, root):
    """`twine check --strict` passes, and an index can tell what this is, and for whom."""
    run(sys.executable, "-m", "twine", "check", "--strict", *wheel.parent.iterdir())
    [name] = [name for name in ZipFile(wheel).namelist() if name.endswith("/METADATA")]
    metadata = message_from_bytes(ZipFile(wheel).read(name))

    assert metadata["Version"] == __version__
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Keywords"]
    assert {"Framework :: Apache Airflow :: Provider", "Typing :: Typed"} <= set(
        metadata.get_all("Classifier")
    )
    assert sorted(metadata.get_all("Requires-Dist")) == [
        "apache-airflow>=3.1.1",
        "requests>=2.32.2",
    ]
    assert f"\n## {__version__} (" in (root / "CHANGELOG.md").read_text()


def test_airflow_lists_the_provider(airflow_command):
    """Airflow finds the installed provider by its entry point."""
    rows = json.loads(airflow_command("providers", "list", "--output=json"))

    assert PACKAGE in [row["package_name"] for row in rows]


def test_airflow_tells_what_the_provider_has(airflow_command):
    """`airflow providers get` shows the provider's modules and its connection type."""
    [info] = json.loads(
        airflow_command("providers", "get", PACKAGE, "--full", "--output=json"), strict=False
    )

    assert {"hooks", "operators", "sensors", "triggers"} <= set(info)
    assert [row["connection-type"] for row in info["connection-types"]] == ["digitalocean"]


def test_airflow_ties_the_connection_type_to_the_hook(airflow_command):
    """`airflow providers hooks` has the connection type with its hook and its name in the form."""
    rows = json.loads(airflow_command("providers", "hooks", "--output=json"))

    [row] = [row for row in rows if row["connection_type"] == "digitalocean"]
    assert (row["class"], row["hook_name"]) == (HOOK, "DigitalOcean")


def test_airflow_has_the_connection_form(airflow_command):
    """`airflow providers widgets` and `behaviours` have the form, though no web server ran."""
    widgets = json.loads(airflow_command("providers", "widgets", "--output=json"))
    behaviours = json.loads(airflow_command("providers", "behaviours", "--output=json"))

    fields = {row["connection_parameter_name"] for row in widgets if row["class"] == HOOK}
    assert fields == {
        f"extra__digitalocean__{name}"
        for name in get_provider_info()["connection-types"][0]["conn-fields"]
    }
    assert {"field_behaviours": "digitalocean"} in behaviours


def test_the_connection_can_be_tested(airflow_command):
    """`airflow connections test` reaches the API with the connection's token."""
    assert "Connection success" in airflow_command("connections", "test", "digitalocean_default")


def test_the_tests_on_the_page_about_testing_pass(clean_python, root, tmp_path):
    """With only the wheel and pytest installed, a reader's copy of the three tests passes."""
    shutil.copytree(root / "docs" / "examples", tmp_path / "tests")

    printed = run(clean_python, "-m", "pytest", "-q", "tests", cwd=tmp_path)

    assert "3 passed" in printed
