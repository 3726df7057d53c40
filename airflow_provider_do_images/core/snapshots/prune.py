"""Deleting what a plan gives up: each image is read right before its DELETE, and all again after.

The plan is made from one reading of the account. Whoever deletes by hand what the plan relies upon,
while it is carried out, is not seen.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

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
from airflow_provider_do_images.core.messages import as_sentence
from airflow_provider_do_images.core.snapshots.retention import (
    RetentionDecision,
    RetentionPolicy,
    changed_since_plan,
)

if TYPE_CHECKING:  # the client loads requests, which a DAG file that is parsed need not pay for
    from airflow_provider_do_images.api import ApiClient

log = logging.getLogger(__name__)

MAX_DELETES = 10
"""How many images a plan may delete unless it is told otherwise."""

VERIFY_PAUSES = (0.0, 5.0, 10.0, 15.0, 30.0)
"""Seconds before each read of an image that is still listed after its DELETE was accepted."""


def select_deletions(decisions: Iterable[RetentionDecision]) -> list[RetentionDecision]:
    """Return what a plan deletes, the oldest first."""
    return sorted(
        (decision for decision in decisions if decision.delete),
        key=lambda decision: (decision.kept.name.taken_at, decision.kept.image.id),
    )


def check_number(wanted: Sequence[RetentionDecision], max_delete: int) -> None:
    """Refuse a plan that deletes more than it may.

    :raises InvalidInputError: if it does.
    """
    if words := too_many(wanted, max_delete):
        raise InvalidInputError(words, code="too_many_deletions")


def too_many(wanted: Sequence[RetentionDecision], max_delete: int) -> str | None:
    """Return why a plan is refused for the number of images that it deletes, or ``None``."""
    if len(wanted) <= max_delete:
        return None
    return (
        f"the plan deletes {len(wanted)} images, more than max_delete={max_delete}, so none is "
        f"deleted. If the plan is right, set max_delete to {len(wanted)} or more"
    )


def find_refusal(
    client: ApiClient, wanted: Sequence[RetentionDecision], max_delete: int
) -> DigitalOceanError | None:
    """Return the error with which prune refuses to carry a plan out, or ``None``.

    A dry run reports it, so that it predicts what prune does.
    """
    try:
        require_tag_read_scope(client)
        check_number(wanted, max_delete)
    except (InvalidInputError, PermissionDeniedError) as error:
        return error
    return None


def require_tag_read_scope(client: ApiClient) -> None:
    """Refuse a token that cannot see tags: images look to it as if they had none.

    :raises PermissionDeniedError: without the scope ``tag:read``.
    """
    try:
        next(client.list_tags(), None)
    except PermissionDeniedError as error:
        message = f"this token cannot read tags, so protected images are unknown: {error.message}"
        raise error.with_facts(message=message) from error


def delete_snapshots(
    client: ApiClient,
    wanted: Sequence[RetentionDecision],
    retention: RetentionPolicy,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> list[RetentionDecision]:
    """Delete images, and return what became of each: deleted, or kept after all and why.

    It ends at the first error that leaves an image standing; to plan anew and go on is safe. An
    image counts as deleted when the account does not show it any more: a 204 alone proves nothing.

    :raises DigitalOceanError: naming the image, and saying how many DELETEs went before it.
    """
    done: list[RetentionDecision] = []
    for decision in wanted:
        try:
            done.append(_delete(client, decision, retention))
        except DigitalOceanError as error:
            accepted = sum(one.delete for one in done)
            fate = "may have been deleted" if error.state else "was not deleted"
            raise error.with_facts(
                image_id=decision.kept.image.id,
                message=f"{decision} {fate}: {error.message}",
                state=f"{error.state}{accepted} of {len(wanted)} DELETEs were accepted before it; "
                f"the others were not sent.",
            ) from error
        if not done[-1].delete:
            log.info("Kept %s: %s.", decision, "; ".join(done[-1].reasons))
    done = _verify(client, done, sleep)
    for one in done:
        if one.deleted:
            log.info("Deleted %s: %s.", one, "; ".join(one.reasons))
    return done


def _verify(
    client: ApiClient, done: Sequence[RetentionDecision], sleep: Callable[[float], None]
) -> list[RetentionDecision]:
    """Return the decisions, each as deleted whose image the account does not show any more.

    One list serves all images; only those that it still has are read one by one.
    """
    pending = {one.kept.image.id: one for one in done if one.delete and not one.deleted}
    if not pending:
        return list(done)
    try:
        listed = {image.id for image in client.all_private_images() if not _is_deleted(image)}
        standing = [one for image_id, one in pending.items() if image_id in listed]
        for pause in VERIFY_PAUSES:
            if standing:
                sleep(pause)
            standing = [one for one in standing if _find(client, one.kept.image.id)]
    except DigitalOceanError as error:
        state = f"{error.state}{len(pending)} DELETEs were accepted but could not be verified."
        raise error.with_facts(state=state) from error
    if standing:
        raise DigitalOceanError(
            f"DigitalOcean accepted {len(pending)} DELETEs, but {sum(VERIFY_PAUSES):g} s later "
            f"still has {'; '.join(map(str, standing))}",
            request_id=client.request_id,
            code="not_deleted",
        ).with_facts(image_id=standing[0].kept.image.id)
    return [replace(one, deleted=one.delete) for one in done]


def _delete(
    client: ApiClient, decision: RetentionDecision, retention: RetentionPolicy
) -> RetentionDecision:
    image_id = decision.kept.image.id
    image = _find(client, image_id)
    if image is None:
        return replace(decision, deleted=True, reasons=("it was gone already",))
    if why := changed_since_plan(decision, image, retention):
        return replace(decision, delete=False, reasons=(why,))
    page = client.newest_image_actions(image_id, retry=None)
    # A row that cannot be read may be one in progress.
    if page.problems or not all(action.finished for action in page.rows):
        return replace(decision, delete=False, reasons=("an action on it is in progress",))
    try:
        client.delete_image(image_id)
    except (
        # 422 says that somebody was faster, or that it may not be; the rest says nothing.
        UnprocessableError,
        NotFoundError,
        TransportError,
        ServerError,
        InvalidResponseError,
    ) as error:
        try:
            standing = _find(client, image_id)
        except DigitalOceanError as unseen:
            state = f"The DELETE returned: {as_sentence(error)} "
            raise unseen.with_facts(state=state) from unseen
        if standing:
            raise
        log.info("The image no longer exists, although its DELETE returned: %s", error)
        return replace(decision, deleted=True)
    return decision


def _find(client: ApiClient, image_id: int) -> Image | None:
    try:
        image = client.get_image(image_id)
    except NotFoundError:
        return None
    return None if _is_deleted(image) else image


def _is_deleted(image: Image) -> bool:
    return image.status == "deleted"
