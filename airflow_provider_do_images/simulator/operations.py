"""The operations of the API on an account, without HTTP.

Numbers in docstrings refer to ``rules/table.md``. The caller holds the lock of the state.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from airflow_provider_do_images.simulator.http.errors import (
    ApiError,
    not_found,
    standard_error,
    unknown_action_type,
    unprocessable,
)
from airflow_provider_do_images.simulator.state.account_state import AccountState
from airflow_provider_do_images.simulator.state.backup_schedule import LONGEST_RETENTION
from airflow_provider_do_images.simulator.state.durations import snapshot_seconds, transfer_seconds
from airflow_provider_do_images.simulator.state.models import (
    COMPLETED,
    IN_PROGRESS,
    Action,
    Droplet,
    Image,
)


def require_image(state: AccountState, image_id: int) -> Image:
    """Return an image, or raise a 404 (5)."""
    if image := state.images.get(image_id):
        return image
    raise not_found()


def require_droplet(state: AccountState, droplet_id: int) -> Droplet:
    """Return a droplet, or raise a 404."""
    if droplet := state.droplets.get(droplet_id):
        return droplet
    raise not_found()


def create_image_action(
    state: AccountState, image_id: int, type_: object, region: object
) -> Action:
    """Start the action of ``POST /v2/images/{id}/actions``."""
    image = require_image(state, image_id)
    if type_ == "convert":
        return convert(state, image)
    if type_ == "transfer":
        return transfer(state, image, region)
    raise unknown_action_type()


def convert(state: AccountState, image: Image) -> Action:
    """Convert a backup to a snapshot, at once by default (2)."""
    is_no_op = image.type == "snapshot" and state.rules.convert_snapshot
    if image.type != "backup" and not is_no_op:
        raise unprocessable(state.rules.text("convert_refused"))
    if seconds := state.rules.convert_seconds:
        return state.begin_action("convert", image, region=image.regions[0], seconds=seconds)
    return state.begin_action("convert_to_snapshot", image)


def transfer(state: AccountState, image: Image, region: object) -> Action:
    """Transfer an image to a region (3), or raise an error (4)."""
    if error := _transfer_error(state, image, region):
        raise error
    slug = str(region)
    if slug in image.regions:
        return state.begin_action("transfer", image, region=slug)
    seconds = state.rules.transfer_seconds
    if seconds is None:
        sources = [state.regions[source] for source in image.regions if source in state.regions]
        attempt = sum(1 for _ in _transfers_to(state, image, slug))
        random = state.random_for("transfer", image.id, slug, attempt)
        size = image.size_gigabytes or 0.0
        seconds = transfer_seconds(size, sources, state.regions[slug], random)
    return state.begin_action("transfer", image, region=slug, seconds=seconds)


def _transfer_error(state: AccountState, image: Image, region: object) -> ApiError | None:
    """Return the first reason to reject a transfer: image, region, or a parallel transfer."""
    rules = state.rules
    if image.public and rules.public_transfer_status == not_found().status:
        return not_found()
    name = _image_error(image) or _region_error(state, image, region)
    return unprocessable(rules.text(name, region=str(region or ""))) if name else None


def _image_error(image: Image) -> str | None:
    if image.type == "backup":
        return "backup_transfer"
    if image.public:
        return "public_transfer"
    return None if image.status == "available" else "not_available"


def _region_error(state: AccountState, image: Image, region: object) -> str | None:
    rules = state.rules
    if not isinstance(region, str) or region not in state.regions:
        return "region_unknown"
    if "image_transfer" not in state.regions[region].features:
        return "region_without_transfer"
    if region in image.regions:
        return None if rules.transfer_to_present else "region_present"
    running = (action.status == IN_PROGRESS for action in _transfers_to(state, image, region))
    return "transfer_pending" if not rules.parallel_to_one_region and any(running) else None


def _transfers_to(state: AccountState, image: Image, region: str) -> Iterator[Action]:
    """Yield all transfers of an image to a region."""
    for action_id in state.action_index.newest_first(("image", image.id)):
        action = state.actions[action_id]
        if action.type == "transfer" and action.region == region:
            yield action


def rename_image(state: AccountState, image_id: int, changes: dict[str, object]) -> Image:
    """Change the name of an image, or also description and distribution of a custom image (17)."""
    image = require_image(state, image_id)
    if image.public:
        raise standard_error(403)
    if image.type == "backup" and not state.rules.rename_backup:
        raise unprocessable(state.rules.text("backup_rename"))
    allowed = {"name"} | ({"description", "distribution"} if image.type == "custom" else set())
    given = {key: value for key, value in changes.items() if key in allowed and value is not None}
    if not all(isinstance(value, str) and value for value in given.values()):
        raise unprocessable(state.rules.text("name_missing"))
    for key, value in given.items():
        setattr(image, key, value)
    return image


def delete_image(state: AccountState, image_id: int) -> None:
    """Delete an image and record an ``image_destroy`` action (8).

    A second deletion is a 422, although a read is a 404.
    """
    if image_id in state.deleted_images:
        raise unprocessable(state.rules.text("already_deleted"))
    image = require_image(state, image_id)
    if image.public:
        raise unprocessable(state.rules.text("delete_refused"))
    if image.type == "backup" and not state.rules.delete_backup:
        return
    now = state.process_due_events()
    state.remove_image(image, now)
    state.add_action(image_id, type="image_destroy", status=COMPLETED)


def require_snapshot(state: AccountState, snapshot_id: int) -> Image:
    """Return a droplet snapshot; an image of another type is a 400, not a 404."""
    image = require_image(state, snapshot_id)
    if image.type != "snapshot":
        raise ApiError(400, "bad_request", state.rules.text("not_a_snapshot"))
    return image


def create_droplet_action(
    state: AccountState, droplet_id: int, body: Mapping[str, object]
) -> Action:
    """Start the action of ``POST /v2/droplets/{id}/actions``: a snapshot, or backups on or off.

    A running action locks the droplet, which then rejects the next one (14).
    """
    droplet, type_ = require_droplet(state, droplet_id), body.get("type")
    if type_ not in ("snapshot", "enable_backups", "disable_backups"):
        raise unknown_action_type()
    if droplet.locked_by is not None:
        raise unprocessable(state.rules.text("droplet_busy"))
    if type_ == "snapshot":
        return snapshot(state, droplet, body.get("name"))
    if type_ == "enable_backups":
        enable_backups(state, droplet, body.get("backup_policy"))
    else:
        state.set_backup_plan(droplet, None)
        _delete_backups(state, droplet)
    return state.begin_action(str(type_), droplet, region=droplet.region)


def snapshot(state: AccountState, droplet: Droplet, name: object) -> Action:
    """Start a snapshot of a droplet; the image appears when the action is completed (14)."""
    seconds = state.rules.snapshot_seconds
    if seconds is None:
        random = state.random_for("snapshot", droplet.id, len(state.actions))
        seconds = snapshot_seconds(droplet.used_gigabytes, random)
    action = state.begin_action(
        "snapshot",
        droplet,
        region=droplet.region,
        seconds=seconds,
        snapshot_name=str(name)
        if name
        else f"{droplet.name}-{int(state.process_due_events() * 1000)}",
    )
    if action.status == IN_PROGRESS:
        droplet.locked_by = action.id
    return action


def enable_backups(state: AccountState, droplet: Droplet, policy: object) -> None:
    """Enable backups with the plan of a policy; the hour does not change (13)."""
    plan = policy.get("plan") if isinstance(policy, Mapping) else None
    state.set_backup_plan(droplet, "weekly" if plan == "weekly" else "daily")


def destroy_droplet(state: AccountState, droplet_id: int) -> None:
    """Destroy a droplet. Its backups remain until 28 days after their creation (13)."""
    droplet = require_droplet(state, droplet_id)
    state.discard(droplet)
    if not state.rules.destroy_keeps_backups:
        _delete_backups(state, droplet)
        return
    for image_id in state.image_index.oldest_first(("droplet", droplet.id, "backup")):
        image = state.images[image_id]
        state.schedule_expiry(image, image.created_at + LONGEST_RETENTION)


def _delete_backups(state: AccountState, droplet: Droplet) -> None:
    now = state.process_due_events()
    for image_id in state.image_index.oldest_first(("droplet", droplet.id, "backup")):
        state.remove_image(state.images[image_id], now)
