"""What clearing a task does: a sentence for each kind of task and for some error codes.

The core does not know Airflow, so its messages do not say which task to clear.
"""

from airflow_provider_do_images.api import InvalidInputError
from airflow_provider_do_images.core.snapshots.restore_points import UNCLAIMED_SNAPSHOT

CLEARING_READS = "Clearing this task is safe: it only reads."
"""For a task that reads."""

CLEARING_SUBMITS = (
    "Clearing or retrying is safe: the task skips completed copies, attaches to actions in "
    "progress, and deletes nothing."
)
"""For a task that submits actions."""

CLEARING_DELETES = (
    "Clearing this task plans again and, unless in a dry run, deletes what the new plan selects, "
    "at most max_delete images."
)
"""For a task that deletes."""

CLEARING_BY_CODE = {
    InvalidInputError.code: "Correct the value and clear the task.",
    "image_renamed": "Clear the task that listed the restore points, so that it selects again.",
    UNCLAIMED_SNAPSHOT: "If a convert task was interrupted, clear that task.",
}
"""What to clear after an error with this code."""
