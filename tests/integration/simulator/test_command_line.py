"""The command ``do-images simulator``."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest
import requests

COMMAND = [sys.executable, "-m", "airflow_provider_do_images", "simulator"]


@pytest.fixture
def start():
    """Start the simulator with options; return the process and the base URL."""
    running = []

    def run(*options):
        process = subprocess.Popen(
            [*COMMAND, "--port=0", *options], stdout=subprocess.PIPE, text=True
        )
        running.append(process)
        return process, process.stdout.readline().strip()

    yield run
    for process in running:
        process.terminate()
        process.communicate(timeout=60)


def test_the_first_line_is_the_base_url(start):
    """``--port 0`` uses a free port, and the printed URL accepts any bearer token."""
    _, url = start()

    answer = requests.get(f"{url}/v2/account", headers={"Authorization": "Bearer x"}, timeout=30)

    assert url.startswith("http://127.0.0.1:")
    assert answer.json()["account"]["status"] == "active"


def test_options_set_faults_switches_and_control(start, tmp_path):
    """A fault file, a switch and the control interface work together."""
    faults = tmp_path / "faults.yaml"
    faults.write_text("- {fault: ErrorStatus, status: 503}")
    process, url = start("--speed=0", "--control", "--set=reset_in_past=true", f"--faults={faults}")
    address, _, key = process.stdout.readline().strip().partition(" X-Control-Key: ")

    def get():
        return requests.get(f"{url}/v2/regions", headers={"Authorization": "Bearer x"}, timeout=30)

    assert [get().status_code, get().status_code] == [503, 200]
    clock = requests.get(f"{address}/clock", headers={"X-Control-Key": key}, timeout=30).json()
    assert int(get().headers["ratelimit-reset"]) == int(clock["now"]) - 268


def test_it_listens_on_ipv6(start):
    """The printed URL has brackets around the address."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("there is no IPv6 here")
    _, url = start("--host=::1")

    assert url.startswith("http://[::1]:")
    assert requests.get(f"{url}/v2/account", timeout=30).status_code == 401


def test_a_closed_pipe_is_no_error():
    """A closed pipe, such as ``| head``, ends the command without a traceback."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([*COMMAND, "--rules"], **pipes) as process:
        process.stdout.close()
        assert process.stderr.read() == b""


def test_the_rules_are_printed():
    """``--rules`` prints the table and exits."""
    done = subprocess.run([*COMMAND, "--rules"], capture_output=True, text=True, check=True)

    assert "confirmed  POST returns 201" in done.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--port=http"], "must be from 0 to 65535"),
        (["--speed=-1"], "must be a number from 0 to 1,000,000"),
        (["--speed=1e300"], "must be a number from 0 to 1,000,000"),
        (["--speed=0"], "--speed 0 needs --control"),
        (["--seed=x"], "invalid int value"),
        (["--set=nonsense=1"], "is not NAME=VALUE"),
        (["--set=convert_seconds=["], "is not valid YAML"),
        (["--set=requests_per_minute=0"], "requests_per_minute must be 1 or more"),
        (["--faults=/nowhere.yaml"], "No such file"),
        (["--nonsense"], "unrecognized arguments"),
        (["--host=192.0.2.1"], "192.0.2.1"),
        (["--host="], "must not be empty"),
    ],
)
def test_invalid_input_is_one_line_and_exit_code_2(options, words):
    """The error is one line without a usage or a traceback."""
    done = subprocess.run([*COMMAND, *options], capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
