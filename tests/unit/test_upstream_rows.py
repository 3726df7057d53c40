"""The rows that a DAG passes from one task to another."""

from __future__ import annotations

import pytest

from airflow_provider_do_images._airflow.upstream_rows import read_image_ref
from airflow_provider_do_images.api import InvalidInputError
from airflow_provider_do_images.core.submit.image_ref import ImageRef

CONVERTED = {"image_id": 7, "droplet_id": 3, "droplet_name": "web-1", "submission": "submitted"}


@pytest.mark.parametrize(
    ("image", "image_id", "expected"),
    [
        (CONVERTED, None, ImageRef(7, 3, "web-1")),
        ({"image_id": "7"}, None, ImageRef(7)),
        (None, "7", ImageRef(7)),
    ],
)
def test_an_image_is_a_row_or_an_id(image, image_id, expected):
    """A row brings the droplet along, if it knows it."""
    assert read_image_ref(image, image_id) == expected


@pytest.mark.parametrize(
    ("image", "image_id", "named"),
    [
        (None, None, "image_id"),
        (CONVERTED, 7, "image_id"),
        ({"id": 7}, None, "id"),
        ({"image_id": None}, None, "image_id"),
        ({"image_id": 7, "droplet_id": "x"}, None, "droplet_id"),
        (str(CONVERTED), None, r"image=convert\.output"),
        (("image_id", 7), None, r"\.expand\(\)"),
        ([CONVERTED], None, r"\.expand\(image="),
        (7, None, "id"),
    ],
)
def test_any_other_shape_is_refused(image, image_id, named):
    """The error names the wrong key, or the line of the DAG that would be right."""
    with pytest.raises(InvalidInputError, match=named):
        read_image_ref(image, image_id)
