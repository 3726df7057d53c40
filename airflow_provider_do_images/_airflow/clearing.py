"""What clearing a task does: a sentence for each kind of task, added to its failures."""

CLEARING_READS = "Clearing this task is safe: it only reads."
"""For a task that reads."""

CLEARING_SUBMITS = (
    "Clearing or retrying is safe: completed copies are skipped, running actions are reused, "
    "nothing is deleted."
)
"""For a task that submits actions."""

CLEARING_DELETES = (
    "Clearing this task plans again and, unless in a dry run, deletes what the new plan selects, "
    "at most max_delete images."
)
"""For a task that deletes."""

CORRECT_INPUT = "Correct the value and clear the task."
"""After invalid input."""
