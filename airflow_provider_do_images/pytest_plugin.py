"""Fixtures for the tests of DAGs that use this provider; pytest finds them by itself.

``digitalocean``
    a running :class:`~airflow_provider_do_images.simulator.Simulator` with a fresh account, to
    which the connection ``digitalocean_default`` leads.
``airflow_db``
    a migrated throw-away database, and the folders of the tests that ask for it as DAG bundles:
    what ``dag.test()`` needs.

pytest loads this module before any ``conftest.py``, so nothing else is imported here: a test
suite that wants an ``AIRFLOW_HOME`` of its own sets it in ``conftest.py``, before Airflow reads it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from airflow_provider_do_images.simulator import Simulator

CONNECTION = "AIRFLOW_CONN_DIGITALOCEAN_DEFAULT"
TOKEN = "dop_v1_" + "5" * 64  # looks like one, and is one only for the simulator
SPEED = 3600.0
"""An hour passes in a second."""


@pytest.fixture(scope="session")
def _running_digitalocean() -> Iterator[Simulator]:
    from airflow_provider_do_images.simulator import Simulator  # noqa: PLC0415  see above

    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def digitalocean(
    _running_digitalocean: Simulator, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Simulator]:
    """Yield a simulated DigitalOcean with a fresh account, and set the connection to it.

    Its time is the present when the test begins, and an hour passes there in a second. ``state``,
    ``clock``, ``faults``, ``tokens`` and ``journal`` are its attributes.
    """
    from airflow_provider_do_images.simulator import ScaledClock  # noqa: PLC0415  see above

    simulator = _running_digitalocean
    simulator.reset(ScaledClock(SPEED))
    connection = {"conn_type": "digitalocean", "host": simulator.url, "password": TOKEN}
    monkeypatch.setenv(CONNECTION, json.dumps(connection))
    yield simulator
    simulator.reset()


@pytest.fixture(scope="session")
def airflow_db(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """Make a migrated throw-away database for ``dag.test()``; the value is its file.

    Each folder with tests that ask for this is a DAG bundle, so that DAGs which a test module
    defines are found. Airflow executes no file of any other folder, nor of a folder below.
    """
    database = tmp_path_factory.mktemp("airflow") / "airflow.db"
    _dag_folders.update(_asking_folders(request))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", f"sqlite:///{database}")
        for name, value in _dag_settings(_dag_folders).items():
            environment.setenv(name, value)
        environment.setenv("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
        from airflow import settings  # noqa: PLC0415  see above
        from airflow.utils import db  # noqa: PLC0415  see above

        # Airflow may have been imported, and its engine made, before.
        settings.configure_vars()
        settings.configure_orm()
        db.initdb()
        yield database
        settings.dispose_orm()
        _dag_folders.clear()


_dag_folders: set[Path] = set()
"""The folders whose files Airflow may execute."""


def _asking_folders(request: pytest.FixtureRequest) -> set[Path]:
    """Return the folders of the tests that ask for the database, also of one that does so late."""
    asking = [
        item.path
        for item in request.session.items
        if "airflow_db" in getattr(item, "fixturenames", ())
    ]
    running = os.environ["PYTEST_CURRENT_TEST"].partition("::")[0]
    return {path.parent.resolve() for path in (*asking, request.config.rootpath / running)}


def _dag_settings(folders: set[Path]) -> dict[str, str]:
    """Return Airflow's settings for a DAG bundle of each folder that is in no other one.

    A bundle has the folders below its own too; :func:`is_dag_file` leaves their files out.
    """
    outer = [one for one in sorted(folders) if not folders & set(one.parents)]
    bundles = [
        {
            "name": f"tests-{number}",
            "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
            "kwargs": {"path": str(folder)},
        }
        for number, folder in enumerate(outer, 1)
    ]
    return {
        "AIRFLOW__CORE__DAGS_FOLDER": str(outer[0]),
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles),
        "AIRFLOW__CORE__DAG_DISCOVERY_SAFE_MODE": "True",
        "AIRFLOW__CORE__MIGHT_CONTAIN_DAG_CALLABLE": f"{__name__}.{is_dag_file.__name__}",
    }


def is_dag_file(file_path: str, zip_file: Any = None) -> bool:
    """Return whether Airflow may execute a file: it is in one of the folders, and has a DAG."""
    from airflow.utils.file import (  # noqa: PLC0415  see above
        might_contain_dag_via_default_heuristic,
    )

    return Path(file_path).parent.resolve() in _dag_folders and (
        might_contain_dag_via_default_heuristic(file_path, zip_file)
    )
