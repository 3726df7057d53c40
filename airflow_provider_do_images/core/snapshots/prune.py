"""Delete the snapshots that a plan selects.

Each image is read immediately before its DELETE, and all images are read again afterwards. The plan
is built from one read of the account: it does not detect that another client deletes a retained
snapshot during the run.
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

if TYPE_CHECKING:  # loads requests; without it this module imports fast
    from airflow_provider_do_images.api import ApiClient

log = logging.getLogger(__name__)

MAX_DELETES = 10
"""The default of the maximum number of deletions."""

VERIFY_PAUSES = (0.0, 5.0, 10.0, 15.0, 30.0)
"""Seconds before each read of an image that is still listed after its DELETE was accepted."""


def select_deletions(decisions: Iterable[RetentionDecision]) -> list[RetentionDecision]:
    """Return the decisions that delete, the oldest snapshot first."""
    return sorted(
        (decision for decision in decisions if decision.delete),
        key=lambda decision: (decision.snapshot.name.taken_at, decision.snapshot.image.id),
    )


def check_number(deletions: Sequence[RetentionDecision], max_delete: int) -> None:
    """Reject a plan with too many deletions.

    :raises InvalidInputError: if it has more than ``max_delete``.
    """
    if reason := too_many(deletions, max_delete):
        raise InvalidInputError(reason, code="too_many_deletions")


def too_many(deletions: Sequence[RetentionDecision], max_delete: int) -> str | None:
    """Return the error text for a plan with too many deletions, or ``None``."""
    if len(deletions) <= max_delete:
        return None
    return (
        f"the plan deletes {len(deletions)} images, more than max_delete={max_delete}, so nothing "
        f"is deleted. If the plan is correct, set max_delete to {len(deletions)} or more"
    )


def find_refusal(
    client: ApiClient, deletions: Sequence[RetentionDecision], max_delete: int
) -> DigitalOceanError | None:
    """Return the error with which prune refuses to execute a plan, or ``None``.

    A dry run reports it, so that it predicts the result of prune.
    """
    try:
        require_tag_read_scope(client)
        check_number(deletions, max_delete)
    except (InvalidInputError, PermissionDeniedError) as error:
        return error
    return None


def require_tag_read_scope(client: ApiClient) -> None:
    """Reject a token that cannot read tags: for it, all images are without tags.

    :raises PermissionDeniedError: without the scope ``tag:read``.
    """
    try:
        next(client.list_tags(), None)
    except PermissionDeniedError as error:
        message = f"this token cannot read tags, so protected images are unknown: {error.message}"
        raise error.with_facts(message=message) from error


def delete_snapshots(
    client: ApiClient,
    deletions: Sequence[RetentionDecision],
    retention: RetentionPolicy,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> list[RetentionDecision]:
    """Delete images, and return the decisions with their results.

    An image that changed after the plan is retained. The first failed DELETE ends the run; a new
    plan can continue it. An image is deleted when the account no longer has it: a 204 alone is not
    sufficient.

    :raises DigitalOceanError: with the image, and the number of DELETEs accepted before it.
    """
    results: list[RetentionDecision] = []
    for decision in deletions:
        try:
            results.append(_delete(client, decision, retention))
        except DigitalOceanError as error:
            accepted = sum(one.delete for one in results)
            result = "may have been deleted" if error.state else "was not deleted"
            raise error.with_facts(
                image_id=decision.snapshot.image.id,
                message=f"{decision} {result}: {error.message}",
                state=f"{error.state}{accepted} of {len(deletions)} DELETEs were accepted before "
                f"it; the others were not sent.",
            ) from error
        if not results[-1].delete:
            log.info("Retained %s: %s.", decision, "; ".join(results[-1].reasons))
    results = _verify(client, results, sleep)
    for one in results:
        if one.deleted:
            log.info("Deleted %s: %s.", one, "; ".join(one.reasons))
    return results


def _verify(
    client: ApiClient, results: Sequence[RetentionDecision], sleep: Callable[[float], None]
) -> list[RetentionDecision]:
    """Read the account, and return the decisions with ``deleted`` set.

    One list covers all images; only images that it still contains are read individually.
    """
    pending = {one.snapshot.image.id: one for one in results if one.delete and not one.deleted}
    if not pending:
        return list(results)
    try:
        listed = {image.id for image in client.all_private_images() if not _is_deleted(image)}
        existing = [one for image_id, one in pending.items() if image_id in listed]
        for pause in VERIFY_PAUSES:
            if existing:
                sleep(pause)
            existing = [one for one in existing if _find(client, one.snapshot.image.id)]
    except DigitalOceanError as error:
        state = f"{error.state}{len(pending)} DELETEs were accepted but could not be verified."
        raise error.with_facts(state=state) from error
    if existing:
        raise DigitalOceanError(
            f"DigitalOcean accepted {len(pending)} DELETEs, but {sum(VERIFY_PAUSES):g} s later "
            f"still has {'; '.join(map(str, existing))}",
            request_id=client.request_id,
            code="not_deleted",
        ).with_facts(image_id=existing[0].snapshot.image.id)
    return [replace(one, deleted=one.delete) for one in results]


def _delete(
    client: ApiClient, decision: RetentionDecision, retention: RetentionPolicy
) -> RetentionDecision:
    image_id = decision.snapshot.image.id
    image = _find(client, image_id)
    if image is None:
        return replace(decision, deleted=True, reasons=("it was already deleted",))
    if reason := changed_since_plan(decision, image, retention):
        return replace(decision, delete=False, reasons=(reason,))
    page = client.newest_image_actions(image_id, retry=None)
    # An action that cannot be parsed may be in progress.
    if page.problems or not all(action.finished for action in page.rows):
        return replace(decision, delete=False, reasons=("an action on it is in progress",))
    try:
        client.delete_image(image_id)
    except (
        # A 422 may follow a DELETE of another client; the other errors leave the result open.
        UnprocessableError,
        NotFoundError,
        TransportError,
        ServerError,
        InvalidResponseError,
    ) as error:
        try:
            existing = _find(client, image_id)
        except DigitalOceanError as read_error:
            state = f"The DELETE returned: {as_sentence(error)} "
            raise read_error.with_facts(state=state) from read_error
        if existing:
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
