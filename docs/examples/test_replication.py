"""Test a DAG that copies a snapshot to two regions."""

import pytest
from airflow.sdk import DAG

from airflow_provider_do_images.operators import DigitalOceanTransferImageOperator
from airflow_provider_do_images.simulator import ActionErrors, RateLimited

with DAG("replicate", schedule=None, params={"image_id": 0}) as dag:
    DigitalOceanTransferImageOperator.partial(
        task_id="copy",
        image_id="{{ params.image_id }}",
        wait_for_completion=True,
        poll_interval=0.2,
    ).expand(region=["ams3", "sgp1"])

pytestmark = pytest.mark.usefixtures("airflow_db")


def test_the_snapshot_is_copied_to_both_regions(digitalocean):
    """The run succeeds, and both copies exist."""
    image = digitalocean.state.add_image("web-01", regions=["nyc3"])

    run = dag.test(run_conf={"image_id": image.id})

    assert run.state == "success"
    assert sorted(image.regions) == ["ams3", "nyc3", "sgp1"]


def test_a_burst_of_429_delays_the_copies(digitalocean):
    """Rejected requests are resent after the pause of the response; each transfer starts once."""
    image = digitalocean.state.add_image("web-01", regions=["nyc3"])
    digitalocean.faults.add(RateLimited(retry_after=1, times=3))

    run = dag.test(run_conf={"image_id": image.id})

    assert run.state == "success"
    assert digitalocean.journal.count(status=429) == 3
    assert digitalocean.journal.count("POST", status=201) == 2


def test_a_transfer_that_errors_fails_the_run(digitalocean):
    """The run fails if one region has no copy; the other region has its copy."""
    image = digitalocean.state.add_image("web-01", regions=["nyc3"])
    digitalocean.faults.add(ActionErrors(type="transfer", region="sgp1"))

    run = dag.test(run_conf={"image_id": image.id})

    assert run.state == "failed"
    assert sorted(image.regions) == ["ams3", "nyc3"]
