"""The droplets of an account, and the snapshots of a policy."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_do_images.api import Droplet, Image, InvalidInputError
from airflow_provider_do_images.api.models import format_time
from airflow_provider_do_images.api.text import shorten
from airflow_provider_do_images.api.validation import check_id, check_tag, check_text, is_given
from airflow_provider_do_images.core.snapshots.naming import SnapshotName

if TYPE_CHECKING:  # loads requests; without it this module imports fast
    from airflow_provider_do_images.api import ApiClient

MAX_CLOCK_SKEW = timedelta(days=1)
"""A backup time further ahead of this machine's clock is an error."""

_MAX_LISTED = 10
"""The maximum number of existing policies in a warning."""


@dataclass(frozen=True, slots=True)
class DropletSelector:
    """Select one droplet by its id, or all droplets with a name or a tag."""

    droplet_id: int | None = None
    name: str | None = None
    tag: str | None = None

    @classmethod
    def checked(cls, droplet_id: Any, name: Any, tag: Any) -> DropletSelector:
        """Build a selector from unchecked parameters; an empty string is the same as ``None``.

        :raises InvalidInputError: unless exactly one is set.
        """
        if sum(map(is_given, (droplet_id, name, tag))) != 1:
            raise InvalidInputError(
                f"set exactly one of droplet_id, droplet_name and tag; got "
                f"droplet_id={shorten(droplet_id)}, droplet_name={shorten(name)}, "
                f"tag={shorten(tag)}"
            )
        return cls(
            check_id("droplet_id", droplet_id) if is_given(droplet_id) else None,
            check_text("droplet_name", name) if is_given(name) else None,
            check_tag("tag", tag) if is_given(tag) else None,
        )

    def __str__(self) -> str:
        if self.droplet_id:
            return f"droplet {self.droplet_id}"
        return f"droplets named {self.name!r}" if self.name else f"droplets with tag {self.tag!r}"

    def read(self, client: ApiClient) -> list[Droplet]:
        """Read the selected droplets, including GPU droplets, which the API lists separately.

        :raises InvalidInputError: if no droplet matches.
        """
        if self.droplet_id:
            return [client.get_droplet(self.droplet_id)]
        if droplets := client.all_droplets(name=self.name, tag=self.tag):
            return droplets
        raise InvalidInputError(f"no {self} found: check the spelling, and the token's team")


@dataclass(frozen=True, slots=True)
class PolicySnapshot:
    """An image with the name of a policy, and the parsed name."""

    image: Image
    name: SnapshotName

    def unusable_reason(self, now: datetime) -> str | None:
        """Return why the snapshot is not usable, or ``None`` if it is."""
        return unusable_reason(self.image, self.name.taken_at, now)


def unusable_reason(
    image: Image, taken_at: datetime, now: datetime, types: Sequence[str] = ("snapshot",)
) -> str | None:
    """Return why an image is not usable as a restore point, or ``None`` if it is.

    All operators apply this rule. An unusable image is never selected and never deleted, and
    retention counts and audits ignore it.

    :param taken_at: the backup time.
    :param types: the usable image types.
    """
    if image.type not in types:
        return f"its type is {image.type!r}, not {' or '.join(map(repr, types))}"
    if taken_at > now + MAX_CLOCK_SKEW:
        return f"its backup time, {format_time(taken_at)}, is in the future"
    return incomplete_reason(image)


def incomplete_reason(image: Image) -> str | None:
    """Return why an image has no data to restore, or ``None`` if it has."""
    if image.status not in (None, "available"):
        return f"its status is {image.status!r}"
    empty = image.size_gigabytes is not None and image.size_gigabytes <= 0
    return "its size is 0 GiB" if empty else None


def count_policies(images: Iterable[Image]) -> Counter[str]:
    """Count the images of each policy."""
    names = filter(None, (SnapshotName.parse(image.name) for image in images))
    return Counter(name.policy for name in names)


def unknown_policy(images: Iterable[Image], policy: str) -> str | None:
    """Return a warning if no image has the name of the policy: it may be mistyped."""
    counts = count_policies(images)
    if policy in counts:
        return None
    known = ", ".join(f"{name} ({count})" for name, count in counts.most_common(_MAX_LISTED))
    return (
        f"Policy {policy!r} has no images. "
        f"{known and f'Policies of this account, with their number of images: {known}. '}"
        f"Check the spelling, unless the policy is new"
    )


def snapshots_by_droplet(
    images: Iterable[Image], policy: str
) -> Mapping[int, list[PolicySnapshot]]:
    """Return the images of a policy by droplet id, the newest backup time first.

    They include backups that are renamed but not converted yet.
    """
    groups: dict[int, list[PolicySnapshot]] = defaultdict(list)
    for image in images:
        name = SnapshotName.parse(image.name)
        if name is not None and name.policy == policy:
            groups[name.droplet_id].append(PolicySnapshot(image, name))
    for snapshots in groups.values():
        snapshots.sort(key=lambda one: (one.name.taken_at, one.image.id), reverse=True)
    return groups
