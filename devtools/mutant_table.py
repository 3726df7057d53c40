"""The mutants: small faults, each of which replaces one named symbol of the package."""

from __future__ import annotations

import importlib
from dataclasses import replace

from devtools.mutant import Mutant
from devtools.mutant_faults import (
    PACKAGE,
    always,
    any_region,
    attach_to_errored,
    completed_if_unknown,
    deadline_moves,
    decide_with,
    errors_end_the_wait,
    follow_redirects,
    log_token,
    never_sent,
    no_minimum,
    post_on,
    report_status_as,
    resend_posts,
    without_guard,
)

SUBMIT = ("tests/integration/test_submit.py",)
EVALUATE = ("tests/unit/core/test_evaluate.py", "tests/unit/core/test_flow.py")
RETENTION = ("tests/unit/core/test_retention.py",)
PRUNE = ("tests/integration/test_prune.py",)
LISTS = ("tests/integration/test_lists_that_do_not_end.py",)
CLIENT = ("tests/integration/test_client.py", "tests/integration/test_client_faults.py")

ALL = (
    Mutant(
        "no-check",
        "POST without reading the image and its actions first",
        "core.submit.submitter:IdempotentSubmitter._decide",
        lambda _: (
            lambda _: importlib.import_module(f"{PACKAGE}.core.submit.submitter").Decision.SUBMIT
        ),
        SUBMIT,
    ),
    Mutant(
        "no-recovery",
        "POST again after a lost response without reading what it started",
        "core.submit.submitter:IdempotentSubmitter._find_created",
        lambda _: (
            lambda _: importlib.import_module(f"{PACKAGE}.core.submit.submitter").Decision.SUBMIT
        ),
        SUBMIT,
    ),
    Mutant(
        "no-attach",
        "POST although a matching action is in progress",
        "core.submit.decide:decide",
        post_on("attached"),
        SUBMIT,
    ),
    Mutant(
        "no-already",
        "POST although the image is in the region already",
        "core.submit.decide:decide",
        post_on("already_exists"),
        SUBMIT,
    ),
    Mutant(
        "join-errored",
        "attach to an errored action instead of a new POST",
        "core.submit.decide:decide",
        decide_with(attach_to_errored),
        SUBMIT,
    ),
    Mutant(
        "any-region",
        "take a transfer to another region for the wanted one",
        "core.submit.decide:decide",
        any_region,
        SUBMIT,
    ),
    Mutant(
        "no-verify",
        "report a completed action without verifying the image",
        "core.wait.evaluate:is_verified",
        always(value=True),
        ("tests/integration/test_verify.py", *EVALUATE),
    ),
    Mutant(
        "no-deadline",
        "wait beyond the deadline",
        "core.wait.evaluate:evaluate_poll",
        report_status_as("timed_out", None),
        EVALUATE,
    ),
    Mutant(
        "timeout-completed",
        "report a timeout as completed",
        "core.wait.evaluate:evaluate_poll",
        report_status_as("timed_out", "completed"),
        EVALUATE,
    ),
    Mutant(
        "errored-completed",
        "report an errored action as completed",
        "core.wait.evaluate:evaluate_poll",
        report_status_as("errored", "completed"),
        EVALUATE,
    ),
    Mutant(
        "404-completed",
        "report a 404 as completed",
        "core.wait.evaluate:evaluate_poll",
        report_status_as("not_found", "completed"),
        EVALUATE,
    ),
    Mutant(
        "failed-poll-ends",
        "let a failed poll end the wait",
        "core.wait.evaluate:evaluate_poll",
        errors_end_the_wait,
        EVALUATE,
    ),
    Mutant(
        "no-second-look",
        "end a wait on the first 401, 403 or 404",
        "core.wait.evaluate:needs_confirmation",
        always(value=False),
        EVALUATE,
    ),
    Mutant(
        "unknown-completed",
        "take an unknown status for completed",
        "api.models:ImageAction.from_json",
        completed_if_unknown,
        ("tests/unit/api", *SUBMIT),
    ),
    Mutant(
        "deadline-moves",
        "compute the deadline anew when a trigger resumes",
        "triggers.image_actions:DigitalOceanImageActionTrigger.__init__",
        deadline_moves,
        ("tests/integration/test_trigger.py",),
    ),
    *(
        Mutant(
            name,
            f"delete a snapshot although it is {guard}",
            "core.snapshots.retention:_guards",
            without_guard(reason),
            RETENTION,
        )
        for name, guard, reason in (
            ("guard-newest", "the newest", "the newest"),
            ("guard-newest-in", "the newest in an expected region", "the newest in"),
            ("guard-not-copied", "of a droplet without any full copy", "none of this droplet"),
            ("guard-young", "younger than the minimum age", "younger than"),
            ("guard-protected", "protected by a tag", "protected by the tag"),
            ("guard-orphan", "of a droplet that is deleted", "its droplet is deleted"),
        )
    ),
    Mutant(
        "minimum-keep",
        "delete below the minimum number of snapshots",
        "core.snapshots.retention:_reasons_to_retain",
        no_minimum,
        RETENTION,
    ),
    Mutant(
        "unusable-counts",
        "count an unusable snapshot as a usable one",
        "core.snapshots.inventory:PolicySnapshot.unusable_reason",
        always(value=None),
        RETENTION,
    ),
    Mutant(
        "delete-changed",
        "delete an image that changed after the plan",
        "core.snapshots.retention:changed_since_plan",
        always(value=None),
        PRUNE,
    ),
    Mutant(
        "delete-busy",
        "delete an image while an action on it is in progress",
        "api.models:ImageAction.finished",
        lambda _: property(lambda _: True),
        PRUNE,
    ),
    Mutant(
        "delete-many",
        "ignore max_delete",
        "core.snapshots.prune:check_number",
        always(value=None),
        (*PRUNE, "tests/integration/dags/test_prune.py"),
    ),
    Mutant(
        "delete-untagged",
        "prune with a token that cannot read tags",
        "core.snapshots.prune:require_tag_read_scope",
        always(value=None),
        (*PRUNE, "tests/integration/dags/test_prune.py"),
    ),
    Mutant(
        "delete-unverified",
        "report an image as deleted without reading the account",
        "core.snapshots.prune:_verify",
        lambda _: lambda _, done, __: [replace(one, deleted=one.delete) for one in done],
        PRUNE,
    ),
    Mutant(
        "rename-foreign",
        "rename an image that another client renamed",
        "core.snapshots.claim:SnapshotClaim.is_claimable",
        always(value=True),
        ("tests/integration/test_convert_restore_points.py",),
    ),
    Mutant(
        "follow-redirect",
        "follow a redirect with the token",
        "api.http.session:ApiSession.__init__",
        follow_redirects,
        CLIENT,
    ),
    Mutant(
        "log-token",
        "log the token",
        "api.http.transport:_BearerAuth.__call__",
        log_token,
        CLIENT,
    ),
    Mutant(
        "resend-post",
        "send a POST again after a 500",
        "api.http.retry:is_retry_safe",
        resend_posts,
        ("tests/unit/api/test_retry.py", *CLIENT),
    ),
    Mutant(
        "never-sent",
        "take a lost response for a request that was never sent",
        "api.http.transport:transport_error",
        never_sent,
        CLIENT,
    ),
    Mutant(
        "gaps",
        "decide by a list with missing rows",
        "api.pagination:ListReading.is_complete",
        lambda _: property(lambda _: True),
        LISTS,
    ),
    Mutant(
        "endless-pages",
        "read more pages than the total of the list allows",
        "api.pagination:ListReading._max_pages",
        always(value=2000),
        LISTS,
    ),
    Mutant(
        "any-team",
        "write to a team that is not the expected one",
        "api.http.session:ApiSession._check_expected_team",
        always(value=None),
        ("tests/integration/test_expected_team.py",),
    ),
    Mutant(
        "reserve-requests",
        "send requests without leaving the reserve",
        "api.http.rate_limit:RateLimit.seconds_until_unreserved",
        always(value=0.0),
        ("tests/integration/test_interval_changes.py", "tests/unit/api/test_rate_limit.py"),
    ),
    Mutant(
        "reserve-polls",
        "poll without regard to what is left of the hour",
        "core.poller.request_pacer:RequestPacer.wait_time",
        always(value=0.0),
        ("tests/unit/core/test_request_pacer.py",),
    ),
    Mutant(
        "endless-last-polls",
        "use the reserve for any number of last polls",
        "core.poller.request_pacer:RequestPacer.last_poll_wait_time",
        always(value=0.0),
        ("tests/unit/core/test_request_pacer.py",),
    ),
)

MUTANTS = {mutant.name: mutant for mutant in ALL}
