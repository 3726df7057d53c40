"""The plan, compared with what the operators then do."""

from __future__ import annotations

import io
import json
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout

import pytest
from airflow.sdk import DAG

from airflow_provider_do_images.cli.main import main
from airflow_provider_do_images.core.wait.typical_durations import MAX_SIZE_READS
from airflow_provider_do_images.operators.image_actions import DigitalOceanConvertImageOperator
from airflow_provider_do_images.operators.replication import (
    DigitalOceanReplicateImageOperator,
)
from airflow_provider_do_images.operators.restore_points import (
    DigitalOceanListRestorePointsOperator,
)
from airflow_provider_do_images.operators.snapshots import DigitalOceanPruneSnapshotsOperator
from airflow_provider_do_images.pytest_plugin import TOKEN
from airflow_provider_do_images.simulator import ScaledClock

REGIONS = ["ams3", "sgp1"]
DAY = 24 * 60 * 60
READ_ONLY = {"image:read", "droplet:read", "tag:read", "regions:read", "actions:read"}

with DAG("a_planned_night", schedule=None) as dag:
    find = DigitalOceanListRestorePointsOperator(
        task_id="find", tag="kept", policy="nightly", max_backup_age=2 * DAY, on_missing="ignore"
    )
    convert = DigitalOceanConvertImageOperator.partial(task_id="convert").expand(
        restore_point=find.output
    )
    replicate = DigitalOceanReplicateImageOperator.partial(
        task_id="replicate", regions=REGIONS, deferrable=False, poll_interval=0.5
    ).expand(image=convert.output)
    replicate >> DigitalOceanPruneSnapshotsOperator(
        task_id="prune", policy="nightly", keep_daily=1, min_keep=1, regions=REGIONS, dry_run=False
    )


@pytest.fixture
def droplets(digitalocean):
    """One with a backup and two older snapshots, one that is copied already, one without backup."""
    digitalocean.reset(ScaledClock(60.0))  # slow enough that no droplet gets a backup meanwhile
    state, now = digitalocean.state, digitalocean.clock.now()
    fresh, done, bare = (
        state.add_droplet(name, tags=["kept"], backups=plan)
        for name, plan in (("fresh", "daily"), ("done", "daily"), ("bare", None))
    )
    for age in (5, 4):
        old = state.add_backup(fresh, now - age * DAY)
        state.convert_to_snapshot(old)
        old.name = f"nightly_{fresh.id}_{_moment(now - age * DAY)}"
        old.regions = ["nyc3", *REGIONS]
    state.add_backup(fresh, now - 3600)
    copied = state.add_backup(done, now - 3600)
    state.convert_to_snapshot(copied)
    copied.name = f"nightly_{done.id}_{_moment(now - 3600)}"
    copied.regions = ["nyc3", *REGIONS]
    for droplet in (fresh, done):
        state.set_backup_plan(droplet, None)
    return fresh, done, bare


def _moment(seconds):
    from datetime import UTC, datetime  # noqa: PLC0415 - one line of use

    return datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%dT%H%M%SZ")


@pytest.fixture
def plan(digitalocean, monkeypatch):
    """Run the command with a token; return its exit code, its output and its errors."""

    def run_command(*arguments, scopes=READ_ONLY, token="reader"):
        digitalocean.tokens.allow(token, scopes)
        digitalocean.tokens.allow(TOKEN)
        monkeypatch.setenv("DIGITALOCEAN_TOKEN", token)
        where = ["--url", digitalocean.url, "--policy", "nightly", "--max-backup-age", "48"]
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = main(["plan", *where, *arguments])
        return code, out.getvalue(), err.getvalue()

    return run_command


WHOLE = ("--tag", "kept", "--regions", "ams3,sgp1", "--keep-daily", "1", "--min-keep", "1")


def test_the_operators_carry_the_plan_out(run, digitalocean, droplets, plan):
    """Converts, copies, deletes and requests are the same, and a second plan is empty."""
    code, out, err = plan(*WHOLE, "--json")
    assert (code, err) == (0, "")
    assert {entry.method for entry in digitalocean.journal.entries} == {"GET"}
    told = json.loads(out)
    digitalocean.journal.clear()

    run(dag)

    entries = digitalocean.journal.entries
    done = Counter()
    for entry in entries:
        image_id = int(entry.path.split("/")[3]) if entry.path.startswith("/v2/images/") else 0
        if entry.method == "DELETE":
            done["delete", image_id, None] += 1
        if entry.method == "POST":
            kind = "copy" if entry.body["type"] == "transfer" else entry.body["type"]
            done[kind, image_id, entry.body.get("region")] += 1
    steps = [step for step in told["steps"] if step["action"] != "retain"]
    assert done == Counter((s["action"], s["image_id"], s["region"]) for s in steps)
    assert Counter(step["action"] for step in steps) == {"convert": 1, "copy": 2, "delete": 2}
    assert [row["droplet_name"] for row in told["missing"]] == ["bare"]
    # Beside lists of the account and polls, as many requests were sent as the plan says.
    counted = sum(
        not entry.endpoint.endswith("/actions/{action_id}")
        and entry.path not in ("/v2/droplets", "/v2/images", "/v2/tags")
        for entry in entries
    )
    assert told["requests"] - MAX_SIZE_READS <= counted <= told["requests"]
    afterwards = json.loads(plan(*WHOLE, "--json")[1])
    assert {step["action"] for step in afterwards["steps"]} == {"retain"}


def test_droplets_that_the_policy_does_not_cover_are_named(digitalocean, droplets, plan):
    """Each droplet without a restore point, and each that was not selected."""
    told = json.loads(plan(*WHOLE, "--json")[1])

    reasons = {row["droplet_name"]: row["reason"] for row in told["unprotected"]}
    assert reasons.pop("bare") == "no usable restore point"
    assert set(reasons.values()) == {"not selected"}
    assert len(reasons) == len(digitalocean.state.droplets) - 3


def test_the_table_is_complete(droplets, plan):
    """It has converts, copies, deletes, cost and missing droplets; nothing is cut off."""
    code, out, _ = plan(*WHOLE)

    assert code == 0
    assert "…" not in out
    for words in ("convert", "copy", "delete", "MISSING: droplet bare", "USD per month"):
        assert words in out


def test_scopes_for_reads_are_checked(droplets, plan):
    """Missing optional scopes are named; without a required one there is no plan."""
    _, out, _ = plan(*WHOLE, "--json", scopes={"image:read", "droplet:read", "tag:read"})
    assert json.loads(out)["missing_scopes"] == ["regions:read", "actions:read"]

    code, _, err = plan(*WHOLE, scopes={"image:read", "tag:read"}, token="lesser")
    assert code == 1
    assert "droplet:read" in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--tag", "kept", "--regions", "AMS3"), "region slug"),
        (("--tag", "kept", "--regions", "xyz9"), "not available to this account"),
        (("--regions", "ams3"), "exactly one of"),
        (("--tag", "nobody", "--regions", "ams3"), "no droplets with tag 'nobody' found"),
        (("--tag", "kept", "--regions", "ams3", "--policy", "a_b"), "policy must be"),
        (("--tag", "kept", "--regions", "ams3", "--keep-daily", "x"), "--keep-daily must be"),
    ],
)
def test_invalid_input_is_one_line(droplets, plan, arguments, words):
    """The line has the reason, and the exit code is 2."""
    code, out, err = plan(*arguments)

    assert (code, out, err.count("\n")) == (2, "", 1)
    assert words in err
