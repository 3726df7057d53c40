"""Imports are one-way, and load only the modules that are used."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = "airflow_provider_do_images"
ROOT = Path(__file__).parent.parent.parent / PACKAGE
ROOMS = {
    "api": set(),
    "core": {"api"},
    "hooks": {"api", "core", "version_compat"},
    "exceptions": {"api", "version_compat"},
    "_airflow": {"api", "core", "exceptions", "hooks", "triggers", "version_compat"},
    "links": set(),
    "triggers": {"api", "core", "hooks", "version_compat"},
    "operators": {
        *("api", "core", "assets", "exceptions", "_airflow", "hooks", "links", "triggers"),
        "version_compat",
    },
    "sensors": {
        *("api", "core", "exceptions", "_airflow", "hooks", "links", "triggers"),
        "version_compat",
    },
    "assets": {"core"},
    "version_compat": {"core"},
    "cli": {"api", "core", "simulator"},
    "__main__": {"cli"},
    "provider_info": set(),
    "pytest_plugin": {"simulator"},
    "simulator": set(),
}
"""What each room may import of the others. Airflow may be imported from hooks on."""

API_LAYERS = [
    *("text", "errors", "validation", "http.connection", "fields", "models", "http.retry"),
    *("http.rate_limit", "http.request_window", "http.transport", "pagination", "http.session"),
    *("http.list_session", "client"),
]
"""The modules of ``api``, each of which may import those before it."""

WITHOUT_AIRFLOW = {"api", "core", "assets", "cli", "__main__", "simulator", "provider_info"}


def modules():
    """Yield each module of the package with its room."""
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT).parts
        if parts != ("__init__.py",):
            yield path, parts[0].removesuffix(".py")


def imports_of(path):
    """Yield the full names that a module imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield f"{node.module}"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rooms_of(names):
    """Return which rooms of the package are among the imported names."""
    return {name.split(".")[1] for name in names if name.startswith(f"{PACKAGE}.")} & set(ROOMS)


def test_every_folder_has_import_rules():
    """A new folder or module must be added to the rules."""
    assert {room for _, room in modules()} == set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_arrows_run_one_way(room):
    """No room imports another one that stands above it or beside it."""
    for path, of_room in modules():
        if of_room == room:
            assert rooms_of(imports_of(path)) <= ROOMS[room] | {room}, path


def test_modules_of_the_api_import_lower_layers_only():
    """Errors import nothing, the client imports everything."""
    for number, layer in enumerate(API_LAYERS):
        names = imports_of(ROOT / "api" / f"{layer.replace('.', '/')}.py")
        prefix = f"{PACKAGE}.api."
        used = {name.removeprefix(prefix) for name in names if name.startswith(prefix)}
        below = {one for one in API_LAYERS if any(f"{n}.".startswith(f"{one}.") for n in used)}
        assert below <= set(API_LAYERS[:number]), layer


@pytest.mark.parametrize("room", sorted(WITHOUT_AIRFLOW))
def test_the_inner_rooms_know_no_airflow(room):
    """They can be used from any script."""
    for path, of_room in modules():
        if of_room == room:
            assert not [name for name in imports_of(path) if name.split(".")[0] == "airflow"], path


def test_only_one_module_depends_on_airflows_version():
    """Other modules import nothing that has another path in another version."""
    moved = ("airflow.exceptions", "airflow.sdk.exceptions", "airflow.configuration")
    knowing = [path.name for path, _ in modules() if {*moved} & {*imports_of(path)}]

    assert knowing == ["version_compat.py"]


def loaded_after(code):
    """Return the names of all modules that are loaded after some code has run."""
    script = f"{code}\nimport sys; print('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_the_api_loads_no_airflow():
    """Nor does the client."""
    loaded = loaded_after(f"from {PACKAGE}.api import ApiClient")

    assert "requests" in loaded
    assert not [name for name in loaded if name.split(".")[0] == "airflow"]


def test_parsing_a_dag_file_does_not_load_requests():
    """The classes of a DAG need only a part of the package until a task runs."""
    classes = ", ".join(
        f"{PACKAGE}.{path.parent.name}.{path.stem}"
        for room in ("operators", "sensors", "triggers")
        for path in (ROOT / room).glob("*.py")
        if path.stem != "__init__"
    )
    before = loaded_after("import airflow.sdk\nfrom airflow.sdk import DAG, BaseOperator")
    after = loaded_after(f"import {classes}")

    assert f"{PACKAGE}.operators.image_actions" in after
    assert f"{PACKAGE}.api.client" not in after
    assert ("requests" in after) <= ("requests" in before)
