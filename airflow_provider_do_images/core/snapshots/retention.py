"""Which snapshots of a policy are kept, and why. Pure: no clock, no I/O.

Rules say how many are wanted, guards what is never deleted. Both apply to the snapshots of one
droplet at a time, and a snapshot that one of them keeps is kept. All days, weeks and months are
those of the backup time in the name, in UTC.
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
    """Rules and guards.

    :param keep_last: keep so many of the newest.
    :param keep_daily: keep the newest of each of the last so many days that have a snapshot.
    :param keep_weekly: the same for ISO weeks.
    :param keep_monthly: the same for months.
    :param regions: slugs of the regions that each snapshot is meant to be in.
    :param min_age: seconds since the backup was made, below which nothing is deleted.
    :param min_keep: no droplet is left with fewer snapshots than this.
    :param protected_tag: an image with this tag is not deleted.
    :param prune_orphans: whether rules and guards also apply where the droplet is gone; else all
        of its snapshots are kept.
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
        """Build from what a user gave for each of the parameters.

        :raises InvalidInputError: naming the parameter, or if there is no rule.
        """
        counts = {
            name: check_count(name, values[name])
            for name in ("keep_last", "keep_daily", "keep_weekly", "keep_monthly")
        }
        if not any(counts.values()):
            raise InvalidInputError(
                "give at least one of keep_last, keep_daily, keep_weekly and keep_monthly: no "
                "rule would keep "
                "nothing"
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
        """Whether the image has the protected tag; capitals make no difference."""
        return has_tag(image.tags, self.protected_tag)


@dataclass(frozen=True, slots=True)
class RetentionDecision:
    """What is to become of one snapshot, and later what became of it.

    :param delete: whether it is to be deleted.
    :param reasons: why, in words; all that hold.
    :param deleted: whether it is gone.
    """

    kept: PolicySnapshot
    droplet_name: str | None
    delete: bool
    reasons: tuple[str, ...]
    usd_per_month: float | None
    deleted: bool = False

    def __str__(self) -> str:
        image, name = self.kept.image, self.kept.name
        droplet = printable(self.droplet_name or f"{name.droplet_id}, which is gone")
        size = "unknown size" if image.size_gigabytes is None else f"{image.size_gigabytes:g} GiB"
        return f"image {image.id} ({image.name}, {size}, of droplet {droplet})"

    def to_row(self) -> dict[str, Any]:
        """Return primitives for a log and an XCom; ``decision`` is ``keep`` or ``delete``.

        ``size_gigabytes`` is in GiB, and null with ``usd_per_month`` if the API does not tell.
        """
        image, name = self.kept.image, self.kept.name
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
    """Return a decision for each image that is named for the policy, and for no other.

    By droplet, and of each droplet the newest first. To carry a plan out and plan again deletes
    nothing more, as long as no time has passed.
    """
    names = {droplet.id: droplet.name for droplet in droplets}
    # An image that changed while the list was read may be in it twice.
    groups = snapshots_by_droplet({image.id: image for image in images}.values(), policy)
    decisions = []
    for droplet_id, group in sorted(groups.items()):
        reasons = _reasons_to_keep(group, retention, now, orphan=droplet_id not in names)
        for one in group:
            why = reasons.get(one.image.id)
            decisions.append(
                RetentionDecision(
                    one,
                    names.get(droplet_id),
                    delete=not why,
                    reasons=tuple(why or ["no rule keeps it"]),
                    usd_per_month=usd_per_month(one.image.size_gigabytes, usd_per_gib_month),
                )
            )
    return decisions


def missing_regions(
    decisions: Iterable[RetentionDecision], retention: RetentionPolicy
) -> list[str]:
    """Return the wanted regions that no snapshot is in: one of them may be mistyped.

    As long as there is one, every snapshot is kept.
    """
    there = {region for one in decisions for region in one.kept.image.regions}
    return [region for region in retention.regions if region not in there]


def changed_since_plan(
    decision: RetentionDecision, image: Image, retention: RetentionPolicy
) -> str | None:
    """Say why an image that was to be deleted must be kept as it is seen now, if there is a reason.

    More regions count, too: it may have become the newest in all of them.
    """
    before = decision.kept.image
    if retention.protects(image):
        return f"since the plan it has got the tag {retention.protected_tag!r}"
    if reason := incomplete_reason(image):
        return reason
    for what, was, now in (
        ("name", before.name, image.name),
        ("type", before.type, image.type),
        ("regions", sorted(before.regions), sorted(image.regions)),
    ):
        if was != now:
            return f"since the plan its {what} changed from {was!r} to {now!r}"
    return None


def _reasons_to_keep(
    group: Sequence[PolicySnapshot], retention: RetentionPolicy, now: datetime, *, orphan: bool
) -> dict[int, list[str]]:
    """Return the reasons by image id. ``group`` is all of one droplet, the newest first."""
    reasons: dict[int, list[str]] = defaultdict(list)
    sound = []
    for one in group:
        # What cannot be relied upon is neither deleted nor takes the place of what can.
        if flaw := one.flaw(now):
            reasons[one.image.id].append(flaw)
        else:
            sound.append(one)
    for why, ones in (
        *_guards(sound, retention, now, orphan=orphan),
        *_rules(sound, retention),
    ):
        for one in ones:
            reasons[one.image.id].append(why)
    loose = [one for one in sound if one.image.id not in reasons]
    too_few = retention.min_keep - (len(sound) - len(loose))
    for one in loose[: max(too_few, 0)]:
        reasons[one.image.id].append(f"at least {retention.min_keep} are kept")
    return reasons


def _guards(
    sound: Sequence[PolicySnapshot], retention: RetentionPolicy, now: datetime, *, orphan: bool
) -> Iterator[tuple[str, Sequence[PolicySnapshot]]]:
    yield "the newest", sound[:1]
    regions = retention.regions
    for wanted in dict.fromkeys((*((region,) for region in regions), regions) if regions else ()):
        there = [one for one in sound if set(wanted) <= set(one.image.regions)]
        yield f"the newest in {' and '.join(wanted)}", there[:1]
        if not there and wanted == regions:
            yield f"none of this droplet is in {' and '.join(regions)} yet", sound
    young = now - timedelta(seconds=retention.min_age)
    yield (
        f"younger than {duration_text(retention.min_age)}",
        [one for one in sound if one.name.taken_at > young],
    )
    yield (
        f"protected by the tag {retention.protected_tag!r}",
        [one for one in sound if retention.protects(one.image)],
    )
    if orphan and not retention.prune_orphans:
        yield "its droplet is gone, and prune_orphans is not set", sound


def _rules(
    sound: Sequence[PolicySnapshot], retention: RetentionPolicy
) -> Iterator[tuple[str, Sequence[PolicySnapshot]]]:
    yield f"one of the last {retention.keep_last}", sound[: retention.keep_last]
    for rule, (period, key) in _PERIODS.items():
        newest: dict[Hashable, PolicySnapshot] = {}
        for one in sound:
            newest.setdefault(key(one.name.taken_at), one)
        yield f"the newest of its {period}", list(newest.values())[: getattr(retention, rule)]
