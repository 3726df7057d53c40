"""Every rule that the simulator follows, with how sure it is: what ``--rules`` prints.

*confirmed*: official documentation or code, a maintainer's word, or a recorded answer. *reported*:
users or third parties say so. *assumed*: nobody says; this is a guess. Where a guess can matter to
a client, a switch of :class:`~airflow_provider_do_images.simulator.rules.rules.Rules` turns it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from airflow_provider_do_images.simulator.rules.rules import Rules

CONFIRMED = "confirmed"
REPORTED = "reported"
ASSUMED = "assumed"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    :param number: rules with the same number belong together.
    :param module: the module that follows it.
    :param switches: what turns it, by the names in ``Rules``.
    """

    number: int
    evidence: str
    text: str
    module: str
    switches: tuple[str, ...] = ()


TABLE = (
    Rule(1, CONFIRMED, "POST answers 201 with the action under `action`", "routes.images"),
    Rule(1, CONFIRMED, "ids lie above 2^31 and rise; times are UTC, whole seconds", "state.store"),
    Rule(
        2,
        CONFIRMED,
        "convert makes a snapshot of a backup, which expires no more; the action is "
        "`convert_to_snapshot`, completed at once, its region null",
        "operations",
        ("convert_seconds",),
    ),
    Rule(2, ASSUMED, "it keeps the id, and is then listed by its droplet", "state.lifecycle"),
    Rule(2, ASSUMED, "convert of a snapshot is refused", "operations", ("convert_snapshot",)),
    Rule(3, CONFIRMED, "a transfer that runs is in-progress", "operations"),
    Rule(
        3,
        REPORTED,
        "both ways: its region is the destination (documented examples, 2014 to 2026), or null in "
        "the POST's answer, in the lists and after completion (recording of a custom image in "
        "geraxe/dolib, 2021; doctl#196, 2017, for the POST)",
        "http.serializers",
        ("transfers_show_region", "region_null_until_completed"),
    ),
    Rule(
        3,
        REPORTED,
        "it takes minutes by size and distance, up to 80 for some",
        "state.durations",
        ("transfer_seconds",),
    ),
    Rule(3, CONFIRMED, "transfers of one image to several regions run at once", "operations"),
    Rule(
        3,
        ASSUMED,
        "two transfers to one region may run at once",
        "operations",
        ("parallel_to_one_region",),
    ),
    Rule(4, REPORTED, "transfer of a backup is refused, with this text", "operations", ("texts",)),
    Rule(
        4,
        CONFIRMED,
        "422 for a region that has the image already, with a text that is assumed",
        "operations",
        ("transfer_to_present", "texts"),
    ),
    Rule(
        4,
        ASSUMED,
        "422 for a transfer of a public image",
        "operations",
        ("public_transfer_status", "texts"),
    ),
    Rule(
        4,
        ASSUMED,
        "422 for an unknown region, one without `image_transfer`, an image that is not "
        "available, and convert of no backup",
        "operations",
        ("texts",),
    ),
    Rule(5, CONFIRMED, "404 for a missing or unknown action type", "operations"),
    Rule(5, CONFIRMED, "404 for an action that is not one of this image", "routes.actions"),
    Rule(5, ASSUMED, "404 for an expired backup, as for a deleted image", "state.lifecycle"),
    Rule(5, ASSUMED, "404 for unknown paths and methods", "routes"),
    Rule(5, REPORTED, "a trailing slash is tolerated", "app"),
    Rule(
        6,
        ASSUMED,
        "`regions` grows in the moment of completion",
        "state.lifecycle",
        ("regions_lag_seconds",),
    ),
    Rule(
        6,
        REPORTED,
        "a new action can be unreadable at first; off by default",
        "routes.actions",
        ("not_found_polls",),
    ),
    Rule(7, CONFIRMED, "an errored action has `completed_at` and no reason", "http.serializers"),
    Rule(7, ASSUMED, "it leaves `regions` as they were", "state.lifecycle"),
    Rule(
        7, ASSUMED, "actions that run when their image is deleted end as errored", "state.lifecycle"
    ),
    Rule(
        8,
        CONFIRMED,
        "DELETE answers 204, once more 422, and GET 404",
        "operations",
    ),
    Rule(8, REPORTED, "it is recorded as an `image_destroy` action", "operations"),
    Rule(8, REPORTED, "a deleted image's old actions can still be read", "routes.images"),
    Rule(
        8,
        ASSUMED,
        "DELETE of a backup answers 204 and does nothing",
        "operations",
        ("delete_backup",),
    ),
    Rule(9, REPORTED, "images are listed oldest first", "routes.images"),
    Rule(9, REPORTED, "actions are listed newest first", "routes.actions"),
    Rule(
        9,
        ASSUMED,
        "droplets, their backups and snapshots are listed oldest first, tags by name",
        "routes",
    ),
    Rule(9, REPORTED, "`private=true` lists backups too", "routes.images"),
    Rule(9, CONFIRMED, "`type` of the list of images is not their type", "routes.images"),
    Rule(
        9,
        CONFIRMED,
        "20 rows a page, at most 200; `links` is `{}` on a single page",
        "http.pagination",
        ("single_page_links",),
    ),
    Rule(
        9,
        ASSUMED,
        "a page or size that is none counts as not given, above 200 as 200",
        "http.pagination",
    ),
    Rule(
        10,
        CONFIRMED,
        "250 requests a minute, with `retry-after`; 5,000 an hour, without",
        "http.rate_limits",
        ("rate_limits", "requests_per_minute", "requests_per_hour"),
    ),
    Rule(
        10,
        CONFIRMED,
        "`ratelimit-reset` is when the oldest request stops counting; it was also recorded to lie "
        "in the past",
        "http.rate_limits",
        ("reset_in_past",),
    ),
    Rule(10, CONFIRMED, "the other headers are those of recorded answers", "http.responses"),
    Rule(10, CONFIRMED, "a 401 has no rate limit headers, and no request id in its body", "app"),
    Rule(10, ASSUMED, "a refused request does not count", "http.rate_limits"),
    Rule(11, CONFIRMED, "502, 504 and 52x come as HTML, 500 and 503 as JSON", "faults.responses"),
    Rule(11, REPORTED, "5xx after the POST took effect, passing 403, 401 as text", "faults"),
    Rule(12, CONFIRMED, "scopes by call, as the specification's `security` says", "routes"),
    Rule(12, CONFIRMED, "what a token may not see is left empty", "http.serializers"),
    Rule(
        12,
        CONFIRMED,
        "an error has `id`, `message` and `request_id`, which is always a header too",
        "app",
        ("request_id_in_body",),
    ),
    Rule(
        13,
        CONFIRMED,
        "daily backups are kept 7 days, weekly ones 28; windows are four hours long",
        "state.backup_schedule",
    ),
    Rule(13, ASSUMED, "the moment inside the window is drawn by the seed", "state.backup_schedule"),
    Rule(
        13,
        CONFIRMED,
        "backups are switched on by the plan of `backup_policy`, daily without one",
        "operations",
    ),
    Rule(13, CONFIRMED, "switching backups off deletes them", "operations"),
    Rule(
        13,
        REPORTED,
        "backups outlive their droplet until they expire",
        "operations",
        ("destroy_keeps_backups",),
    ),
    Rule(
        14,
        CONFIRMED,
        "a droplet's snapshot action names the droplet; the image appears when it is completed, "
        "dated when it started",
        "state.lifecycle",
        ("snapshot_seconds",),
    ),
    Rule(
        14, CONFIRMED, "meanwhile the droplet is locked and refuses the next action", "operations"
    ),
    Rule(15, CONFIRMED, "the regions are those of a recorded answer", "state.regions"),
    Rule(15, REPORTED, "a region that is closed for droplets still takes transfers", "operations"),
    Rule(
        16,
        CONFIRMED,
        "snapshots have string ids and name their droplet; an image that is none is a 400",
        "routes.snapshots",
        ("texts",),
    ),
    Rule(
        17,
        CONFIRMED,
        "PUT renames an image; only a custom one has a description to change",
        "operations",
    ),
    Rule(17, ASSUMED, "a backup can be renamed", "operations", ("rename_backup", "texts")),
    Rule(
        17,
        ASSUMED,
        "the snapshot made of it keeps the new name",
        "state.lifecycle",
        ("convert_keeps_name",),
    ),
    Rule(17, ASSUMED, "PUT of a public image is a 403", "operations"),
    Rule(
        18,
        CONFIRMED,
        "droplets are filtered by `tag_name`, or by `name` in any case; those with GPUs are only "
        "listed with `type=gpus`",
        "routes.droplets",
    ),
    Rule(
        18,
        ASSUMED,
        "422 for `tag_name` with `name` or `type=gpus`, which can not be combined",
        "routes.droplets",
        ("texts",),
    ),
    Rule(
        19,
        CONFIRMED,
        "to tag needs `tag:create`, to untag `tag:delete`, and both `update` of what is tagged",
        "routes.tags",
    ),
    Rule(
        19,
        CONFIRMED,
        "tags are letters, digits, colons, dashes and underscores, 255 at most; a path needs the "
        "spelling with which the tag was made",
        "routes.tags",
    ),
    Rule(
        19,
        REPORTED,
        "making a tag that exists in another case changes nothing and answers with its own "
        "spelling; what is tagged shows that one",
        "state.tag_names",
    ),
    Rule(
        19,
        ASSUMED,
        "`tag_name` finds a tag in any case",
        "routes.droplets",
        ("tag_filter_any_case",),
    ),
)


def as_text() -> str:
    """Return the table as lines of text, and the switches with their defaults."""
    lines = [
        f"{rule.number:>2}  {rule.evidence:<9}  {rule.text}"
        + (f"  [{', '.join(rule.switches)}]" if rule.switches else "")
        for rule in TABLE
    ]
    defaults = Rules()
    lines += ["", "Switches and their defaults (--set NAME=VALUE):"]
    lines += [
        f"    {one.name}={getattr(defaults, one.name)}"
        for one in fields(Rules)
        if one.name != "texts"
    ]
    return "\n".join(lines)
