"""Images, droplets and actions. Times are Unix seconds, sizes gigabytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

DEFAULT_SIZE = "s-1vcpu-2gb"
BackupPlan = Literal["daily", "weekly"]

IN_PROGRESS = "in-progress"
COMPLETED = "completed"
ERRORED = "errored"
DISAPPEARED = "disappeared"


@dataclass(slots=True)
class Image:
    """An image.

    ``type`` and ``tags`` are indexed: change them through the methods of the state.

    :param droplet_id: the source droplet; the API shows it only in ``/v2/snapshots``.
    :param original_name: the name of a backup at its creation.
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

    :param backups: the plan of its backup policy; None: backups are off.
    :param backup_weekday: 0 for Sunday.
    :param used_gigabytes: the size of its snapshots and backups.
    :param locked_by: id of the action that locks it.
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
        """Whether the droplet has GPUs. The API lists those only with ``type=gpus``."""
        return self.size_slug.startswith("gpu-")


@dataclass(slots=True)
class Action:
    """An action on an image or a droplet.

    :param status: ``in-progress``, ``completed``, ``errored``, or any text set by a test.
    :param region: slug; the destination of a transfer.
    :param due_at: when it ends; None: it does not end by itself.
    :param snapshot_name: the name of the snapshot that it creates.
    :param not_found_reads: how many more reads of this action return 404.
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
    """The end of an action.

    :param status: ``completed``, ``errored``, or ``disappeared`` (with its image).
    :param seconds: duration in virtual seconds; None: the usual duration; inf: it never ends.
    :param regions_lag_seconds: delay until ``regions`` includes the destination; None: by the
        rules.
    """

    status: str = COMPLETED
    seconds: float | None = None
    regions_lag_seconds: float | None = None
