"""Making a converted backup the policy's own: its name, its tags, and the proof of both.

The name is given before the convert where the API lets a backup be renamed, and made sure of after
it in any case. So whoever is stopped in between can go on: the image is the row's own as long as it
has the name that the row tells, or that of the policy. Any other image is left alone.
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

if TYPE_CHECKING:  # the client loads requests, which a DAG file that is parsed need not pay for
    from airflow_provider_do_images.api import ApiClient

log = logging.getLogger(__name__)

_MAY_PASS = (TransportError, ServerError, InvalidResponseError)


@dataclass(frozen=True, slots=True)
class SnapshotClaim:
    """Which image is to be kept, and as what.

    :param image_id: the image.
    :param found_as: its name when it was chosen.
    :param found_type: its type then: ``backup`` or ``snapshot``.
    :param name: what it is to be called.
    :param droplet_name: the droplet's name, for people.
    :param tags: what it is to be tagged with besides what it has.
    """

    image_id: int
    found_as: str
    found_type: str
    name: SnapshotName
    droplet_name: str
    tags: tuple[str, ...] = ()

    @classmethod
    def from_row(cls, row: Mapping[str, Any], tags: Any = ()) -> SnapshotClaim:
        """Read a row of what was found.

        :raises InvalidInputError: naming what is wrong in it, or with the tags.
        """
        taken_at = check_time("backup['taken_at']", row["taken_at"], needs_offset=True)
        droplet_id = check_id("backup['droplet_id']", row["droplet_id"])
        return cls(
            check_id("backup['image_id']", row["image_id"]),
            found_as=check_string("backup['name']", row["name"]),
            found_type=check_string("backup['type']", row["type"]),
            name=SnapshotName(check_policy(row["policy"]), droplet_id, taken_at),
            droplet_name=check_string("backup['droplet_name']", row["droplet_name"]),
            tags=check_tags(tags),
        )

    @property
    def droplet(self) -> str:
        """The droplet that the image is of, in words."""
        return droplet_text(self.droplet_name, self.name.droplet_id)

    def __str__(self) -> str:
        return f"image {self.image_id} of {self.droplet}"

    def is_ours(self, image: Image) -> bool:
        """Whether the image may be named: it is the row's, and nobody has named it otherwise."""
        if SnapshotName.parse(image.name) is not None:
            return image.name == str(self.name)
        # Whether a convert keeps a name that was given before it is unknown: a backup that was
        # found under the policy's name may come out of it under the name it was made with.
        reverted = self.found_type == "backup" and self.found_as == str(self.name)
        return image.name == self.found_as or (reverted and image.type == "snapshot")

    def missing_tags(self, image: Image) -> list[str]:
        """Return the tags that the image does not have; capitals make no difference."""
        return [tag for tag in self.tags if not has_tag(image.tags, tag)]

    def lacking(self, image: Image) -> list[str]:
        """Say what the image does not show yet."""
        lacking = [f"the tag {tag}" for tag in self.missing_tags(image)]
        if image.name != str(self.name):
            lacking.insert(0, f"the name {self.name}")
        if image.type != "snapshot":
            lacking.insert(0, "the type snapshot")
        return lacking


def rename_before_convert(client: ApiClient, claim: SnapshotClaim) -> None:
    """Name the image before its convert, if the API lets it be: no harm is done if not.

    :raises InvalidInputError: if the image is not the row's any more.
    """
    try:
        image = _look(client, claim)
        if image.name != str(claim.name):
            client.rename_image(image.id, str(claim.name))
    except (NotFoundError, PermissionDeniedError, UnprocessableError, *_MAY_PASS) as error:
        log.info("Image %s gets its name after the convert, not before: %s", claim.image_id, error)


def apply_claim(
    client: ApiClient,
    claim: SnapshotClaim,
    *,
    verify_timeout: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Image:
    """Give a snapshot its name and tags, and return it as soon as it shows them.

    :param verify_timeout: seconds in which it must; it is looked at twice at least.
    :raises InvalidInputError: if the image is not the row's any more.
    :raises DigitalOceanError: if it does not show them, or the API refuses.
    """
    try:
        return _keep(client, claim, clock() + verify_timeout, clock, sleep)
    except InvalidInputError:
        raise
    except DigitalOceanError as error:
        message = (
            f"{claim} was converted (and is billed) but does not have the name {claim.name} and "
            f"its tags yet: {error.message.rstrip('.')}"
        )
        raise error.with_facts(message=message) from error


def _keep(
    client: ApiClient,
    claim: SnapshotClaim,
    end: float,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> Image:
    tried = waiting = False
    failed: DigitalOceanError | None = None
    while lacking := claim.lacking(image := _look(client, claim)):
        over = clock() >= end
        if tried and over:
            shown = f"it does not show {', '.join(lacking)}{_unseen(image)}"
            raise failed or DigitalOceanError(
                shown, request_id=client.request_id, code="not_renamed"
            )
        if tried and not waiting:
            waiting = True
            log.info(
                "Waiting until %s shows %s: looking every %g s, for %s at most.",
                claim,
                ", ".join(lacking),
                VERIFY_INTERVAL,
                duration_text(end - clock()),
            )
        if tried:
            sleep(min(VERIFY_INTERVAL, max(end - clock(), 0.0)))
        before, tried = failed, True
        if (failed := _mend(client, claim, image)) and not before:
            log.warning("%s could not be named or tagged, which is tried again: %s", claim, failed)
    return image


def _look(client: ApiClient, claim: SnapshotClaim) -> Image:
    image = client.get_image(claim.image_id)
    if claim.is_ours(image):
        return image
    raise InvalidInputError(
        f"{claim} is called {image.name!r} by now, neither {claim.found_as!r} as it was found nor "
        f"{str(claim.name)!r}: somebody else has named it, so it is left alone. Clear the task "
        f"that chose it, so that it chooses again",
        code="image_renamed",
    )


def _mend(client: ApiClient, claim: SnapshotClaim, image: Image) -> DigitalOceanError | None:
    """Send what the image lacks, and return a failure that may pass."""
    try:
        if image.name != str(claim.name):
            client.rename_image(image.id, str(claim.name))
        for tag in claim.missing_tags(image):
            client.tag_image(image.id, tag)
    except _MAY_PASS as error:
        return error
    return None


def _unseen(image: Image) -> str:
    return "" if image.tags else "; a token without the scope tag:read sees no tags at all"
