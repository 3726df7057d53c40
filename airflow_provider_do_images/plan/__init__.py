"""What the operators would do tonight, decided by the same functions, with GETs only.

    python -m airflow_provider_do_images.plan --policy prod-nightly --tag prod --regions ams3,sgp1

It needs no Airflow, and a token that may only read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_do_images.api import (
    Droplet,
    Image,
    InvalidInputError,
    PermissionDeniedError,
)
from airflow_provider_do_images.core.snapshots.inventory import DropletSelector, unknown_policy
from airflow_provider_do_images.core.snapshots.naming import SnapshotName
from airflow_provider_do_images.core.snapshots.pricing import usd_per_month
from airflow_provider_do_images.core.snapshots.prune import (
    MAX_DELETES,
    require_tag_read_scope,
    select_deletions,
    too_many,
)
from airflow_provider_do_images.core.snapshots.restore_points import (
    RestorePoint,
    RestorePointSelection,
    select_restore_points,
)
from airflow_provider_do_images.core.snapshots.retention import RetentionPolicy, plan_retention
from airflow_provider_do_images.core.submit.replicate import missing_regions
from airflow_provider_do_images.core.wait.typical_durations import MAX_SIZE_READS

if TYPE_CHECKING:
    from airflow_provider_do_images.api import ApiClient

WRITE_SCOPES = {"convert": "image:update", "copy": "image:update", "delete": "image:delete"}
"""What each step needs besides; whether a token has it cannot be seen by reading."""


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What the operators would be given.

    :param regions: slugs of the regions to copy to.
    :param retention: what prune is given; ``None`` for no pruning.
    :param price: USD for a GiB of snapshot in a month.
    :param max_delete: as many images as prune may delete.
    """

    policy: str
    selection: DropletSelector
    regions: tuple[str, ...]
    max_backup_age: timedelta
    retention: RetentionPolicy | None
    price: float
    max_delete: int = MAX_DELETES


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One thing that would be done, or left.

    :param what: ``convert``, ``copy``, ``keep`` or ``delete``.
    :param usd_per_month: by how much it changes the bill; a copy costs nothing.
    """

    what: str
    image_id: int
    droplet_id: int
    droplet_name: str | None
    region: str | None
    why: str
    usd_per_month: float | None = 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole plan.

    :param missing: selected droplets without a restore point: id, name and reason.
    :param unprotected: droplets of the account that the policy does not cover: id, name and why.
    :param scopes: what the token lacks, by what it was refused; or may lack, for the steps.
    :param requests: how many requests the operators send for it at most, beside the lists of the
        whole account and the looks of the waits.
    :param refusal: why prune would refuse the steps that delete; ``None`` if it would not.
    :param warning: that no image is named for the policy, which may be mistyped.
    """

    steps: list[PlannedStep]
    missing: list[dict[str, Any]]
    unprotected: list[dict[str, Any]]
    missing_scopes: list[str] = field(default_factory=list)
    needed_scopes: list[str] = field(default_factory=list)
    requests: int = 0
    refusal: str | None = None
    warning: str | None = None

    @property
    def usd_per_month(self) -> float:
        """By how much the monthly bill changes, as far as sizes are told."""
        done = _carried_out(self.steps, self.refusal)
        return round(sum(step.usd_per_month or 0.0 for step in done), 2)


def build_plan(client: ApiClient, wishes: PlanRequest, *, now: datetime) -> Plan:
    """Read the account and decide everything, sending nothing but GETs.

    :raises PermissionDeniedError: without ``droplet:read`` and ``image:read``.
    :raises InvalidInputError: for regions unknown to the account, and if nothing is selected.
    """
    refused = _refused_scopes(client, wishes)
    selected = wishes.selection.read(client)
    everyone = client.all_droplets()
    images = client.all_private_images()
    choice = select_restore_points(
        selected,
        images,
        wishes.policy,
        now=now,
        max_backup_age=wishes.max_backup_age,
        only_one=wishes.selection.name is not None,
    )
    steps: list[PlannedStep] = []
    after = {image.id: image for image in images}
    for point in choice.points:
        done, image = _kept(client, point, wishes)
        steps += done
        after[image.id] = image
    pruned, refusal = _pruned(after.values(), everyone, wishes, refused, now)
    steps += pruned
    done = _carried_out(steps, refusal)
    return Plan(
        steps,
        [one.to_json() for one in choice.missing],
        _unprotected(everyone, selected, choice),
        missing_scopes=[str(error.scope) for error in refused],
        needed_scopes=sorted({WRITE_SCOPES[s.what] for s in done if s.what in WRITE_SCOPES}),
        requests=_requests(len(choice.points), done),
        refusal=refusal,
        warning=unknown_policy(images, wishes.policy),
    )


def _refused_scopes(client: ApiClient, wishes: PlanRequest) -> list[PermissionDeniedError]:
    """Try what the operators read besides; refuse regions that the account does not know."""
    refused = []
    try:
        known = {region.slug for region in client.list_regions()}
    except PermissionDeniedError as error:
        refused.append(error)
    else:
        if unknown := [region for region in wishes.regions if region not in known]:
            raise InvalidInputError(
                f"regions unknown to this account: {', '.join(unknown)}; it knows "
                f"{', '.join(sorted(known))}"
            )
    for read in (lambda: require_tag_read_scope(client), lambda: client.actions_page(1)):
        try:
            read()
        except PermissionDeniedError as error:
            refused.append(error)
    return refused


def _kept(
    client: ApiClient, point: RestorePoint, wishes: PlanRequest
) -> tuple[list[PlannedStep], Image]:
    """Return the steps that keep a restore point, and the image as it is after them."""
    droplet, image = point.droplet, point.image
    steps = []
    actions: Sequence[Any] = ()
    if image.type == "backup":
        cost = usd_per_month(image.size_gigabytes, wishes.price)
        name = SnapshotName(wishes.policy, droplet.id, point.taken_at)
        why = f"the newest backup becomes {name}"
        steps.append(PlannedStep("convert", image.id, droplet.id, droplet.name, None, why, cost))
        image = replace(image, type="snapshot", name=str(name))
    elif not set(wishes.regions) <= set(image.regions):
        actions = list(client.list_image_actions(image.id))
    missing = missing_regions(image, actions, wishes.regions)
    steps += [
        PlannedStep("copy", image.id, droplet.id, droplet.name, region, "it is not there yet")
        for region in missing
    ]
    regions = tuple(dict.fromkeys((*image.regions, *wishes.regions)))
    return steps, replace(image, regions=regions)


def _carried_out(steps: Sequence[PlannedStep], refusal: str | None) -> list[PlannedStep]:
    """Return the steps that would be done: none that deletes, if prune would refuse."""
    return [step for step in steps if not (refusal and step.what == "delete")]


def _pruned(
    images: Iterable[Image],
    droplets: Iterable[Droplet],
    wishes: PlanRequest,
    refused: Iterable[PermissionDeniedError],
    now: datetime,
) -> tuple[list[PlannedStep], str | None]:
    """Return what prune decides, and why it would refuse to carry that out, if it would."""
    if wishes.retention is None:
        return [], None
    decisions = plan_retention(
        images,
        droplets,
        wishes.policy,
        wishes.retention,
        now=now,
        usd_per_gib_month=wishes.price,
    )
    refusal = next((str(error) for error in refused if error.scope == "tag:read"), None)
    refusal = refusal or too_many(select_deletions(decisions), wishes.max_delete)
    steps = [
        PlannedStep(
            "delete" if one.delete else "keep",
            one.kept.image.id,
            one.kept.name.droplet_id,
            one.droplet_name,
            None,
            "; ".join(one.reasons),
            -(one.usd_per_month or 0.0) if one.delete else 0.0,
        )
        for one in decisions
    ]
    return steps, refusal


def _unprotected(
    everyone: Iterable[Droplet], selected: Iterable[Droplet], choice: RestorePointSelection
) -> list[dict[str, Any]]:
    covered = {point.droplet.id for point in choice.points}
    chosen = {droplet.id for droplet in selected}
    return [
        {
            "droplet_id": droplet.id,
            "droplet_name": droplet.name,
            "reason": "it has no restore point that will do"
            if droplet.id in chosen
            else "it is not selected",
        }
        for droplet in everyone
        if droplet.id not in covered
    ]


def _requests(points: int, steps: Sequence[PlannedStep]) -> int:
    """Count what the operators send for so many restore points, at most."""
    number = Counter(step.what for step in steps)
    copied = len({step.image_id for step in steps if step.what == "copy"})
    return (
        # What is kept already is looked at three times, and again under its name.
        4 * (points - number["convert"])
        # A backup is renamed and posted besides, and proved.
        + 7 * number["convert"]
        # Image and history, for each set of copies; regions, newest actions, three sizes for some.
        + 2 * points
        + (2 + MAX_SIZE_READS) * copied
        # The POST and the proof.
        + 2 * number["copy"]
        # Image and history before each DELETE.
        + 3 * number["delete"]
    )
