"""The plan command compared with the prune operator, and its output in a terminal."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from rich.console import Console

from airflow_provider_do_images.cli.main import main
from airflow_provider_do_images.core.snapshots.naming import SnapshotName
from airflow_provider_do_images.exceptions import PermanentTaskError
from airflow_provider_do_images.operators.snapshots import DigitalOceanPruneSnapshotsOperator
from airflow_provider_do_images.simulator import RateLimited, TokenRevoked

READ_ONLY = {"image:read", "droplet:read", "tag:read", "regions:read", "actions:read"}
NASTY = ["[red]x[/red]", "[/]", "[brackets]", "\\[x]", ":fire:", "a\nb", "\x1b[31mx", "x\u202ey"]


@pytest.fixture
def token(monkeypatch, connection):
    """Set the token, which the connection has too."""

    def change(value):
        monkeypatch.setenv("DIGITALOCEAN_TOKEN", value)
        connection(password=value)

    change("dop_v1_any")
    return change


@pytest.fixture
def plan(sim, token, capsys):
    """Run the command; return exit code, output and errors."""

    def run(**options):
        usual = {"url": sim.url, "policy": "prod", "regions": "nyc3", "tag": "shop", "keep_last": 1}
        given = {**usual, **options}.items()
        pairs = [(f"--{name.replace('_', '-')}", str(value)) for name, value in given if value]
        code = main(["plan", *(part for pair in pairs for part in pair if part != "True")])
        return (code, *capsys.readouterr())

    return run


@pytest.fixture
def droplet(sim):
    """A droplet with four snapshots of the policy, three of which no rule retains."""
    return make_droplet(sim, "shop-01")


def make_droplet(sim, name):
    """Return a droplet with snapshots of four days."""
    droplet = sim.state.add_droplet(name, tags=["shop"])
    for days in (1, 2, 3, 4):
        moment = datetime.fromtimestamp(sim.clock.now(), UTC) - timedelta(days=days)
        snapshot = str(SnapshotName("prod", droplet.id, moment))
        sim.state.add_image(snapshot, droplet_id=droplet.id, created_at=moment.timestamp())
    return droplet


def prune(**arguments):
    """Run the operator with the arguments of the plan; return the code of its failure, if any."""
    pushed = {}
    context = {"ti": SimpleNamespace(xcom_push=lambda key, value: pushed.update({key: value}))}
    operator = DigitalOceanPruneSnapshotsOperator(
        task_id="prune", policy="prod", keep_last=1, regions=["nyc3"], dry_run=False, **arguments
    )
    try:
        operator.execute(context)
    except PermanentTaskError as error:
        return error.code
    return None


@pytest.mark.parametrize(
    ("most", "lacking", "code", "deleted"),
    [
        (1, set(), "too_many_deletions", 0),
        (2, set(), None, 2),
        (2, {"tag:read"}, "forbidden", 0),
    ],
    ids=str,
)
def test_plan_and_prune_refuse_the_same(sim, plan, token, droplet, most, lacking, code, deleted):
    """The plan has the refusal of prune, and counts neither its cost nor its requests."""
    whole = json.loads(plan(json=True, droplet_id=droplet.id, tag="")[1])
    token("dop_v1_less")
    sim.tokens.allow("dop_v1_less", (READ_ONLY | {"image:delete"}) - lacking)
    options = {"droplet_id": droplet.id, "tag": "", "max_delete": most}

    told = json.loads(plan(json=True, **options)[1])
    shown = plan(**options)[1]
    failed = prune(max_delete=most)

    assert [step["action"] for step in told["steps"]].count("delete") == 2
    assert bool(told["refusal"]) == ("prune would refuse" in shown) == (code is not None)
    assert failed == code
    assert sim.journal.count("DELETE") == deleted
    assert told["needed_scopes"] == (["image:delete"] if deleted else [])
    assert (told["usd_per_month"] == whole["usd_per_month"] < 0) == bool(deleted)
    assert (told["requests"] == whole["requests"]) == bool(deleted)


@pytest.mark.parametrize("name", NASTY, ids=repr)
@pytest.mark.parametrize("tty", [False, True])
def test_names_are_written_as_they_are(sim, plan, monkeypatch, name, tty):
    """In the table and below it: no markup, no emoji, no terminal sequences, no line breaks."""
    terminal = Console(force_terminal=tty, width=300, color_system="standard" if tty else None)
    monkeypatch.setattr("airflow_provider_do_images.cli.plan.Console", lambda: terminal)
    make_droplet(sim, name)
    sim.state.add_droplet(f"{name}2", tags=["shop"])

    code, out, err = plan(max_backup_age=10**4)

    assert (code, err) == (0, "")
    [written] = [repr(name)[1:-1] if not name.isprintable() else name]
    assert out.count(f"{written}2 (") >= 2
    rows = [line for line in out.splitlines() if "delete" in line and written in line]
    assert len(rows) == 2
    assert "\x1b[31m" not in out
    assert "\u202e" not in out


def test_a_mistyped_policy_is_named(plan, sim, droplet):
    """With the policies that exist; the right one is not warned of."""
    told = json.loads(plan(policy="prodd", json=True)[1])

    assert "prod (4)" in told["warning"]
    assert told["warning"] in " ".join(plan(policy="prodd")[1].split())
    assert json.loads(plan(json=True)[1])["warning"] is None


BAD_OPTIONS = {
    "tag": "a b",
    "protected_tag": "[/]",
    "droplet_id": "x",
    "regions": "AMS3",
    "policy": "a_b",
    "keep_last": "x",
    "keep_daily": "-1",
    "min_keep": "0",
    "max_delete": "0",
    "min_age": "nan",
    "max_backup_age": "1e400",
    "usd_per_gib_month": "dear",
    "url": "http://example.com",
}


@pytest.mark.parametrize("name", BAD_OPTIONS)
def test_a_bad_option_is_named(sim, plan, name):
    """In one line, as the user typed it, with exit code 2 and before anything is sent."""
    only = {"tag": ""} if name == "droplet_id" else {}

    code, out, err = plan(**only, **{name: BAD_OPTIONS[name]})

    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"--{name.replace('_', '-')}")
    assert sim.journal.entries == []


@pytest.mark.parametrize("given", [{"tag": ""}, {"droplet_name": "a"}, {"droplet_id": 5}], ids=str)
def test_droplets_are_selected_in_one_way(plan, given):
    """None and several are refused with the three options."""
    code, _, err = plan(**given)

    assert code == 2
    assert all(option in err for option in ("--tag", "--droplet-name", "--droplet-id"))


@pytest.mark.parametrize("value", ["", "a b", "a\nb", "ä"])
def test_an_unusable_token_is_named_by_its_variable(plan, monkeypatch, value):
    """Never its value."""
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", value)

    code, _, err = plan()

    assert (code, err.count("\n")) == (2, 1)
    assert "DIGITALOCEAN_TOKEN" in err


@pytest.mark.parametrize(
    "fault",
    [TokenRevoked(), TokenRevoked(plain_text=True), RateLimited(times=None, retry_after=1000)],
)
def test_no_error_mentions_a_connection(sim, plan, fault):
    """A user of the command has an environment variable, not an Airflow connection."""
    sim.faults.add(fault)

    code, out, err = plan()

    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "connection" not in err
    assert ("DIGITALOCEAN_TOKEN" in err) == isinstance(fault, TokenRevoked)
    assert "ther users" not in err


def test_a_rate_limit_has_its_window_and_the_own_requests(client, sim, snapshot):
    """The message has the hour or the minute, and the requests that this client sent."""
    for _ in range(3):
        client.get_image(snapshot.id)
    sim.faults.add(RateLimited(times=None, retry_after=1000))

    with pytest.raises(Exception, match="This client sent 4 requests in the last minute") as failed:
        client.get_image(snapshot.id)

    assert (failed.value.code, failed.value.own_requests) == ("rate_limited", 4)
