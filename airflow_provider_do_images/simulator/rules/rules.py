"""What the simulator takes for true about the API, each rule with its mark, and the switches.

Marks: *confirmed* (official documentation or code, a maintainer's word, or a recorded answer),
*reported* (users or third parties say so), *assumed* (nobody says; this is our guess). Where a
rule is not confirmed a switch turns it, if that can matter to a client.
"""

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
"""Refusals by name. ``backup_transfer`` is reported word by word (api-v2#126), ``already_deleted``,
``droplet_busy`` and ``not_a_snapshot`` are confirmed; the others are invented."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The switches. The defaults follow the rule table; times are virtual seconds.

    :param rate_limits: whether the two limits apply (rule 10).
    :param requests_per_minute: the burst limit, answered with ``retry-after``.
    :param requests_per_hour: the hourly limit, answered without.
    :param reset_in_past: let ``ratelimit-reset`` lie 268 s in the past, as recorded twice.
    :param request_id_in_body: put ``request_id`` into error bodies; else only in the header.
    :param transfer_seconds: fixed duration of transfers; None: by size and distance.
    :param snapshot_seconds: fixed duration of droplet snapshots; None: by size.
    :param convert_seconds: above 0, a conversion takes this long and its type is ``convert``.
    :param convert_snapshot: accept ``convert`` of a snapshot, as a no-op; else 422.
    :param transfer_to_present: accept a transfer to where the image is, as a no-op; else 422.
    :param parallel_to_one_region: accept a second transfer to one region while one runs; else 422.
    :param public_transfer_status: answer to a transfer of a public image, 422 or 404.
    :param transfers_show_region: show a transfer's ``region``; else it is null in every answer, for
        ever.
    :param region_null_until_completed: leave ``region`` null on a running transfer.
    :param regions_lag_seconds: how long after ``completed`` the image's ``regions`` grow.
    :param not_found_polls: how many reads of a new action answer 404 first.
    :param rename_backup: let ``PUT`` rename a backup; else 422.
    :param convert_keeps_name: a converted backup keeps the name that ``PUT`` gave it; else it is
        called again what it was called when it was made.
    :param delete_backup: let ``DELETE`` of a backup delete it; else 204 without effect.
    :param destroy_keeps_backups: backups outlive their droplet until they expire.
    :param tag_filter_any_case: ``tag_name`` finds a tag in any spelling; else in its own alone.
    :param single_page_links: ``links`` when all fits one page: ``empty`` for ``{}``, ``pages``
        for ``{"pages": {}}``, ``absent`` for no such key. All three are seen.
    :param texts: other texts for refusals, by the names in ``TEXTS``.
    :raises ValueError: for a value that is not one of these.
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
        """Return the text of a refusal, with its placeholders filled."""
        return self.texts.get(name, TEXTS[name]).format(**values)
