"""The message of Airflow's ``execution_timeout`` when it expires during a request."""

from __future__ import annotations

import gc
import signal
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from airflow_provider_do_images._airflow.clearing import CLEARING_READS, CLEARING_SUBMITS
from airflow_provider_do_images.api.models import format_time
from airflow_provider_do_images.operators.action_history import DigitalOceanListImageActionsOperator
from airflow_provider_do_images.operators.image_actions import (
    DigitalOceanConvertImageOperator,
    DigitalOceanTransferImageOperator,
)
from airflow_provider_do_images.operators.replication import (
    DigitalOceanReplicateImageOperator,
)
from airflow_provider_do_images.simulator import NoResponse
from airflow_provider_do_images.version_compat import AirflowTaskTimeout

LIMIT = 0.5
DROPLET = {"droplet_id": 42, "droplet_name": "web-1"}
CAME = "execution_timeout expired during a request for "
BEGAN = "; an action it started may continue: Timeout, PID: 123. "


@pytest.fixture
def timed_out(task_context):
    """Run an operator that Airflow's limit stops as it does, by an alarm; return the words."""

    def stop(*_):
        raise AirflowTaskTimeout("Timeout, PID: 123")

    def words_of(operator):
        with pytest.raises(AirflowTaskTimeout) as caught:
            operator.execute(task_context)
        return str(caught.value)

    def execute(operator):
        handler = signal.signal(signal.SIGALRM, stop)
        left, _ = signal.setitimer(signal.ITIMER_REAL, LIMIT)
        try:
            return words_of(operator)
        finally:
            signal.setitimer(signal.ITIMER_REAL, left)
            signal.signal(signal.SIGALRM, handler)

    yield execute
    gc.collect()  # the traceback holds a connection


def convert(image):
    """Return the operator that converts a restore point."""
    row = {"image_id": image.id, "type": image.type, "name": image.name, "policy": "nightly"}
    row |= {**DROPLET, "taken_at": "2026-01-01T02:00:00Z"}
    return DigitalOceanConvertImageOperator(task_id="t", restore_point=row)


@pytest.mark.usefixtures("connection")
def test_a_submit_names_its_image_and_region(sim, snapshot, timed_out):
    """It also names the droplet if it is known, and the image as the last good copy."""
    transfer = DigitalOceanTransferImageOperator(task_id="t", image_id=snapshot.id, region="ams3")
    replicate = DigitalOceanReplicateImageOperator(
        task_id="t", image={"image_id": snapshot.id, **DROPLET}, regions=["ams3", "fra1"]
    )
    sim.faults.add(NoResponse(method="POST", times=None))

    what = f"image {snapshot.id}"
    copy = f"in nyc3, of {format_time(datetime.fromtimestamp(snapshot.created_at, UTC))}, "
    words = timed_out(transfer)
    assert words.startswith(f"{CAME}{what}, region ams3{BEGAN}Last good copy: {what}, {copy}")
    assert words.endswith(f"{CLEARING_SUBMITS} [execution_timeout]")
    words = timed_out(replicate)
    assert words.startswith(
        f"{CAME}{what}, droplet web-1 (42), region ams3, fra1{BEGAN}"
        f"Last good copy: {what} of droplet web-1 (42), {copy}"
    )
    assert words.endswith(f"{CLEARING_SUBMITS} [execution_timeout]")


@pytest.mark.usefixtures("connection")
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_convert_names_the_last_good_copy(sim, backup, timed_out, method):
    """It may be stopped during the convert, or during the rename."""
    sim.state.rules = replace(sim.state.rules, rename_backup=False)
    # The first PUT, before the convert, is refused; the second names the snapshot.
    sim.faults.add(NoResponse(method=method, skip=1 if method == "PUT" else 0))

    words = timed_out(convert(backup))

    assert words.startswith(
        f"{CAME}image {backup.id}, droplet web-1 (42){BEGAN}Last good copy: backup {backup.id}, "
        f"the restore point, of 2026-01-01T02:00:00Z, "
    )
    assert words.endswith(f"{CLEARING_SUBMITS} [execution_timeout]")
    assert sim.journal.count("PUT") == (2 if method == "PUT" else 1)


@pytest.mark.usefixtures("connection")
def test_a_task_that_reads_has_started_nothing(sim, snapshot, timed_out):
    """So the message does not say that an action continues."""
    sim.faults.add(NoResponse())

    words = timed_out(DigitalOceanListImageActionsOperator(task_id="t", image_id=snapshot.id))

    assert (
        words
        == f"{CAME}image {snapshot.id}: Timeout, PID: 123. {CLEARING_READS} [execution_timeout]"
    )
