"""The scopes in docs/classes-at-a-glance.md are sufficient and necessary, the requests exact."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from airflow_provider_do_images.cli.main import main
from airflow_provider_do_images.core.snapshots.naming import SnapshotName
from airflow_provider_do_images.core.wait import flow as wait
from airflow_provider_do_images.hooks.digitalocean import DigitalOceanHook
from airflow_provider_do_images.simulator import ScaledClock
from airflow_provider_do_images.simulator.state.models import ActionOutcome
from devtools.registry import registered_classes

PAGE = (Path(__file__).parent.parent.parent / "docs" / "classes-at-a-glance.md").read_text()
TOKEN = "dop_v1_0123456789abcdef"
SCOPE = re.compile(r"\b[a-z]+:(?:read|create|update|delete)\b")
INTERVAL = 0.05
NIGHT = {"policy": "nightly", "regions": ["nyc3"]}
WAIT = {"poll_interval": INTERVAL, "verify_timeout": 0.2}


def read_table(header):
    """Return the cells of the table whose header starts with these columns, by class."""
    [table] = re.findall(rf"^{re.escape(header)}.*\n\|[-| ]+\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    rows = [line[1:-1].split("|") for line in table.splitlines()]
    return {re.search(r"`(.*?)`", first)[1]: cells for first, *cells in rows}


SCOPES = {
    name: [set(SCOPE.findall(cell)) for cell in cells]
    for name, cells in read_table("| class | required |").items()
}
"""The scopes by class: required, for further parameters, and optional."""

REQUESTS = {
    name: [int(cell) for cell in cells] for name, cells in read_table("| class | GET |").items()
}
"""The numbers of requests by class: GET; POST and PUT; DELETE."""

CLASSES = registered_classes("hooks", "operators", "sensors", "triggers")


@pytest.fixture
def account(sim):
    """A droplet with a tag and a backup, and three old snapshots of it, at speed.

    A transfer takes a minute, which has passed before the first poll of a task.
    """
    sim.reset(ScaledClock(3600.0))
    sim.state.decide_outcome = lambda action: ActionOutcome(
        seconds=60.0 if action.type == "transfer" else 0.0
    )
    now = datetime.fromtimestamp(sim.clock.now(), UTC)
    droplet = sim.state.add_droplet("web-1", tags=["kept"], backups="daily")
    kept = [
        sim.state.add_image(
            str(SnapshotName("nightly", droplet.id, now - timedelta(days=days))),
            droplet_id=droplet.id,
        )
        for days in (4, 5, 6)
    ]
    backup = sim.state.add_backup(droplet, (now - timedelta(hours=2)).timestamp())
    return SimpleNamespace(
        droplet=droplet, kept=kept, backup=backup, state=sim.state, url=sim.url, now=now
    )


@pytest.fixture
def act(account, connection, task_context, monkeypatch, capsys):
    """Run a class: return its result or raise its error, for a command a ``RuntimeError``.

    ``more`` uses the parameters that need further scopes.
    """
    monkeypatch.setattr(wait, "CONFIRMATION_DELAY", 0.0)

    def run(name, *, more, waits=1):
        connection(extra={"max_retries": 0})
        if name.startswith("do-images"):
            return command(more=more)
        if name == "DigitalOceanHook":
            return reported(*DigitalOceanHook().test_connection())
        if name.endswith("Trigger"):
            return asyncio.run(wait_in(CLASSES[name], account.state, account.kept[:waits]))
        arguments = ARGUMENTS[name](account, more=more)
        return CLASSES[name](task_id="task", **arguments).execute(task_context)

    def command(*, more):
        monkeypatch.setenv("DIGITALOCEAN_TOKEN", TOKEN)
        which = ["--tag", "kept"] if more else ["--droplet-id", str(account.droplet.id)]
        code = main(
            ["plan", "--url", account.url, "--policy", "nightly", "--regions", "nyc3", *which]
        )
        return reported(code == 0, capsys.readouterr().err)

    return run


def reported(well, words):
    """Raise an error with the message of a failure."""
    if not well:
        raise RuntimeError(words)


async def wait_in(trigger, state, images):
    """Run triggers of a class side by side, each for a transfer that is under way."""
    now = time.time()
    looks = {"first_poll_at": now + INTERVAL, "poll_interval": INTERVAL}
    waits = [
        {
            **ids_of_transfer(state, image),
            "started_at": now,
            "deadline": now + 5.0,
            "region": "tor1",
            "verify_timeout": 0.2,
        }
        for image in images
    ]
    event = await anext(trigger(waits=waits, **looks).run())
    for result in event.payload["results"]:
        reported(result["wait_status"] == "completed", result["error"])


def ids_of_transfer(state, image, *, ended=False):
    """Start a transfer to tor1, end it if requested, and return the ids to wait for."""
    action = state.begin_action("transfer", image, region="tor1", seconds=60.0)
    if ended:
        state.finish_action(action.id)
    return {"image_id": image.id, "action_id": action.id}


def which(account, *, more):
    """Select the droplet by its tag, or by its id."""
    return {"tag": "kept"} if more else {"droplet_id": account.droplet.id}


def found(account):
    """Return the row of the backup, as the operator that lists restore points returns it."""
    return {
        "image_id": account.backup.id,
        "droplet_id": account.droplet.id,
        "droplet_name": account.droplet.name,
        "name": account.backup.name,
        "type": "backup",
        "policy": "nightly",
        "taken_at": account.now.isoformat(),
    }


ARGUMENTS = {
    "DigitalOceanListRestorePointsOperator": lambda account, *, more: {
        "policy": "nightly",
        **which(account, more=more),
    },
    "DigitalOceanConvertImageOperator": lambda account, *, more: {
        "restore_point": found(account),
        "tags": ["nightly"] if more else [],
        **WAIT,
    },
    "DigitalOceanTransferImageOperator": lambda account, **_: {
        "image_id": account.kept[0].id,
        "region": "tor1",
        "wait_for_completion": True,
        **WAIT,
    },
    "DigitalOceanReplicateImageOperator": lambda account, **_: {
        "image_id": account.kept[0].id,
        "regions": ["tor1"],
        "deferrable": False,
        **WAIT,
    },
    "DigitalOceanPruneSnapshotsOperator": lambda _account, *, more: {
        **NIGHT,
        "keep_last": 2,
        "dry_run": not more,
    },
    "DigitalOceanAuditSnapshotsOperator": lambda account, *, more: {
        **NIGHT,
        "max_data_age": 9e5,
        "max_copy_age": 9e5,
        **which(account, more=more),
    },
    "DigitalOceanListImageActionsOperator": lambda account, **_: {"image_id": account.kept[0].id},
    "DigitalOceanImageActionSensor": lambda account, **_: {
        **ids_of_transfer(account.state, account.kept[0], ended=True),
        "poke_interval": INTERVAL,
        "verify_timeout": 0.2,
    },
}


@pytest.mark.parametrize("name", SCOPES)
def test_the_scopes_are_enough(sim, act, name):
    """Optional scopes are left out; parameters that need further scopes get them."""
    needs, besides, _ = SCOPES[name]
    for more, scopes in ((False, needs), (True, needs | besides)):
        sim.tokens.allow(TOKEN, scopes)
        act(name, more=more)


@pytest.mark.parametrize(
    ("name", "missing", "more"),
    [
        (name, scope, more)
        for name, cells in SCOPES.items()
        for more in (False, True)
        for scope in sorted(cells[more])
    ],
)
def test_each_scope_is_needed(sim, act, name, missing, more):
    """Without one scope, the class fails and names the scope; it deletes nothing."""
    needs, besides, better = SCOPES[name]
    scopes = (needs | better | (besides if more else set())) - {missing}
    sim.tokens.allow(TOKEN, scopes)

    with pytest.raises(Exception, match=missing):
        act(name, more=more)

    assert sim.journal.count("DELETE", status=204) == 0


@pytest.mark.parametrize(
    ("name", "scope"),
    [(name, scope) for name, cells in SCOPES.items() for scope in sorted(cells[2])],
)
def test_optional_scopes_are_used(sim, act, name, scope):
    """Without such a scope a request is rejected, and the class continues.

    Two waits, since one alone needs no list of the account's actions. The poller sends the request
    again after a rejection, since that may pass.
    """
    sim.tokens.allow(TOKEN, set.union(*SCOPES[name]) - {scope})

    act(name, more=True, waits=2)

    assert 1 <= sim.journal.count(status=403) <= 2


@pytest.mark.parametrize("name", REQUESTS)
def test_the_requests_are_those_of_the_table(sim, act, name):
    """All scopes are given, and the parameters that need further scopes are used."""
    act(name, more=True)

    methods = Counter(entry.method for entry in sim.journal.entries)
    counted = [methods["GET"], methods["POST"] + methods["PUT"], methods["DELETE"]]
    assert counted == REQUESTS[name]


def test_every_class_is_in_the_tables():
    """Each hook, operator, sensor and trigger of the provider, and the command."""
    classes = {*CLASSES, "do-images plan"}

    assert set(SCOPES) == classes
    assert set(REQUESTS) == classes
