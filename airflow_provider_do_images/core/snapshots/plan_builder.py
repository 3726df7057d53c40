"""Build a plan of the steps that the operators would take, with the same functions.

Building a plan only sends GET requests, so a read-only token is enough.
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
"""The scope that each step needs. Whether a token has it is unknown, since the plan only reads."""


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """The parameters of the planned operators.

    :param regions: slugs of the target regions.
    :param retention: the rules of prune; ``None``: do not prune.
    :param price: USD per GiB and month of snapshot storage.
    :param max_delete: the maximum number of deletions.
    """

    policy: str
    selector: DropletSelector
    regions: tuple[str, ...]
    max_backup_age: timedelta
    retention: RetentionPolicy | None
    price: float
    max_delete: int = MAX_DELETES


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One step of a plan.

    :param action: ``convert``, ``copy``, ``retain`` or ``delete``.
    :param usd_per_month: the change of the monthly cost; ``None``: unknown. A copy is free.
    """

    action: str
    image_id: int
    droplet_id: int
    droplet_name: str | None
    region: str | None
    reason: str
    usd_per_month: float | None = 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """The result of a dry run.

    :param missing: selected droplets without a restore point: id, name and reason.
    :param unprotected: droplets that the policy does not cover: id, name and reason.
    :param missing_scopes: read scopes that the token does not have.
    :param needed_scopes: write scopes that the steps need.
    :param requests: the maximum number of requests of the operators, without lists of the whole
        account and polling.
    :param refusal: why prune would not delete; ``None``: it would.
    :param warning: set if no image has a name of the policy.
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
        """The change of the monthly cost of all steps with a known size."""
        executed = _executed(self.steps, self.refusal)
        return round(sum(step.usd_per_month or 0.0 for step in executed), 2)


def build_plan(client: ApiClient, request: PlanRequest, *, now: datetime) -> Plan:
    """Read the account and build the plan. Sends only GET requests.

    :raises PermissionDeniedError: without ``droplet:read`` and ``image:read``.
    :raises InvalidInputError: for an unknown region, and if no droplet is selected.
    """
    scope_errors = _scope_errors_scopes(client, request)
    selected = request.selector.read(client)
    all_droplets = client.all_droplets()
    images = client.all_private_images()
    selection = select_restore_points(
        selected,
        images,
        request.policy,
        now=now,
        max_backup_age=request.max_backup_age,
        only_one=request.selector.name is not None,
    )
    steps: list[PlannedStep] = []
    after = {image.id: image for image in images}
    for point in selection.points:
        planned, image = _restore_point_steps(client, point, request)
        steps += planned
        after[image.id] = image
    retention_steps, refusal = _prune_steps(
        after.values(), all_droplets, request, scope_errors, now
    )
    steps += retention_steps
    executed = _executed(steps, refusal)
    return Plan(
        steps,
        [one.to_json() for one in selection.missing],
        _unprotected(all_droplets, selected, selection),
        missing_scopes=[str(error.scope) for error in scope_errors],
        needed_scopes=sorted(
            {WRITE_SCOPES[s.action] for s in executed if s.action in WRITE_SCOPES}
        ),
        requests=_requests(len(selection.points), executed),
        refusal=refusal,
        warning=unknown_policy(images, request.policy),
    )


def _scope_errors_scopes(client: ApiClient, request: PlanRequest) -> list[PermissionDeniedError]:
    """Check the regions, and return the errors of reads that need further scopes."""
    scope_errors = []
    try:
        known = {region.slug for region in client.list_regions()}
    except PermissionDeniedError as error:
        scope_errors.append(error)
    else:
        if unknown := [region for region in request.regions if region not in known]:
            raise InvalidInputError(
                f"regions not available to this account: {', '.join(unknown)}; available: "
                f"{', '.join(sorted(known))}"
            )
    for read in (lambda: require_tag_read_scope(client), lambda: client.actions_page(1)):
        try:
            read()
        except PermissionDeniedError as error:
            scope_errors.append(error)
    return scope_errors


def _restore_point_steps(
    client: ApiClient, point: RestorePoint, request: PlanRequest
) -> tuple[list[PlannedStep], Image]:
    """Return the steps for a restore point, and the image after them."""
    droplet, image = point.droplet, point.image
    steps = []
    actions: Sequence[Any] = ()
    if image.type == "backup":
        cost = usd_per_month(image.size_gigabytes, request.price)
        name = SnapshotName(request.policy, droplet.id, point.taken_at)
        reason = f"newest backup; becomes {name}"
        steps.append(PlannedStep("convert", image.id, droplet.id, droplet.name, None, reason, cost))
        image = replace(image, type="snapshot", name=str(name))
    elif not set(request.regions) <= set(image.regions):
        actions = list(client.list_image_actions(image.id))
    missing = missing_regions(image, actions, request.regions)
    steps += [
        PlannedStep("copy", image.id, droplet.id, droplet.name, region, "missing in this region")
        for region in missing
    ]
    regions = tuple(dict.fromkeys((*image.regions, *request.regions)))
    return steps, replace(image, regions=regions)


def _executed(steps: Sequence[PlannedStep], refusal: str | None) -> list[PlannedStep]:
    """Return the steps without deletions if prune would refuse them."""
    return [step for step in steps if not (refusal and step.action == "delete")]


def _prune_steps(
    images: Iterable[Image],
    droplets: Iterable[Droplet],
    request: PlanRequest,
    scope_errors: Iterable[PermissionDeniedError],
    now: datetime,
) -> tuple[list[PlannedStep], str | None]:
    """Return the decisions of prune, and the reason if it would refuse to delete."""
    if request.retention is None:
        return [], None
    decisions = plan_retention(
        images,
        droplets,
        request.policy,
        request.retention,
        now=now,
        usd_per_gib_month=request.price,
    )
    refusal = next((str(error) for error in scope_errors if error.scope == "tag:read"), None)
    refusal = refusal or too_many(select_deletions(decisions), request.max_delete)
    steps = [
        PlannedStep(
            "delete" if one.delete else "retain",
            one.snapshot.image.id,
            one.snapshot.name.droplet_id,
            one.droplet_name,
            None,
            "; ".join(one.reasons),
            -(one.usd_per_month or 0.0) if one.delete else 0.0,
        )
        for one in decisions
    ]
    return steps, refusal


def _unprotected(
    all_droplets: Iterable[Droplet], selected: Iterable[Droplet], selection: RestorePointSelection
) -> list[dict[str, Any]]:
    covered = {point.droplet.id for point in selection.points}
    selected_ids = {droplet.id for droplet in selected}
    return [
        {
            "droplet_id": droplet.id,
            "droplet_name": droplet.name,
            "reason": "no usable restore point" if droplet.id in selected_ids else "not selected",
        }
        for droplet in all_droplets
        if droplet.id not in covered
    ]


def _requests(points: int, steps: Sequence[PlannedStep]) -> int:
    """Return the maximum number of requests of the operators for these steps."""
    number = Counter(step.action for step in steps)
    copied = len({step.image_id for step in steps if step.action == "copy"})
    return (
        # An existing snapshot is read three times, and once more by its name.
        4 * (points - number["convert"])
        # A backup is also renamed, converted and verified.
        + 7 * number["convert"]
        # Image and actions for each set of copies; also regions, newest actions, some sizes.
        + 2 * points
        + (2 + MAX_SIZE_READS) * copied
        # The POST and the verification.
        + 2 * number["copy"]
        # Image and actions before each DELETE.
        + 3 * number["delete"]
    )
