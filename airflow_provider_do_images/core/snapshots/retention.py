"""Decide which snapshots of a policy to retain, and why. Pure: no clock, no I/O.

Retention rules define how many snapshots to retain. Guards define what is never deleted. Both apply
to each droplet separately; a snapshot is retained if one rule or guard matches. Days, weeks and
months are those of the backup time in the name, in UTC.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from airflow_provider_do_images.api import Droplet, Image, InvalidInputError
from airflow_provider_do_images.api.models import format_time
from airflow_provider_do_images.api.text import printable
from airflow_provider_do_images.api.validation import (
    check_count,
    check_flag,
    check_regions,
    check_seconds,
    check_tag,
    has_tag,
)
from airflow_provider_do_images.core.messages import duration_text
from airflow_provider_do_images.core.snapshots.inventory import (
    PolicySnapshot,
    incomplete_reason,
    snapshots_by_droplet,
)
from airflow_provider_do_images.core.snapshots.pricing import USD_PER_GIB_MONTH, usd_per_month

_PERIODS: dict[str, tuple[str, Callable[[datetime], Hashable]]] = {
    "keep_daily": ("day", lambda moment: moment.date()),
    "keep_weekly": ("week", lambda moment: moment.isocalendar()[:2]),
    "keep_monthly": ("month", lambda moment: (moment.year, moment.month)),
}


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """Retention rules and guards.

    :param keep_last: retain this number of the newest snapshots.
    :param keep_daily: retain the newest snapshot of each day, for this number of days that have
        one.
    :param keep_weekly: the same for ISO weeks.
    :param keep_monthly: the same for months.
    :param regions: slugs of the regions that each snapshot is expected in.
    :param min_age: retain snapshots whose backup is younger, in seconds.
    :param min_keep: the minimum number of snapshots to retain per droplet.
    :param protected_tag: retain images with this tag.
    :param prune_orphans: whether to apply rules and guards to deleted droplets; otherwise all of
        their snapshots are retained.
    """

    keep_last: int = 0
    keep_daily: int = 0
    keep_weekly: int = 0
    keep_monthly: int = 0
    regions: tuple[str, ...] = ()
    min_age: float = 24 * 3600.0
    min_keep: int = 2
    protected_tag: str = "keep"
    prune_orphans: bool = False

    @classmethod
    def checked(cls, **values: Any) -> Self:
        """Build a policy from unchecked parameters.

        :raises InvalidInputError: with the name of the parameter, or if no rule is set.
        """
        counts = {
            name: check_count(name, values[name])
            for name in ("keep_last", "keep_daily", "keep_weekly", "keep_monthly")
        }
        if not any(counts.values()):
            raise InvalidInputError(
                "set at least one of keep_last, keep_daily, keep_weekly and keep_monthly: without "
                "a rule, no snapshot would be retained"
            )
        return cls(
            **counts,
            regions=check_regions(values["regions"]),
            min_age=check_seconds("min_age", values["min_age"]),
            min_keep=check_count("min_keep", values["min_keep"], least=1),
            protected_tag=check_tag("protected_tag", values["protected_tag"]),
            prune_orphans=check_flag("prune_orphans", values["prune_orphans"]),
        )

    def protects(self, image: Image) -> bool:
        """Return whether the image has the protected tag, ignoring case."""
        return has_tag(image.tags, self.protected_tag)


@dataclass(frozen=True, slots=True)
class RetentionDecision:
    """The decision for one snapshot and, after prune, its result.

    :param delete: whether to delete the snapshot.
    :param reasons: all reasons, in words.
    :param deleted: whether the image is deleted.
    """

    snapshot: PolicySnapshot
    droplet_name: str | None
    delete: bool
    reasons: tuple[str, ...]
    usd_per_month: float | None
    deleted: bool = False

    def __str__(self) -> str:
        image, name = self.snapshot.image, self.snapshot.name
        droplet = printable(self.droplet_name or f"{name.droplet_id}, deleted")
        size = "unknown size" if image.size_gigabytes is None else f"{image.size_gigabytes:g} GiB"
        return f"image {image.id} ({image.name}, {size}, of droplet {droplet})"

    def to_row(self) -> dict[str, Any]:
        """Return JSON values; ``decision`` is ``retain`` or ``delete``.

        ``size_gigabytes`` is in GiB. It and ``usd_per_month`` are null if the size is unknown.
        """
        image, name = self.snapshot.image, self.snapshot.name
        return {
            "image_id": image.id,
            "name": image.name,
            "droplet_id": name.droplet_id,
            "droplet_name": self.droplet_name,
            "taken_at": format_time(name.taken_at),
            "regions": list(image.regions),
            "decision": "delete" if self.delete else "retain",
            "reasons": list(self.reasons),
            "size_gigabytes": image.size_gigabytes,
            "usd_per_month": self.usd_per_month,
            "deleted": self.deleted,
        }


def plan_retention(
    images: Iterable[Image],
    droplets: Iterable[Droplet],
    policy: str,
    retention: RetentionPolicy,
    *,
    now: datetime,
    usd_per_gib_month: float = USD_PER_GIB_MONTH,
) -> list[RetentionDecision]:
    """Return a decision for each image of the policy, by droplet, the newest first.

    A plan is idempotent: after it is executed, a new plan at the same time deletes nothing.
    """
    names = {droplet.id: droplet.name for droplet in droplets}
    # An image that changes during the read may be listed twice.
    groups = snapshots_by_droplet({image.id: image for image in images}.values(), policy)
    decisions = []
    for droplet_id, group in sorted(groups.items()):
        retained = _reasons_to_retain(group, retention, now, is_orphan=droplet_id not in names)
        for one in group:
            reasons = retained.get(one.image.id)
            decisions.append(
                RetentionDecision(
                    one,
                    names.get(droplet_id),
                    delete=not reasons,
                    reasons=tuple(reasons or ["no rule retains it"]),
                    usd_per_month=usd_per_month(one.image.size_gigabytes, usd_per_gib_month),
                )
            )
    return decisions


def missing_regions(
    decisions: Iterable[RetentionDecision], retention: RetentionPolicy
) -> list[str]:
    """Return the expected regions without any snapshot: one of them may be mistyped.

    While there is one, every snapshot is retained.
    """
    present = {region for one in decisions for region in one.snapshot.image.regions}
    return [region for region in retention.regions if region not in present]


def changed_since_plan(
    decision: RetentionDecision, image: Image, retention: RetentionPolicy
) -> str | None:
    """Return why an image must be retained although the plan deletes it, or ``None``.

    Additional regions are a reason, too: the image may now be the newest in all regions.

    :param image: the image as read before its DELETE.
    """
    before = decision.snapshot.image
    if retention.protects(image):
        return f"it received the tag {retention.protected_tag!r} after the plan"
    if reason := incomplete_reason(image):
        return reason
    for what, was, now in (
        ("name", before.name, image.name),
        ("type", before.type, image.type),
        ("regions", sorted(before.regions), sorted(image.regions)),
    ):
        if was != now:
            return f"its {what} changed from {was!r} to {now!r} after the plan"
    return None


def _reasons_to_retain(
    group: Sequence[PolicySnapshot], retention: RetentionPolicy, now: datetime, *, is_orphan: bool
) -> dict[int, list[str]]:
    """Return the reasons to retain by image id.

    :param group: the snapshots of one droplet, the newest first.
    """
    reasons: dict[int, list[str]] = defaultdict(list)
    usable = []
    for one in group:
        # An unusable snapshot is not deleted, and it does not count as a usable one.
        if reason := one.unusable_reason(now):
            reasons[one.image.id].append(reason)
        else:
            usable.append(one)
    for reason, matching in (
        *_guards(usable, retention, now, is_orphan=is_orphan),
        *_rules(usable, retention),
    ):
        for one in matching:
            reasons[one.image.id].append(reason)
    deletable = [one for one in usable if one.image.id not in reasons]
    too_few = retention.min_keep - (len(usable) - len(deletable))
    for one in deletable[: max(too_few, 0)]:
        reasons[one.image.id].append(f"at least {retention.min_keep} are retained")
    return reasons


def _guards(
    usable: Sequence[PolicySnapshot], retention: RetentionPolicy, now: datetime, *, is_orphan: bool
) -> Iterator[tuple[str, Sequence[PolicySnapshot]]]:
    yield "the newest", usable[:1]
    regions = retention.regions
    for expected in dict.fromkeys((*((region,) for region in regions), regions) if regions else ()):
        complete = [one for one in usable if set(expected) <= set(one.image.regions)]
        yield f"the newest in {' and '.join(expected)}", complete[:1]
        if not complete and expected == regions:
            yield f"none of this droplet is in {' and '.join(regions)} yet", usable
    young = now - timedelta(seconds=retention.min_age)
    yield (
        f"younger than {duration_text(retention.min_age)}",
        [one for one in usable if one.name.taken_at > young],
    )
    yield (
        f"protected by the tag {retention.protected_tag!r}",
        [one for one in usable if retention.protects(one.image)],
    )
    if is_orphan and not retention.prune_orphans:
        yield "its droplet is deleted, and prune_orphans is not set", usable


def _rules(
    usable: Sequence[PolicySnapshot], retention: RetentionPolicy
) -> Iterator[tuple[str, Sequence[PolicySnapshot]]]:
    yield f"one of the last {retention.keep_last}", usable[: retention.keep_last]
    for rule, (period, key) in _PERIODS.items():
        newest: dict[Hashable, PolicySnapshot] = {}
        for one in usable:
            newest.setdefault(key(one.name.taken_at), one)
        yield f"the newest of its {period}", list(newest.values())[: getattr(retention, rule)]
