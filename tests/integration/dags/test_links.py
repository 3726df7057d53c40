"""The links of a task to DigitalOcean's control panel, as Airflow stores them for its UI."""

from __future__ import annotations

import pytest
from airflow.sdk import DAG, task

from airflow_provider_do_images.operators.action_history import DigitalOceanListImageActionsOperator
from airflow_provider_do_images.operators.image_actions import DigitalOceanTransferImageOperator
from airflow_provider_do_images.operators.replication import (
    DigitalOceanReplicateImageOperator,
)
from airflow_provider_do_images.operators.restore_points import (
    DigitalOceanListRestorePointsOperator,
)
from airflow_provider_do_images.sensors.image_actions import DigitalOceanImageActionSensor

PANEL = "https://cloud.digitalocean.com"
DROPLET = 3164494


def new_dag(dag_id):
    """Return a DAG under a name that Airflow finds in the module."""
    dag = globals()[dag_id] = DAG(dag_id, schedule=None, params={"image": 0, "droplet": 0})
    return dag


with new_dag("links_by_id"):
    transfer = DigitalOceanTransferImageOperator(
        task_id="transfer", image_id="{{ params.image }}", region="ams3"
    )
    DigitalOceanImageActionSensor(
        task_id="wait", action=transfer.output, deferrable=True, poke_interval=0.3, timeout=60
    )

with new_dag("links_of_mapped_rows"):

    @task
    def rows(params):
        """Return a row of the image with its droplet, and one without."""
        row = {"image_id": params["image"]}
        return [{**row, "droplet_id": DROPLET, "droplet_name": "web-01"}, row]

    replicate = DigitalOceanReplicateImageOperator.partial(
        task_id="replicate", regions=["ams3"], poll_interval=0.3
    ).expand(image=rows())

with new_dag("links_of_readers"):
    DigitalOceanListImageActionsOperator(task_id="history", image_id="{{ params.image }}")
    DigitalOceanListRestorePointsOperator(
        task_id="find", policy="prod", droplet_id="{{ params.droplet }}", on_missing="ignore"
    )
    DigitalOceanListRestorePointsOperator(
        task_id="find_by_name", policy="prod", droplet_name="web-01", on_missing="ignore"
    )

with new_dag("links_of_nonsense"):
    DigitalOceanTransferImageOperator(task_id="transfer", image_id="no id", region="ams3")


@pytest.fixture
def links(run):
    """Return the links of a task of a finished run: image, droplet."""

    def of(finished, task_id, map_index=-1):
        return tuple(
            finished.xcom(task_id, f"_link_{kind}", map_index)
            for kind in ("ImageLink", "DropletLink")
        )

    return of


def image_page(image):
    """Return the address of an image's list."""
    return f"{PANEL}/images/snapshots/droplets#{image.id}"


@pytest.mark.parametrize("task_id", ["transfer", "wait"])
def test_a_task_links_to_its_image(run, links, digitalocean, task_id):
    """Operator and sensor do, and nothing is made up where no droplet is known."""
    image = digitalocean.state.add_image("a-snapshot")

    finished = run(globals()["links_by_id"], image=image.id)

    assert links(finished, task_id) == (image_page(image), "")


def test_mapped_tasks_link_to_their_own(run, links, digitalocean):
    """Each to the image and the droplet of its row, through a deferral."""
    image = digitalocean.state.add_image("a-snapshot")

    finished = run(globals()["links_of_mapped_rows"], image=image.id)

    assert links(finished, "replicate", 0) == (image_page(image), f"{PANEL}/droplets/{DROPLET}")
    assert links(finished, "replicate", 1) == (image_page(image), "")


def test_tasks_that_only_read_link_to_their_parameters(run, links, digitalocean):
    """The list links to its image, the restore points to the droplet if its id was given."""
    image = digitalocean.state.add_image("a-snapshot")
    droplet = digitalocean.state.add_droplet("web-01")

    finished = run(globals()["links_of_readers"], image=image.id, droplet=droplet.id)

    assert finished.state == "success"
    assert links(finished, "history") == (image_page(image), None)
    assert links(finished, "find") == (None, f"{PANEL}/droplets/{droplet.id}")
    assert links(finished, "find_by_name") == (None, "")


def test_an_invalid_id_has_no_link(run, links):
    """The task fails by itself, and its link adds no error."""
    finished = run(globals()["links_of_nonsense"])

    assert finished.state == "failed"
    assert links(finished, "transfer") == ("", "")
    assert "Failed to push an xcom for task operator extra link" not in finished.log
