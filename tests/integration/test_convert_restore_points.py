"""Backup to snapshot over many runs and interruptions: what the account contains."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from airflow_provider_do_images.api import (
    ActionStatus,
    DigitalOceanError,
    ImageAction,
    ServerError,
)
from airflow_provider_do_images.core.results import ActionResult, WaitStatus
from airflow_provider_do_images.core.snapshots.claim import SnapshotClaim, apply_claim
from airflow_provider_do_images.core.snapshots.naming import SnapshotName
from airflow_provider_do_images.core.wait.event import to_event
from airflow_provider_do_images.core.wait.spec import WaitResult, WaitSpec
from airflow_provider_do_images.exceptions import PermanentTaskError
from airflow_provider_do_images.operators import restore_points as backups_module
from airflow_provider_do_images.operators.image_actions import DigitalOceanConvertImageOperator
from airflow_provider_do_images.operators.restore_points import (
    DigitalOceanListRestorePointsOperator,
)
from airflow_provider_do_images.simulator import (
    ErrorStatus,
    MissingRows,
    RequestLost,
    ResponseLost,
    Rules,
    TransientForbidden,
)
from airflow_provider_do_images.simulator.state.models import ActionOutcome
from airflow_provider_do_images.version_compat import (
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
)

TOKEN = "dop_v1_0123456789abcdef"
HOUR = 3600
DAY = 24 * HOUR
CONVERTS = "/v2/images/*/actions"


@pytest.fixture(autouse=True)
def _one_time(sim, connection, monkeypatch):
    """Let the operators live in the simulator's time."""
    clock = SimpleNamespace(time=sim.clock.now)
    monkeypatch.setattr(backups_module, "time", clock)


@pytest.fixture
def find(task_context):
    """List restore points, by default of the droplets with tag ``shop``."""

    def run_find(**arguments):
        chosen = {} if {"droplet_id", "droplet_name"} & {*arguments} else {"tag": "shop"}
        usual = {"task_id": "find", "policy": "nightly", **chosen}
        return DigitalOceanListRestorePointsOperator(**{**usual, **arguments}).execute(task_context)

    return run_find


@pytest.fixture
def convert(task_context):
    """Run a convert task for one row."""

    def run_convert(row, **arguments):
        operator = DigitalOceanConvertImageOperator(
            task_id="convert", restore_point=row, verify_timeout=0.1, **arguments
        )
        return operator.execute(task_context)

    return run_convert


@pytest.fixture
def run_pipeline(find, convert):
    """List restore points, then convert each row."""

    def run_night(**arguments):
        return [convert(row) for row in find(**arguments)]

    return run_night


@pytest.fixture
def web(sim):
    """A droplet with tag ``shop`` and daily backups, the newest of which is six hours old."""
    droplet = sim.state.add_droplet("shop-01", tags=["shop"], backups="daily")
    for hours in (54, 30, 6):
        sim.state.add_backup(droplet, sim.clock.now() - hours * HOUR)
    return droplet


def name_of(droplet, image, policy="nightly"):
    """Return the name that a policy gives to the snapshot of a backup."""
    return str(SnapshotName(policy, droplet.id, datetime.fromtimestamp(image.created_at, UTC)))


def images(sim, droplet, type_):
    """Return a droplet's images of a type, oldest first."""
    own = [one for one in sim.state.images.values() if one.droplet_id == droplet.id]
    return sorted((one for one in own if one.type == type_), key=lambda one: one.created_at)


def converts(sim):
    """Return the number of converts in the journal."""
    return sim.journal.count("POST", CONVERTS)


def test_a_row_has_all_that_a_convert_needs(sim, find, web):
    """The keys are those of the documentation; times are ISO 8601."""
    newest = images(sim, web, "backup")[-1]

    [row] = find(backup_retention_days="7")

    created = datetime.fromtimestamp(newest.created_at, UTC)
    assert row == {
        "image_id": newest.id,
        "droplet_id": web.id,
        "droplet_name": "shop-01",
        "type": "backup",
        "name": newest.name,
        "created_at": created.isoformat().replace("+00:00", "Z"),
        "regions": ["nyc3"],
        "size_gigabytes": 2.5,
        "expires_at": (created + timedelta(days=7)).isoformat().replace("+00:00", "Z"),
        "policy": "nightly",
        "taken_at": created.isoformat().replace("+00:00", "Z"),
        "skip_reason": None,
        "on_missing": "fail",
    }


def test_the_snapshot_gets_name_and_tags_and_the_log_its_price(sim, find, convert, web, capfd):
    """There is one convert, the result has the droplet, and only the newest backup is converted."""
    [row] = find()

    result = convert(row, tags=["nightly", "team:web"], usd_per_gib_month=0.1)

    [snapshot] = images(sim, web, "snapshot")
    assert (snapshot.id, snapshot.name) == (row["image_id"], name_of(web, snapshot))
    assert snapshot.tags == ["nightly", "team:web"]
    assert (result["droplet_id"], result["droplet_name"]) == (web.id, "shop-01")
    assert (result["submission"], result["wait_status"], result["status"]) == (
        "submitted",
        *["completed"] * 2,
    )
    assert converts(sim) == 1
    assert len(images(sim, web, "backup")) == 2
    assert "Cost estimate: 0.25 USD per month (2.5 GiB at 0.1 USD per GiB)." in "".join(
        capfd.readouterr()
    )


def test_a_backup_is_named_before_its_convert(sim, find, convert, web):
    """Read, rename, read, history, convert, verify the type; then verify the name."""
    [row] = find()
    before = len(sim.journal.entries)

    convert(row)

    asked = [entry.method for entry in sim.journal.entries[before:]]
    assert asked == ["GET", "PUT", "GET", "GET", "POST", "GET", "GET"]


@pytest.mark.parametrize(
    "rules",
    [Rules(), Rules(rename_backup=False), Rules(convert_keeps_name=False)],
    ids=["named before", "named after", "name lost"],
)
@pytest.mark.parametrize("plan", ["daily", "weekly"])
def test_cleared_five_times_converts_once(sim, run_pipeline, plan, rules):
    """Each clear returns the same image; the older backups stay, whatever the API does to names."""
    sim.state.rules = rules
    droplet = sim.state.add_droplet("shop-01", tags=["shop"], backups=plan)
    period = DAY if plan == "daily" else 7 * DAY
    for age in (period + HOUR, HOUR):
        sim.state.add_backup(droplet, sim.clock.now() - age)

    results = [run_pipeline(max_backup_age=8 * DAY) for _ in range(6)]

    assert {result["image_id"] for [result] in results} == {images(sim, droplet, "snapshot")[0].id}
    assert [result["submission"] for [result] in results] == ["submitted", *["already_exists"] * 5]
    assert converts(sim) == 1
    assert len(images(sim, droplet, "backup")) == 1


def test_a_newer_backup_is_the_next_one(sim, run_pipeline, web):
    """The old snapshot stays, and the next run converts the new backup once."""
    first = run_pipeline()
    sim.state.add_backup(web, sim.clock.now() + HOUR)
    sim.clock.advance(2 * HOUR)

    second, again = run_pipeline(), run_pipeline()

    assert first[0]["image_id"] != second[0]["image_id"] == again[0]["image_id"]
    assert converts(sim) == 2
    assert all(one.name == name_of(web, one) for one in images(sim, web, "snapshot"))


@pytest.mark.parametrize("rename", [True, False])
def test_killed_between_convert_and_name_the_retry_finishes(sim, find, convert, web, rename):
    """The convert is found in the image's history, and no snapshot remains without a name."""
    sim.state.rules = Rules(rename_backup=rename)
    [row] = find()
    sim.tokens.allow(TOKEN)
    sim.state.decide_outcome = lambda _action: sim.tokens.revoke(TOKEN) or ActionOutcome()
    with pytest.raises(AirflowException):
        convert(row)
    [left] = images(sim, web, "snapshot")
    assert (left.name == name_of(web, left)) is rename
    sim.tokens.allow(TOKEN)

    result = convert(row, tags=["late"])

    assert (result["image_id"], result["submission"]) == (left.id, "already_exists")
    [snapshot] = images(sim, web, "snapshot")
    assert (snapshot.name, snapshot.tags) == (name_of(web, snapshot), ["late"])
    assert converts(sim) == 1


def test_killed_before_the_rename_no_older_backup_is_converted(sim, find, convert, web):
    """The row names the unfinished image, and after the retry the image is returned."""
    sim.state.rules = Rules(rename_backup=False)
    [row] = find()
    sim.tokens.allow(TOKEN)
    sim.state.decide_outcome = lambda _action: sim.tokens.revoke(TOKEN) or ActionOutcome()
    with pytest.raises(AirflowException):
        convert(row)
    sim.tokens.allow(TOKEN)

    with pytest.raises(AirflowFailException, match=rf"image {row['image_id']}") as failure:
        find()
    assert failure.value.code == "no_restore_point"
    convert(row)

    assert find()[0]["image_id"] == row["image_id"]
    assert converts(sim) == 1


def test_droplets_are_read_before_images(sim, find, web):
    """An image that another run converts in between counts as a snapshot, not as missing."""
    find()

    asked = [(entry.path, entry.query.get("type")) for entry in sim.journal.entries]
    assert asked == [("/v2/droplets", None), ("/v2/droplets", "gpus"), ("/v2/images", None)]


def test_killed_between_name_and_convert_a_new_find_finishes(sim, run_pipeline, web):
    """A backup that is named already is chosen again and converted, also if its name is lost."""
    sim.state.rules = Rules(convert_keeps_name=False)
    sim.faults.add(ErrorStatus(401, method="POST"))
    with pytest.raises(AirflowException):
        run_pipeline()
    named = [one for one in images(sim, web, "backup") if one.name == name_of(web, one)]

    [result] = run_pipeline()

    [snapshot] = images(sim, web, "snapshot")
    assert [snapshot.id] == [result["image_id"]] == [one.id for one in named]
    assert snapshot.name == name_of(web, snapshot)


@pytest.mark.parametrize(
    "fault",
    [
        ErrorStatus(422, method="PUT"),
        ErrorStatus(404, method="PUT"),
        ErrorStatus(500, method="PUT"),
        TransientForbidden(method="PUT", times=2),
        RequestLost(method="PUT"),
        ResponseLost(method="PUT"),
    ],
    ids=repr,
)
def test_a_rejected_rename_is_repeated_after_the_convert(sim, run_pipeline, web, fault):
    """For any status of the rename, the convert continues and the rename follows."""
    sim.faults.add(fault)

    run_pipeline()

    [snapshot] = images(sim, web, "snapshot")
    assert snapshot.name == name_of(web, snapshot)
    assert converts(sim) == 1


def test_a_rename_that_always_fails_is_logged_once(sim, client, snapshot, caplog):
    """It is sent every few seconds, and the failure has the last response."""
    sim.faults.add(ErrorStatus(500, method="PUT", times=None))
    row = {"image_id": snapshot.id, "droplet_id": 42, "droplet_name": "web-1", "type": "backup"}
    row |= {"name": snapshot.name, "policy": "nightly", "taken_at": "2026-01-01T02:00:00Z"}
    times = {"clock": sim.clock.now, "sleep": sim.clock.advance}

    with pytest.raises(ServerError, match=f"image {snapshot.id}"):
        apply_claim(client, SnapshotClaim.from_row(row), verify_timeout=60.0, **times)

    assert sim.journal.count("PUT") > 5
    assert len([text for text in caplog.messages if "not renamed or tagged" in text]) == 1


def test_waiting_for_the_name_and_tags_is_logged_once(sim, client, snapshot, caplog):
    """The line has the missing values, the interval and the timeout; none if they show at once."""
    caplog.set_level("INFO")
    row = {"image_id": snapshot.id, "droplet_id": 42, "droplet_name": "web-1", "type": "backup"}
    row |= {"name": snapshot.name, "policy": "nightly", "taken_at": "2026-01-01T02:00:00Z"}
    times = {"clock": sim.clock.now, "sleep": sim.clock.advance}
    apply_claim(client, SnapshotClaim.from_row(row, ["seen"]), verify_timeout=120.0, **times)
    assert caplog.messages == []
    sim.tokens.allow(TOKEN, {"image:read", "image:update", "tag:create"})

    with pytest.raises(DigitalOceanError, match=f"image {snapshot.id}"):
        apply_claim(client, SnapshotClaim.from_row(row, ["nightly"]), verify_timeout=120.0, **times)

    [line] = caplog.messages
    assert f"image {snapshot.id} of droplet web-1 (42)" in line


def test_two_policies_do_not_share_snapshots(sim, run_pipeline, web):
    """Each converts a backup of its own under its own name, and repeats nothing."""
    ours, theirs = run_pipeline(), run_pipeline(policy="other")
    again = run_pipeline(), run_pipeline(policy="other")

    assert (ours[0]["image_id"], theirs[0]["image_id"]) == tuple(
        result["image_id"] for [result] in again
    )
    older, newer = images(sim, web, "snapshot")
    assert newer.name == name_of(web, newer)
    assert older.name == name_of(web, older, "other")
    assert converts(sim) == 2


@pytest.mark.parametrize("name", ["mine now", "other_{droplet}_20261101T000000Z"])
def test_an_image_renamed_by_another_client_is_left_alone(sim, find, convert, web, name):
    """Nothing is sent that changes it, and the failure has all three names."""
    [row] = find()
    image = sim.state.images[row["image_id"]]
    image.name = name.format(droplet=web.id)

    with pytest.raises(AirflowFailException) as failure:
        convert(row)

    assert failure.value.code == "image_renamed"
    names = (image.name, row["name"], name_of(web, image))
    assert all(repr(name) in str(failure.value) for name in names)
    assert {entry.method for entry in sim.journal.entries} == {"GET"}


def test_a_name_changed_during_the_convert_is_left_alone(sim, find, convert, web):
    """The image is read again after the convert."""
    [row] = find()
    sim.state.rules = Rules(rename_backup=False)
    image = sim.state.images[row["image_id"]]
    sim.state.decide_outcome = lambda _action: setattr(image, "name", "mine now") or ActionOutcome()

    with pytest.raises(AirflowFailException, match="mine now"):
        convert(row)

    assert image.name == "mine now"
    assert sim.journal.count("PUT", status=200) == 0


def test_one_droplet_without_a_backup_costs_the_others_nothing(sim, find, web, xcoms):
    """It is named with the reason, in the rows and under a key of its own."""
    off = sim.state.add_droplet("shop-02", tags=["shop"])
    gpu = sim.state.add_droplet(
        "shop-gpu", tags=["shop"], backups="daily", size_slug="gpu-h100x1-80gb"
    )
    sim.state.add_backup(gpu, sim.clock.now() - HOUR)

    rows = find()

    reason = "its backups are disabled"
    assert [(row["droplet_name"], row["skip_reason"]) for row in rows] == [
        ("shop-01", None),
        ("shop-gpu", None),
        ("shop-02", reason),
    ]
    assert len({frozenset(row) for row in rows}) == 1
    assert xcoms["droplets_without_restore_point"] == [
        {"droplet_id": off.id, "droplet_name": "shop-02", "reason": reason}
    ]
    assert [row["droplet_name"] for row in find(on_missing="ignore")] == ["shop-01", "shop-gpu"]
    assert xcoms["droplets_without_restore_point"][0]["droplet_id"] == off.id


@pytest.mark.parametrize(
    ("on_missing", "error"), [("fail", AirflowFailException), ("skip", AirflowSkipException)]
)
def test_the_row_of_a_missing_droplet_fails_or_skips_its_convert(
    sim, find, convert, web, on_missing, error
):
    """With the reason, and without a request."""
    sim.state.add_droplet("shop-02", tags=["shop"], backups="daily")
    row = find(on_missing=on_missing)[-1]
    asked = len(sim.journal.entries)

    with pytest.raises(error) as caught:
        convert(row)

    assert caught.value.code == "no_restore_point"

    assert len(sim.journal.entries) == asked


@pytest.mark.parametrize(
    ("on_missing", "error"), [("fail", AirflowFailException), ("skip", AirflowSkipException)]
)
def test_without_a_usable_row_the_task_itself_fails_or_skips(sim, find, xcoms, on_missing, error):
    """A mapped convert cannot do it without rows; ``ignore`` returns none."""
    sim.state.add_droplet("shop-02", tags=["shop"], backups="daily")

    with pytest.raises(error, match=r"droplets with tag 'shop': droplet shop-02") as caught:
        find(on_missing=on_missing)

    assert caught.value.code == "no_restore_point"

    assert len(xcoms["droplets_without_restore_point"]) == 1
    assert find(on_missing="ignore") == []


def test_a_name_that_several_droplets_have_is_ambiguous(sim, find, web, xcoms):
    """None is selected, and both ids are in the message; the id itself works."""
    twin = sim.state.add_droplet("shop-01", backups="daily")
    sim.state.add_backup(twin, sim.clock.now() - HOUR)

    with pytest.raises(AirflowFailException, match=rf"\({web.id}, {twin.id}\)"):
        find(droplet_name="shop-01")

    assert [one["droplet_id"] for one in xcoms["droplets_without_restore_point"]] == [
        web.id,
        twin.id,
    ]
    [row] = find(droplet_id=str(twin.id))
    assert row["droplet_id"] == twin.id


@pytest.mark.parametrize("path", ["/v2/droplets", "/v2/images"])
def test_a_list_with_gaps_is_read_again(sim, find, web, path):
    """Missing rows would be taken for deleted droplets or backups."""
    sim.faults.add(MissingRows(path=path, rows=1))

    [row] = find()

    assert row["image_id"] == images(sim, web, "backup")[-1].id


def test_a_list_that_keeps_its_gaps_fails(sim, find, web):
    """The fault may pass, so Airflow may retry."""
    sim.faults.add(MissingRows(path="/v2/images", rows=1, times=None))

    with pytest.raises(AirflowException, match=r"\[incomplete_list\]$") as failure:
        find()

    assert not isinstance(failure.value, AirflowFailException)


@pytest.mark.parametrize("hours", [1, 37, 24 * 365])
def test_a_backfill_finds_the_snapshot_and_writes_nothing(
    sim, find, run_pipeline, web, task_context, hours
):
    """A run of any data interval finds the snapshot of the previous run."""
    [before] = run_pipeline()
    task_context["data_interval_end"] = datetime.now(UTC) - timedelta(hours=hours)
    sim.journal.clear()

    [row] = run_pipeline()

    assert (row["image_id"], row["submission"]) == (before["image_id"], "already_exists")
    assert {entry.method for entry in sim.journal.entries} == {"GET"}


def test_a_manual_run_of_an_old_interval_converts(find, run_pipeline, web, task_context):
    """A manual run on a data-interval timetable converts the newest backup, as any other run."""
    task_context["data_interval_end"] = datetime.now(UTC) - timedelta(days=30)

    [row] = run_pipeline()

    assert row["submission"] == "submitted"


@pytest.mark.parametrize(
    ("expiry_warning_window", "warned"), [(6.8 * DAY, True), (6.7 * DAY, False)]
)
def test_a_backup_that_expires_soon_is_warned_of(find, web, capfd, expiry_warning_window, warned):
    """Counted from the time of the backup, by the retention that the user knows."""
    find(expiry_warning_window=expiry_warning_window)

    assert ("expires at" in "".join(capfd.readouterr())) is warned


@pytest.mark.parametrize(("days", "past"), [(0.1, True), (0.25, True), (0.3, False)])
def test_an_expiry_in_the_past_is_not_announced(find, web, capfd, days, past):
    """The newest backup is six hours old: with a shorter retention it would have expired."""
    find(backup_retention_days=days)

    [warning] = [
        line for line in capfd.readouterr().out.splitlines() if "backup_retention_days" in line
    ]
    assert ("still exists" in warning, "convert it before" in warning) == (past, not past)


def test_a_mistyped_policy_is_warned_of(find, run_pipeline, web, capfd):
    """The warning names the policies that have images; the first run logs nothing."""
    run_pipeline()
    assert "has no images" not in "".join(capfd.readouterr())

    find(policy="nightyl")

    assert re.search(r"'nightyl'.*nightly \(1\)", "".join(capfd.readouterr()))


def test_a_snapshot_does_not_expire(find, run_pipeline, web, capfd):
    """The row has no expiry, and there is no warning."""
    run_pipeline()
    capfd.readouterr()

    [row] = find(expiry_warning_window=30 * DAY)

    assert (row["type"], row["expires_at"]) == ("snapshot", None)
    assert "expires at" not in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    "arguments",
    [
        {"tag": "nobody"},
        {"droplet_name": "shop-99"},
        {"droplet_name": " shop-99"},
        {"droplet_name": 99},
        {"tag": 12026},
        {"policy": "a_b"},
        {"policy": 12026},
        {"droplet_id": 5, "tag": "shop"},
        {"droplet_id": {"id": 5}},
        {"tag": ""},
        {"on_missing": "no"},
        {"on_missing": 5},
        {"max_backup_age": timedelta(0)},
        {"max_backup_age": timedelta.max},
        {"backup_retention_days": "inf"},
        {"expiry_warning_window": True},
        {"digitalocean_conn_id": 5},
    ],
    ids=str,
)
def test_invalid_input_is_refused(sim, find, web, arguments):
    """Nothing is converted, and in most cases no request is sent."""
    with pytest.raises(PermanentTaskError) as failure:
        find(**arguments)

    assert failure.value.code == "invalid_input"
    assert converts(sim) == 0


@pytest.mark.parametrize(
    ("change", "arguments"),
    [
        ({"taken_at": "yesterday"}, {}),
        ({"taken_at": "2026-11-23T00:00:00"}, {}),
        ({"policy": "a b"}, {}),
        ({"image_id": "x"}, {}),
        ({"name": 5}, {}),
        ({}, {"tags": "nightly"}),
        ({}, {"tags": ["a b"]}),
        ({}, {"tags": [12026]}),
        ({}, {"image_id": 5}),
        ({}, {"usd_per_gib_month": "dear"}),
        ({}, {"timeout": None}),
        ({}, {"digitalocean_conn_id": " "}),
    ],
    ids=str,
)
def test_a_damaged_row_is_refused(sim, find, convert, web, change, arguments):
    """No request is sent."""
    [row] = find()
    asked = len(sim.journal.entries)

    with pytest.raises(PermanentTaskError) as failure:
        convert({**row, **change}, **arguments)

    assert failure.value.code == "invalid_input"
    assert len(sim.journal.entries) == asked


def test_tags_without_a_backup_are_refused(task_context):
    """With an image id alone the policy of the snapshot is unknown."""
    operator = DigitalOceanConvertImageOperator(task_id="convert", image_id=5, tags=["a"])

    with pytest.raises(AirflowFailException):
        operator.execute(task_context)


def test_tags_that_cannot_be_seen_fail_with_the_scope(sim, find, convert, web):
    """The snapshot is named, and a retry with the scope finishes."""
    scopes = {"image:read", "image:update", "droplet:read", "tag:create"}
    [row] = find()
    sim.tokens.allow(TOKEN, scopes)

    with pytest.raises(AirflowException) as failed:
        convert(row, tags=["nightly"])

    assert failed.value.code == "not_renamed"
    assert "tag:read" in str(failed.value)
    assert re.search(r"\(request id [0-9a-f-]{36}\)", str(failed.value))

    sim.tokens.allow(TOKEN, {*scopes, "tag:read"})
    assert convert(row, tags=["nightly"])["submission"] == "already_exists"
    assert converts(sim) == 1


def test_a_token_that_may_not_tag_leaves_a_named_snapshot(sim, find, convert, web):
    """The failure describes what clearing the task does."""
    [row] = find()
    sim.tokens.allow(TOKEN, {"image:read", "image:update", "tag:read"})

    with pytest.raises(AirflowFailException, match=r"\[forbidden\]$") as failure:
        convert(row, tags=["nightly"])

    assert "tag:create" in str(failure.value)
    [snapshot] = images(sim, web, "snapshot")
    assert snapshot.name == name_of(web, snapshot)


def test_a_row_that_changed_while_the_task_was_deferred_names_nothing(sim, find, task_context, web):
    """A find that runs again may put another droplet's row in this one's place."""
    [row] = find()
    now = sim.clock.now()
    action = sim.state.begin_action("convert_to_snapshot", sim.state.images[row["image_id"]])
    done = ImageAction(action.id, ActionStatus.COMPLETED, "convert_to_snapshot")
    submitted = ActionResult(row["image_id"], action=done)
    wait = WaitSpec.for_result(submitted, now=now, deadline=now + HOUR, verify_timeout=0.0)
    result = WaitResult(WaitStatus.COMPLETED, wait, now, done)
    event = to_event([result], [submitted.to_json()])
    other = images(sim, web, "backup")[0]
    operator = DigitalOceanConvertImageOperator(
        task_id="convert", restore_point={**row, "image_id": other.id, "name": other.name}
    )

    with pytest.raises(AirflowFailException, match=f"image {row['image_id']} "):
        operator.execute_complete(task_context, event)

    assert sim.journal.count("PUT") == 0


def test_a_backup_that_has_expired_names_the_task_to_clear(sim, find, convert, web):
    """Between choosing and converting it may be deleted."""
    [row] = find()
    sim.state.remove_image(sim.state.images[row["image_id"]], sim.clock.now())

    with pytest.raises(AirflowFailException, match=r"\[not_found\]$"):
        convert(row)
