"""What an account has: droplets, their backups, and the snapshots of a policy."""

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

if TYPE_CHECKING:  # the client loads requests, which a DAG file that is parsed need not pay for
    from airflow_provider_do_images.api import ApiClient

MAX_CLOCK_SKEW = timedelta(days=1)
"""How far a backup time may be ahead of this machine's clock before it is taken for a mistake."""

_NAMED = 10
"""How many existing policies a warning names at most."""


@dataclass(frozen=True, slots=True)
class DropletSelector:
    """Which droplets are meant: one by its id, or all with a name or a tag."""

    droplet_id: int | None = None
    name: str | None = None
    tag: str | None = None

    @classmethod
    def checked(cls, droplet_id: Any, name: Any, tag: Any) -> DropletSelector:
        """Build from what a user gave; an empty text counts as not given.

        :raises InvalidInputError: unless exactly one was given.
        """
        if sum(map(is_given, (droplet_id, name, tag))) != 1:
            raise InvalidInputError(
                f"give exactly one of droplet_id, droplet_name and tag; got "
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
        """Read the droplets; GPU droplets, which the API lists apart, are among them.

        :raises InvalidInputError: if there are none.
        """
        if self.droplet_id:
            return [client.get_droplet(self.droplet_id)]
        if found := client.all_droplets(name=self.name, tag=self.tag):
            return found
        raise InvalidInputError(f"there are no {self}: check the spelling, and the token's team")


@dataclass(frozen=True, slots=True)
class PolicySnapshot:
    """A snapshot of a policy: the image, and what its name says."""

    image: Image
    name: SnapshotName

    def flaw(self, now: datetime) -> str | None:
        """Return why it is not usable as a snapshot, or ``None`` if it is."""
        return unusable_reason(self.image, self.name.taken_at, now)


def unusable_reason(
    image: Image, taken_at: datetime, now: datetime, types: Sequence[str] = ("snapshot",)
) -> str | None:
    """Return why an image is not usable as a restore point, or ``None`` if it is.

    The one rule for all: an unusable image is never chosen, never deleted, and never takes the
    place of a usable one in a count or an audit.

    :param taken_at: when its backup was made.
    :param types: the types that are usable here.
    """
    if image.type not in types:
        return f"its type is {image.type!r}, not {' or '.join(map(repr, types))}"
    if taken_at > now + MAX_CLOCK_SKEW:
        return f"its backup time, {format_time(taken_at)}, is in the future"
    return incomplete_reason(image)


def incomplete_reason(image: Image) -> str | None:
    """Return why an image holds no data that can be restored, or ``None`` if it does."""
    if image.status not in (None, "available"):
        return f"its status is {image.status!r}"
    empty = image.size_gigabytes is not None and image.size_gigabytes <= 0
    return "its size is 0 GiB" if empty else None


def count_policies(images: Iterable[Image]) -> Counter[str]:
    """Return how many images are named for each policy of an account."""
    names = filter(None, (SnapshotName.parse(image.name) for image in images))
    return Counter(name.policy for name in names)


def unknown_policy(images: Iterable[Image], policy: str) -> str | None:
    """Return a warning if no image is named for a policy: its name may be mistyped."""
    number = count_policies(images)
    if policy in number:
        return None
    known = ", ".join(f"{name} ({count})" for name, count in number.most_common(_NAMED))
    return (
        f"No image is named for the policy {policy!r}. "
        f"{known and f'The policies of this account, with their images: {known}. '}"
        f"Check the spelling, unless the policy is new"
    )


def snapshots_by_droplet(
    images: Iterable[Image], policy: str
) -> Mapping[int, list[PolicySnapshot]]:
    """Return the images named for a policy, by droplet, the newest backup time first.

    A backup that has been named, but not converted yet, is among them.
    """
    found: dict[int, list[PolicySnapshot]] = defaultdict(list)
    for image in images:
        name = SnapshotName.parse(image.name)
        if name is not None and name.policy == policy:
            found[name.droplet_id].append(PolicySnapshot(image, name))
    for kept in found.values():
        kept.sort(key=lambda one: (one.name.taken_at, one.image.id), reverse=True)
    return found
