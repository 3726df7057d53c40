"""Fixtures for the tests of DAGs that use this provider; pytest finds them by itself.

``digitalocean``
    a running :class:`~airflow_provider_do_images.simulator.Simulator` with a fresh account, to
    which the connection ``digitalocean_default`` leads.
``airflow_db``
    a migrated throw-away database, and the tests' own folder as DAGs folder: what ``dag.test()``
    needs.

pytest loads this module before any ``conftest.py``, so nothing else is imported here: whoever wants
an ``AIRFLOW_HOME`` of their own sets it in ``conftest.py``, before Airflow reads it.
"""

from __future__ import annotations

import json
import os
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

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

    The DAGs folder is the folder of the tests that ask for this, so that DAGs which a test module
    defines are found.
    """
    database = tmp_path_factory.mktemp("airflow") / "airflow.db"
    folders = [
        str(item.path.parent)
        for item in request.session.items
        if "airflow_db" in getattr(item, "fixturenames", ())
    ]
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", f"sqlite:///{database}")
        environment.setenv("AIRFLOW__CORE__DAGS_FOLDER", os.path.commonpath(folders))
        environment.setenv("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
        from airflow import settings  # noqa: PLC0415  see above
        from airflow.cli.commands.dag_command import dag_reserialize  # noqa: PLC0415  see above
        from airflow.utils import db  # noqa: PLC0415  see above

        # Airflow may have been imported, and its engine made, before.
        settings.configure_vars()
        settings.configure_orm()
        db.initdb()
        dag_reserialize(Namespace(bundle_name=None))  # Airflow 3.1.0 leaves that to its user
        yield database
        settings.dispose_orm()
