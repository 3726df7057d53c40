"""What an account holds: images, droplets, actions. Times are Unix seconds, sizes gigabytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

DEFAULT_SIZE = "s-1vcpu-2gb"
BackupPlan = Literal["daily", "weekly"]

IN_PROGRESS = "in-progress"
COMPLETED = "completed"
ERRORED = "errored"
DISAPPEARED = "vanished"


@dataclass(slots=True)
class Image:
    """An image. ``droplet_id`` is where it came from, which only ``/v2/snapshots`` tells.

    Lists are filtered by ``type`` and ``tags``: change these through the state's methods.
    ``original_name`` is what a backup was called when it was made.
    """

    id: int
    name: str
    type: str
    regions: list[str]
    created_at: int
    size_gigabytes: float | None
    min_disk_size: int | None
    distribution: str = "Ubuntu"
    slug: str | None = None
    public: bool = False
    description: str | None = ""
    tags: list[str] = field(default_factory=list)
    status: str = "available"
    error_message: str = ""
    droplet_id: int | None = None
    expires_at: int | None = None
    original_name: str = ""


@dataclass(slots=True)
class Droplet:
    """A virtual machine.

    ``backups`` is its plan, or None, with weekday 0 for Sunday; ``used_gigabytes`` is what a
    snapshot of it weighs; ``locked_by`` is the id of the action that locks it.
    """

    id: int
    name: str
    region: str
    created_at: int
    image_id: int | None
    tags: list[str] = field(default_factory=list)
    backups: BackupPlan | None = None
    backup_hour: int = 0
    backup_weekday: int = 0
    next_window_at: int | None = None
    memory: int = 2048
    vcpus: int = 1
    disk: int = 50
    size_slug: str = DEFAULT_SIZE
    used_gigabytes: float = 2.5
    locked_by: int | None = None
    status: str = "active"

    @property
    def gpu(self) -> bool:
        """Whether it is one of those that the API lists only when asked for them."""
        return self.size_slug.startswith("gpu-")


@dataclass(slots=True)
class Action:
    """Something done to a resource. ``region`` is a slug: for a transfer the destination.

    ``status`` is ``in-progress``, ``completed``, ``errored``, or whatever a test put there.
    ``due_at`` is when it will end, None for never; ``snapshot_name`` is that of a droplet snapshot;
    ``not_found_reads`` is how many reads of it alone still answer 404.
    """

    id: int
    status: str
    type: str
    started_at: int
    completed_at: int | None
    resource_id: int
    resource_type: str
    region: str | None = None
    due_at: float | None = None
    snapshot_name: str | None = None
    not_found_reads: int = 0


@dataclass(frozen=True, slots=True)
class ActionOutcome:
    """How an action ends, where that is not as usual.

    :param status: ``completed``, ``errored``, or ``vanished``: gone, and its image too.
    :param seconds: after how many virtual seconds; None: after the usual time; inf: never.
    :param regions_lag_seconds: how much later ``regions`` grows; None: as the rules say.
    """

    status: str = COMPLETED
    seconds: float | None = None
    regions_lag_seconds: float | None = None
