"""Whose snapshot an image is, as its name alone tells. Pure.

A policy is a name that the user chose, such as ``prod-nightly``. Each snapshot that is kept under
it is called ``prod-nightly_3164444_20261123T031500Z``: policy, id of the droplet, and the time of
the backup in UTC. What does not read as such a name is not ours, whatever else it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from airflow_provider_do_images.api import InvalidInputError
from airflow_provider_do_images.api.text import shorten
from airflow_provider_do_images.api.validation import check_string

_POLICY = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_NAME = re.compile(r"([^_]+)_([1-9][0-9]*)_([0-9]{8}T[0-9]{6}Z)")
_TIME = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True)
class SnapshotName:
    """What the name of a kept snapshot says.

    :param policy: whose it is.
    :param droplet_id: the droplet that it was made of.
    :param taken_at: when the backup was made, to the second, in UTC.
    """

    policy: str
    droplet_id: int
    taken_at: datetime

    def __str__(self) -> str:
        moment = self.taken_at.astimezone(UTC)
        return f"{self.policy}_{self.droplet_id}_{moment.strftime(_TIME)}"

    @classmethod
    def parse(cls, text: str) -> SnapshotName | None:
        """Read a name; ``None`` for any that is not exactly what ``str`` writes."""
        match = _NAME.fullmatch(text)
        if match is None or not _POLICY.fullmatch(match[1]):
            return None
        try:
            moment = datetime.strptime(match[3], _TIME).replace(tzinfo=UTC)
        except ValueError:
            return None
        return cls(match[1], int(match[2]), moment)


def check_policy(value: Any) -> str:
    """Return the name of a policy.

    :raises InvalidInputError: for one that could not be read back out of the name of an image.
    """
    if _POLICY.fullmatch(check_string("policy", value)):
        return str(value)
    raise InvalidInputError(
        f"policy must be 1 to 63 letters, digits and hyphens, beginning and ending with a letter "
        f"or digit, for example 'prod-nightly'; got {shorten(value)}"
    )
