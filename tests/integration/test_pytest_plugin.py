"""The pytest plugin, as a user's own pytest loads it."""

from __future__ import annotations

import os
import subprocess
import sys

HEAVY = ("airflow", "starlette", "requests", "uvicorn")


PLUGIN = "airflow_provider_do_images.pytest_plugin"


def pytest_run(folder, *options, **variables):
    """Run pytest in a folder, without the Airflow of this session."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW")}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, folder],
        cwd=folder,
        env={**env, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_loading_it_imports_nothing_heavy(tmp_path):
    """When the user's conftest.py runs, neither Airflow nor what the simulator needs is loaded.

    Without other plugins: some of those import requests.
    """
    (tmp_path / "conftest.py").write_text(
        "import sys\n"
        f"assert {PLUGIN!r} in sys.modules\n"
        f"assert not [name for name in {HEAVY!r} if name in sys.modules]\n"
    )
    (tmp_path / "test_it.py").write_text("def test_it():\n    pass\n")

    done = pytest_run(tmp_path, "-p", PLUGIN, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_test_gets_a_fresh_account(tmp_path):
    """A test's changes of the account, faults, journal and clock are reset after it."""
    (tmp_path / "test_it.py").write_text(
        "import pytest, os, time\n"
        "from airflow_provider_do_images.simulator import ErrorStatus\n"
        "@pytest.mark.parametrize('turn', [1, 2])\n"
        "def test_it(digitalocean, turn):\n"
        "    import requests\n"
        "    assert 'AIRFLOW_CONN_DIGITALOCEAN_DEFAULT' in os.environ\n"
        "    assert digitalocean.journal.entries == []\n"
        "    images = digitalocean.state.images.values()\n"
        "    assert 'another' not in [image.name for image in images]\n"
        "    assert abs(digitalocean.clock.now() - time.time()) < 24 * 3600\n"
        "    requests.get(digitalocean.url + '/v2/images', timeout=5)\n"
        "    assert len(digitalocean.journal.entries) == 1\n"
        "    digitalocean.state.add_image('another')\n"
        "    digitalocean.faults.add(ErrorStatus(500, times=None))\n"
        "    digitalocean.clock.advance(30 * 24 * 3600)\n"
        "def test_after():\n"
        "    assert 'AIRFLOW_CONN_DIGITALOCEAN_DEFAULT' not in os.environ\n"
    )

    done = pytest_run(tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


DAG_TEST = """
import pytest
from airflow.sdk import DAG, task

with DAG("{name}", schedule=None) as dag:
    @task
    def hello():
        return 1
    hello()

def test_it({arguments}):
    {first}
    assert str(dag.test().state) == "success"
"""

INNOCENT = """
import pathlib
from airflow.sdk import DAG

pathlib.Path(r"{marker}").write_text(__file__)
dag = DAG("third", schedule=None)
"""


def test_only_folders_that_ask_are_executed(tmp_path):
    """With several of them: neither their parent, a folder beside them, nor one below.

    The first test asks while it runs.
    """
    marker = tmp_path / "marker"
    for name in ("a", "b/c", "b"):
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
        module = f"test_{name.replace('/', '_')}"
        arguments, first = "airflow_db", "pass"
        if name == "a":
            arguments, first = "request", "request.getfixturevalue('airflow_db')"
        text = DAG_TEST.format(name=module, arguments=arguments, first=first)
        (tmp_path / name / f"{module}.py").write_text(text)
    for folder in (".", "third", "b/below"):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "innocent.py").write_text(INNOCENT.format(marker=marker))
    (tmp_path / "third" / "test_third.py").write_text("def test_it():\n    pass\n")

    done = pytest_run(tmp_path, AIRFLOW_HOME=str(tmp_path / "home"))

    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout
    assert not marker.exists()
