"""Arguments of any kind: only documented errors come out, and no request is sent with a bad one."""

from __future__ import annotations

import io
import json
import os
import time
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowRescheduleException, TaskDeferred
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_do_images.api import InvalidInputError
from airflow_provider_do_images.cli.main import main
from airflow_provider_do_images.cli.plan import TOKEN as TOKEN_VARIABLE
from airflow_provider_do_images.core.snapshots.naming import SnapshotName
from airflow_provider_do_images.exceptions import (
    ExecutionTimeoutError,
    PermanentTaskError,
    SensorTimeoutError,
    TaskError,
    TaskSkipped,
)
from airflow_provider_do_images.operators.action_history import DigitalOceanListImageActionsOperator
from airflow_provider_do_images.operators.audit import DigitalOceanAuditSnapshotsOperator
from airflow_provider_do_images.operators.image_actions import (
    DigitalOceanConvertImageOperator,
    DigitalOceanTransferImageOperator,
)
from airflow_provider_do_images.operators.replication import (
    DigitalOceanReplicateImageOperator,
)
from airflow_provider_do_images.operators.restore_points import (
    DigitalOceanListRestorePointsOperator,
)
from airflow_provider_do_images.operators.snapshots import DigitalOceanPruneSnapshotsOperator
from airflow_provider_do_images.sensors.image_actions import DigitalOceanImageActionSensor
from airflow_provider_do_images.simulator import ManualClock, Rules, Simulator
from airflow_provider_do_images.triggers.image_actions import DigitalOceanImageActionTrigger

TOKEN = "dop_v1_0123456789abcdef"
START = float(int(time.time()))
"""When the account begins; the clock stands still from then on."""
DOCUMENTED = (
    *(PermanentTaskError, TaskError, TaskSkipped, SensorTimeoutError, ExecutionTimeoutError),
    *(TaskDeferred, AirflowRescheduleException),
)
LOOKED_UP = {"tag", "droplet_name", "droplet_id", "image_id", "action_id", "region", "regions"}
"""Parameters whose well-formed values only the account can judge: it is read, never changed."""

SPECIAL = [
    *(timedelta.max, timedelta.min, 1e12, -1, 0, 10**400, float("nan"), float("inf")),
    *("nan", "inf", "1_2026", "12026", " ams3", "ams3,", "true", "['ams3']", "\ud800", "\x00", ""),
    *(Decimal("sNaN"), Fraction(1, 3), range(10**12), b"ams3", object(), complex(1, 1)),
    *({"image_id": 5}, {"id": 5, "image_id": None}, [["ams3"]], {"ams3"}, ("a", 1), 12026),
    *(datetime.max, datetime.min.replace(tzinfo=UTC)),  # noqa: DTZ901 - odd on purpose
]
ODD = st.one_of(
    st.sampled_from(SPECIAL),
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.binary(max_size=8),
    st.timedeltas(),
    st.datetimes(timezones=st.sampled_from([None, UTC])),
    st.lists(st.text(max_size=8) | st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=8), st.integers() | st.text(max_size=8), max_size=3),
)


@dataclass
class Account:
    """A simulated account with one image of each kind, anew for each example."""

    sim: Simulator
    good: dict[type[BaseOperator], dict[str, Any]] = field(default_factory=dict)

    def renew(self) -> None:
        """Forget what the example before did."""
        self.sim.reset(ManualClock(START))
        state = self.sim.state
        state.rules = Rules(transfer_seconds=0.0)
        droplet = state.add_droplet("web-07", tags=["fuzz"], backups="daily")
        backup = state.add_backup(droplet, START - 3600)
        snapshot = state.add_image("a-snapshot")
        action = state.add_action(snapshot.id, region="nyc3", status="completed")
        for days in range(2, 6):
            moment = datetime.fromtimestamp(START, UTC) - timedelta(days=days)
            state.add_image(str(SnapshotName("prod", droplet.id, moment)))
        row = {
            "image_id": backup.id,
            "droplet_id": droplet.id,
            "droplet_name": "web-07",
            "type": "backup",
            "name": backup.name,
            "policy": "prod",
            "taken_at": datetime.fromtimestamp(START - 3600, UTC).isoformat(),
        }
        waits: dict[str, Any] = {
            "poll_interval": 30,
            "timeout": 60,
            "verify_timeout": 1,
            "deferrable": True,
        }
        rules = {"keep_last": 1, "keep_daily": 0, "keep_weekly": 0, "keep_monthly": 0}
        prune = {**rules, "regions": ["nyc3"]}
        self.good = {
            DigitalOceanConvertImageOperator: {
                "restore_point": row,
                "tags": ["nightly"],
                "usd_per_gib_month": 0.06,
                **waits,
            },
            DigitalOceanTransferImageOperator: {
                "image_id": snapshot.id,
                "region": "ams3",
                "wait_for_completion": True,
                **waits,
            },
            DigitalOceanReplicateImageOperator: {
                "image_id": snapshot.id,
                "regions": ["ams3", "sgp1"],
                "allow_partial": False,
                **waits,
            },
            DigitalOceanListImageActionsOperator: {
                "image_id": snapshot.id,
                "status": "completed",
                "type": "transfer",
                "region": "nyc3",
                "since": "2026-01-01",
                "limit": 5,
            },
            DigitalOceanListRestorePointsOperator: {
                "policy": "prod",
                "tag": "fuzz",
                "max_backup_age": 36 * 3600,
                "backup_retention_days": 7,
                "expiry_warning_window": 60,
                "on_missing": "ignore",
                "droplet_id": None,
                "droplet_name": None,
            },
            DigitalOceanPruneSnapshotsOperator: {
                "policy": "prod",
                "min_age": 60,
                "min_keep": 1,
                "max_delete": 10,
                "protected_tag": "keep",
                "prune_orphans": False,
                "dry_run": False,
                "usd_per_gib_month": 0.06,
                **prune,
            },
            DigitalOceanAuditSnapshotsOperator: {
                "policy": "prod",
                "regions": ["nyc3"],
                "max_data_age": 10**6,
                "max_copy_age": 10**6,
                "tag": "fuzz",
                "droplet_id": None,
                "droplet_name": None,
            },
            DigitalOceanImageActionSensor: {
                "image_id": snapshot.id,
                "action_id": action.id,
                "action": None,
                "poke_interval": 30,
                "timeout": 60,
                "verify_timeout": 1,
                "deferrable": False,
                "mode": "reschedule",
            },
        }
        for arguments in self.good.values():
            arguments["digitalocean_conn_id"] = "digitalocean_default"
        self.sim.journal.clear()


@pytest.fixture(scope="module")
def account():
    """The account, which the default connection leads to."""
    with Simulator(clock=ManualClock(START)) as sim, pytest.MonkeyPatch.context() as patch:
        fields = {"conn_type": "digitalocean", "host": sim.url, "password": TOKEN}
        patch.setenv("AIRFLOW_CONN_DIGITALOCEAN_DEFAULT", json.dumps(fields))
        patch.setenv(TOKEN_VARIABLE, TOKEN)
        yield Account(sim)


CLASSES = [
    DigitalOceanConvertImageOperator,
    DigitalOceanTransferImageOperator,
    DigitalOceanReplicateImageOperator,
    DigitalOceanListImageActionsOperator,
    DigitalOceanListRestorePointsOperator,
    DigitalOceanPruneSnapshotsOperator,
    DigitalOceanAuditSnapshotsOperator,
    DigitalOceanImageActionSensor,
]


def context() -> dict[str, Any]:
    """Return what a task needs of Airflow's context."""
    ti = SimpleNamespace(xcom_push=lambda **_: None, get_first_reschedule_date=lambda _: None)
    return {"ti": ti, "outlet_events": {}}


def run(operator: BaseOperator) -> BaseException | None:
    """Run an operator, and return the documented exception that it ends with, if any."""
    try:
        operator.execute(context())
    except DOCUMENTED as error:
        return error
    return None


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_good_arguments_pass(account, kind):
    """Else the next test would test nothing: the arguments that it changes one of are good."""
    account.renew()

    assert run(kind(task_id="task", **account.good[kind])) is None


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_an_operator_refuses_or_does_what_it_is_told(account, kind, data):
    """With one argument that may be anything: a refusal comes before any request."""
    account.renew()
    good = {name: value for name, value in account.good[kind].items() if name != "mode"}
    name = data.draw(st.sampled_from(sorted(good)))
    value = data.draw(ODD)

    ended = run(kind(task_id="task", **{**account.good[kind], name: value}))

    journal = account.sim.journal
    if getattr(ended, "code", None) == "invalid_input":
        methods = {entry.method for entry in journal.entries}
        assert methods <= ({"GET"} if name in LOOKED_UP else set()), (name, value)
    if kind is not DigitalOceanConvertImageOperator:
        most = len(account.good[kind].get("regions", "1"))
        assert journal.count("POST", "/v2/images/*/actions") <= max(most, 1)
    assert journal.count("POST", "/v2/images/*/actions") <= 2


WAIT = {
    "image_id": 7,
    "action_id": 9,
    "started_at": START,
    "deadline": START + 60,
    "region": "ams3",
    "verify_timeout": 1,
    "droplet_id": 3,
    "droplet_name": "web-07",
    "submission": "submitted",
    "typical_seconds": 5,
}
TRIGGER = {
    "waits": [WAIT],
    "rows": [],
    "first_poll_at": START,
    "poll_interval": 30,
    "digitalocean_conn_id": "digitalocean_default",
    "version": 1,
}


@given(name=st.sampled_from(sorted(TRIGGER | WAIT)), value=ODD)
def test_a_trigger_refuses_what_it_could_not_store(name, value):
    """What it takes it stores as primitives, and reads back the same."""
    try:
        changed = {"waits": [{**WAIT, name: value}]} if name in WAIT else {name: value}
        trigger = DigitalOceanImageActionTrigger(**{**TRIGGER, **changed})
    except InvalidInputError:
        return
    _, stored = trigger.serialize()
    again = DigitalOceanImageActionTrigger(**json.loads(json.dumps(stored, allow_nan=False)))

    assert again.serialize() == trigger.serialize()


OPTIONS = {
    "--policy": "prod",
    "--tag": "fuzz",
    "--regions": "nyc3",
    "--max-backup-age": "36",
    "--keep-last": "1",
    "--keep-daily": "0",
    "--min-age": "24",
    "--min-keep": "1",
    "--protected-tag": "keep",
    "--usd-per-gib-month": "0.06",
    "--max-delete": "10",
}


@given(
    name=st.sampled_from([*OPTIONS, "--droplet-name", "--droplet-id", "--url", "--nonsense"]),
    value=st.text(max_size=20) | st.sampled_from([one for one in SPECIAL if isinstance(one, str)]),
)
def test_the_command_ends_with_a_status(account, name, value):
    """0, 1 or 2, and it only reads."""
    account.renew()
    options = {**OPTIONS, "--url": account.sim.url, name: value}
    if name.startswith("--droplet"):
        del options["--tag"]
    arguments = [word for pair in options.items() for word in pair]

    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()) as errors:
        try:
            status = main(["plan", *arguments])
        except SystemExit as ended:  # of argparse
            status = ended.code

    assert status in (0, 1, 2)
    assert status == 0 or errors.getvalue()
    assert {entry.method for entry in account.sim.journal.entries} <= {"GET"}
    if status == 2 and name[2:].replace("-", "_") not in LOOKED_UP:
        assert account.sim.journal.entries == [], (name, value)
    assert os.environ[TOKEN_VARIABLE] not in errors.getvalue()
