"""Claim a converted backup for a policy: set its name and tags, and verify both.

If the API can rename a backup, the rename is sent before the convert. After the convert the name is
always verified, so an interrupted run can continue. An image is renamed only if it has the name in
the row or the name of the policy snapshot.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_do_images.api import (
    DigitalOceanError,
    Image,
    InvalidInputError,
    InvalidResponseError,
    NotFoundError,
    PermissionDeniedError,
    ServerError,
    TransportError,
    UnprocessableError,
)
from airflow_provider_do_images.api.validation import (
    check_id,
    check_string,
    check_tags,
    check_time,
    has_tag,
)
from airflow_provider_do_images.core.messages import droplet_text, duration_text
from airflow_provider_do_images.core.snapshots.naming import SnapshotName, check_policy
from airflow_provider_do_images.core.wait.flow import VERIFY_INTERVAL

if TYPE_CHECKING:  # loads requests; without it this module imports fast
    from airflow_provider_do_images.api import ApiClient

log = logging.getLogger(__name__)

_TRANSIENT_ERRORS = (TransportError, ServerError, InvalidResponseError)


@dataclass(frozen=True, slots=True)
class SnapshotClaim:
    """The image of a restore point, and the name and tags that it receives.

    :param image_id: id of the image.
    :param original_name: its name when it was selected.
    :param original_type: its type when it was selected: ``backup`` or ``snapshot``.
    :param name: the name of the policy snapshot.
    :param droplet_name: name of the droplet, for messages.
    :param tags: tags to add.
    """

    image_id: int
    original_name: str
    original_type: str
    name: SnapshotName
    droplet_name: str
    tags: tuple[str, ...] = ()

    @classmethod
    def from_row(cls, row: Mapping[str, Any], tags: Any = ()) -> SnapshotClaim:
        """Build a claim from the row of a restore point.

        :raises InvalidInputError: with the name of the invalid key, or of ``tags``.
        """
        taken_at = check_time("backup['taken_at']", row["taken_at"], needs_offset=True)
        droplet_id = check_id("backup['droplet_id']", row["droplet_id"])
        return cls(
            check_id("backup['image_id']", row["image_id"]),
            original_name=check_string("backup['name']", row["name"]),
            original_type=check_string("backup['type']", row["type"]),
            name=SnapshotName(check_policy(row["policy"]), droplet_id, taken_at),
            droplet_name=check_string("backup['droplet_name']", row["droplet_name"]),
            tags=check_tags(tags),
        )

    @property
    def droplet(self) -> str:
        """The name and id of the droplet, for messages."""
        return droplet_text(self.droplet_name, self.name.droplet_id)

    def __str__(self) -> str:
        return f"image {self.image_id} of {self.droplet}"

    def is_claimable(self, image: Image) -> bool:
        """Return whether the image still has a name with which it may be claimed."""
        if SnapshotName.parse(image.name) is not None:
            return image.name == str(self.name)
        # It is unknown whether a convert keeps the name of a renamed backup. The snapshot may have
        # the name that DigitalOcean gave the backup.
        reverted = self.original_type == "backup" and self.original_name == str(self.name)
        return image.name == self.original_name or (reverted and image.type == "snapshot")

    def missing_tags(self, image: Image) -> list[str]:
        """Return the tags that the image does not have, ignoring case."""
        return [tag for tag in self.tags if not has_tag(image.tags, tag)]

    def missing_properties(self, image: Image) -> list[str]:
        """Describe the type, name and tags that the image does not have yet."""
        missing = [f"the tag {tag}" for tag in self.missing_tags(image)]
        if image.name != str(self.name):
            missing.insert(0, f"the name {self.name}")
        if image.type != "snapshot":
            missing.insert(0, "the type snapshot")
        return missing


def rename_before_convert(client: ApiClient, claim: SnapshotClaim) -> None:
    """Rename the image before its convert, if the API allows it; log any other error.

    :raises InvalidInputError: if another client renamed the image.
    """
    try:
        image = _read_image(client, claim)
        if image.name != str(claim.name):
            client.rename_image(image.id, str(claim.name))
    except (NotFoundError, PermissionDeniedError, UnprocessableError, *_TRANSIENT_ERRORS) as error:
        log.info("Image %s is renamed after the convert, not before: %s", claim.image_id, error)


def apply_claim(
    client: ApiClient,
    claim: SnapshotClaim,
    *,
    verify_timeout: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Image:
    """Set the name and tags of a snapshot, and return the image once it has them.

    :param verify_timeout: maximum time in seconds; the image is read at least twice.
    :raises InvalidInputError: if another client renamed the image.
    :raises DigitalOceanError: if the image does not have them in time, or the API rejects them.
    """
    try:
        return _apply_until_verified(client, claim, clock() + verify_timeout, clock, sleep)
    except InvalidInputError:
        raise
    except DigitalOceanError as error:
        message = (
            f"{claim} is a billed snapshot, but without the name {claim.name} or its tags: "
            f"{error.message.rstrip('.')}"
        )
        raise error.with_facts(message=message) from error


def _apply_until_verified(
    client: ApiClient,
    claim: SnapshotClaim,
    end: float,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> Image:
    is_sent = is_logged = False
    failure: DigitalOceanError | None = None
    while missing := claim.missing_properties(image := _read_image(client, claim)):
        is_expired = clock() >= end
        if is_sent and is_expired:
            text = f"the image does not have {', '.join(missing)}{_tag_scope_hint(image)}"
            raise failure or DigitalOceanError(
                text, request_id=client.request_id, code="not_renamed"
            )
        if is_sent and not is_logged:
            is_logged = True
            log.info(
                "Waiting until %s has %s, polling every %g s, timeout after %s.",
                claim,
                ", ".join(missing),
                VERIFY_INTERVAL,
                duration_text(end - clock()),
            )
        if is_sent:
            sleep(min(VERIFY_INTERVAL, max(end - clock(), 0.0)))
        previous, is_sent = failure, True
        if (failure := _send_missing(client, claim, image)) and not previous:
            log.warning("%s was not renamed or tagged; resending: %s", claim, failure)
    return image


def _read_image(client: ApiClient, claim: SnapshotClaim) -> Image:
    image = client.get_image(claim.image_id)
    if claim.is_claimable(image):
        return image
    raise InvalidInputError(
        f"{claim} was renamed to {image.name!r} by another client, so it is not changed "
        f"(expected {claim.original_name!r} or {str(claim.name)!r})",
        code="image_renamed",
    )


def _send_missing(
    client: ApiClient, claim: SnapshotClaim, image: Image
) -> DigitalOceanError | None:
    """Send the missing name and tags, and return a transient error."""
    try:
        if image.name != str(claim.name):
            client.rename_image(image.id, str(claim.name))
        for tag in claim.missing_tags(image):
            client.tag_image(image.id, tag)
    except _TRANSIENT_ERRORS as error:
        return error
    return None


def _tag_scope_hint(image: Image) -> str:
    return "" if image.tags else "; without the scope tag:read, a token reads no tags"
