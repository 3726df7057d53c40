"""Which snapshots are retained: the rules, and the guards that hold in any case."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_do_images.api import Droplet, Image, InvalidInputError
from airflow_provider_do_images.core.snapshots.naming import SnapshotName
from airflow_provider_do_images.core.snapshots.retention import (
    RetentionDecision,
    RetentionPolicy,
    changed_since_plan,
    plan_retention,
)

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
POLICY = "prod-nightly"
REGIONS = ("nyc3", "ams3", "sgp1")

# Hours. Many on a few days, some in the future, some in weeks and months long past.
ages = st.one_of(st.integers(24, 24 * 20), st.sampled_from([-100, -5, 0, 24 * 365, 24 * 400]))
ours = st.builds(
    SnapshotName,
    policy=st.just(POLICY),
    droplet_id=st.sampled_from([1, 1, 1, 2]),
    taken_at=ages.map(lambda hours: NOW - timedelta(hours=hours)),
).map(str)
theirs = st.sampled_from(
    [
        "",
        "web-01- 2026-11-23",
        "prod-nightly_1_20261101T031500",
        "copy of prod-nightly_1_20261101T031500Z",
        "prod_1_20261101T031500Z",
        "prod-nightly-2_1_20261101T031500Z",
        "PROD-nightly_1_20261101T031500Z",
    ]
)
images = st.lists(
    st.builds(
        Image,
        id=st.integers(1, 2**40),
        name=st.one_of(ours, ours, ours, theirs),
        type=st.sampled_from(["snapshot"] * 9 + ["backup", "custom", ""]),
        status=st.sampled_from([None, *["available"] * 8, "pending", "deleted"]),
        regions=st.sampled_from([REGIONS, REGIONS, REGIONS[:2], REGIONS[1:], REGIONS[:1], ()]),
        tags=st.sampled_from([(), (), (), ("prod",), ("keep",), ("Keep", "prod")]),
        size_gigabytes=st.none() | st.floats(0.1, 100),
    ),
    unique_by=lambda image: image.id,
    min_size=10,
    max_size=20,
)
counts = st.sampled_from([0, 0, 0, 1, 2, 5])
retentions = st.builds(
    RetentionPolicy,
    keep_last=counts,
    keep_daily=counts,
    keep_weekly=counts,
    keep_monthly=counts,
    regions=st.sampled_from([(), (), REGIONS[:1], REGIONS[1:], REGIONS[1:], ("fra1",)]),
    min_age=st.sampled_from([1.0, 24 * 3600.0, 9 * 24 * 3600.0]),
    min_keep=st.sampled_from([1, 1, 2, 4]),
    prune_orphans=st.booleans(),
)
droplets = st.sampled_from([(1, 2), (1, 2), (1,), ()]).map(
    lambda ids: [Droplet(number, f"web-{number}") for number in ids]
)


def decide(images, droplets, retention, now=NOW):
    """Return the decisions on these images."""
    return plan_retention(images, droplets, POLICY, retention, now=now)


def sound_by_droplet(images):
    """Return the snapshots that count, by droplet, the newest first, and their backup times."""
    groups = defaultdict(list)
    for image in images:
        name = SnapshotName.parse(image.name)
        if (
            name
            and name.policy == POLICY
            and image.type == "snapshot"
            and image.status in (None, "available")
            and name.taken_at <= NOW + timedelta(days=1)
        ):
            groups[name.droplet_id].append((name.taken_at, image.id, image))
    return {key: [row[2] for row in sorted(rows)[::-1]] for key, rows in groups.items()}


def taken_at(image):
    """Return the backup time in the image's name."""
    return SnapshotName.parse(image.name).taken_at


@settings(max_examples=100)
@given(images, droplets, retentions)
def test_the_guards_hold(images, droplets, retention):
    """For any history and arguments, protected images are retained."""
    decisions = decide(images, droplets, retention)
    deleted = {one.snapshot.image.id for one in decisions if one.delete}
    alive = {droplet.id for droplet in droplets}

    for image in images:
        if image.id in deleted:
            name = SnapshotName.parse(image.name)
            assert (name.policy, image.type) == (POLICY, "snapshot")
            assert name.taken_at <= NOW - timedelta(seconds=retention.min_age)
            assert not {"keep", "Keep"} & {*image.tags}
            assert name.droplet_id in alive or retention.prune_orphans
    for group in sound_by_droplet(images).values():
        assert group[0].id not in deleted
        kept = [image for image in group if image.id not in deleted]
        assert len(kept) >= min(len(group), retention.min_keep)
        for regions in [*((region,) for region in retention.regions), retention.regions]:
            there = [image for image in group if {*regions} <= {*image.regions}]
            assert not there or there[0].id not in deleted
        if retention.regions and not there:
            assert kept == group


@settings(max_examples=100)
@given(images, droplets, retentions)
def test_the_rules_retain_what_they_select(images, droplets, retention):
    """The last ones, and the newest of each of the last days, weeks and months, remain."""
    deleted = {one.snapshot.image.id for one in decide(images, droplets, retention) if one.delete}

    for group in sound_by_droplet(images).values():
        wanted = group[: retention.keep_last]
        for number, form in (
            (retention.keep_daily, "%Y-%m-%d"),
            (retention.keep_weekly, "%G-%V"),
            (retention.keep_monthly, "%Y-%m"),
        ):
            newest = {}
            for image in reversed(group):
                newest[taken_at(image).strftime(form)] = image
            wanted += [newest[key] for key in sorted(newest, reverse=True)[:number]]
        assert not deleted & {image.id for image in wanted}


@settings(max_examples=100)
@given(images, droplets, retentions)
def test_a_second_run_deletes_nothing_more(images, droplets, retention):
    """The images that a plan retains are retained by the next plan."""
    deleted = {one.snapshot.image.id for one in decide(images, droplets, retention) if one.delete}
    left = [image for image in images if image.id not in deleted]

    assert not [one for one in decide(left, droplets, retention) if one.delete]


@settings(max_examples=100)
@given(images, droplets, retentions)
def test_every_image_of_the_policy_has_one_decision_with_a_reason(images, droplets, retention):
    """No other image has one, even if the list repeats an image."""
    decisions = decide([*images, *images], droplets, retention)

    named = [
        image.id
        for image in images
        if (name := SnapshotName.parse(image.name)) and name.policy == POLICY
    ]
    assert sorted(one.snapshot.image.id for one in decisions) == sorted(named)
    assert all(one.reasons for one in decisions)


def snapshot(number, days, **values):
    """Return a snapshot of droplet 1 whose backup was made so many days ago."""
    name = SnapshotName(POLICY, 1, NOW - timedelta(days=days))
    fields = {"type": "snapshot", "regions": ("nyc3",), "size_gigabytes": 2.5, **values}
    return Image(number, str(name), **fields)


def retained_days(ages, retention):
    """Return the ages, in days, of the retained snapshots among those with these ages."""
    made = [snapshot(number, age) for number, age in enumerate(ages, 1)]
    decisions = decide(made, [Droplet(1, "web-01")], retention)
    return [(NOW - one.snapshot.name.taken_at).days for one in decisions if not one.delete]


@pytest.mark.parametrize(
    ("rules", "kept"),
    [
        ({"keep_last": 3}, [0, 1, 2]),
        ({"keep_daily": 4}, [0, 1, 2, 3]),
        ({"keep_weekly": 4}, [0, 1, 8, 15]),  # today is a Monday, the first day of its week
        ({"keep_monthly": 3}, [0, 23, 54]),
        ({"keep_daily": 2, "keep_weekly": 2, "keep_monthly": 2}, [0, 1, 23]),
    ],
    ids=str,
)
def test_a_history_of_sixty_days(rules, kept):
    """Seven daily and four weekly, and so on, counted back from the newest."""
    assert retained_days(range(60), RetentionPolicy(**rules, min_keep=1)) == kept


@pytest.mark.parametrize("rule", ["keep_weekly", "keep_monthly"])
def test_the_same_week_and_month_of_another_year_is_another(rule):
    """The year belongs to it."""
    retention = RetentionPolicy(**{rule: 2}, min_keep=1)

    assert retained_days([21, 21 + 364, 21 + 728], retention) == [21, 21 + 364]


def test_a_gap_is_no_loss():
    """The last days that have a snapshot count, not the last days of the calendar."""
    assert retained_days([30, 31, 40, 90, 91], RetentionPolicy(keep_daily=3, min_keep=1)) == [
        30,
        31,
        40,
    ]


def test_a_renamed_backup_does_not_replace_a_snapshot():
    """A renamed backup that is not converted is retained, and so is the newest snapshot."""
    made = [snapshot(1, 3, type="backup"), snapshot(2, 4), snapshot(3, 5)]

    [backup, newest, old] = decide(
        made, [Droplet(1, "web")], RetentionPolicy(keep_last=1, min_keep=1)
    )

    assert [backup.delete, newest.delete, old.delete] == [False, False, True]
    assert backup.reasons == ("its type is 'backup', not 'snapshot'",)
    assert newest.reasons == ("the newest", "one of the last 1")


def test_the_newest_in_each_region_is_retained():
    """It is retained even if an older one is in all regions."""
    made = [
        snapshot(1, 3),
        snapshot(2, 4, regions=("nyc3", "ams3")),
        snapshot(3, 5),
        snapshot(4, 6, regions=("nyc3", "ams3", "sgp1")),
        snapshot(5, 7, regions=("nyc3", "ams3", "sgp1")),
    ]
    retention = RetentionPolicy(keep_last=1, regions=("ams3", "sgp1"), min_keep=1)

    decisions = decide(made, [Droplet(1, "web")], retention)

    assert [one.delete for one in decisions] == [False, False, True, False, True]
    assert decisions[1].reasons == ("the newest in ams3",)
    assert decisions[3].reasons == ("the newest in sgp1", "the newest in ams3 and sgp1")


def test_snapshots_below_the_minimum_age_are_retained():
    """The age is from the backup to the time of the plan, compared with min_age."""
    retention = RetentionPolicy(keep_last=1, min_keep=1, min_age=5 * 24 * 3600)

    assert retained_days([1, 2, 4, 5, 6], retention) == [1, 2, 4]


def test_without_a_copy_in_all_regions_nothing_is_deleted():
    """A replication that is broken, or a misspelt region, costs storage and not a copy."""
    made = [snapshot(1, 3), snapshot(2, 4, regions=("nyc3", "ams3")), snapshot(3, 5)]
    retention = RetentionPolicy(keep_last=1, regions=("ams3", "sgp1"), min_keep=1)

    decisions = decide(made, [Droplet(1, "web")], retention)

    assert not [one for one in decisions if one.delete]
    assert decisions[2].reasons == ("none of this droplet is in ams3 and sgp1 yet",)


def test_a_row_has_the_reason_and_the_savings():
    """It has only primitives, and the same keys for each decision."""
    made = [snapshot(1, 3), snapshot(2, 4), snapshot(3, 5), snapshot(4, 6, size_gigabytes=None)]
    decisions = decide(made, [Droplet(1, "web-01")], RetentionPolicy(keep_last=1))

    [first, second, third, last] = [one.to_row() for one in decisions]

    assert first["reasons"] == ["the newest", "one of the last 1"]
    assert second["reasons"] == ["at least 2 are retained"]
    assert third == {
        "image_id": 3,
        "name": "prod-nightly_1_20261118T120000Z",
        "droplet_id": 1,
        "droplet_name": "web-01",
        "taken_at": "2026-11-18T12:00:00Z",
        "regions": ["nyc3"],
        "decision": "delete",
        "reasons": ["no rule retains it"],
        "size_gigabytes": 2.5,
        "usd_per_month": 0.15,
        "deleted": False,
    }
    assert (last["size_gigabytes"], last["usd_per_month"]) == (None, None)
    assert str(decisions[2]) == (
        "image 3 (prod-nightly_1_20261118T120000Z, 2.5 GiB, of droplet web-01)"
    )


@pytest.mark.parametrize(
    ("now", "words"),
    [
        ({"tags": ("KEEP",)}, "the tag 'keep'"),
        ({"name": "mine"}, "its name changed"),
        ({"type": "custom"}, "its type changed"),
        ({"regions": ("nyc3", "ams3")}, "its regions changed"),
        ({"regions": ()}, "its regions changed"),
        ({"tags": ("prod",), "regions": ("nyc3",)}, None),
    ],
    ids=str,
)
def test_an_image_that_changed_since_the_plan_is_retained(now, words):
    """A protected tag, another name, type or region counts; another tag does not."""
    before = snapshot(1, 9)
    [decision] = decide([before], [Droplet(1, "web")], RetentionPolicy(keep_last=1))
    after = Image(**{name: getattr(before, name) for name in Image.__slots__} | now)

    why = changed_since_plan(decision, after, RetentionPolicy(keep_last=1))

    assert isinstance(decision, RetentionDecision)
    assert words in why if words else why is None


GIVEN = {
    "keep_last": "7",
    "keep_daily": 0,
    "keep_weekly": 0,
    "keep_monthly": 0,
    "regions": "['ams3', 'sgp1']",
    "min_age": "3600",
    "min_keep": 1,
    "protected_tag": "keep",
    "prune_orphans": "False",
}


def test_rendered_templates_are_read():
    """Numbers, lists and switches as text."""
    assert RetentionPolicy.checked(**GIVEN) == RetentionPolicy(
        keep_last=7, regions=("ams3", "sgp1"), min_age=3600.0, min_keep=1
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"keep_last": 0},
        {"keep_last": -1},
        {"keep_daily": True},
        {"keep_weekly": 1.5},
        {"keep_monthly": ""},
        {"min_keep": 0},
        {"min_age": 0},
        {"min_age": True},
        {"min_age": 1e12},
        {"protected_tag": 12026},
        {"regions": ["Amsterdam"]},
        {"regions": 3},
        {"regions": "[ams3"},
        {"protected_tag": ""},
        {"protected_tag": None},
        {"prune_orphans": "no"},
        {"prune_orphans": 1},
    ],
    ids=str,
)
def test_contradicting_rules_are_refused(wrong):
    """No request is sent."""
    with pytest.raises(InvalidInputError):
        RetentionPolicy.checked(**GIVEN | wrong)
