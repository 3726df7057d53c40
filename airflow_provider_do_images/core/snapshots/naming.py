"""The names of policy snapshots. Pure.

A policy is a name that the user chooses, such as ``prod-nightly``. Its snapshots have names such as
``prod-nightly_3164444_20261123T031500Z``: the policy, the droplet id and the backup time in UTC.
An image belongs to a policy only if it has such a name.
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
    """The name of a policy snapshot.

    :param policy: name of the policy.
    :param droplet_id: id of the source droplet.
    :param taken_at: the backup time in UTC, to the second.
    """

    policy: str
    droplet_id: int
    taken_at: datetime

    def __str__(self) -> str:
        moment = self.taken_at.astimezone(UTC)
        return f"{self.policy}_{self.droplet_id}_{moment.strftime(_TIME)}"

    @classmethod
    def parse(cls, text: str) -> SnapshotName | None:
        """Parse a name; return ``None`` unless ``str`` could have written it."""
        match = _NAME.fullmatch(text)
        if match is None or not _POLICY.fullmatch(match[1]):
            return None
        try:
            moment = datetime.strptime(match[3], _TIME).replace(tzinfo=UTC)
        except ValueError:
            return None
        return cls(match[1], int(match[2]), moment)


def check_policy(value: Any) -> str:
    """Check the name of a policy, and return it.

    :raises InvalidInputError: if it could not be parsed from the name of an image.
    """
    if _POLICY.fullmatch(check_string("policy", value)):
        return str(value)
    raise InvalidInputError(
        f"policy must be 1 to 63 letters, digits and hyphens, and must start and end with a letter "
        f"or digit, for example 'prod-nightly'; got {shorten(value)}"
    )
