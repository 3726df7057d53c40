"""Whatever ends the demo or a start of Airflow: no process stays, no port was open to others."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import suppress

import psutil
import pytest

from devtools.airflow_instance import COMMANDS, AirflowInstance

pytestmark = pytest.mark.system


@pytest.fixture
def demo(root, tmp_path):
    """A demo whose Airflow is starting."""
    command = [sys.executable, "-m", "devtools.demo", f"--home={tmp_path / 'home'}"]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.send_signal(signal.SIGINT)


def test_ctrl_c_ends_the_demo_and_all_it_started(demo, wait_until):
    """After Ctrl-C while Airflow starts, none of the demo's processes runs any more."""
    process = psutil.Process(demo.pid)
    # One component at least has started processes of its own.
    wait_until(lambda: len(process.children(recursive=True)) > len(COMMANDS))
    started = process.children(recursive=True)

    demo.send_signal(signal.SIGINT)
    output, _ = demo.communicate(timeout=120)

    assert "Nothing is left running" in output
    assert demo.returncode == 130
    assert not any(runs(process) for process in started)


def runs(process):
    """Tell whether the process is more than an entry that its new parent has yet to collect."""
    with suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def test_airflow_listens_on_this_machine_only(airflow):
    """No part of Airflow can be reached from elsewhere: only the API server has a port at all."""
    addresses = {
        connection.laddr
        for pid in airflow.process_ids()
        for connection in psutil.Process(pid).net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    }

    assert {f"http://{address.ip}:{address.port}" for address in addresses} == {airflow.ui_url}


def test_an_airflow_that_cannot_start_leaves_nothing_behind(root, tmp_path):
    """When one component fails at start, the others are ended and its last words are told."""
    broken = AirflowInstance(
        tmp_path / "home", root / "example_dags", {"AIRFLOW__CORE__EXECUTOR": "NoSuchExecutor"}
    )

    with pytest.raises(RuntimeError, match="NoSuchExecutor"), broken:
        pass

    assert broken.process_ids() == []
