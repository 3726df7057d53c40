"""docs/getting-started.md, followed in an empty directory; only intervals are shorter."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from devtools.processes import free_port

pytestmark = pytest.mark.system

DOCS = Path(__file__).parent.parent.parent / "docs"
PAGE = (DOCS / "getting-started.md").read_text()


def test_the_page_leads_to_a_green_run_and_a_second_one_submits_nothing(copy_dag, tmp_path):
    """All its commands but installing, Airflow's pages and the real account, in one shell."""
    (dag,) = re.findall(r"\{literalinclude\} (.*\.py)$", PAGE, re.MULTILINE)
    install, simulator, settings, look, runs, *_ = re.findall(
        r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL
    )
    assert "pip install" in install  # what test_wheel.py does
    simulator = simulator.replace("--port 8765", "--port 8765 --set transfer_seconds=60")
    copy_dag(DOCS / dag, tmp_path)
    script = [
        *("set -eu", "trap 'kill %1' EXIT", simulator, settings),
        f"mv {Path(dag).name} dags",
        "until grep -q http simulator.log; do sleep 0.1; done",
        *(look, runs, runs.splitlines()[-1]),
    ]
    folders = [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]

    done = subprocess.run(
        ["/bin/bash", "-c", "\n".join(script).replace("8765", str(free_port()))],
        check=False,
        cwd=tmp_path,
        env={"PATH": os.pathsep.join(folders), "HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )

    assert done.returncode == 0, done.stdout
    first, second, _ = done.stdout.split("DagRun Finished")
    assert "already_exists" not in first
    assert "submitted" not in second
    assert second.count("already_exists") == 3
    [line] = re.findall(r"^```text\n(.*)\n```$", PAGE, re.MULTILINE)
    for run in (first, second):
        assert without_ids(line) in without_ids(run)


def without_ids(text: str) -> str:
    """Return the text without the simulator's ids, which differ from day to day."""
    return re.sub(r"\d{9,}", "", text)
