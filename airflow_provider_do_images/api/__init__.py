"""DigitalOcean's image actions without Airflow, for any script.

>>> from airflow_provider_do_images.api import ApiClient
>>> with ApiClient(token) as client:
...     action = client.transfer_image(image_id, "ams3")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_do_images.api.errors import (
    ApiError,
    AuthenticationError,
    DigitalOceanError,
    InvalidInputError,
    InvalidResponseError,
    NotFoundError,
    NotSentError,
    PermissionDeniedError,
    RateLimitedError,
    ServerError,
    TransportError,
    UnknownStatusError,
    UnprocessableError,
)
from airflow_provider_do_images.api.http.retry import NO_RETRY, RetryPolicy
from airflow_provider_do_images.api.models import (
    ActionStatus,
    Droplet,
    Image,
    ImageAction,
    Region,
    Team,
)

if TYPE_CHECKING:
    from airflow_provider_do_images.api.client import ApiClient

__all__ = [
    "NO_RETRY",
    "ActionStatus",
    "ApiClient",
    "ApiError",
    "AuthenticationError",
    "DigitalOceanError",
    "Droplet",
    "Image",
    "ImageAction",
    "InvalidInputError",
    "InvalidResponseError",
    "NotFoundError",
    "NotSentError",
    "PermissionDeniedError",
    "RateLimitedError",
    "Region",
    "RetryPolicy",
    "ServerError",
    "Team",
    "TransportError",
    "UnknownStatusError",
    "UnprocessableError",
]


def __getattr__(name: str) -> Any:
    """Load the client, and ``requests`` with it, when it is first asked for.

    DAG files import the models and errors each time they are parsed; they send nothing then.
    """
    if name == "ApiClient":
        from airflow_provider_do_images.api.client import ApiClient  # noqa: PLC0415 - see above

        return ApiClient
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
