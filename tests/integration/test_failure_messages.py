"""What each class says when it fails: to what, what still runs, what copy there is, what to do."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from airflow_provider_do_images.actions.messages import DELETES, LOOKS, SUBMITS
from airflow_provider_do_images.operators.backups import DigitalOceanFindBackupOperator
from airflow_provider_do_images.operators.image_actions import (
    DigitalOceanConvertImageOperator,
    DigitalOceanListImageActionsOperator,
    DigitalOceanTransferImageOperator,
)
from airflow_provider_do_images.operators.image_replication import (
    DigitalOceanReplicateImageOperator,
)
from airflow_provider_do_images.operators.images import (
    DigitalOceanAuditCopiesOperator,
    DigitalOceanPruneSnapshotsOperator,
)
from airflow_provider_do_images.sensors.image_actions import DigitalOceanImageActionSensor
from airflow_provider_do_images.simulator import Status
from airflow_provider_do_images.version_compat import AirflowException

DROPLET = {"droplet_id": 42, "droplet_name": "web-1"}


def backup_of(image):
    """Return the row of a restore point, as the search hands it on."""
    row = {"image_id": image.id, "type": image.type, "name": image.name, "policy": "nightly"}
    return {**row, **DROPLET, "taken_at": "2026-01-01T02:00:00Z"}


CLASSES = {
    "convert": (
        lambda image: DigitalOceanConvertImageOperator(task_id="t", backup=backup_of(image)),
        ("droplet web-1 (42)", "has started nothing", "Last good copy: ", " old.", SUBMITS),
    ),
    "transfer": (
        lambda image: DigitalOceanTransferImageOperator(
            task_id="t", image_id=image.id, region="ams3"
        ),
        ("region ams3", "has started nothing", SUBMITS),
    ),
    "replicate": (
        lambda image: DigitalOceanReplicateImageOperator(
            task_id="t", image={"image_id": image.id, **DROPLET}, regions=["ams3"]
        ),
        ("droplet web-1 (42)", SUBMITS),
    ),
    "list": (
        lambda image: DigitalOceanListImageActionsOperator(task_id="t", image_id=image.id),
        (LOOKS,),
    ),
}
OF_THE_ACCOUNT = {
    "find": (
        lambda: DigitalOceanFindBackupOperator(task_id="t", policy="nightly", droplet_id=42),
        LOOKS,
    ),
    "prune": (
        lambda: DigitalOceanPruneSnapshotsOperator(task_id="t", policy="nightly", keep_last=1),
        DELETES,
    ),
    "audit": (
        lambda: DigitalOceanAuditCopiesOperator(
            task_id="t",
            policy="nightly",
            droplet_id=42,
            regions=["ams3"],
            max_data_age=1,
            max_copy_age=1,
        ),
        LOOKS,
    ),
}


@pytest.fixture
def fail():
    """Run an operator that fails, and return its words."""

    def execute(operator):
        with pytest.raises(AirflowException) as caught:
            operator.execute({"ti": SimpleNamespace(xcom_push=lambda **_: None)})
        return str(caught.value)

    return execute


@pytest.mark.parametrize("name", CLASSES)
def test_a_refusal_tells_all_that_is_known_of_the_image(sim, backup, connection, fail, name):
    """A token without scopes: the image, the request, what runs, and what clearing does."""
    make, parts = CLASSES[name]
    sim.faults.add(Status(403, times=None))

    words = fail(make(backup))

    for part in (f"image {backup.id}", "request id ", "status 403", *parts):
        assert part in words


@pytest.mark.parametrize("name", OF_THE_ACCOUNT)
def test_a_refusal_of_the_account_tells_the_request_and_what_clearing_does(
    sim, connection, fail, name
):
    """Prune says what it may delete, the others that they only read."""
    make, clearing = OF_THE_ACCOUNT[name]
    sim.faults.add(Status(403, times=None))

    words = fail(make())

    assert "request id " in words
    assert words.endswith(clearing)


def test_an_errored_action_tells_the_sensor_how_to_go_on(sim, snapshot, connection, fail):
    """The action, that it does not run, and that clearing the sensor posts nothing."""
    action = sim.state.add_action(snapshot.id, region="ams3", status="errored")
    result = {"id": action.id, "image_id": snapshot.id, "region_slug": "ams3", **DROPLET}
    sensor = DigitalOceanImageActionSensor(task_id="t", action=result)

    words = fail(sensor)

    what = f"transfer of image {snapshot.id} of droplet web-1 (42) to ams3 (action {action.id})"
    for part in (what, "does not run any more", LOOKS):
        assert part in words
