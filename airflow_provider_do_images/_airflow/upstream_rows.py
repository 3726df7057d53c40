"""Read the row that another task returned, and explain the usual mistakes in a DAG. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_do_images.api import InvalidInputError
from airflow_provider_do_images.api.text import shorten
from airflow_provider_do_images.api.validation import check_id, check_string
from airflow_provider_do_images.core.submit.image_ref import ImageRef


@dataclass(frozen=True, slots=True)
class UpstreamRow:
    """A parameter that takes a whole row of another task.

    :param name: the parameter.
    :param operator: name of the class that has the parameter.
    :param made_by: which task returns such rows, for the message.
    :param keys: the required keys.
    :param one: how to pass a single row, such as ``action=transfer.output``.
    :param many: how to pass one of several rows, inside ``.expand()``.
    """

    name: str
    operator: str
    made_by: str
    keys: tuple[str, ...]
    one: str
    many: str

    def row(self, value: Any) -> Mapping[str, Any]:
        """Return the row.

        :raises InvalidInputError: with the correct line of code.
        """
        if isinstance(value, Mapping):
            if all(key in value for key in self.keys):
                return value
            raise InvalidInputError(
                f"{self.name} must be the result of {self.made_by}: a whole row "
                f"({self.one}); got a row "
                f"with the keys {shorten(sorted(map(str, value)))}"
            )
        if isinstance(value, str):
            raise InvalidInputError(
                f"{self.name} is text, probably from a Jinja template; pass the whole row: "
                f"{self.one}, or .expand({self.many}) to map over several rows"
            )
        if isinstance(value, tuple | list) and len(value) == 2 and isinstance(value[0], str):  # noqa: PLR2004 - a key and its value
            raise InvalidInputError(
                f"{self.name} is one key of a row, because .expand() iterated over a single row; "
                f"write {self.operator}(task_id=..., {self.one}) without .expand()"
            )
        if isinstance(value, Sequence):
            raise InvalidInputError(
                f"{self.name} must be one row, got a list; write "
                f"{self.operator}.partial(task_id=...).expand({self.many})"
            )
        raise InvalidInputError(
            f"{self.name} must be a whole row ({self.one}), not only an id; got {shorten(value)}"
        )


ACTION = UpstreamRow(
    "action",
    operator="DigitalOceanImageActionSensor",
    made_by="a convert or transfer operator",
    keys=("id", "image_id"),
    one="action=transfer.output",
    many="action=transfers.output",
)
RESTORE_POINT = UpstreamRow(
    "restore_point",
    operator="DigitalOceanConvertImageOperator",
    made_by="DigitalOceanListRestorePointsOperator",
    keys=("image_id", "droplet_id", "droplet_name", "type", "name", "policy", "taken_at"),
    one="restore_point=row",
    many="restore_point=find.output",
)
IMAGE = UpstreamRow(
    "image",
    operator="DigitalOceanReplicateImageOperator",
    made_by="a task that has an image_id",
    keys=("image_id",),
    one="image=convert.output",
    many="image=converts.output",
)


def read_image_ref(image: Any, image_id: Any) -> ImageRef:
    """Return the image that a user passed: a row of another task, or an id.

    :raises InvalidInputError: with the correct line of code.
    """
    if (image is None) == (image_id is None):
        raise InvalidInputError(
            f"pass either image=convert.output (a whole row) or image_id; "
            f"got image={shorten(image)}, image_id={shorten(image_id)}"
        )
    if image is None:
        return ImageRef(check_id("image_id", image_id))
    row = IMAGE.row(image)
    droplet_id, name = row.get("droplet_id"), row.get("droplet_name")
    return ImageRef(
        check_id("image['image_id']", row["image_id"]),
        None if droplet_id is None else check_id("image['droplet_id']", droplet_id),
        None if name is None else check_string("image['droplet_name']", name),
    )
