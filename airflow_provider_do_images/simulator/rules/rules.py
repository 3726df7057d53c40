"""The switches for rules that are not confirmed, and the error messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType

TEXTS = MappingProxyType(
    {
        "backup_transfer": "Backups can not be transfered to other regions",
        "region_present": "The image is already available in this region.",
        "region_unknown": "{region} is not a valid region.",
        "region_without_transfer": "Images can not be transferred to {region}.",
        "public_transfer": "Public images can not be transferred.",
        "transfer_pending": "The image is already being transferred to this region.",
        "not_available": "The image is not available yet.",
        "convert_refused": "Only backups can be converted to snapshots.",
        "already_deleted": "Can not delete an already deleted image.",
        "delete_refused": "This image can not be deleted.",
        "droplet_busy": "Droplet already has a pending event.",
        "not_a_snapshot": "the resource is not a snapshot",
        "backup_rename": "Backups can not be renamed.",
        "name_missing": "Name can't be blank",
        "filters_combined": "tag_name can not be combined with name or type.",
        "tag_invalid": "Tags are letters, digits, colons, dashes and underscores.",
    }
)
"""Error messages by name. ``backup_transfer`` is reported verbatim (api-v2#126).
``already_deleted``, ``droplet_busy`` and ``not_a_snapshot`` are confirmed. The others are invented.
"""


@dataclass(frozen=True, slots=True)
class Rules:
    """The switches. The defaults follow the rule table; times are virtual seconds.

    :param rate_limits: apply the two rate limits.
    :param requests_per_minute: the limit per minute; its 429 has ``retry-after``.
    :param requests_per_hour: the limit per hour; its 429 has no ``retry-after``.
    :param reset_in_past: set ``ratelimit-reset`` 268 s in the past, as recorded twice.
    :param request_id_in_body: include ``request_id`` in error bodies; else only in the header.
    :param transfer_seconds: fixed duration of transfers; None: by size and distance.
    :param snapshot_seconds: fixed duration of droplet snapshots; None: by size.
    :param convert_seconds: above 0, the duration of a conversion; its type is ``convert`` then.
    :param convert_snapshot: accept ``convert`` of a snapshot without effect; else 422.
    :param transfer_to_present: accept a transfer to a region that has the image; else 422.
    :param parallel_to_one_region: accept a second transfer to a region in parallel; else 422.
    :param public_transfer_status: the error for a transfer of a public image, 422 or 404.
    :param transfers_show_region: show a transfer's ``region``; else it is always null.
    :param region_null_until_completed: a running transfer's ``region`` is null.
    :param regions_lag_seconds: delay from ``completed`` until ``regions`` has the destination.
    :param not_found_polls: how many reads of a new action return 404.
    :param rename_backup: ``PUT`` can rename a backup; else 422.
    :param convert_keeps_name: a converted backup keeps the name set by ``PUT``; else it gets its
        original name again.
    :param delete_backup: ``DELETE`` of a backup deletes it; else 204 without effect.
    :param destroy_keeps_backups: backups of a destroyed droplet remain until they expire.
    :param tag_filter_any_case: ``tag_name`` ignores case.
    :param single_page_links: ``links`` of a list with one page: ``empty`` for ``{}``, ``pages``
        for ``{"pages": {}}``, ``absent`` for no such key. All three were observed.
    :param texts: other error messages, by the names in ``TEXTS``.
    :raises ValueError: for an invalid value.
    """

    rate_limits: bool = True
    requests_per_minute: int = 250
    requests_per_hour: int = 5000
    reset_in_past: bool = False
    request_id_in_body: bool = True
    transfer_seconds: float | None = None
    snapshot_seconds: float | None = None
    convert_seconds: float = 0.0
    convert_snapshot: bool = False
    transfer_to_present: bool = False
    parallel_to_one_region: bool = True
    public_transfer_status: int = 422
    transfers_show_region: bool = True
    region_null_until_completed: bool = False
    regions_lag_seconds: float = 0.0
    not_found_polls: int = 0
    rename_backup: bool = True
    convert_keeps_name: bool = True
    delete_backup: bool = False
    destroy_keeps_backups: bool = True
    tag_filter_any_case: bool = True
    single_page_links: str = "empty"
    texts: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if self.single_page_links not in {"empty", "pages", "absent"}:
            raise ValueError("single_page_links must be empty, pages or absent")
        if self.public_transfer_status not in {404, 422}:
            raise ValueError("public_transfer_status must be 404 or 422")
        for one in fields(self):
            value, least = getattr(self, one.name), int(one.name.startswith("requests_per_"))
            if isinstance(value, int | float) and not value >= least:
                raise ValueError(f"{one.name} must be {least} or more, not {value}")
        if unknown := set(self.texts) - set(TEXTS):
            raise ValueError(f"no text is named {', '.join(sorted(unknown))}")

    def text(self, name: str, **values: str) -> str:
        """Return an error message with its placeholders filled."""
        return self.texts.get(name, TEXTS[name]).format(**values)
