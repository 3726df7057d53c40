"""The one module that depends on Airflow's version works with this version."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SCRIPT = """
from airflow_provider_do_images.version_compat import metrics

metrics().gauge("digitalocean.poller.waits", 3, tags={"conn_id": "mine"})
metrics().incr("digitalocean.poller.requests", 2, tags={"conn_id": "mine"})
metrics().timing("digitalocean.poller.detection_delay", 1500.0, tags={"conn_id": "mine"})
"""

STATSD = """
class StatsClient:
    def __init__(self, host, port, prefix, *args, **kwargs):
        self.prefix = prefix

    def __getattr__(self, kind):
        return lambda stat, value, *args: print(kind, f"{self.prefix}.{stat}", value)
"""
"""Instead of the package of that name, which Airflow wants for StatsD: it prints what comes."""


@pytest.mark.parametrize("switched_on", [True, False])
def test_metrics_reach_the_configured_backend(tmp_path, switched_on):
    """With StatsD on, name, value and tags arrive there from a process that is no worker."""
    (tmp_path / "statsd.py").write_text(STATSD)
    settings = {
        "PYTHONPATH": str(tmp_path),
        "AIRFLOW__METRICS__STATSD_ON": str(switched_on),
        "AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED": "True",
    }

    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=True,
    )

    told = [line for line in done.stdout.splitlines() if "digitalocean" in line]
    assert told == (
        [
            "gauge airflow.digitalocean.poller.waits,conn_id=mine 3",
            "incr airflow.digitalocean.poller.requests,conn_id=mine 2",
            "timing airflow.digitalocean.poller.detection_delay,conn_id=mine 1500.0",
        ]
        if switched_on
        else []
    )
